import { useQuery } from '@tanstack/react-query'
import { JobError, JobProgress } from '../../components/job-progress.tsx'
import { Link } from '../../components/link.tsx'
import { Remark } from '../../components/section.tsx'
import { rehearsalQuery } from '../../data/jobs.ts'
import { counted, deploymentStatus, isActive } from '../../words/states.ts'
import { duration } from '../../words/time.ts'

/** The rehearsal of a plan in one line: how it goes, how it went. */
export function RehearsalLine({ id }: { readonly id: string | undefined }) {
  const { data } = useQuery(rehearsalQuery(id ?? ''))
  if (data === undefined) return null
  const { job, result } = data
  if (isActive(job.state)) return <JobProgress job={job} />
  if (result === null) return <JobError job={job} />
  const bad = result.devices.filter(({ outcome }) => outcome === 'not-complete').length
  const lost = result.connections.filter(({ outcome }) => outcome === 'not-complete').length
  return (
    <Remark tone={result.outcome === 'complete' ? 'good' : result.outcome === 'not-complete' ? 'bad' : 'warn'}>
      <strong>
        Rehearsed on a virtual twin in {duration(result.tookMs)}: {deploymentStatus(result.outcome).text.toLowerCase()}.
      </strong>{' '}
      {bad === 0 ? 'Every device completed' : `${counted(bad, 'device')} did not complete`};{' '}
      {lost === 0 ? 'every connection came back' : `${counted(lost, 'connection')} did not come back`}
      {result.verification === null
        ? ''
        : `; verification ${result.verification.verdict === 'pass' ? 'passed' : 'failed'}`}
      . <Link to={`/rehearsals/${encodeURIComponent(job.id)}`}>Show the rehearsal</Link>
    </Remark>
  )
}
