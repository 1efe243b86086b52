import { suiteName } from '@cordon/core/security'
import type { ConnectionStatus } from '@cordon/simulator'
import { type Output, table } from './output.ts'

/** Connections of a virtual plant for people. */
export function connectionsTable(output: Output, rows: readonly ConnectionStatus[]): string {
  const connections = table(
    output,
    rows,
    [
      { title: 'from', value: (row) => row.from },
      { title: 'to', value: (row) => row.to },
      { title: 'class', value: (row) => String(row.class) },
      {
        title: 'protection',
        value: (row) =>
          row.protection === undefined
            ? output.state('bad', row.state)
            : output.state(row.protection === 'None' ? 'neutral' : 'good', row.protection),
      },
      { title: 'transport', value: (row) => row.transport?.toUpperCase() ?? '-' },
      { title: 'moved at', value: (row) => row.movedAt?.slice(11, 19) ?? '-', rank: 1 },
      { title: 'interrupted', value: (row) => (row.gapMs === undefined ? '-' : `${Math.round(row.gapMs)} ms`) },
      { title: 'RPI', value: (row) => `${row.rpiMs} ms`, rank: 2 },
      { title: 'missed', value: (row) => String(row.missed), rank: 2 },
      { title: 'suite', value: (row) => (row.suite === undefined ? '-' : suiteName(row.suite)), rank: 3 },
    ],
    'no connections',
  )
  const problems = rows.flatMap((row) =>
    row.problem === undefined ? [] : [output.state('bad', `${row.from} to ${row.to} (${row.name}): ${row.problem}`)],
  )
  return [connections, ...problems].join('\n')
}
