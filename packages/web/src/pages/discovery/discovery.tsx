import { useQuery } from '@tanstack/react-query'
import { Empty } from '../../components/empty.tsx'
import { JobProgress } from '../../components/job-progress.tsx'
import { Link } from '../../components/link.tsx'
import { PageBody } from '../../components/page.tsx'
import { Section } from '../../components/section.tsx'
import { activeJobsQuery } from '../../data/jobs.ts'
import { usePlant } from '../../data/plants.ts'
import { Inbox } from './inbox.tsx'
import { SearchForm } from './search-form.tsx'

/** Who is on the network and not in the plant yet. */
export function Page() {
  const plant = usePlant()
  const active = useQuery(activeJobsQuery(plant))
  if (plant === '') {
    return (
      <PageBody title="Discovery">
        <Empty title="No plant yet">
          What answers is kept with a plant. <Link to="/plants/new">Make one</Link> first.
        </Empty>
      </PageBody>
    )
  }
  return (
    <PageBody
      title="Discovery"
      lead="Who is on the network and not in the plant yet. Adopt what is yours into a zone, ignore the rest."
    >
      <SearchForm plant={plant} />
      {(active.data?.items ?? [])
        .filter(({ kind }) => kind === 'discover')
        .map((job) => (
          <JobProgress key={job.id} job={job} />
        ))}
      <Section title="What answered">
        <Inbox plant={plant} />
      </Section>
    </PageBody>
  )
}
