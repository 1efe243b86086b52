import type { Clock } from '@cordon/core/deployment'

/** Something that has deadlines of its own: a device. */
export interface Timed {
  deadline(): number | undefined
  tick(now: number): void
}

/**
 * Time that passes only when nothing else can happen. Keys and signatures are made in real time beside it, so the pump
 * counts them and lets virtual time stand still while one is under way.
 */
export class VirtualTime implements Clock {
  /** Milliseconds since 1970 at virtual time 0: 2026-06-01. */
  static readonly epoch = 1_780_272_000_000
  #now = 0
  #busy = 0
  readonly #timers = new Set<{ at: number; fire: () => void }>()
  readonly #timed = new Set<Timed>()
  /** Deadlines that a tick did not move: asked for again they would hold time up for ever. */
  readonly #met = new Map<Timed, number>()

  now(): number {
    return this.#now
  }

  date(): number {
    return VirtualTime.epoch + this.#now
  }

  async wait(ms: number, cut?: Promise<unknown>): Promise<void> {
    let timer: { at: number; fire: () => void } | undefined
    const due = new Promise<void>((resolve) => {
      timer = { at: this.#now + ms, fire: resolve }
      this.#timers.add(timer)
    })
    await (cut === undefined ? due : Promise.race([due, cut]))
    if (timer !== undefined) this.#timers.delete(timer)
  }

  add(timed: Timed): void {
    this.#timed.add(timed)
  }

  /** Real work, during which virtual time stands still. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#busy++
    try {
      return await work
    } finally {
      this.#busy--
    }
  }

  /** Runs until the promise settles or nothing can happen any more; `undefined` when it never settles. */
  async run<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<{ readonly value: T } | undefined> {
    let settled: { readonly value: T } | undefined
    let failure: { readonly error: unknown } | undefined
    promise.then(
      (value) => {
        settled = { value }
      },
      (error: unknown) => {
        failure = { error }
      },
    )
    const end = this.#now + limitMs
    for (let turn = 0; ; turn++) {
      if (turn > 100_000) throw new Error(`time stands still at ${this.#now} ms: a deadline is never met`)
      await this.#settleDown()
      if (failure !== undefined) throw failure.error
      if (settled !== undefined) return settled
      const next = this.#next()
      if (next === undefined || next > end) return undefined
      this.#advance(next)
    }
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    await this.run(this.wait(ms))
  }

  async #settleDown(): Promise<void> {
    // A promise chain of ours is a few turns long; three turns without real work are quiet enough to let time pass.
    for (let quiet = 0; quiet < 3; quiet++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#busy > 0) quiet = -1
    }
  }

  #next(): number | undefined {
    const times = [...this.#timers].map(({ at }) => at)
    for (const timed of this.#timed) {
      const deadline = timed.deadline()
      if (deadline !== undefined && this.#met.get(timed) !== deadline) times.push(Math.max(deadline, this.#now))
    }
    return times.length === 0 ? undefined : Math.min(...times)
  }

  #advance(to: number): void {
    this.#now = Math.max(this.#now, to)
    for (const timed of this.#timed) {
      const deadline = timed.deadline()
      if (deadline === undefined || deadline > this.#now || this.#met.get(timed) === deadline) continue
      timed.tick(this.#now)
      this.#met.set(timed, deadline)
    }
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now) continue
      this.#timers.delete(timer)
      timer.fire()
    }
  }
}
