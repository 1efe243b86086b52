/** Lets a limited number of things happen at the same time; the others wait in the order in which they came. */
export class Turnstile {
  readonly #waiting: (() => void)[] = []
  #free: number

  /** @param places how many at a time */
  constructor(places: number) {
    this.#free = places
  }

  /** Does it when there is a place; one that was aborted meanwhile still has its turn, and ends by itself. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
