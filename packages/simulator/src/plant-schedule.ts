import { DeadlineHeap, type Waiting } from '@cordon/core/deadline-heap'
import type { TargetHostOptions } from '@cordon/node/target'

/** A schedule as hosts take it. */
export type HostSchedule = NonNullable<TargetHostOptions['schedule']>

/** Something that runs once when its time has come. */
interface Deadline {
  readonly when: number
  readonly pending: boolean
  move(when: number): void
  cancel(): void
}

/** How often the clock is looked at while something waits, milliseconds: a longer pause means that the process stood still. */
const beatMs = 10

/** A pause of the process up to this is a matter of course and counts as time, milliseconds. */
const toleratedMs = 25

class Entry implements Deadline, Waiting {
  when = Number.POSITIVE_INFINITY
  heapIndex = -1
  readonly run: (now: number) => void
  readonly #schedule: PlantSchedule

  constructor(schedule: PlantSchedule, run: (now: number) => void) {
    this.#schedule = schedule
    this.run = run
  }

  get pending(): boolean {
    return this.heapIndex >= 0
  }

  move(when: number): void {
    this.#schedule.place(this, when)
  }

  cancel(): void {
    this.#schedule.remove(this)
  }
}

/**
 * The time of a plant whose devices all live in one process. It stands still while the process does: a machine that is
 * short of processors takes the same moment away from every device at once, which no plant of separate devices knows,
 * and watchdogs of 80 ms would end connections between units of which none has failed.
 */
export class PlantSchedule {
  readonly #clock: () => number
  readonly #heap = new DeadlineHeap<Entry>()
  #timer: NodeJS.Timeout | undefined
  #armedFor = Number.POSITIVE_INFINITY
  #running = false
  /** When the machine's clock was last looked at; undefined while nobody watches it. */
  #seenAt: number | undefined
  #stalledMs = 0
  #longestStallMs = 0

  /** @param clock the machine's clock, milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  /** For hosts: they use what this class has, and its type is not theirs to extend. */
  get forHosts(): HostSchedule {
    // Hosts call now, at, after and idle, and of a deadline when, pending, move and cancel: all of them are here.
    return this as unknown as HostSchedule
  }

  /** The plant's time, milliseconds: the machine's, less what the process stood still. */
  now(): number {
    const real = this.#clock()
    if (this.#seenAt !== undefined) {
      const pause = real - this.#seenAt
      if (pause > toleratedMs) {
        this.#stalledMs += pause - toleratedMs
        this.#longestStallMs = Math.max(this.#longestStallMs, pause)
      }
      this.#seenAt = real
    }
    return real - this.#stalledMs
  }

  /** How long the process stood still in all, beyond what is a matter of course, milliseconds. */
  get stalledMs(): number {
    return this.#stalledMs
  }

  /** The longest time for which it stood still at once, milliseconds. */
  get longestStallMs(): number {
    return this.#longestStallMs
  }

  /** How many deadlines wait. */
  get size(): number {
    return this.#heap.size
  }

  /** Runs `run` at `when`, or as soon as possible after it. */
  at(when: number, run: (now: number) => void): Deadline {
    const entry = new Entry(this, run)
    this.place(entry, when)
    return entry
  }

  /** Runs `run` after `ms` milliseconds. */
  after(ms: number, run: (now: number) => void): Deadline {
    return this.at(this.now() + ms, run)
  }

  /** A deadline that does not wait yet. */
  idle(run: (now: number) => void): Deadline {
    return new Entry(this, run)
  }

  /** Forgets every deadline and the timer. */
  clear(): void {
    this.#heap.clear()
    this.#disarm()
  }

  /** Puts an entry where its due time belongs. */
  place(entry: Entry, when: number): void {
    // Before the first deadline nobody looked at the clock: that was no standstill.
    if (this.#seenAt === undefined) this.#seenAt = this.#clock()
    entry.when = when
    this.#heap.put(entry)
    if (!this.#running) this.#arm()
  }

  /** Takes an entry out. */
  remove(entry: Entry): void {
    if (!entry.pending) return
    this.#heap.remove(entry)
    if (this.#heap.size === 0 && !this.#running) this.#disarm()
  }

  #arm(): void {
    const first = this.#heap.peek()
    if (first === undefined) {
      this.#disarm()
      return
    }
    const now = this.now()
    // A timer for the beat is as good as one for a deadline that is further away.
    const at = Math.min(first.when, now + beatMs)
    if (this.#timer !== undefined && this.#armedFor <= at) return
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#armedFor = at
    this.#timer = setTimeout(() => this.#fire(), Math.max(Math.ceil(at - now), 1))
  }

  #disarm(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    this.#seenAt = undefined
  }

  #fire(): void {
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    this.#running = true
    const now = this.now()
    // What is due again at once waits for the next turn, so that sockets are served in between.
    let left = this.#heap.size
    try {
      for (
        let first = this.#heap.peek();
        first !== undefined && first.when <= now && left > 0;
        first = this.#heap.peek()
      ) {
        left--
        this.remove(first)
        first.run(now)
      }
    } finally {
      this.#running = false
      this.#arm()
    }
  }
}
