import { Moment } from '../../components/moment.tsx'
import { Rows } from '../../components/rows.tsx'
import { Remark } from '../../components/section.tsx'
import type { Shapes } from '../../api-types.ts'
import { counted } from '../../words/states.ts'

/** Observed connections that a model would break, each with what to do. */
export function DryRunResult({ result: { observedAt, connections, breaks } }: { readonly result: Shapes['DryRun'] }) {
  if (observedAt === null) {
    return (
      <Remark tone="info">No connections were observed yet. Read the devices’ tables first, then compare again.</Remark>
    )
  }
  if (breaks.length === 0) {
    return (
      <Remark tone="good">
        None of {counted(connections, 'observed connection')} would break. Observed <Moment at={observedAt} />.
      </Remark>
    )
  }
  return (
    <>
      <Remark tone="bad">
        <strong>
          {breaks.length} of {counted(connections, 'observed connection')} would break.
        </strong>{' '}
        Observed <Moment at={observedAt} />.
      </Remark>
      <Rows
        label="Connections that would break"
        least="50rem"
        rows={breaks}
        id={({ from, to }, index) => `${from} ${to} ${index}`}
        columns={[
          { key: 'from', head: 'From', width: 'minmax(8rem, 0.6fr)', cell: ({ from, fromName }) => fromName ?? from },
          { key: 'to', head: 'To', width: 'minmax(8rem, 0.6fr)', cell: ({ to, toName }) => toName ?? to },
          {
            key: 'how',
            head: 'Over',
            width: '7rem',
            cell: ({ transport, class: kind }) => `${transport}${kind === null ? '' : `, class ${kind}`}`,
          },
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
    </>
  )
}
