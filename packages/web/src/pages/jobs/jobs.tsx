import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useUrl } from '../../address/use-url.ts'
import { Empty } from '../../components/empty.tsx'
import { Filter } from '../../components/filter.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { Rows } from '../../components/rows.tsx'
import { Tone } from '../../components/tone.tsx'
import { type JobFilter, jobsQuery } from '../../data/jobs.ts'
import { usePlant } from '../../data/plants.ts'
import { jobKinds, jobPath, jobStates } from '../../words/states.ts'
import { span } from '../../words/time.ts'

const kinds = Object.keys(jobKinds) as readonly NonNullable<JobFilter['kind']>[] // the table has exactly the kinds
const states = Object.keys(jobStates) as readonly NonNullable<JobFilter['state']>[] // the table has exactly the states

/** What managers did and do for people. */
export function Page() {
  const plant = usePlant()
  const [{ kind: wantedKind, state: wantedState, show = '' }, change] = useUrl()
  const kind = kinds.find((word) => word === wantedKind)
  const state = states.find((word) => word === wantedState)
  const query = useInfiniteQuery(
    jobsQuery({
      ...(plant === '' ? {} : { plant }),
      ...(kind === undefined ? {} : { kind }),
      ...(state === undefined ? {} : { state }),
      ...(show === 'active' ? { active: true } : {}),
    }),
  )
  return (
    <PageBody
      title="Jobs"
      lead="What managers do for people: one at a time on each device, taken over by another manager where one stops."
      actions={
        <>
          <Filter
            label="Which jobs"
            value={show}
            choose={(value) => change({ show: value })}
            choices={[
              { value: '', label: 'All' },
              { value: 'active', label: 'Waiting and running' },
            ]}
          />
          <NativeSelect
            aria-label="Kind"
            value={kind ?? ''}
            onChange={({ currentTarget }) => change({ kind: currentTarget.value })}
            data={[{ value: '', label: 'Every kind' }, ...kinds.map((value) => ({ value, label: jobKinds[value] }))]}
          />
          <NativeSelect
            aria-label="State"
            value={state ?? ''}
            onChange={({ currentTarget }) => change({ state: currentTarget.value })}
            data={[
              { value: '', label: 'Every state' },
              ...states.map((value) => ({ value, label: jobStates[value].text })),
            ]}
          />
        </>
      }
    >
      <Loaded query={query}>
        {({ pages }) => {
          const rows = pages.flatMap(({ items }) => items)
          return rows.length === 0 ? (
            <Empty title="No jobs like that">
              Jobs begin when somebody plans, deploys, verifies or searches. <Link to="/plans/new">Make a plan</Link> to
              begin one.
            </Empty>
          ) : (
            <>
              <Rows
                label="Jobs"
                least="58rem"
                rows={rows}
                id={({ id }) => id}
                columns={[
                  {
                    key: 'kind',
                    head: 'Job',
                    width: '9rem',
                    cell: (job) => <Link to={jobPath(job)}>{jobKinds[job.kind]}</Link>,
                  },
                  { key: 'state', head: 'State', width: '13rem', cell: (job) => <Tone {...jobStates[job.state]} /> },
                  {
                    key: 'when',
                    head: 'Asked for',
                    width: '11rem',
                    cell: ({ requestedAt }) => <Moment at={requestedAt} />,
                  },
                  { key: 'by', head: 'By', width: 'minmax(6rem, 0.5fr)', cell: ({ requestedBy }) => requestedBy },
                  {
                    key: 'took',
                    head: 'Took',
                    width: '7rem',
                    end: true,
                    cell: ({ startedAt, finishedAt }) => span(startedAt, finishedAt, Date.now()) ?? '–',
                  },
                  {
                    key: 'what',
                    head: 'What happens',
                    width: 'minmax(12rem, 1fr)',
                    cell: ({ error, progress, window: windowName, state: now }) => {
                      const words =
                        error?.message ??
                        (now === 'waiting' && windowName !== null
                          ? `Waits for window ${windowName}`
                          : (progress?.doing ?? ''))
                      return <span title={words}>{words}</span>
                    },
                  },
                  {
                    key: 'manager',
                    head: 'Manager',
                    width: 'minmax(6rem, 0.5fr)',
                    cell: ({ manager }) => manager ?? '–',
                  },
                ]}
              />
              {query.hasNextPage ? (
                <Button
                  mt="sm"
                  variant="default"
                  loading={query.isFetchingNextPage}
                  onClick={() => void query.fetchNextPage()}
                >
                  Show older ones
                </Button>
              ) : null}
            </>
          )
        }}
      </Loaded>
    </PageBody>
  )
}
