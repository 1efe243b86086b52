import { contains, parseAddress } from './address.ts'
import { decide, type Decision, type PolicyTransport } from './decide.ts'
import { compareProtection, type PlantIndex } from './plant-index.ts'

/** What was seen between two addresses. */
export interface ObservedPair {
  /** Address of the end that opened it. */
  readonly from: string
  readonly to: string
  /** Explicit messages, or class 0/1 data. */
  readonly transport: PolicyTransport
  readonly protection: 'none' | 'integrity' | 'confidentiality'
}

/**
 * How what was seen stands to the policy. `forbidden`: nothing allows the pair to talk in this direction; `weaker`: it
 * talks with less protection than was promised; `unknown-peer`: one end is not of the plant.
 */
export type ObservedVerdict = 'allowed' | 'forbidden' | 'weaker' | 'unknown-peer'

/** A judgement of something observed, with its reason. */
export interface Observed {
  readonly verdict: ObservedVerdict
  readonly reason: string
  /** Names of the ends in the plant, where it has them. */
  readonly from: string | undefined
  readonly to: string | undefined
  /** What the policy decides; undefined where an end is unknown. */
  readonly decision: Decision | undefined
}

/** Judges what was seen on the network, or in the tables of a device, against the policy. Never throws. */
export function judgeObserved(index: PlantIndex, pair: ObservedPair): Observed {
  const from = nameOfAddress(index, pair.from)
  const to = nameOfAddress(index, pair.to)
  const ends = { from, to }
  if (from === undefined || to === undefined) {
    const strangers = [from === undefined ? pair.from : [], to === undefined ? pair.to : []].flat()
    const reason = `${strangers.join(' and ')} ${strangers.length === 1 ? 'is' : 'are'} not in the plant file`
    return { verdict: 'unknown-peer', reason, ...ends, decision: undefined }
  }
  const decision = decide(index, { from, to, transport: pair.transport })
  if (decision.verdict === 'denied') return { verdict: 'forbidden', reason: decision.reason, ...ends, decision }
  if (compareProtection(pair.protection, decision.protection) < 0) {
    const reason = `${decision.reason} was promised, ${words[pair.protection]} was seen`
    return { verdict: 'weaker', reason, ...ends, decision }
  }
  return { verdict: 'allowed', reason: decision.reason, ...ends, decision }
}

const words = { none: 'no protection', integrity: 'integrity alone', confidentiality: 'confidentiality' } as const

interface Names {
  readonly devices: ReadonlyMap<number, string>
  readonly ranges: readonly { readonly network: Parameters<typeof contains>[0]; readonly name: string }[]
}

const known = new WeakMap<PlantIndex, Names>()

/** The device that has this address, else the narrowest range that holds it. */
export function nameOfAddress(index: PlantIndex, address: string): string | undefined {
  const number = parseAddress(address)
  if (number === undefined) return undefined
  const names = known.get(index) ?? namesOf(index)
  known.set(index, names)
  return names.devices.get(number) ?? names.ranges.find(({ network }) => contains(network, number))?.name
}

function namesOf(index: PlantIndex): Names {
  const endpoints = [...index.endpoints.values()]
  return {
    devices: new Map(
      endpoints.flatMap(({ device, network, name }) =>
        device === undefined ? [] : [[network.address, name] as const],
      ),
    ),
    ranges: endpoints
      .flatMap(({ device, network, name }) => (device === undefined ? [{ network, name }] : []))
      .sort((a, b) => b.network.prefix - a.network.prefix),
  }
}
