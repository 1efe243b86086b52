import { TransportError } from '@cordon/core/errors'

/**
 * A limit on how much is signed: whoever got hold of the asking process cannot take more from the key than this. Asks for
 * more than `perSecond` wait their turn; those that would wait over `patienceMs` are refused.
 */
export class Pace {
  readonly #intervalMs: number
  readonly #burstMs: number
  readonly #patienceMs: number
  readonly #now: () => number
  /** When everything that was let through is paid for. */
  #paidAt = 0

  constructor(perSecond: number, { patienceMs = 10_000, now = () => performance.now() } = {}) {
    this.#intervalMs = 1000 / perSecond
    this.#burstMs = 1000
    this.#patienceMs = patienceMs
    this.#now = now
  }

  /** Resolves when one more may be signed. @throws TransportError `refused` when that is too far away */
  async turn(): Promise<void> {
    const waitMs = this.reserve()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
  }

  /** Milliseconds until one more may be signed, which is taken. @throws TransportError `refused` */
  reserve(): number {
    const now = this.#now()
    const start = Math.max(this.#paidAt, now - this.#burstMs)
    const waitMs = Math.max(0, start + this.#intervalMs - now)
    if (waitMs > this.#patienceMs) {
      throw new TransportError(
        'refused',
        `more than ${Math.round(1000 / this.#intervalMs)} signatures in a second were asked for, and the queue is full; ask again later`,
      )
    }
    this.#paidAt = start + this.#intervalMs
    return waitMs
  }
}
