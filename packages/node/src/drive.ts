import type { AnyError } from '@cordon/core/errors'
import { type Deadline, processSchedule, type Schedule } from './schedule.ts'
import type { Transport } from './transports/transport.ts'

/** A conversation without I/O: bytes and time in, bytes out, and a time when it wants to be called again. */
export interface Drivable {
  receive(bytes: Uint8Array, now: number): void
  takeOutput(): readonly Uint8Array[]
  deadline(): number | undefined
  tick(now: number): void
}

/** What a driver tells its owner. */
export interface DriveHandlers {
  /** The conversation was fed or its time came: its events can be taken. */
  progress(now: number): void
  /** The transport is gone; last call. */
  closed(error: AnyError | undefined): void
}

/**
 * Joins a conversation, the transport it runs over and the clock: the one place where the three meet. While the peer
 * does not read, nothing more is read from it either, so that its own requests wait in the network and not here.
 */
export class Driver {
  readonly #transport: Transport
  readonly #session: Drivable
  readonly #handlers: DriveHandlers
  readonly #schedule: Schedule
  readonly #deadline: Deadline
  #stopped = false
  #blocked = false

  constructor(
    transport: Transport,
    session: Drivable,
    handlers: DriveHandlers,
    schedule: Schedule = processSchedule(),
  ) {
    this.#transport = transport
    this.#session = session
    this.#handlers = handlers
    this.#schedule = schedule
    this.#deadline = schedule.idle((now) => {
      this.#session.tick(now)
      this.pump(now)
    })
    transport.attach({
      data: (bytes) => {
        const now = this.#schedule.now()
        this.#session.receive(bytes, now)
        this.pump(now)
      },
      drain: () => {
        this.#blocked = false
        this.#transport.resume()
      },
      closed: (error) => {
        this.stop()
        this.#handlers.closed(error)
      },
    })
  }

  /** Moves output to the transport, tells the owner, and sets the next deadline. Call it after using the session. */
  pump(now: number = this.#schedule.now()): void {
    if (this.#stopped) return
    this.#flush()
    this.#handlers.progress(now)
    if (this.#isStopped()) return
    this.#flush()
    const due = this.#session.deadline()
    if (due === undefined) this.#deadline.cancel()
    else if (!this.#deadline.pending || this.#deadline.when !== due) this.#deadline.move(due)
  }

  /** No more deadlines; the transport is left as it is. */
  stop(): void {
    this.#stopped = true
    this.#deadline.cancel()
  }

  /** Behind a method, because the compiler would narrow the field across the call above. */
  #isStopped(): boolean {
    return this.#stopped
  }

  #flush(): void {
    for (const bytes of this.#session.takeOutput()) {
      if (this.#transport.send(bytes) || this.#blocked || this.#transport.state === 'closed') continue
      this.#blocked = true
      this.#transport.pause()
    }
  }
}
