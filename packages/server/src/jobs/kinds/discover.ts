import { UsageError } from '@cordon/core/errors'
import { formatAddress, parseAddress, parseNetwork } from '@cordon/core/policy'
import { discover, discoveryRow } from '@cordon/node/originator'
import type { JobRunner } from '../kind.ts'
import type { DiscoverParameters } from '../parameters.ts'
import type { JobWorld } from './world.ts'

const defaultWaitMs = 2000
const longestWaitMs = 60_000
/** Addresses that one range or network has at most, and that one discovery asks at most. */
const most = { each: 4096, all: 65_536 } as const
/** Addresses that are asked at a time, so that answers find room. */
const atATime = 1024

/** Discoveries by ListIdentity: who answered is kept, and listed in the result. */
export function discoverRunner(world: JobWorld): JobRunner {
  return async ({ job, signal, progress }) => {
    // Written by requestJob.
    const parameters = job.parameters as DiscoverParameters
    const { broadcast = [], waitMs = defaultWaitMs } = parameters
    const localAddress = parameters.localAddress ?? world.localAddress
    const common = {
      waitMs: Math.min(longestWaitMs, Math.max(1, waitMs)),
      signal,
      ...(localAddress === undefined ? {} : { localAddress }),
    }
    const targets = discoveryTargets(parameters.targets ?? [])
    const total = targets.length
    if (total === 0 && broadcast.length === 0) throw new UsageError('missing', 'a discovery needs addresses to ask')
    const replies = broadcast.length === 0 ? [] : [...(await discover({ broadcast, ...common }))]
    for (let done = 0; done < total; done += atATime) {
      progress({ current: `asks from ${targets[done]}`, done, total })
      replies.push(...(await discover({ targets: targets.slice(done, done + atATime), ...common })))
    }
    // Whoever was asked twice answered twice.
    const found = [...new Map(replies.map((reply) => [reply.address, reply])).values()]
    const asked = [...(parameters.targets ?? []), ...broadcast]
    await world.recordDiscovered({ plant: job.plant, replies: found, asked, at: Date.now() })
    return { state: 'complete', result: { devices: found.map(discoveryRow) } }
  }
}

/**
 * The addresses that texts stand for: `192.0.2.7`, `192.0.2.1-192.0.2.40` or `192.0.2.0/24`, each once.
 * @throws UsageError `bad-value` for what is none of these, or more than may be asked
 */
export function discoveryTargets(texts: readonly string[]): readonly string[] {
  const all = new Set<string>()
  for (const text of texts) {
    const [first, last] = rangeOf(text)
    if (last - first >= most.each)
      throw new UsageError(
        'bad-value',
        `${text} has ${last - first + 1} addresses, at most ${most.each} are asked at once`,
      )
    for (let address = first; address <= last; address++) all.add(formatAddress(address))
    if (all.size > most.all) throw new UsageError('bad-value', `one discovery asks at most ${most.all} addresses`)
  }
  return [...all]
}

function rangeOf(text: string): readonly [number, number] {
  const [from = '', to = from, ...more] = text.split('-').map((part) => part.trim())
  const first = parseAddress(from)
  const last = parseAddress(to)
  if (more.length === 0 && first !== undefined && last !== undefined && first <= last) return [first, last]
  const network = parseNetwork(text)
  if (network === undefined)
    throw new UsageError(
      'bad-value',
      `expected an address, a range such as 192.0.2.1-192.0.2.40 or a network such as 192.0.2.0/24, got "${text.slice(0, 64)}"`,
    )
  const size = 2 ** (32 - network.prefix)
  // The network's own address and the broadcast one are nobody's.
  return size > 2 ? [network.address + 1, network.address + size - 2] : [network.address, network.address + size - 1]
}
