import { TransportError } from '@cordon/core/errors'

/** Lets a limited number of things happen at the same time; the others wait in the order in which they came. */
export class Turnstile {
  readonly #waiting = new Set<() => void>()
  #free: number

  /** @param places how many at a time */
  constructor(places: number) {
    this.#free = places
  }

  /**
   * Does it when there is a place.
   * @throws TransportError `aborted` when that was before its turn came
   */
  async pass<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#turn(signal)
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  #turn(signal: AbortSignal): Promise<void> | undefined {
    if (signal.aborted) throw aborted()
    if (this.#free > 0) {
      this.#free--
      return undefined
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', give)
        resolve()
      }
      const give = () => {
        this.#waiting.delete(enter)
        reject(aborted())
      }
      this.#waiting.add(enter)
      signal.addEventListener('abort', give, { once: true })
    })
  }

  #leave(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#free++
    else {
      this.#waiting.delete(next)
      next()
    }
  }
}

function aborted(): TransportError {
  return new TransportError('aborted', 'cancelled before its turn came')
}
