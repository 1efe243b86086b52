import { suitesBefore13, tls13Suites } from '@cordon/core/security'
import type { ProbeVersion } from '@cordon/tls'
import { suites as cipSuites } from '@cordon/tls'
import type { Offer } from './client-hello.ts'
import { curveIds, groupId, primeGroupIds } from './named-groups.ts'
import type { ProbeOutcome } from './probe.ts'
import type { ServerFlight } from './server-flight.ts'

/** Asks one question. */
export type Ask = (offer: Offer) => Promise<ProbeOutcome>

/** The target closed the connection and said nothing. */
export function isMute(outcome: ProbeOutcome): boolean {
  return outcome.kind === 'refused' && outcome.isMute === true
}

/**
 * What a connection that was closed without an alert, twice, means at a target that answers others: not that it refuses,
 * for it says so where it does.
 */
export const closedTwice = {
  kind: 'unanswered',
  reason: 'the target closed the connection without an alert, and again when it was asked alone, but answered others',
} as const satisfies ProbeOutcome

/** Whose order of suites decides; `unknown` with fewer than two suites, or where the question did not get through. */
export type SuiteOrder = 'server' | 'client' | 'unknown'

/** What a target offers with one version. */
export interface VersionOffers {
  readonly version: ProbeVersion
  /** One flight per suite that it accepts, in the order in which it chose them: its own, where its order decides. */
  readonly flights: readonly ServerFlight[]
  readonly order: SuiteOrder
  /**
   * `refused`: it said no to all that is left, so the list is complete. `unanswered`: a question did not get through, and
   * what is left stays unknown.
   */
  readonly end: Extract<ProbeOutcome, { kind: 'refused' | 'unanswered' }>
}

/** CIP Security's suites first, in the order of its table, then the others: what a client of a plant would like best. */
function offered(version: ProbeVersion): readonly number[] {
  if (version === 'TLSv1.3') return tls13Suites
  const cip = cipSuites.map(({ id }) => id)
  return [...cip, ...suitesBefore13.filter((id) => !cip.includes(id))]
}

/**
 * Finds out which suites a target accepts: all are offered, the one that it chooses is taken out, until it refuses the
 * rest. That takes one question more than there are suites. `known` were found before, and are not asked for again.
 */
export async function askSuites(
  ask: Ask,
  version: ProbeVersion,
  known: readonly ServerFlight[] = [],
): Promise<VersionOffers> {
  let left = offered(version).filter((id) => !known.some(({ suite }) => suite === id))
  const flights = [...known]
  let end: VersionOffers['end'] = { kind: 'refused', reason: 'no suite is left' }
  while (left.length > 0) {
    const outcome = await ask({ version, suites: left })
    if (outcome.kind !== 'accepted') {
      // A lost question among answered ones is asked once more: devices limit what they have open at once.
      const again = outcome.kind === 'unanswered' && flights.length > 0 ? await ask({ version, suites: left }) : outcome
      if (again.kind !== 'accepted') {
        end = again
        break
      }
      flights.push(again.flight)
    } else flights.push(outcome.flight)
    const chosen = flights.at(-1)?.suite
    left = left.filter((id) => id !== chosen)
  }
  // Whoever hung up is asked again, and for its order after that.
  const order = isMute(end) ? 'unknown' : await orderOf(ask, version, flights)
  return { version, flights, end, order }
}

/** Offered the other way round, a target that keeps to its own order chooses the same; one that follows us does not. */
export async function orderOf(ask: Ask, version: ProbeVersion, flights: readonly ServerFlight[]): Promise<SuiteOrder> {
  const suites = flights.map(({ suite }) => suite)
  const [first] = suites
  if (first === undefined || suites.length < 2) return 'unknown'
  const outcome = await ask({ version, suites: suites.toReversed() })
  if (outcome.kind !== 'accepted') return 'unknown'
  return outcome.flight.suite === first ? 'server' : 'client'
}

/**
 * Finds out which groups a target takes for one suite, in the order in which it chose them. The curve of an ECDSA
 * certificate cannot be left out (RFC 8422 5.1), so it is offered last, and ends the search when it is chosen.
 */
export async function askGroups(
  ask: Ask,
  version: ProbeVersion,
  suite: number,
  certificateCurve: string | undefined,
): Promise<readonly string[]> {
  const needed = certificateCurve === undefined ? undefined : groupId(certificateCurve)
  const all = version === 'TLSv1.3' ? [...curveIds, ...primeGroupIds] : curveIds
  let left = all.filter((id) => id !== needed)
  const found: string[] = []
  while (left.length > 0 || needed !== undefined) {
    const groups = needed === undefined ? left : [...left, needed]
    const outcome = await ask({ version, suites: [suite], groups })
    if (outcome.kind !== 'accepted') break
    const { group } = outcome.flight
    if (group === undefined || !('curve' in group) || found.includes(group.curve)) break
    found.push(group.curve)
    const chosen = groupId(group.curve)
    if (chosen === undefined || chosen === needed) break
    left = left.filter((id) => id !== chosen)
  }
  return found
}
