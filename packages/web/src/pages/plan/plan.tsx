import { Button, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useParam } from '../../address/use-param.ts'
import { useUrl } from '../../address/use-url.ts'
import { Failure } from '../../components/failure.tsx'
import { Filter } from '../../components/filter.tsx'
import { JobError, JobProgress } from '../../components/job-progress.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Messages } from '../../components/messages.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { RowButton } from '../../components/row-button.tsx'
import { Rows } from '../../components/rows.tsx'
import { Facts, Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { latestJobsQuery, planQuery } from '../../data/jobs.ts'
import { differenceQuery, plantQuery } from '../../data/model.ts'
import { usePermits } from '../../data/session.ts'
import { actions, counted } from '../../words/states.ts'
import { DeployDialog } from './deploy-dialog.tsx'
import { actionOrder, alsoAffected, changeWords, impactOf, shownDevices } from './impact.ts'
import { PlannedDeviceDetail } from './planned-device.tsx'
import { RehearsalLine } from './rehearsal-line.tsx'

/** A plan: what a deployment would change, device by device, before anything changes. */
export function Page() {
  const id = useParam('plan')
  const query = useQuery(planQuery(id))
  return (
    <Loaded query={query}>
      {({ job, plan }) => (
        <>
          {plan === null ? (
            <PageBody title="Plan" lead={<Made job={job} />}>
              <JobProgress job={job} />
              <JobError job={job} />
              {job.state === 'cancelled' ? (
                <p>
                  This plan was cancelled before it was done. <Link to="/plans/new">Make a new one</Link>.
                </p>
              ) : null}
              {job.state === 'failed' ? (
                <p>
                  <Link to="/plans/new">Make a new plan</Link> when that is mended.
                </p>
              ) : null}
            </PageBody>
          ) : (
            <Done job={job} plan={plan} />
          )}
        </>
      )}
    </Loaded>
  )
}

function Made({ job: { requestedBy, requestedAt, version } }: { readonly job: Shapes['Job'] }) {
  return (
    <>
      {version === null ? '' : `Version ${version}, `}made for {requestedBy} <Moment at={requestedAt} />. Nothing has
      been changed.
    </>
  )
}

function Done({ job, plan }: { readonly job: Shapes['Job']; readonly plan: NonNullable<Shapes['Plan']['plan']> }) {
  const [{ action = '', text = '', device }, change] = useUrl()
  const [isDeploying, setDeploying] = useState(false)
  const queries = useQueryClient()
  const impact = impactOf(plan)
  const summary = useQuery(plantQuery(job.plant))
  const deployed = summary.data?.deployed?.version ?? 0
  const difference = useQuery(differenceQuery(job.plant, deployed, job.version ?? 0))
  const rehearsals = useQuery(latestJobsQuery(job.plant, 'rehearse', 20))
  const rehearsalJob = rehearsals.data?.items.find(({ follows }) => follows === job.id) ?? undefined
  const [rehearsed, setRehearsed] = useState<string>()
  const rehearse = useMutation({
    mutationFn: () =>
      ask(
        'Starting the rehearsal',
        api.POST('/api/v1/plants/{plant}/rehearsals', {
          params: { path: { plant: job.plant } },
          body: {
            ...(job.version === null ? {} : { version: job.version }),
            only: plan.devices.map((planned) => planned.device),
          },
        }),
      ),
    onSuccess: (next) => {
      setRehearsed(next.id)
      void queries.invalidateQueries({ queryKey: ['jobs'] })
    },
  })
  const mayDeploy = usePermits('deploy')
  const mayPlan = usePermits('plan')
  const rows = shownDevices(plan.devices, action, text)
  const also = difference.data === undefined ? undefined : alsoAffected(plan.devices, difference.data.changes)
  const opened = plan.devices.find((planned) => planned.device === device)
  const isOld = summary.data !== undefined && job.version !== null && summary.data.version > job.version
  return (
    <PageBody
      title="Plan"
      lead={<Made job={job} />}
      actions={
        <>
          <Button variant="default" disabled={!mayPlan} loading={rehearse.isPending} onClick={() => rehearse.mutate()}>
            Rehearse
          </Button>
          <Button
            disabled={!mayDeploy || impact.touched === 0}
            title={mayDeploy ? undefined : 'Deploying needs the role deployer'}
            onClick={() => setDeploying(true)}
          >
            Deploy…
          </Button>
        </>
      }
    >
      <Facts
        facts={[
          ['A deployment would', <Tone key="o" {...planOutcome(plan.outcome)} strong />],
          [
            'Devices changed',
            `${impact.touched.toLocaleString('en-US')} of ${plan.devices.length.toLocaleString('en-US')}`,
          ],
          [
            'Interrupted',
            impact.interrupted.length === 0 ? (
              <Tone key="i" tone="good" text="None" />
            ) : (
              <Tone key="i" tone="warn" text={counted(impact.interrupted.length, 'device')} />
            ),
          ],
          ['Connections that move', impact.moving.toLocaleString('en-US')],
          [
            'Would break',
            plan.breaks.length === 0 ? (
              <Tone key="b" tone="good" text="Nothing observed" />
            ) : (
              <Tone key="b" tone="bad" text={counted(plan.breaks.length, 'connection')} />
            ),
          ],
        ]}
      />
      {isOld ? (
        <Remark tone="warn">
          Version {summary.data?.version} was saved after this plan was made for version {job.version}.{' '}
          <Link to="/plans/new">Make a new plan</Link> to deploy the newest one.
        </Remark>
      ) : null}
      {rehearse.error === null ? null : <Failure cause={rehearse.error} retry={() => rehearse.mutate()} />}
      <RehearsalLine id={rehearsed ?? rehearsalJob?.id} />
      {plan.breaks.length === 0 ? null : (
        <Section
          title={`Would break (${plan.breaks.length})`}
          lead="These connections were observed running and would not be allowed. Mend the model, or be sure that they are not needed."
        >
          <Rows
            label="Connections that would break"
            rows={plan.breaks}
            id={({ from, to }, index) => `${from} ${to} ${index}`}
            least="48rem"
            columns={[
              { key: 'from', head: 'From', width: 'minmax(7rem, 0.5fr)', cell: ({ from }) => from },
              { key: 'to', head: 'To', width: 'minmax(7rem, 0.5fr)', cell: ({ to }) => to },
              {
                key: 'why',
                head: 'Why',
                width: 'minmax(12rem, 1fr)',
                cell: ({ reason }) => <span style={{ whiteSpace: 'normal' }}>{reason}</span>,
              },
              {
                key: 'do',
                head: 'What to do',
                width: 'minmax(12rem, 1fr)',
                cell: ({ remedy }) => <span style={{ whiteSpace: 'normal' }}>{remedy}</span>,
              },
            ]}
          />
        </Section>
      )}
      <Messages messages={plan.messages} />
      <Section
        title="Devices"
        lead={
          also !== undefined && also.size > 0 && also.size < plan.devices.length
            ? `${counted(also.size, 'device')} that nobody changed in the model ${also.size === 1 ? 'is' : 'are'} affected too, marked “also affected”.`
            : undefined
        }
        actions={
          <TextInput
            aria-label="Find a device"
            placeholder="Name, address or zone"
            value={text}
            onChange={({ currentTarget }) => change({ text: currentTarget.value })}
          />
        }
      >
        <div style={{ marginBottom: 8 }}>
          <Filter
            label="Action"
            value={action}
            choose={(value) => change({ action: value })}
            choices={[
              { value: '', label: 'All', count: plan.devices.length },
              ...actionOrder
                .filter((word) => impact.counts[word] > 0)
                .map((word) => ({ value: word, label: actions[word].text, count: impact.counts[word] })),
            ]}
          />
        </div>
        {rows.length === 0 ? (
          <p>
            No device is like that.{' '}
            <Button size="compact-xs" variant="default" onClick={() => change({ action: '', text: '' })}>
              Show all
            </Button>
          </p>
        ) : (
          <Rows
            label="Impact by device"
            least="56rem"
            rows={rows}
            id={(row) => row.device}
            selected={(row) => row.device === device}
            columns={[
              {
                key: 'device',
                head: 'Device',
                width: 'minmax(9rem, 0.8fr)',
                cell: (row) => <RowButton open={() => change({ device: row.device })}>{row.device}</RowButton>,
              },
              {
                key: 'address',
                head: 'Address',
                width: '9rem',
                cell: (row) => <span className="mono">{row.address}</span>,
              },
              { key: 'zone', head: 'Zone', width: 'minmax(6rem, 0.5fr)', cell: ({ zone }) => zone },
              {
                key: 'action',
                head: 'Action',
                width: '8rem',
                cell: (row) => (
                  <Tone
                    tone={actions[row.action].tone === 'busy' ? 'wait' : actions[row.action].tone}
                    text={actions[row.action].text}
                  />
                ),
              },
              {
                key: 'what',
                head: 'What changes',
                width: 'minmax(12rem, 1.6fr)',
                cell: (row) => <span title={changeWords(row)}>{changeWords(row)}</span>,
              },
              {
                key: 'interrupts',
                head: 'Interrupts',
                width: '8rem',
                cell: ({ interrupts, changes, action: word }) =>
                  interrupts.length > 0 ? (
                    <Tone tone="warn" text={counted(interrupts.length, 'connection')} />
                  ) : word !== 'refused' && changes.some((entry) => entry.interrupts) ? (
                    <Tone tone="warn" text="Briefly" />
                  ) : (
                    '–'
                  ),
              },
              {
                key: 'also',
                head: <span className="visually-hidden">Note</span>,
                width: '7rem',
                cell: (row) => (also?.has(row.device) === true && row.action !== 'refused' ? 'also affected' : ''),
              },
            ]}
          />
        )}
      </Section>
      {plan.connections.length === 0 ? null : (
        <Section title="Connections" lead="What becomes of the connections of the model.">
          <Rows
            label="Connections"
            least="52rem"
            rows={plan.connections}
            id={({ connection }, index) => `${connection} ${index}`}
            columns={[
              { key: 'name', head: 'Connection', width: 'minmax(11rem, 1fr)', cell: ({ connection }) => connection },
              { key: 'class', head: 'Class', width: '4rem', end: true, cell: (row) => row.class },
              {
                key: 'verdict',
                head: 'Becomes',
                width: '8rem',
                cell: ({ verdict }) =>
                  verdict === 'secure' ? (
                    <Tone tone="good" text="Secure" />
                  ) : verdict === 'plain' ? (
                    <Tone tone="warn" text="Plain" />
                  ) : (
                    <Tone tone="bad" text="Denied" />
                  ),
              },
              { key: 'moves', head: 'Moves', width: '5rem', cell: ({ moves }) => (moves ? 'Yes' : 'No') },
              {
                key: 'suite',
                head: 'Suite',
                width: 'minmax(8rem, 0.8fr)',
                cell: ({ suites }) => (
                  <span className="mono" title={suites.join(', ')}>
                    {suites[0] ?? '–'}
                  </span>
                ),
              },
              {
                key: 'why',
                head: 'Why',
                width: 'minmax(10rem, 1.2fr)',
                cell: ({ reason }) => <span title={reason}>{reason}</span>,
              },
            ]}
          />
        </Section>
      )}
      <PlannedDeviceDetail planned={opened} close={() => change({ device: undefined })} plant={job.plant} />
      {isDeploying ? <DeployDialog job={job} plan={plan} impact={impact} close={() => setDeploying(false)} /> : null}
    </PageBody>
  )
}

/** The end that a deployment would come to, in words. */
function planOutcome(outcome: NonNullable<Shapes['Plan']['plan']>['outcome']) {
  if (outcome === 'complete') return { tone: 'good', text: 'Complete' } as const
  return outcome === 'complete-with-warnings'
    ? ({ tone: 'warn', text: 'Complete with warnings' } as const)
    : ({ tone: 'bad', text: 'Leave devices not complete' } as const)
}
