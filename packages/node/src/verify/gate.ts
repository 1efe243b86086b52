import { setTimeout as sleep } from 'node:timers/promises'

/** Places and a pace: at most so many at once, at most so many begun in a second. */
export class Gate {
  readonly #places: number
  readonly #intervalMs: number
  readonly #waiting: (() => void)[] = []
  #taken = 0
  #nextAt = 0

  constructor(places: number, perSecond: number) {
    this.#places = places
    this.#intervalMs = 1000 / perSecond
  }

  /** @param checkWanted throws when the work is not wanted any more: then nothing is waited for */
  async run<T>(work: () => Promise<T>, checkWanted: () => void): Promise<T> {
    if (this.#taken >= this.#places) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#taken++
    try {
      checkWanted()
      const now = performance.now()
      const at = Math.max(now, this.#nextAt)
      this.#nextAt = at + this.#intervalMs
      if (at - now >= 1) await sleep(at - now)
      checkWanted()
      return await work()
    } finally {
      // The place goes to who waits, or is free again.
      const next = this.#waiting.shift()
      if (next === undefined) this.#taken--
      else next()
    }
  }
}
