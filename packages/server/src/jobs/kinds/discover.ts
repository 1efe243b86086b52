import { UsageError } from '@cordon/core/errors'
import { formatAddress, parseNetwork } from '@cordon/core/policy'
import { discover, discoveryRow } from '@cordon/node/originator'
import type { JobRunner } from '../kind.ts'
import type { DiscoverParameters } from '../parameters.ts'
import type { JobWorld } from './world.ts'

const defaultWaitMs = 2000
const longestWaitMs = 60_000
/** Addresses that one discovery asks at most: a /16. */
const mostTargets = 65_536
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
    const targets = targetsOf(parameters)
    const total = targets.length
    if (total === 0 && broadcast.length === 0)
      throw new UsageError('missing', 'a discovery needs addresses, networks or broadcast addresses to ask')
    const replies = broadcast.length === 0 ? [] : [...(await discover({ broadcast, ...common }))]
    for (let done = 0; done < total; done += atATime) {
      progress({ current: `asks from ${targets[done]}`, done, total })
      replies.push(...(await discover({ targets: targets.slice(done, done + atATime), ...common })))
    }
    // Whoever was asked twice answered twice.
    const found = [...new Map(replies.map((reply) => [reply.address, reply])).values()]
    const asked = [...(parameters.targets ?? []), ...(parameters.networks ?? []), ...broadcast]
    await world.recordDiscovered({ plant: job.plant, replies: found, asked, at: Date.now() })
    return { state: 'complete', result: { devices: found.map(discoveryRow) } }
  }
}

/** @throws UsageError `bad-value` for what is no network, and for more than a /16 */
function targetsOf({ targets = [], networks = [] }: DiscoverParameters): readonly string[] {
  const all = new Set(targets)
  for (const text of networks) {
    const network = parseNetwork(text)
    if (network === undefined) throw new UsageError('bad-value', `expected a network such as 192.0.2.0/24, got "${text.slice(0, 64)}"`)
    if (network.prefix < 16) throw new UsageError('bad-value', `${text} is too large: ask networks of a /16 at most`)
    const size = 2 ** (32 - network.prefix)
    for (let place = size > 2 ? 1 : 0; place < (size > 2 ? size - 1 : size); place++) all.add(formatAddress(network.address + place))
    if (all.size > mostTargets) throw new UsageError('bad-value', `one discovery asks at most ${mostTargets} addresses`)
  }
  return [...all]
}
