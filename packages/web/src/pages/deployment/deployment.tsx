import { Button, Progress, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useParam } from '../../address/use-param.ts'
import { useUrl } from '../../address/use-url.ts'
import { Detail } from '../../components/detail.tsx'
import { Failure } from '../../components/failure.tsx'
import { Filter } from '../../components/filter.tsx'
import { JobError, JobProgress } from '../../components/job-progress.tsx'
import { useAddress } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Messages } from '../../components/messages.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { RowButton } from '../../components/row-button.tsx'
import { Rows } from '../../components/rows.tsx'
import { Facts, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { deploymentQuery, jobQuery } from '../../data/jobs.ts'
import { usePermits } from '../../data/session.ts'
import { counted, deploymentStatus, isActive, jobPath, outcomes } from '../../words/states.ts'
import { duration, span } from '../../words/time.ts'
import { gapWords, shownTargets, stepOf, targetOrder } from './targets.ts'

/** A deployment device by device: live while it runs, its result with explanations afterwards. */
export function Page() {
  const query = useQuery(deploymentQuery(useParam('deployment')))
  return <Loaded query={query}>{(deployment) => <Body deployment={deployment} />}</Loaded>
}

function Body({ deployment }: { readonly deployment: Shapes['DeploymentDetail'] }) {
  const { id, plant, version, kind, status, startedAt, finishedAt, by, devices, targets, connections, messages } =
    deployment
  const [{ state = '', text = '', device }, change] = useUrl()
  const job = useQuery(jobQuery(deployment.job ?? '')).data
  const queries = useQueryClient()
  const router = useRouter()
  const address = useAddress({ to: '/jobs/ID' })
  const mayDeploy = usePermits('deploy')
  const mayOperate = usePermits('operate')
  const goTo = (next: Shapes['Job']) => {
    void queries.invalidateQueries({ queryKey: ['jobs'] })
    void queries.invalidateQueries({ queryKey: ['deployments'] })
    router.history.push(address.replace('/jobs/ID', jobPath(next)))
  }
  const retry = useMutation({
    mutationFn: () =>
      ask('Starting the retry', api.POST('/api/v1/deployments/{id}/retry', { params: { path: { id } }, body: {} })),
    onSuccess: goTo,
  })
  const verify = useMutation({
    mutationFn: () =>
      ask(
        'Starting the verification',
        api.POST('/api/v1/plants/{plant}/verifications', { params: { path: { plant } }, body: {} }),
      ),
    onSuccess: goTo,
  })
  const isRunning = finishedAt === null
  const failed = targets.filter((target) => target.state === 'not-complete').length
  const rows = shownTargets(targets, state, text)
  const opened = targets.find((target) => target.device === device)
  const took = span(startedAt, finishedAt, Date.now())
  const done = devices.complete + devices.warnings + devices.failed
  const words = deploymentStatus(status)
  return (
    <PageBody
      title={kind === 'apply' ? 'Deployment' : 'Release'}
      lead={
        <>
          {version === null ? '' : `Version ${version}, `}started by {by ?? 'the manager'} <Moment at={startedAt} />
          {isRunning ? '' : took === undefined ? '' : `, took ${took}`}
        </>
      }
      actions={
        isRunning ? null : (
          <>
            {failed > 0 ? (
              <Button disabled={!mayDeploy} loading={retry.isPending} onClick={() => retry.mutate()}>
                Retry the {counted(failed, 'device')} that failed
              </Button>
            ) : null}
            <Button
              variant={failed > 0 ? 'default' : 'filled'}
              disabled={!mayOperate}
              loading={verify.isPending}
              onClick={() => verify.mutate()}
            >
              Verify
            </Button>
          </>
        )
      }
    >
      <Facts
        facts={[
          ['Result', <Tone key="r" {...(isRunning ? { tone: 'busy', text: 'Running' } : words)} strong />],
          ['Devices', `${done.toLocaleString('en-US')} of ${devices.total.toLocaleString('en-US')} done`],
          [
            'Complete',
            `${devices.complete + devices.warnings}${devices.warnings > 0 ? `, ${devices.warnings} with warnings` : ''}`,
          ],
          ['Not complete', devices.failed === 0 ? '0' : <Tone key="f" tone="bad" text={`${devices.failed}`} />],
        ]}
      />
      {job !== undefined && isActive(job.state) ? (
        <JobProgress job={job} />
      ) : isRunning ? (
        <Progress
          mb="md"
          value={devices.total === 0 ? 0 : (100 * done) / devices.total}
          aria-label="Progress of the deployment"
        />
      ) : null}
      {job === undefined ? null : <JobError job={job} />}
      {retry.error === null ? null : <Failure cause={retry.error} retry={() => retry.mutate()} />}
      {verify.error === null ? null : <Failure cause={verify.error} retry={() => verify.mutate()} />}
      <Messages messages={messages} />
      <Section
        title="Devices"
        actions={
          <TextInput
            aria-label="Find a device"
            placeholder="Name or address"
            value={text}
            onChange={({ currentTarget }) => change({ text: currentTarget.value })}
          />
        }
      >
        <div style={{ marginBottom: 8 }}>
          <Filter
            label="State"
            value={state}
            choose={(value) => change({ state: value })}
            choices={[
              { value: '', label: 'All', count: targets.length },
              ...targetOrder
                .map((word) => ({
                  value: word,
                  label: outcomes[word].text,
                  count: targets.filter((target) => target.state === word).length,
                }))
                .filter(({ count }) => count > 0),
            ]}
          />
        </div>
        {rows.length === 0 ? (
          <p>No device is like that.</p>
        ) : (
          <Rows
            label="Devices of the deployment"
            least="50rem"
            rows={rows}
            id={(row) => row.device}
            selected={(row) => row.device === device}
            columns={[
              {
                key: 'device',
                head: 'Device',
                width: 'minmax(9rem, 0.7fr)',
                cell: (row) => <RowButton open={() => change({ device: row.device })}>{row.device}</RowButton>,
              },
              {
                key: 'address',
                head: 'Address',
                width: '9rem',
                cell: (row) => <span className="mono">{row.address ?? '–'}</span>,
              },
              {
                key: 'state',
                head: 'State',
                width: '13rem',
                cell: (row) =>
                  !isRunning && row.state === 'waiting' ? (
                    <Tone tone="none" text="Not touched" />
                  ) : (
                    <Tone {...outcomes[row.state]} />
                  ),
              },
              {
                key: 'step',
                head: 'Step',
                width: 'minmax(9rem, 1fr)',
                cell: (row) => stepOf(row, job),
              },
              {
                key: 'why',
                head: 'What happened',
                width: 'minmax(12rem, 1.6fr)',
                cell: (row) => <span title={row.messages[0]?.text}>{row.messages[0]?.text ?? ''}</span>,
              },
            ]}
          />
        )}
      </Section>
      {connections.length === 0 ? null : (
        <Section title="Connections that moved" lead="The gap is how long no data arrived.">
          <Rows
            label="Connections that moved"
            least="48rem"
            rows={connections}
            id={({ connection }, index) => `${connection} ${index}`}
            columns={[
              { key: 'name', head: 'Connection', width: 'minmax(10rem, 1fr)', cell: ({ connection }) => connection },
              { key: 'ends', head: 'From, to', width: 'minmax(10rem, 1fr)', cell: ({ from, to }) => `${from} → ${to}` },
              { key: 'before', head: 'Before', width: '8rem', cell: ({ before }) => before ?? '–' },
              { key: 'after', head: 'After', width: '8rem', cell: ({ after }) => after ?? '–' },
              { key: 'gap', head: 'Gap', width: '7rem', end: true, cell: ({ gapMs }) => gapWords(gapMs) },
              {
                key: 'outcome',
                head: 'Result',
                width: '13rem',
                cell: ({ outcome }) => <Tone {...outcomes[outcome]} />,
              },
            ]}
          />
          {connections.some((connection) => connection.messages.length > 0) ? (
            <Messages messages={connections.flatMap((connection) => connection.messages)} />
          ) : null}
        </Section>
      )}
      <Detail title={opened?.device ?? ''} isOpen={opened !== undefined} close={() => change({ device: undefined })}>
        {opened === undefined ? null : <Target target={opened} />}
      </Detail>
    </PageBody>
  )
}

function Target({
  target: { address, state, configuration, messages, steps, updatedAt },
}: {
  readonly target: Shapes['DeploymentTarget']
}) {
  return (
    <>
      <Facts
        facts={[
          ['State', <Tone key="s" {...outcomes[state]} strong />],
          [
            'Address',
            <span key="a" className="mono">
              {address ?? '–'}
            </span>,
          ],
          [
            'Configuration',
            configuration === null ? (
              '–'
            ) : (
              <span key="c" className="mono" title={configuration}>
                {configuration.slice(0, 12)}
              </span>
            ),
          ],
          ['Updated', <Moment key="u" at={updatedAt} />],
        ]}
      />
      <Messages messages={messages} />
      <Section title="Steps">
        {steps.length === 0 ? (
          <p>None yet.</p>
        ) : (
          <Rows
            label="Steps"
            rows={steps}
            id={({ step }, index) => `${index} ${step}`}
            columns={[
              { key: 'step', head: 'Step', width: 'minmax(10rem, 1fr)', cell: ({ step }) => step },
              {
                key: 'result',
                head: 'Result',
                width: 'minmax(7rem, 0.7fr)',
                cell: ({ result }) => <span title={result}>{result}</span>,
              },
              { key: 'took', head: 'Took', width: '6rem', end: true, cell: ({ tookMs }) => duration(tookMs) },
            ]}
          />
        )}
      </Section>
    </>
  )
}
