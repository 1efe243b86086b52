import type { Shapes } from '../api-types.ts'
import { jobPath, jobStates } from '../words/states.ts'
import { Link } from './link.tsx'
import { Moment } from './moment.tsx'
import type { Column } from './rows.tsx'
import { Tone } from './tone.tsx'

/** Columns with which every list of jobs begins: when it was asked for, leading to its page, and how it stands. */
export function jobColumns(head: string): readonly [Column<Shapes['Job']>, Column<Shapes['Job']>] {
  return [
    {
      key: 'when',
      head,
      width: '11rem',
      cell: (job) => (
        <Link to={jobPath(job)}>
          <Moment at={job.requestedAt} />
        </Link>
      ),
    },
    { key: 'state', head: 'Result', width: '13rem', cell: ({ state }) => <Tone {...jobStates[state]} /> },
  ]
}
