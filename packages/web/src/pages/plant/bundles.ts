import type { Conduit, Protection } from '../../api-types.ts'

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

const strength: readonly Protection[] = ['none', 'authenticated', 'encrypted']

/** The weaker of two protections. */
export function weaker(a: Protection, b: Protection): Protection {
  return strength[Math.min(strength.indexOf(a), strength.indexOf(b))] ?? 'none'
}

/** What a conduit promises: the weaker of its messaging and its I/O. */
export function promiseOf({ messaging, io }: Pick<Conduit, 'messaging' | 'io'>): Protection {
  return weaker(messaging, io)
}

/** Conduits by the pair of zones that they join; those within one zone are left out. */
export function bundled(conduits: readonly Conduit[]): readonly Bundle[] {
  const pairs = new Map<string, Conduit[]>()
  for (const conduit of conduits) {
    if (conduit.fromZone === conduit.toZone) continue
    const id = pairId(conduit.fromZone, conduit.toZone)
    const pair = pairs.get(id)
    if (pair === undefined) pairs.set(id, [conduit])
    else pair.push(conduit)
  }
  return [...pairs].map(([id, members]) => {
    const promises = members.map(promiseOf)
    const [{ fromZone = '', toZone = '' } = {}] = members
    const [a, b] = fromZone < toZone ? [fromZone, toZone] : [toZone, fromZone]
    return {
      id,
      a,
      b,
      conduits: members,
      protection: promises.reduce(weaker, 'encrypted'),
      isMixed: new Set(promises).size > 1,
    }
  })
}

/** Name of a pair of zones, the same in both directions. */
export function pairId(one: string, other: string): string {
  return one < other ? `${one}~${other}` : `${other}~${one}`
}
