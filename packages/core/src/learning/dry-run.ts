import { type Decision, decide } from '../policy/decide.ts'
import { nameOfAddress } from '../policy/observed.ts'
import type { PlantIndex } from '../policy/plant-index.ts'
import { mergeObservations, type Observation, type ObservedConnection, transportOf } from './observation.ts'

/** What a model does to a connection that runs today. */
export type DryRunVerdict =
  /** It would be refused. */
  | 'breaks'
  /** It runs on with less protection than it has. */
  | 'weakened'
  /** The model itself says that it ends with the deployment. */
  | 'ends'
  /** It is opened again, secured. */
  | 'moves'
  /** It runs as before. */
  | 'keeps'

/** Why a connection would break. */
export type BreakCode =
  /** An address is no device of the plant. */
  | 'no-device'
  /** No conduit joins its ends. */
  | 'no-conduit'
  /** It is opened from the wrong end. */
  | 'direction'
  /** It is plain, and a zone or conduit denies that. */
  | 'plain-denied'
  /** The model allows no such traffic between its ends. */
  | 'denied'
  /** It is multicast and would be secured, which it cannot be. */
  | 'multicast'

/** One connection under a model. */
export interface DryRunResult {
  readonly seen: ObservedConnection
  /** Devices or ranges of the plant at its ends; the address where there is none. */
  readonly from: string
  readonly to: string
  readonly verdict: DryRunVerdict
  /** Set for `breaks`. */
  readonly code: BreakCode | undefined
  readonly reason: string
}

/** A model held against what runs. */
export interface DryRun {
  /** Those that break first, then by address. */
  readonly results: readonly DryRunResult[]
  readonly counts: Readonly<Record<DryRunVerdict, number>>
  /** What could not be used, each in a sentence. */
  readonly leftOut: readonly string[]
}

const order: readonly DryRunVerdict[] = ['breaks', 'weakened', 'ends', 'moves', 'keeps']

/**
 * What becomes of the connections that were seen when the plant is brought under a model. Sessions of the manager itself
 * are left out: its way in is implied.
 */
export function dryRun(index: PlantIndex, observations: readonly Observation[]): DryRun {
  const { connections, leftOut } = mergeObservations(observations)
  const manager = index.manager?.address
  const results = connections
    .filter((seen) => seen.class !== undefined || seen.originator.address !== manager)
    .map((seen) => judge(index, seen))
  const counts = { breaks: 0, weakened: 0, ends: 0, moves: 0, keeps: 0 }
  for (const { verdict } of results) counts[verdict]++
  const sorted = order.flatMap((verdict) => results.filter((result) => result.verdict === verdict))
  return { results: sorted, counts, leftOut }
}

function judge(index: PlantIndex, seen: ObservedConnection): DryRunResult {
  const [from, to] = [nameOfAddress(index, seen.originator.address), nameOfAddress(index, seen.target.address)]
  const about = { seen, from: from ?? seen.originator.address, to: to ?? seen.target.address }
  if (from === undefined || to === undefined) {
    const strangers = [from === undefined ? about.from : '', to === undefined ? about.to : ''].filter(
      (one) => one !== '',
    )
    const reason = `${strangers.join(' and ')} ${strangers.length === 1 ? 'is no device' : 'are no devices'} of the plant`
    return { ...about, verdict: 'breaks', code: 'no-device', reason }
  }
  const transport = transportOf(seen)
  const decision = decide(index, { from, to, transport })
  const { reason } = decision
  if (decision.verdict === 'denied') {
    if (endsByModel(index, seen, from, to))
      return { ...about, verdict: 'ends', code: undefined, reason: `when: before; ${reason}` }
    return { ...about, verdict: 'breaks', code: codeOf(decision), reason }
  }
  if (decision.verdict === 'secure' && seen.shape?.multicast === true) {
    const why = `${reason}; T->O is multicast, and a DTLS association has one peer`
    return { ...about, verdict: 'breaks', code: 'multicast', reason: why }
  }
  return { ...about, verdict: compare(seen, decision), code: undefined, reason }
}

/** The model lists it as a connection that is not to go on. */
function endsByModel(index: PlantIndex, seen: ObservedConnection, from: string, to: string): boolean {
  const transportClass = seen.class ?? (seen.messages === true ? 3 : undefined)
  const listed = index.plant.connections.filter(
    (one) => one.from === from && one.to === to && (transportClass === undefined || one.class === transportClass),
  )
  return listed.length > 0 && listed.every(({ when }) => when === 'before')
}

function codeOf({ denial }: Decision): BreakCode {
  if (denial === 'no-conduit' || denial === 'not-capable') return 'no-conduit'
  if (denial === 'direction' || denial === 'role') return 'direction'
  return denial === 'plain-denied' || denial === 'contradiction' ? 'plain-denied' : 'denied'
}

function compare({ over, confidentiality }: ObservedConnection, decision: Decision): DryRunVerdict {
  if (over === 'plain') return decision.verdict === 'secure' ? 'moves' : 'keeps'
  if (decision.verdict === 'plain') return 'weakened'
  return confidentiality === 'Encrypted' && decision.protection === 'integrity' ? 'weakened' : 'keeps'
}
