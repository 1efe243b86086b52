import type { Conduit, Protection } from '../../api-types.ts'
import { weaker } from '../../components/weaker.ts'

/** All conduits between two zones, drawn as one line. */
export interface Bundle {
  /** `a~b`, the zones in the order of their names. */
  readonly id: string
  readonly a: string
  readonly b: string
  readonly conduits: readonly Conduit[]
  /** The weakest of them: a line promises no more than what all of them hold. */
  readonly protection: Protection
  /** They do not all have the same protection. */
  readonly isMixed: boolean
}

/** What a conduit promises: the weaker of its messaging and its I/O. */
export function promiseOf({
  messagingProtection,
  ioProtection,
}: Pick<Conduit, 'messagingProtection' | 'ioProtection'>): Protection {
  return weaker(messagingProtection, ioProtection)
}

/** Conduits by the pair of zones that they join; those within one zone, or to what lies in none, are left out. */
export function bundled(conduits: readonly Conduit[]): readonly Bundle[] {
  const pairs = new Map<string, Conduit[]>()
  for (const conduit of conduits) {
    const [one, other] = conduit.zones
    if (one === null || one === undefined || other === null || other === undefined || one === other) continue
    const id = pairId(one, other)
    const pair = pairs.get(id)
    if (pair === undefined) pairs.set(id, [conduit])
    else pair.push(conduit)
  }
  return [...pairs].map(([id, members]) => {
    const promises = members.map(promiseOf)
    const [a = '', b = ''] = endsOf(members[0])
    return {
      id,
      a,
      b,
      conduits: members,
      protection: promises.reduce(weaker, 'Encrypted'),
      isMixed: new Set(promises).size > 1,
    }
  })
}

function endsOf(conduit: Conduit | undefined): readonly string[] {
  return (conduit?.zones ?? []).flatMap((zone) => zone ?? []).sort()
}

/** Name of a pair of zones, the same in both directions. */
export function pairId(one: string, other: string): string {
  return one < other ? `${one}~${other}` : `${other}~${one}`
}
