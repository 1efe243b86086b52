import { setTimeout as sleep } from 'node:timers/promises'
import { TransportError, UsageError } from '@cordon/core/errors'
import { type ObservedVerdict, parseAddress, type PlantIndex } from '@cordon/core/policy'
import { type JudgedConnection, judgedConnections } from '@cordon/core/learning'
import type { Confidentiality } from '@cordon/core/tables'
import { type PlantReading, PlantTables } from '@cordon/node/pages'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { parseDuration } from '../duration.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import {
  changeText,
  type ConnectionFilter,
  connectionChanges,
  judgedConnectionsText,
  passes,
} from '../plant-connections.ts'
import { json } from '../output.ts'
import { introducer, printable } from '../printable.ts'

/** Flags of the command. */
export interface ConnectionsFlags {
  readonly follow?: boolean
  readonly interval: string
  readonly zone?: string
  readonly pair?: string
  readonly protection?: Lowercase<Confidentiality>
  readonly verdict?: ObservedVerdict
  readonly from?: string
}

/** Shortest and longest time between two readings of a whole plant, milliseconds. */
const intervals = { least: 1_000, most: 3_600_000 } as const

/** `cordon connections PLANT` */
export async function run(context: CommandContext, flags: ConnectionsFlags, file: string): Promise<ExitCode> {
  const intervalMs = parseDuration('--interval', flags.interval, intervals)
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  const { index, files } = accepted
  const filter = filterOf(index, flags)
  const localAddress = flags.from ?? context.settings['localAddress']
  using tables = new PlantTables({
    addresses: files.plant.devices.flatMap(({ name, address }) =>
      address === undefined || name === files.plant.manager ? [] : [address],
    ),
    ...(localAddress === undefined ? {} : { localAddress }),
  })
  const look = async (): Promise<View> => {
    const reading = await tables.read(context.signal)
    const connections = judgedConnections(index, reading.devices).filter((connection) =>
      passes(index, filter, connection),
    )
    return { connections, reading }
  }
  if (flags.follow === true) return follow(context, index, look, intervalMs)
  const view = await look()
  const { connections, reading } = view
  if (reading.devices.length === 0) {
    const reason = reading.unread[0]?.error.message ?? 'the plant file has no device with an address'
    throw new TransportError('unreachable', `no device of ${files.plant.name} shows its tables: ${reason}`)
  }
  context.output.document(documentOf(view), () => judgedConnectionsText(context.output, connections))
  for (const line of unreadLines(index, reading)) context.output.note(line)
  if (connections.some(({ verdict }) => verdict !== 'allowed')) return exitCodes.error
  return reading.unread.some(({ hasNoPages }) => !hasNoPages) ? exitCodes.partly : exitCodes.ok
}

interface View {
  readonly connections: readonly JudgedConnection[]
  readonly reading: PlantReading
}

function documentOf({ connections, reading }: View): object {
  return {
    at: new Date().toISOString(),
    devices: reading.devices.length,
    unread: reading.unread.map(({ address, hasNoPages, error }) => ({ address, hasNoPages, reason: error.message })),
    connections,
  }
}

/** Whether something of the plant, or somebody with an address, is called so. */
function isKnown(index: PlantIndex, name: string): boolean {
  return index.endpoints.has(name) || parseAddress(name) !== undefined
}

/** @throws UsageError `bad-value` for a zone or a pair that the plant does not have */
export function filterOf(index: PlantIndex, { zone, pair, protection, verdict }: ConnectionsFlags): ConnectionFilter {
  if (zone !== undefined && !index.zones.has(zone)) {
    throw new UsageError('bad-value', `--zone: no zone "${zone}"; the plant has ${[...index.zones.keys()].join(', ')}`)
  }
  const [a = '', b = '', ...rest] = pair?.split(',') ?? []
  if (pair !== undefined && (a === '' || b === '' || rest.length > 0)) {
    throw new UsageError('bad-value', `--pair: expected two names or addresses such as A,B, got ${pair}`)
  }
  const unknown = pair === undefined ? [] : [a, b].filter((name) => !isKnown(index, name))
  if (unknown.length > 0) {
    const names = `the plant has ${[...index.endpoints.keys()].join(', ')}; an address such as 192.0.2.1 may be any`
    throw new UsageError('bad-value', `--pair: nothing is called "${unknown.join('" or "')}"; ${names}`)
  }
  const wanted = (['Encrypted', 'Authenticated', 'None'] as const).find((one) => one.toLowerCase() === protection)
  return {
    ...(zone === undefined ? {} : { zone }),
    ...(pair === undefined ? {} : { pair: [a, b] }),
    ...(wanted === undefined ? {} : { protection: wanted }),
    ...(verdict === undefined ? {} : { verdict }),
  }
}

/** Devices that showed nothing, by name: first those that have no pages, then those that should have answered. */
function unreadLines(index: PlantIndex, { unread, devices }: PlantReading): readonly string[] {
  if (unread.length === 0) return []
  const names = new Map([...index.endpoints.values()].map(({ address, name }) => [address, name]))
  const called = (address: string) => names.get(address) ?? address
  const without = unread.filter(({ hasNoPages }) => hasNoPages).map(({ address }) => called(address))
  const all = devices.length + unread.length
  return [
    ...(without.length === 0
      ? []
      : [`${without.length} of ${all} devices have no pages, seen only from their peers: ${without.join(', ')}`]),
    ...unread.flatMap(({ address, hasNoPages, error }) =>
      hasNoPages ? [] : [`${called(address)} was not read: ${error.message}`],
    ),
  ]
}

/** Shows the plant again and again until it is ended: redrawn on a terminal, by its changes elsewhere. */
async function follow(
  { output, signal }: CommandContext,
  index: PlantIndex,
  look: () => Promise<View>,
  intervalMs: number,
): Promise<ExitCode> {
  const redraws = output.format === 'table' && process.stdout.isTTY
  let before: readonly JudgedConnection[] | undefined
  let unreadBefore = ''
  while (!signal.aborted) {
    const started = performance.now()
    try {
      const view = await look()
      const at = new Date().toISOString()
      const unread = unreadLines(index, view.reading)
      if (redraws) {
        const text = [
          judgedConnectionsText(output, view.connections),
          ...unread,
          `${at}, every ${intervalMs / 1000} s; end it with Ctrl-C`,
        ]
        process.stdout.write(`${introducer}[2J${introducer}[H${printable(text.join('\n'))}\n`)
      } else {
        for (const change of connectionChanges(before, view.connections)) {
          const line =
            output.format === 'table'
              ? printable(`${at.slice(11, 19)} ${changeText(output, change)}`)
              : json({ at, ...change })
          process.stdout.write(`${line}\n`)
        }
        if (unread.join('\n') !== unreadBefore) for (const line of unread) output.note(line)
        unreadBefore = unread.join('\n')
      }
      before = view.connections
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const left = intervalMs - (performance.now() - started)
    await sleep(Math.max(0, left), undefined, { signal }).catch(() => undefined)
  }
  return exitCodes.ok
}
