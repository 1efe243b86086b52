import { DeadlineHeap, type Waiting } from '@cordon/core/deadline-heap'
import { type Clock, monotonicMs } from './clock.ts'

/** Something that runs once when its time has come; made by {@link Schedule.at}. */
export interface Deadline {
  /** Due time, milliseconds of the schedule's clock. */
  readonly when: number
  /** Still waiting to run. */
  readonly pending: boolean
  /** Sets another due time; a deadline that has run or was cancelled waits again. */
  move(when: number): void
  /** Forgets it; harmless when it has run. */
  cancel(): void
}

/** Node refuses longer timers than this; a later deadline is approached in steps. */
const longestTimerMs = 2 ** 31 - 1

class Entry implements Deadline, Waiting {
  when: number
  heapIndex = -1
  readonly run: (now: number) => void
  readonly #schedule: Schedule

  constructor(schedule: Schedule, when: number, run: (now: number) => void) {
    this.#schedule = schedule
    this.when = when
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
 * All deadlines of a process on one timer: a heap ordered by due time. A cyclic producer, a retransmission and a
 * watchdog each cost one heap entry, never a timer of their own.
 */
export class Schedule {
  readonly #clock: Clock
  readonly #heap = new DeadlineHeap<Entry>()
  #timer: NodeJS.Timeout | undefined
  /** When the armed timer fires; it may fire early and then arms itself again. */
  #armedFor = Number.POSITIVE_INFINITY
  #running = false

  /** A schedule on the given clock, the machine's monotonic one unless told. */
  constructor(clock: Clock = monotonicMs) {
    this.#clock = clock
  }

  /** The time on this schedule's clock, milliseconds. */
  now(): number {
    return this.#clock()
  }

  /** How many deadlines wait. */
  get size(): number {
    return this.#heap.size
  }

  /** Runs `run` at `when`, or as soon as possible after it. */
  at(when: number, run: (now: number) => void): Deadline {
    const entry = new Entry(this, when, run)
    this.place(entry, when)
    return entry
  }

  /** Runs `run` after `ms` milliseconds. */
  after(ms: number, run: (now: number) => void): Deadline {
    return this.at(this.#clock() + ms, run)
  }

  /** A deadline that does not wait yet: {@link Deadline.move} sets it. */
  idle(run: (now: number) => void): Deadline {
    return new Entry(this, Number.POSITIVE_INFINITY, run)
  }

  /** Forgets every deadline and the timer. */
  clear(): void {
    this.#heap.clear()
    this.#disarm()
  }

  /** @internal Puts an entry where its due time belongs. */
  place(entry: Entry, when: number): void {
    entry.when = when
    this.#heap.put(entry)
    if (!this.#running) this.#arm()
  }

  /** @internal Takes an entry out. */
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
    if (this.#timer !== undefined && this.#armedFor <= first.when) return
    this.#disarm()
    const delay = Math.min(Math.max(Math.ceil(first.when - this.#clock()), 1), longestTimerMs)
    this.#armedFor = first.when
    this.#timer = setTimeout(() => this.#fire(), delay)
  }

  #disarm(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
  }

  #fire(): void {
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    this.#running = true
    const now = this.#clock()
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

let shared: Schedule | undefined

/** The schedule that everything in this process shares unless it is given one of its own. */
export function processSchedule(): Schedule {
  shared ??= new Schedule()
  return shared
}
