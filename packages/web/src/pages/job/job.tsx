import { useQuery } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useParam } from '../../address/use-param.ts'
import { JobError, JobProgress } from '../../components/job-progress.tsx'
import { Link, useAddress } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { Facts } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import type { Shapes } from '../../api-types.ts'
import { jobQuery } from '../../data/jobs.ts'
import { jobKinds, jobPath, jobStates } from '../../words/states.ts'
import { span } from '../../words/time.ts'

/** A job that has no page of its own, or not yet: a deployment moves to its own page as soon as it begins. */
export function Page() {
  const query = useQuery(jobQuery(useParam('job')))
  return <Loaded query={query}>{(job) => <Body job={job} />}</Loaded>
}

function Body({ job }: { readonly job: Shapes['Job'] }) {
  const { kind, state, requestedBy, requestedAt, startedAt, finishedAt, follows, version, manager } = job
  const router = useRouter()
  const own = jobPath(job)
  const address = useAddress({ to: own })
  const hasOwnPage = !own.startsWith('/jobs/') && kind !== 'discover'
  useEffect(() => {
    if (hasOwnPage) router.history.replace(address)
  }, [hasOwnPage, address, router])
  return (
    <PageBody
      title={jobKinds[kind]}
      lead={
        <>
          Asked for by {requestedBy} <Moment at={requestedAt} />.
        </>
      }
    >
      <Facts
        facts={[
          ['State', <Tone key="s" {...jobStates[state]} strong />],
          ['Version', version ?? '–'],
          ['Started', <Moment key="b" at={startedAt} none="Not yet" />],
          ['Took', span(startedAt, finishedAt, Date.now()) ?? '–'],
          ['Manager', manager ?? '–'],
        ]}
      />
      <JobProgress job={job} />
      <JobError job={job} />
      {follows === null ? null : (
        <p>
          It follows <Link to={`/jobs/${encodeURIComponent(follows)}`}>this job</Link>.
        </p>
      )}
      {kind === 'discover' ? (
        <p>
          What answered is in the <Link to="/discovery">discovery inbox</Link>.
        </p>
      ) : null}
      {kind === 'drift' ? (
        <p>
          What it found is with the{' '}
          <Link to="/devices" search={{ standing: 'drift' }}>
            devices that drift
          </Link>
          .
        </p>
      ) : null}
      {kind === 'observe' ? (
        <p>
          What it read is in the list of <Link to="/connections">connections</Link>.
        </p>
      ) : null}
    </PageBody>
  )
}
