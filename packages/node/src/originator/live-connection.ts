import type { ForwardOpenReply, MessageRouterRequest } from '@cordon/core/cip'
import { path } from '@cordon/core/cip'
import type { AnyError } from '@cordon/core/errors'
import type { Deadline, Schedule } from '../schedule.ts'
import { isOurs } from '../transports/system-error.ts'
import { type Class3Connection, openClass3 } from './class3.ts'
import type { ConfiguredConnection } from './configured-connection.ts'
import { type IoSession, openIoOver } from './io.ts'
import type { OriginatorIdentity } from './numbers.ts'
import type { PlainIoPort } from '../transports/plain-io.ts'
import type { Session } from './session.ts'

/** A configured connection while it is open, whatever its class. */
export interface LiveConnection {
  readonly serial: number
  readonly granted: ForwardOpenReply
  /** Resolves when it has ended. Never rejects. */
  readonly closed: Promise<AnyError | undefined>
  /** Packets that the sequence numbers say were lost. */
  readonly missed: number
  close(): Promise<void>
}

/** What {@link openLive} needs besides the connection itself. */
export interface LiveOptions {
  readonly originator: OriginatorIdentity
  readonly schedule: Schedule
  readonly plain: PlainIoPort | undefined
  /** Called with each packet or reply. */
  readonly heard: (now: number) => void
}

const identityPoll: MessageRouterRequest = {
  service: 0x0e,
  path: path({ class: 0x01, instance: 1, attribute: 1 }),
  data: new Uint8Array(0),
}

/** Opens a configured connection over a session. @throws PeerError, TransportError, UsageError */
export async function openLive(
  connection: ConfiguredConnection,
  session: Session,
  serial: number,
  options: LiveOptions,
): Promise<LiveConnection> {
  return connection.class === 3
    ? openPolling(connection, session, serial, options)
    : openCyclic(connection, connection.class, session, serial, options)
}

async function openCyclic(
  connection: ConfiguredConnection,
  transportClass: 0 | 1,
  session: Session,
  serial: number,
  options: LiveOptions,
): Promise<LiveConnection> {
  const io: IoSession = await openIoOver(
    session,
    {
      path: connection.path,
      class: transportClass,
      rpiMs: connection.rpiMs,
      outputSize: connection.outputSize,
      inputSize: connection.inputSize,
      serial,
      originator: options.originator,
      schedule: options.schedule,
      onPacket: options.heard,
      ...(connection.targetRpiMs === undefined ? {} : { targetRpiMs: connection.targetRpiMs }),
      ...(connection.runIdleHeader === undefined ? {} : { runIdleHeader: connection.runIdleHeader }),
      ...(connection.timeoutMultiplier === undefined ? {} : { timeoutMultiplier: connection.timeoutMultiplier }),
      ...(connection.produce === undefined ? {} : { produce: connection.produce }),
      ...(connection.onData === undefined ? {} : { onData: connection.onData }),
    },
    options.plain,
  )
  return {
    serial,
    granted: io.granted,
    closed: io.closed,
    get missed() {
      return io.statistics.missed
    },
    close: () => io.close(),
  }
}

async function openPolling(
  connection: ConfiguredConnection,
  session: Session,
  serial: number,
  options: LiveOptions,
): Promise<LiveConnection> {
  const opened = await openClass3(session, {
    path: connection.path,
    rpiMs: connection.rpiMs,
    outputSize: connection.outputSize,
    inputSize: connection.inputSize,
    serial,
    originator: options.originator,
    schedule: options.schedule,
    ...(connection.timeoutMultiplier === undefined ? {} : { timeoutMultiplier: connection.timeoutMultiplier }),
  })
  const poller = new Poller(connection, opened, options)
  void opened.closed.then(() => poller.stop())
  return { serial, granted: opened.granted, closed: opened.closed, missed: 0, close: () => opened.close() }
}

/** Asks the same thing again and again over a class 3 connection, on a fixed grid of times. */
class Poller {
  readonly #connection: ConfiguredConnection
  readonly #opened: Class3Connection
  readonly #options: LiveOptions
  readonly #deadline: Deadline
  readonly #intervalMs: number
  #due: number
  #busy = false

  constructor(connection: ConfiguredConnection, opened: Class3Connection, options: LiveOptions) {
    this.#connection = connection
    this.#opened = opened
    this.#options = options
    this.#intervalMs = connection.pollMs ?? connection.rpiMs
    this.#due = options.schedule.now()
    this.#deadline = options.schedule.at(this.#due, (now) => this.#tick(now))
  }

  stop(): void {
    this.#deadline.cancel()
  }

  #tick(now: number): void {
    if (this.#opened.state === 'closed') return
    const late = Math.max(0, Math.floor((now - this.#due) / this.#intervalMs))
    this.#due += (late + 1) * this.#intervalMs
    this.#deadline.move(this.#due)
    // A slow target is not asked twice at once.
    if (!this.#busy) void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#busy = true
    try {
      const reply = await this.#opened.request(this.#connection.poll?.() ?? identityPoll)
      this.#options.heard(this.#options.schedule.now())
      this.#connection.onReply?.(reply)
    } catch (error) {
      // A request that fails shows in the watchdog or in the next one; the connection itself says when it is over.
      if (!isOurs(error)) throw error
    } finally {
      this.#busy = false
    }
  }
}
