/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Before the second attempt, milliseconds. Default 200. */
  readonly firstMs?: number
  /** Never longer than this, milliseconds. Default 10000. */
  readonly maxMs?: number
  /** Each wait is this times the one before. Default 2. */
  readonly factor?: number
  /** Share of each wait that is drawn at random, 0..1, so that many do not come back in step. Default 0.5. */
  readonly jitter?: number
  /** Numbers 0..1. Default Math.random. */
  readonly random?: () => number
}

/** Waits that grow with each failure up to a bound, with jitter. */
export class Backoff {
  readonly #options: Required<BackoffOptions>
  #nextMs: number

  constructor(options: BackoffOptions = {}) {
    this.#options = { firstMs: 200, maxMs: 10_000, factor: 2, jitter: 0.5, random: Math.random, ...options }
    this.#nextMs = this.#options.firstMs
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const { factor, maxMs, jitter, random } = this.#options
    const wait = this.#nextMs
    this.#nextMs = Math.min(maxMs, wait * factor)
    return wait * (1 - jitter) + wait * jitter * random()
  }

  /** The last attempt succeeded: begin anew. */
  reset(): void {
    this.#nextMs = this.#options.firstMs
  }
}
