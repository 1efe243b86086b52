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

class Entry implements Deadline {
  when: number
  /** Place in the heap, -1 when not waiting. */
  position = -1
  readonly run: (now: number) => void
  readonly #schedule: Schedule

  constructor(schedule: Schedule, when: number, run: (now: number) => void) {
    this.#schedule = schedule
    this.when = when
    this.run = run
  }

  get pending(): boolean {
    return this.position >= 0
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
  readonly #heap: Entry[] = []
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
    return this.#heap.length
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
    for (const entry of this.#heap) entry.position = -1
    this.#heap.length = 0
    this.#disarm()
  }

  /** @internal Puts an entry where its due time belongs. */
  place(entry: Entry, when: number): void {
    const before = entry.when
    entry.when = when
    if (entry.position < 0) {
      entry.position = this.#heap.length
      this.#heap.push(entry)
      this.#up(entry.position)
    } else if (when < before) this.#up(entry.position)
    else this.#down(entry.position)
    if (!this.#running) this.#arm()
  }

  /** @internal Takes an entry out. */
  remove(entry: Entry): void {
    const position = entry.position
    if (position < 0) return
    entry.position = -1
    const last = this.#heap.pop()
    if (last !== undefined && last !== entry) {
      this.#heap[position] = last
      last.position = position
      this.#up(position)
      this.#down(last.position)
    }
    if (this.#heap.length === 0 && !this.#running) this.#disarm()
  }

  #arm(): void {
    const first = this.#heap[0]
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
    let left = this.#heap.length
    try {
      for (let first = this.#heap[0]; first !== undefined && first.when <= now && left > 0; first = this.#heap[0]) {
        left--
        this.remove(first)
        first.run(now)
      }
    } finally {
      this.#running = false
      this.#arm()
    }
  }

  #up(from: number): void {
    const entry = this.#heap[from]
    if (entry === undefined) return
    let position = from
    while (position > 0) {
      const parentPosition = (position - 1) >> 1
      const parent = this.#heap[parentPosition]
      if (parent === undefined || parent.when <= entry.when) break
      this.#heap[position] = parent
      parent.position = position
      position = parentPosition
    }
    this.#heap[position] = entry
    entry.position = position
  }

  #down(from: number): void {
    const entry = this.#heap[from]
    if (entry === undefined) return
    let position = from
    for (;;) {
      let childPosition = 2 * position + 1
      let child = this.#heap[childPosition]
      if (child === undefined) break
      const right = this.#heap[childPosition + 1]
      if (right !== undefined && right.when < child.when) {
        child = right
        childPosition++
      }
      if (entry.when <= child.when) break
      this.#heap[position] = child
      child.position = position
      position = childPosition
    }
    this.#heap[position] = entry
    entry.position = position
  }
}

let shared: Schedule | undefined

/** The schedule that everything in this process shares unless it is given one of its own. */
export function processSchedule(): Schedule {
  shared ??= new Schedule()
  return shared
}
