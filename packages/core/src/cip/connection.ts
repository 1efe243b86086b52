/**
 * Timing and order of CIP connections, without I/O: which packets count, when a connection has died, when the next one
 * is due. Times of the caller are milliseconds of one clock, intervals on the wire microseconds.
 * @module
 */
import { UsageError } from '../errors.ts'

/** Is a 32-bit sequence newer than another, by signed difference (cip-security-wire 3.9)? */
export function isNewerSequence(sequence: number, last: number): boolean {
  return ((sequence - last) | 0) > 0
}

/** Is a 16-bit sequence count newer than another, by signed difference? */
export function isNewerCount(count: number, last: number): boolean {
  return ((count - last) << 16) >> 16 > 0
}

/** The sequence behind another, modulo 2^32. */
export function nextSequence(sequence: number): number {
  return (sequence + 1) >>> 0
}

/** The sequence count behind another, modulo 2^16. */
export function nextCount(count: number): number {
  return (count + 1) & 0xffff
}

/** The largest timeout multiplier code. */
export const maxTimeoutMultiplier = 7

/** Packets that may be missing before a connection times out: 4 << code, 4 to 512 (cip-security-wire 3.8). */
export function timeoutPackets(multiplier: number): number {
  if (!Number.isInteger(multiplier) || multiplier < 0 || multiplier > maxTimeoutMultiplier) {
    throw new UsageError('bad-value', `expected a timeout multiplier code 0..7, got ${multiplier}`)
  }
  return 4 << multiplier
}

/** Milliseconds of silence after which a connection has timed out, from its API in microseconds. */
export function watchdogMs(apiUs: number, multiplier: number): number {
  return (apiUs * timeoutPackets(multiplier)) / 1000
}

/** Least milliseconds that a target waits for the first packet (Volume 1, 3-4.5.2 via cip-security-wire 3.8). */
export const firstPacketMs = 10_000

/** Where a consuming end of a connection stands. */
export interface ConsumerSettings {
  /** A target waits longer for the first packet than an originator. */
  readonly role: 'target' | 'originator'
  /** Microseconds: the O->T API for the target; what the reply granted for the originator. */
  readonly apiUs: number
  /** Code 0..7. */
  readonly multiplier: number
  /** When the connection was opened. */
  readonly now: number
}

/** What a consumer makes of a packet: `new-data`, `repeated` (counts as life, same data), `stale` (ignored). */
export type PacketVerdict = 'new-data' | 'repeated' | 'stale'

/** The consuming end of a connection: which packets count, and when it has died of silence. */
export class Consumer {
  readonly #role: 'target' | 'originator'
  readonly #watchdogMs: number
  #deadline: number
  #sequence: number | undefined
  #count: number | undefined

  /** A consumer that has not yet heard anything. @throws UsageError `bad-value` for a multiplier beyond 7 */
  constructor(settings: ConsumerSettings) {
    this.#role = settings.role
    this.#watchdogMs = watchdogMs(settings.apiUs, settings.multiplier)
    this.#deadline = settings.now + this.#firstMs()
  }

  #firstMs(): number {
    return this.#role === 'target' ? Math.max(firstPacketMs, this.#watchdogMs) : this.#watchdogMs
  }

  /** When the connection dies unless a packet comes. */
  get deadline(): number {
    return this.#deadline
  }

  /** Has a packet been accepted yet? */
  get hasStarted(): boolean {
    return this.#sequence !== undefined || this.#count !== undefined
  }

  /** Has the connection died of silence? */
  isTimedOut(now: number): boolean {
    return now >= this.#deadline
  }

  /**
   * A class 0/1 datagram. It counts if its encapsulation sequence is newer than the last; class 1 data is new if the
   * sequence count changed, class 0 (no count) data always is.
   */
  receive(sequence: number, count: number | undefined, now: number): PacketVerdict {
    if (this.#sequence !== undefined && !isNewerSequence(sequence, this.#sequence)) return 'stale'
    this.#sequence = sequence
    this.#deadline = now + this.#watchdogMs
    if (count === undefined) return 'new-data'
    const repeated = count === this.#count
    this.#count = count
    return repeated ? 'repeated' : 'new-data'
  }

  /**
   * A class 2/3 message, whose transport keeps the order: any message shows life; one with an unchanged sequence count
   * is a repetition, to be answered by the same reply again.
   */
  receiveMessage(count: number, now: number): Exclude<PacketVerdict, 'stale'> {
    this.#deadline = now + this.#watchdogMs
    const repeated = count === this.#count
    this.#count = count
    return repeated ? 'repeated' : 'new-data'
  }
}

/** How a producing end of a connection sends. */
export interface ProducerSettings {
  /** Microseconds between packets. */
  readonly apiUs: number
  /** `cyclic` counts every production as new data; `changeOfState` and `application` only what they are told is new. */
  readonly trigger: 'cyclic' | 'changeOfState' | 'application'
  /** When the connection was opened: the first packet is due at once. */
  readonly now: number
  /** First encapsulation sequence number; 1 unless told. */
  readonly firstSequence?: number
  /** Least microseconds between two packets that new data causes; 0 unless told. */
  readonly inhibitUs?: number
}

/** Numbers for one datagram. */
export interface Production {
  readonly sequence: number
  readonly sequenceCount: number
}

/** The producing end of a class 0/1 connection: when the next packet is due, and with which numbers. */
export class Producer {
  readonly #intervalMs: number
  readonly #inhibitMs: number
  readonly #cyclic: boolean
  #sequence: number
  #count = 0
  #due: number
  #last: number | undefined
  #pending = true

  /** A producer that has not yet sent anything. @throws UsageError `bad-value` for an interval that is not positive */
  constructor(settings: ProducerSettings) {
    if (!(settings.apiUs > 0)) throw new UsageError('bad-value', `expected a positive interval, got ${settings.apiUs}`)
    this.#intervalMs = settings.apiUs / 1000
    this.#inhibitMs = (settings.inhibitUs ?? 0) / 1000
    this.#cyclic = settings.trigger === 'cyclic'
    this.#sequence = ((settings.firstSequence ?? 1) - 1) >>> 0
    this.#due = settings.now
  }

  /** When the next packet is due. */
  get due(): number {
    return this.#due
  }

  /** The application has new data: a change-of-state producer sends as soon as the inhibit time allows. */
  changed(now: number): void {
    if (this.#cyclic) return
    this.#pending = true
    const allowed = this.#last === undefined ? now : Math.max(now, this.#last + this.#inhibitMs)
    if (allowed < this.#due) this.#due = allowed
  }

  /**
   * Numbers for the packet that is sent now, and sets the next due time: a whole number of intervals after the last due
   * time, so that late sending does not drift, and never in the past, so that a long pause does not cause a burst.
   */
  produce(now: number): Production {
    this.#sequence = nextSequence(this.#sequence)
    if (this.#cyclic || this.#pending) this.#count = nextCount(this.#count)
    this.#pending = false
    this.#last = now
    const elapsed = Math.max(0, now - this.#due)
    const missed = this.#cyclic ? Math.floor(elapsed / this.#intervalMs) : 0
    this.#due = this.#cyclic ? this.#due + (missed + 1) * this.#intervalMs : now + this.#intervalMs
    return { sequence: this.#sequence, sequenceCount: this.#count }
  }
}
