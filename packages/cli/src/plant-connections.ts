import type { JudgedConnection } from '@cordon/core/learning'
import type { ObservedVerdict, PlantIndex } from '@cordon/core/policy'
import { suiteName } from '@cordon/core/security'
import type { Confidentiality } from '@cordon/core/tables'
import { cellText, type Output, table } from './output.ts'

/** Which connections are shown; what is absent does not matter. */
export interface ConnectionFilter {
  /** One end is in this zone. */
  readonly zone?: string
  /** Names or addresses of both ends, in any order. */
  readonly pair?: readonly [string, string]
  readonly protection?: Confidentiality
  readonly verdict?: ObservedVerdict
}

/** Whether a filter lets a connection through. */
export function passes(index: PlantIndex, filter: ConnectionFilter, connection: JudgedConnection): boolean {
  const { zone, pair, protection, verdict } = filter
  const ends = [connection.fromName, connection.toName]
  const isIn = (name: string | undefined) => name !== undefined && index.endpoints.get(name)?.group.zone.name === zone
  if (zone !== undefined && !ends.some(isIn)) return false
  if (protection !== undefined && connection.confidentiality !== protection) return false
  if (verdict !== undefined && connection.verdict !== verdict) return false
  if (pair === undefined) return true
  const is = (side: 'from' | 'to', wanted: string) =>
    connection[side] === wanted || connection[`${side}Name`] === wanted
  const [a, b] = pair
  return (is('from', a) && is('to', b)) || (is('from', b) && is('to', a))
}

/** What became of a connection between two readings. */
export interface ConnectionChange {
  readonly change: 'present' | 'opened' | 'closed' | 'changed'
  readonly connection: JudgedConnection
}

/** What is different between two readings; before the first, everything is there already. */
export function connectionChanges(
  before: readonly JudgedConnection[] | undefined,
  now: readonly JudgedConnection[],
): readonly ConnectionChange[] {
  if (before === undefined) return now.map((connection) => ({ change: 'present', connection }))
  const old = new Map(before.map((connection) => [connection.key, connection]))
  const changes = now.flatMap((connection): ConnectionChange[] => {
    const known = old.get(connection.key)
    old.delete(connection.key)
    if (known === undefined) return [{ change: 'opened', connection }]
    return isSame(known, connection) ? [] : [{ change: 'changed', connection }]
  })
  return [...changes, ...[...old.values()].map((connection) => ({ change: 'closed', connection }) as const)]
}

/** Time and counts go on by themselves: they are no change. */
function isSame(a: JudgedConnection, b: JudgedConnection): boolean {
  return (
    a.transport === b.transport &&
    a.confidentiality === b.confidentiality &&
    a.suite === b.suite &&
    a.verdict === b.verdict &&
    a.disagree === b.disagree &&
    a.seenBy === b.seenBy
  )
}

const signs: Readonly<Record<ObservedVerdict, Parameters<Output['state']>[0]>> = {
  allowed: 'good',
  forbidden: 'bad',
  weaker: 'bad',
  'unknown-peer': 'warning',
}

/** Connections of a plant for people, with why something disobeys. */
export function judgedConnectionsText(output: Output, connections: readonly JudgedConnection[]): string {
  const rows = table(
    output,
    connections,
    [
      { title: 'from', value: ({ from, fromName }) => fromName ?? from },
      { title: 'to', value: ({ to, toName }) => toName ?? to },
      { title: 'class', value: (row) => (row.class === undefined ? row.kind : String(row.class)) },
      {
        title: 'protection',
        value: ({ confidentiality }) => output.state(confidentiality === 'None' ? 'neutral' : 'good', confidentiality),
      },
      { title: 'verdict', value: ({ verdict }) => output.state(signs[verdict], verdict) },
      {
        title: 'disagree',
        value: ({ disagree }) => (disagree === undefined ? '' : output.state('warning', disagree)),
        rank: 1,
      },
      { title: 'transport', value: ({ transport }) => transport.toUpperCase(), rank: 1 },
      { title: 'serial', value: ({ serial }) => (serial === undefined ? '' : String(serial)), rank: 2 },
      { title: 'RPI', value: ({ rpiUs }) => (rpiUs === undefined ? '' : `${rpiUs / 1000} ms`), rank: 2 },
      {
        title: 'missed',
        value: ({ class: isConnection, missed }) => (isConnection === undefined ? '' : String(missed)),
        rank: 2,
      },
      { title: 'seen by', value: ({ seenBy }) => seenBy, rank: 3 },
      { title: 'suite', value: ({ suite }) => (suite === undefined ? '' : suiteName(suite)), rank: 3 },
    ],
    'no connections',
  )
  const reasons = connections.flatMap((connection) =>
    connection.verdict === 'allowed' && connection.disagree === undefined
      ? []
      : [
          output.state(
            connection.verdict === 'allowed' ? 'warning' : signs[connection.verdict],
            changeWords(connection),
          ),
        ],
  )
  return [rows, ...reasons].join('\n')
}

function changeWords({ from, fromName, to, toName, verdict, reason }: JudgedConnection): string {
  return cellText(`${fromName ?? from} to ${toName ?? to}: ${verdict}: ${reason}`)
}

/** A change in a line. */
export function changeText(output: Output, { change, connection }: ConnectionChange): string {
  const { from, fromName, to, toName, transport, confidentiality, verdict, reason, serial } = connection
  const what =
    connection.class === undefined ? 'session' : `class ${connection.class}${serial === undefined ? '' : ` #${serial}`}`
  const isPlain = verdict === 'allowed' && connection.disagree === undefined
  const judged = output.state(signs[verdict], isPlain ? verdict : `${verdict}: ${reason}`)
  return cellText(
    `${change.padEnd(7)} ${fromName ?? from} to ${toName ?? to}, ${what}, ${transport.toUpperCase()}, ${confidentiality}  ${judged}`,
  )
}
