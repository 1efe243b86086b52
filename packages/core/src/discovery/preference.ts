/** What SRV says about the order among servers (RFC 2782). */
export interface Preference {
  readonly priority: number
  readonly weight: number
}

/**
 * Servers in the order in which a client should try them: the lowest priority first, and among equals by lot, each with
 * the chance that its weight gives (RFC 2782, "Weight").
 */
export function inOrderOfPreference<T extends Preference>(servers: readonly T[], random: () => number): readonly T[] {
  // Those without weight stand first, so that they keep their very small chance.
  const left = [...servers].sort((a, b) => a.priority - b.priority || Number(a.weight > 0) - Number(b.weight > 0))
  const order: T[] = []
  while (left.length > 0) {
    const priority = left[0]?.priority
    const others = left.findIndex((server) => server.priority !== priority)
    const group = others < 0 ? left : left.slice(0, others)
    const lot = random() * (group.reduce((sum, { weight }) => sum + weight, 0) + 1)
    let sum = 0
    const chosen = group.findIndex(({ weight }) => {
      sum += weight
      return sum >= Math.floor(lot)
    })
    order.push(...left.splice(Math.max(0, chosen), 1))
  }
  return order
}
