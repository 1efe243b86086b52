import { Button, Group } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Failure } from '../../components/failure.tsx'
import { jobColumns } from '../../components/job-columns.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Rows } from '../../components/rows.tsx'
import { Remark } from '../../components/section.tsx'
import { Stages } from '../../components/stages.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { latestJobsQuery } from '../../data/jobs.ts'
import { dryRunQuery, plantQuery, zonesQuery } from '../../data/model.ts'
import { usePermits } from '../../data/session.ts'
import { counted, isActive } from '../../words/states.ts'
import { Inbox } from '../discovery/inbox.tsx'
import { SearchForm } from '../discovery/search-form.tsx'
import { DryRunResult } from '../editor/dry-run-result.tsx'
import { Learn } from './learn.tsx'
import type { Step } from './steps.ts'

/** What is done in a step of the first hour. */
export function StepBody({ step, plant }: { readonly step: Step; readonly plant: string }) {
  if (step === 'plant') return <MakePlant plant={plant} />
  if (plant === '') return <Remark tone="info">Make a plant first: it is step 1.</Remark>
  switch (step) {
    case 'discover':
      return (
        <>
          <SearchForm plant={plant} />
          <div style={{ marginTop: 16 }}>
            <Inbox plant={plant} />
          </div>
        </>
      )
    case 'group':
      return <Inbox plant={plant} />
    case 'learn':
      return <Learn plant={plant} />
    case 'dry-run':
      return <DryRun plant={plant} />
    case 'deploy':
      return <DeployOne plant={plant} />
    case 'verify':
      return <Verify plant={plant} />
    case 'go-on':
      return (
        <>
          <Stages plant={plant} />
          <p style={{ marginTop: 12 }}>
            After a change of stages, <Link to="/plans/new">make a plan</Link> for those zones and deploy it. Renewals,
            drift checks and enrollments go on by themselves; what needs you is on the <Link to="/">overview</Link>.
          </p>
        </>
      )
  }
}

function MakePlant({ plant }: { readonly plant: string }) {
  const summary = useQuery(plantQuery(plant))
  return summary.data === undefined ? (
    <Button component={Link} to="/plants/new" search={{ next: 'start' }}>
      Make a plant
    </Button>
  ) : (
    <>
      <p>
        <strong>{plant}</strong> has {counted(summary.data.devices, 'device')} in {counted(summary.data.zones, 'zone')},
        version {summary.data.version}.
      </p>
      <Group gap="sm" mt="sm">
        <Button variant="default" component={Link} to="/editor">
          Look at it
        </Button>
        <Button variant="default" component={Link} to="/plants/new" search={{ next: 'start' }}>
          Make another one
        </Button>
      </Group>
    </>
  )
}

function DryRun({ plant }: { readonly plant: string }) {
  const summary = useQuery(plantQuery(plant))
  const dryRun = useQuery(dryRunQuery(plant, summary.data?.version ?? 0))
  const plans = useQuery(latestJobsQuery(plant, 'plan', 5))
  return (
    <>
      <h3>Against observed connections</h3>
      <Loaded query={dryRun} lines={2}>
        {(result) => (
          <>
            <DryRunResult result={result} />
            {result.breaks.length > 0 ? (
              <p>
                Mend the model in the <Link to="/editor">editor</Link>: a conduit for what has to go on, nothing for
                what does not.
              </p>
            ) : null}
          </>
        )}
      </Loaded>
      <h3 style={{ marginTop: 16 }}>Against the devices</h3>
      <p>A plan reads every device and says what a deployment would do to it.</p>
      <Plans jobs={plans.data?.items ?? []} newest={summary.data?.version} />
      <Button mt="sm" component={Link} to="/plans/new">
        Make a plan
      </Button>
    </>
  )
}

function Plans({ jobs, newest }: { readonly jobs: readonly Shapes['Job'][]; readonly newest: number | undefined }) {
  if (jobs.length === 0) return null
  return (
    <div style={{ marginTop: 8 }}>
      <Rows
        label="Latest plans"
        rows={jobs}
        id={({ id }) => id}
        columns={[
          ...jobColumns('Made'),
          {
            key: 'version',
            head: 'Version',
            width: 'minmax(8rem, 1fr)',
            cell: ({ version }) =>
              version === null ? '–' : version === newest ? `${version}, the newest` : `${version}, older`,
          },
        ]}
      />
    </div>
  )
}

function DeployOne({ plant }: { readonly plant: string }) {
  const zones = useQuery(zonesQuery(plant))
  return (
    <>
      <p>
        Choose one. The plan for it names what is interrupted, can be rehearsed on a virtual twin, and asks before it
        deploys.
      </p>
      <div style={{ margin: '8px 0' }}>
        <Loaded query={zones} lines={3}>
          {({ items }) => (
            <Rows
              label="Zones"
              least="40rem"
              rows={[...items].sort((a, b) => a.devices - b.devices)}
              id={({ name }) => name}
              columns={[
                {
                  key: 'zone',
                  head: 'Zone',
                  width: 'minmax(8rem, 0.7fr)',
                  cell: ({ name }) => <strong>{name}</strong>,
                },
                { key: 'devices', head: 'Devices', width: '5rem', end: true, cell: ({ devices }) => devices },
                {
                  key: 'promise',
                  head: 'Promises',
                  width: 'minmax(14rem, 1fr)',
                  cell: ({ authentication, messaging, io }) => `${authentication}; messages ${messaging}, I/O ${io}`,
                },
                {
                  key: 'standing',
                  head: 'Stands',
                  width: '11rem',
                  cell: ({ devices, standings }) =>
                    standings.ok === devices && devices > 0 ? (
                      <Tone tone="good" text="As the model" />
                    ) : (
                      <Tone tone="wait" text={`${standings.ok} of ${devices} deployed`} />
                    ),
                },
                {
                  key: 'do',
                  head: <span className="visually-hidden">Plan</span>,
                  width: '8rem',
                  end: true,
                  cell: ({ name, authentication }) =>
                    authentication === 'none' ? (
                      'stays plain'
                    ) : (
                      <Link to="/plans/new" search={{ zones: name }} aria-label={`Plan this zone, ${name}`}>
                        Plan this zone
                      </Link>
                    ),
                },
              ]}
            />
          )}
        </Loaded>
      </div>
    </>
  )
}

function Verify({ plant }: { readonly plant: string }) {
  const runs = useQuery(latestJobsQuery(plant, 'verify', 5))
  const queries = useQueryClient()
  const permitted = usePermits('operate')
  const verify = useMutation({
    mutationFn: () =>
      ask(
        'Starting the verification',
        api.POST('/api/v1/plants/{plant}/verifications', { params: { path: { plant } }, body: {} }),
      ),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['jobs'] }),
  })
  const items = runs.data?.items ?? []
  return (
    <>
      {items.length === 0 ? null : (
        <Rows
          label="Verifications"
          rows={items}
          id={({ id }) => id}
          columns={[
            ...jobColumns('Asked for'),
            { key: 'by', head: 'By', width: 'minmax(8rem, 1fr)', cell: ({ requestedBy }) => requestedBy },
          ]}
        />
      )}
      {verify.error === null ? null : <Failure cause={verify.error} retry={() => verify.mutate()} />}
      <Button
        mt="sm"
        disabled={!permitted || items.some(({ state }) => isActive(state))}
        loading={verify.isPending}
        onClick={() => verify.mutate()}
      >
        Verify the plant
      </Button>
    </>
  )
}
