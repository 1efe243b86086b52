import type { Connection } from '../api-types.ts'
import type { Column } from './data-table.tsx'
import { Link } from './link.tsx'
import { Moment } from './moment.tsx'
import { intervalText } from './moment-text.ts'
import { ProtectionState, VerdictState, verdicts } from './state.tsx'

/** Columns of lists of connections. */
export const connectionColumns: readonly Column<Connection>[] = [
  {
    id: 'from',
    header: 'From',
    sort: ({ from, fromName }) => fromName ?? from,
    cell: ({ from, fromName, fromZone }) => <End address={from} name={fromName} zone={fromZone} />,
  },
  {
    id: 'to',
    header: 'To',
    sort: ({ to, toName }) => toName ?? to,
    cell: ({ to, toName, toZone }) => <End address={to} name={toName} zone={toZone} />,
  },
  {
    id: 'class',
    header: 'Class',
    sort: ({ kind, class: number }) => number ?? (kind === 'session' ? -1 : 9),
    cell: ({ kind, class: number }) => (number === null ? (kind === 'session' ? 'session' : '') : classWord(number)),
    width: '104px',
  },
  {
    id: 'protection',
    header: 'Protection',
    sort: ({ confidentiality }) => confidentiality,
    cell: ({ confidentiality, suite }) => (
      <span title={suite ?? undefined}>
        <ProtectionState protection={confidentiality} />
      </span>
    ),
    width: '136px',
  },
  {
    id: 'transport',
    header: 'Over',
    sort: ({ transport }) => transport,
    cell: ({ transport }) => transport.toUpperCase(),
    width: '64px',
  },
  {
    id: 'verdict',
    header: 'Model says',
    sort: ({ verdict }) => verdicts[verdict].word,
    cell: ({ verdict, reason }) => <VerdictState verdict={verdict} reason={reason} />,
    width: '138px',
  },
  {
    id: 'rpi',
    header: 'RPI',
    sort: ({ rpiUs }) => rpiUs ?? -1,
    cell: ({ rpiUs }) => (rpiUs === null ? '' : intervalText(rpiUs / 1000)),
    width: '68px',
    align: 'end',
  },
  {
    id: 'missed',
    header: 'Missed',
    sort: ({ missed }) => missed,
    cell: ({ missed }) => missed.toLocaleString(),
    width: '76px',
    align: 'end',
  },
  {
    id: 'since',
    header: 'Since',
    sort: (row) => openedAt(row) ?? '',
    cell: (row) => <Moment at={openedAt(row)} none="not known" />,
    width: '116px',
  },
]

/** When a connection was opened, ISO 8601. */
function openedAt({ observedAt, uptimeS }: Connection): string | undefined {
  return uptimeS === null ? undefined : new Date(Date.parse(observedAt) - uptimeS * 1000).toISOString()
}

function classWord(number: number): string {
  return number === 3 ? '3, messages' : `${number}, I/O`
}

function End({
  address,
  name,
  zone,
}: {
  readonly address: string
  readonly name: string | null
  readonly zone: string | null
}) {
  if (name === null) return <span className="mono">{address}</span>
  return (
    <span title={address}>
      <Link to={`/devices/${encodeURIComponent(name)}`}>{name}</Link>
      {zone === null ? null : <span style={{ color: 'var(--mantine-color-dimmed)' }}> {zone}</span>}
    </span>
  )
}
