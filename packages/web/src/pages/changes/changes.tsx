import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Empty } from '../../components/empty.tsx'
import { JobProgress } from '../../components/job-progress.tsx'
import { jobColumns } from '../../components/job-columns.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { Rows } from '../../components/rows.tsx'
import { Facts, Section } from '../../components/section.tsx'
import { Stages } from '../../components/stages.tsx'
import { Tone } from '../../components/tone.tsx'
import { activeJobsQuery, deploymentsQuery, latestJobsQuery } from '../../data/jobs.ts'
import { plantQuery } from '../../data/model.ts'
import { usePlant } from '../../data/plants.ts'
import { counted, deploymentStatus, jobKinds, jobPath } from '../../words/states.ts'

const shownPlans = 8

/** What was planned and deployed, what runs now, and how far each zone is enforced. */
export function Page() {
  const plant = usePlant()
  const active = useQuery(activeJobsQuery(plant))
  const plans = useQuery(latestJobsQuery(plant, 'plan', shownPlans))
  const deployments = useInfiniteQuery(deploymentsQuery(plant))
  const summary = useQuery(plantQuery(plant))
  return (
    <PageBody
      title="Plans & deployments"
      lead="A plan reads the devices and says what would change. Only a deployment changes something."
      actions={
        <Button component={Link} to="/plans/new">
          New plan
        </Button>
      }
    >
      {summary.data === undefined ? null : (
        <Facts
          facts={[
            ['Newest version', `${summary.data.version}`],
            [
              'Deployed',
              summary.data.deployed === null ? 'Never' : `version ${summary.data.deployed.version ?? 'unknown'}`,
            ],
            [
              'Devices as wanted',
              `${summary.data.standings.ok.toLocaleString('en-US')} of ${summary.data.devices.toLocaleString('en-US')}`,
            ],
            ['Drift', counted(summary.data.drift, 'finding')],
          ]}
        />
      )}
      {(active.data?.items ?? []).map((job) => (
        <div key={job.id}>
          <p>
            <Link to={jobPath(job)}>{jobKinds[job.kind]}</Link>, asked for by {job.requestedBy}{' '}
            <Moment at={job.requestedAt} />
          </p>
          <JobProgress job={job} />
        </div>
      ))}
      <Section title="Deployments">
        <Loaded query={deployments} lines={4}>
          {({ pages }) => {
            const rows = pages.flatMap(({ items }) => items)
            return rows.length === 0 ? (
              <Empty title="Nothing was deployed yet">
                Make a plan first: it reads the devices, changes nothing, and says what a deployment would do to each.
              </Empty>
            ) : (
              <>
                <Rows
                  label="Deployments"
                  least="46rem"
                  rows={rows}
                  id={({ id }) => id}
                  columns={[
                    {
                      key: 'when',
                      head: 'Started',
                      width: '11rem',
                      cell: ({ id, startedAt }) => (
                        <Link to={`/deployments/${encodeURIComponent(id)}`}>
                          <Moment at={startedAt} />
                        </Link>
                      ),
                    },
                    {
                      key: 'kind',
                      head: 'Kind',
                      width: '7rem',
                      cell: ({ kind }) => (kind === 'apply' ? 'Deployment' : 'Release'),
                    },
                    {
                      key: 'status',
                      head: 'Result',
                      width: '13rem',
                      cell: ({ status }) => <Tone {...deploymentStatus(status)} />,
                    },
                    {
                      key: 'devices',
                      head: 'Devices',
                      width: 'minmax(12rem, 1fr)',
                      cell: ({ devices: { total, complete, warnings, failed } }) =>
                        `${complete + warnings} of ${total}${failed > 0 ? `, ${failed} not complete` : ''}${warnings > 0 ? `, ${warnings} with warnings` : ''}`,
                    },
                    {
                      key: 'version',
                      head: 'Version',
                      width: '5rem',
                      end: true,
                      cell: ({ version }) => version ?? '–',
                    },
                    { key: 'by', head: 'By', width: 'minmax(6rem, 0.5fr)', cell: ({ by }) => by ?? '–' },
                  ]}
                />
                {deployments.hasNextPage ? (
                  <Button
                    mt="sm"
                    variant="default"
                    loading={deployments.isFetchingNextPage}
                    onClick={() => void deployments.fetchNextPage()}
                  >
                    Show older ones
                  </Button>
                ) : null}
              </>
            )
          }}
        </Loaded>
      </Section>
      <Section title="Latest plans" lead="A plan holds for the devices as they were when it was made.">
        <Loaded query={plans} lines={3}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No plans yet">
                <Link to="/plans/new">Make a plan</Link>: it takes seconds and changes nothing.
              </Empty>
            ) : (
              <Rows
                label="Latest plans"
                rows={items}
                id={({ id }) => id}
                columns={[
                  ...jobColumns('Made'),
                  { key: 'version', head: 'Version', width: '5rem', end: true, cell: ({ version }) => version ?? '–' },
                  { key: 'by', head: 'By', width: 'minmax(6rem, 1fr)', cell: ({ requestedBy }) => requestedBy },
                ]}
              />
            )
          }
        </Loaded>
      </Section>
      <Section title="Stages" lead="How far each zone is enforced. The next deployment puts a change in force.">
        <Stages plant={plant} />
      </Section>
    </PageBody>
  )
}
