/** A bucket: what was left in it when it was last looked at. */
interface Bucket {
  tokens: number
  at: number
}

/**
 * Token buckets, one for each key: each fills at a steady rate up to its burst. Bounded: beyond `most` keys the longest
 * unused is forgotten, which fills it.
 */
export class TokenBuckets {
  readonly #perSecond: number
  readonly #burst: number
  readonly #most: number
  /** In the order of use, longest unused first. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(perSecond: number, burst: number, most: number) {
    this.#perSecond = perSecond
    this.#burst = Math.max(burst, 1)
    this.#most = most
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /**
   * Takes one token.
   * @param now milliseconds of a clock that does not go back
   * @returns 0 when there was one; else the whole seconds until there is
   */
  take(key: string, now: number): number {
    const bucket = this.#filled(key, now)
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / this.#perSecond)
    bucket.tokens -= 1
    return 0
  }

  #filled(key: string, now: number): Bucket {
    const found = this.#buckets.get(key)
    const tokens =
      found === undefined
        ? this.#burst
        : Math.min(this.#burst, found.tokens + (Math.max(0, now - found.at) / 1000) * this.#perSecond)
    const bucket = { tokens, at: now }
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#most) {
      const [oldest] = this.#buckets.keys()
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    return bucket
  }
}
