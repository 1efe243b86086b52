/**
 * A token bucket for each name: so many at once, and so many a minute for ever. What is kept is bounded: of too many
 * names the longest unused are forgotten, which can only let somebody in too early.
 * `atOnce`: as many as a minute when absent.
 */
export class RateLimit {
  readonly #perMinute: number
  readonly #atOnce: number
  readonly #most: number
  /** By name, the longest unused first: how many are left, and when that was so. */
  readonly #buckets = new Map<string, { readonly left: number; readonly at: number }>()

  constructor(perMinute: number, most = 20_000, atOnce = perMinute) {
    this.#perMinute = perMinute
    this.#atOnce = atOnce
    this.#most = most
  }

  /** Takes one. 0: there was one; else the whole seconds until there is. `now` is in milliseconds. */
  take(name: string, now: number): number {
    const perMs = this.#perMinute / 60_000
    const before = this.#buckets.get(name) ?? { left: this.#atOnce, at: now }
    const left = Math.min(this.#atOnce, before.left + Math.max(0, now - before.at) * perMs)
    this.#buckets.delete(name)
    this.#buckets.set(name, { left: left >= 1 ? left - 1 : left, at: now })
    const [oldest] = this.#buckets.size > this.#most ? this.#buckets.keys() : []
    if (oldest !== undefined) this.#buckets.delete(oldest)
    return left >= 1 ? 0 : Math.max(1, Math.ceil((1 - left) / perMs / 1000))
  }
}
