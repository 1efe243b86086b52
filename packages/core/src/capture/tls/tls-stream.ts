import type { Moment, Side, StreamConsumer } from '../conversation.ts'
import { Association, type WatchOptions } from './association.ts'
import { type CipherState, mostLostRecords } from './cipher-state.ts'
import { handshakeTypes, messageName } from './handshake.ts'
import { join } from './key-schedule.ts'
import { contentTypes, isTlsHeader, maxFragment, tlsHeaderLength } from './record.ts'
import type { TlsReport } from './report.ts'

/** Longest handshake message that is put together: a Certificate may carry a chain, nothing more. */
const longestMessage = 128 * 1024

/** Bytes of one side that are searched for a record header after something is missing, before it is given up. */
const longestSearch = 256 * 1024

/** A whole record, and the header of the next. */
const longestRecord = tlsHeaderLength + maxFragment

/** Shortest record of application data that is reckoned with when bytes are missing: a header and a MAC. */
const shortestRecord = tlsHeaderLength + 20

/** One direction of a stream. */
interface Direction {
  /** What of the next record has come, or what is searched for one. */
  hold: Uint8Array
  held: number
  /** Undefined: in clear. */
  state: CipherState | undefined
  /** Bytes of handshake messages that are not complete yet. */
  message: Uint8Array
  messageHeld: number
  /** A handshake message made no sense: until the next Change Cipher Spec nothing is put together. */
  broken: boolean
  /** Bytes still to come of a record of which a part is missing. */
  skip: number
  /** Looking for a record header; so many bytes were looked at in vain. */
  searching: boolean
  searched: number
  /** No header was found: the rest is not read. */
  lost: boolean
  /** A record was seen. */
  started: boolean
}

function makeDirection(): Direction {
  return {
    hold: new Uint8Array(0),
    held: 0,
    state: undefined,
    message: new Uint8Array(0),
    messageHeld: 0,
    broken: false,
    skip: 0,
    searching: false,
    searched: 0,
    lost: false,
    started: false,
  }
}

/**
 * Reads a TLS connection as it passes (RFC 5246; RFC 8446 as far as its messages are in clear or a key log opens them).
 * Takes any bytes in any pieces and never throws; keeps one record and one handshake message per side.
 */
export class TlsStream implements StreamConsumer {
  readonly #association: Association
  readonly #directions: Record<Side, Direction>
  #hasRecords = false

  constructor(options: WatchOptions) {
    this.#association = new Association(options, false)
    this.#directions = { client: makeDirection(), server: makeDirection() }
  }

  data(side: Side, bytes: Uint8Array, moment: Moment): void {
    const direction = this.#directions[side]
    let input = bytes
    let at = Math.min(direction.skip, bytes.length)
    direction.skip -= at
    while (at < input.length && !direction.lost) {
      if (direction.searching && direction.held > 0) {
        if (!isWorthSearching(direction, input.length - at)) {
          this.#keep(direction, input, at, input.length - at)
          return
        }
        input = join(direction.hold.subarray(0, direction.held), input.subarray(at))
        at = 0
        direction.held = 0
      }
      if (direction.searching) at = this.#search(side, direction, input, at)
      else if (direction.held > 0) at = this.#continue(side, direction, input, at, moment)
      else at = this.#next(side, direction, input, at, moment)
    }
  }

  /** A record was found where the bytes of this side are, and nothing else since. */
  isOnTrack(side: Side): boolean {
    const { started, searching, lost } = this.#directions[side]
    return started && !searching && !lost
  }

  /** A record was found, of whichever side. */
  get hasRecords(): boolean {
    return this.#hasRecords
  }

  gap(side: Side, length: number, moment: Moment): void {
    const direction = this.#directions[side]
    if (direction.lost) return
    this.#association.gap(side, moment)
    direction.messageHeld = 0
    if (direction.skip > 0) {
      const within = Math.min(direction.skip, length)
      direction.skip -= within
      if (within < length) this.#lose(direction, length - within)
      return
    }
    if (direction.searching) {
      this.#lose(direction, length)
      return
    }
    const missing = this.#missing(direction)
    if (missing === undefined || length > missing) {
      this.#lose(direction, length)
      return
    }
    // The gap lies within one record, so both its end and the count of records are known.
    direction.held = 0
    direction.skip = missing - length
    direction.state?.lost(1, 1)
  }

  /** Nothing more comes; {@link report} stays. */
  ended(): void {
    this.#directions.client = makeDirection()
    this.#directions.server = makeDirection()
  }

  /** Everything so far, in summary. */
  report(): TlsReport {
    return this.#association.report()
  }

  /** Bytes that the record at hand still lacks; undefined where that is not known. */
  #missing({ hold, held }: Direction): number | undefined {
    if (held < tlsHeaderLength) return undefined
    return recordLength(hold, 0) - held
  }

  /** Forgets the place in the stream; up to `length` bytes of records are missing. */
  #lose(direction: Direction, length: number): void {
    direction.state?.lost(0, Math.min(Math.ceil(length / shortestRecord) + 1, mostLostRecords))
    direction.held = 0
    direction.searching = true
    direction.searched = 0
  }

  /** Reads at a record boundary; as many records as are whole are not copied. */
  #next(side: Side, direction: Direction, bytes: Uint8Array, start: number, moment: Moment): number {
    const left = bytes.length - start
    if (left >= tlsHeaderLength) {
      if (!this.#accept(side, direction, bytes, start)) return start
      const length = recordLength(bytes, start)
      if (left >= length) {
        this.#record(side, direction, bytes, start, moment)
        return start + length
      }
    }
    return this.#keep(direction, bytes, start, Math.min(left, longestRecord))
  }

  /** Completes the record at hand. */
  #continue(side: Side, direction: Direction, bytes: Uint8Array, start: number, moment: Moment): number {
    let at = start
    if (direction.held < tlsHeaderLength) {
      at = this.#keep(direction, bytes, at, Math.min(tlsHeaderLength - direction.held, bytes.length - at))
      if (direction.held < tlsHeaderLength) return at
      if (!this.#accept(side, direction, direction.hold, 0)) return at
    }
    const length = recordLength(direction.hold, 0)
    at = this.#keep(direction, bytes, at, Math.min(length - direction.held, bytes.length - at))
    if (direction.held === length) {
      direction.held = 0
      this.#record(side, direction, direction.hold, 0, moment)
    }
    return at
  }

  /** Whether a record begins here; else the search for one begins. */
  #accept(side: Side, direction: Direction, bytes: Uint8Array, start: number): boolean {
    if (isTlsHeader(bytes, start)) {
      direction.started = true
      return true
    }
    this.#association.problem(
      direction.started
        ? `the ${side} sent bytes that are no TLS record where one should begin`
        : `the first bytes of the ${side} are no TLS record`,
    )
    direction.state?.lost(0, mostLostRecords)
    direction.searching = true
    direction.searched = 0
    return false
  }

  #keep(direction: Direction, bytes: Uint8Array, start: number, length: number): number {
    const needed = direction.held + length
    if (needed > direction.hold.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(2 * direction.hold.length, 2 * longestRecord), 512))
      grown.set(direction.hold.subarray(0, direction.held))
      direction.hold = grown
    }
    direction.hold.set(bytes.subarray(start, start + length), direction.held)
    direction.held = needed
    return start + length
  }

  /**
   * Looks for a record header from `start` on, and returns where it is, or the end: what could still be one is kept.
   * Only a header that another one follows, or that ends with what has come, is believed.
   */
  #search(side: Side, direction: Direction, bytes: Uint8Array, start: number): number {
    let at = start
    for (; at + tlsHeaderLength <= bytes.length; at++) {
      if (!isTlsHeader(bytes, at)) continue
      const end = at + recordLength(bytes, at)
      if (end === bytes.length || (end + tlsHeaderLength <= bytes.length && isTlsHeader(bytes, end))) {
        direction.searching = false
        direction.started = true
        return at
      }
      if (end + tlsHeaderLength > bytes.length) break
    }
    direction.searched += at - start
    if (direction.searched > longestSearch) {
      direction.lost = true
      direction.hold = new Uint8Array(0)
      this.#association.problem(
        `no TLS record was found in ${longestSearch} bytes of the ${side}: the rest is not read`,
      )
      return bytes.length
    }
    return this.#keep(direction, bytes, at, bytes.length - at)
  }

  #record(side: Side, direction: Direction, bytes: Uint8Array, start: number, moment: Moment): void {
    this.#hasRecords = true
    const type = bytes[start] ?? 0
    const version = ((bytes[start + 1] ?? 0) << 8) | (bytes[start + 2] ?? 0)
    const fragment = bytes.subarray(start + tlsHeaderLength, start + recordLength(bytes, start))
    if (direction.state !== undefined && this.#beginsAnew(direction.state, type, fragment)) {
      direction.state = undefined
      direction.messageHeld = 0
      direction.broken = false
    }
    // What comes after the Server Hello of TLS 1.3 is protected without more ado, but for a change that means nothing.
    if (direction.state?.handshake?.modern === true && type === contentTypes.changeCipherSpec) {
      this.#association.changeCipherSpec(side, moment)
      return
    }
    if (direction.state === undefined) {
      if (this.#isClear(type, fragment, direction)) {
        this.#content(side, direction, type, fragment, moment)
        return
      }
      direction.state = this.#association.nextState(side)
      // A Change Cipher Spec was missed, so nobody knows how many records came after it.
      direction.state.lost(0, mostLostRecords)
    }
    if (type === contentTypes.changeCipherSpec) {
      this.#content(side, direction, type, fragment, moment)
      return
    }
    const result = direction.state.open({ type, version, fragment })
    if (!result.opened) {
      this.#association.unread(side, type, fragment, moment, result.reason, direction.state.handshake)
      return
    }
    this.#association.opened(result.by, result.wrongMac)
    this.#content(side, direction, result.record.type, result.record.content, moment)
  }

  /** A whole hello in clear where only protected records were seen so far: the capture began before it. */
  #beginsAnew(state: CipherState, type: number, fragment: Uint8Array): boolean {
    return state.handshake === undefined && type === contentTypes.handshake && isHello(fragment)
  }

  /** Whether a record can be in clear, as long as no Change Cipher Spec was seen. */
  #isClear(type: number, fragment: Uint8Array, direction: Direction): boolean {
    switch (type) {
      case contentTypes.changeCipherSpec:
        return true
      case contentTypes.alert:
        return fragment.length === 2
      case contentTypes.handshake:
        return (
          direction.messageHeld > 0 ||
          direction.broken ||
          this.#association.handshake !== undefined ||
          isPlausible(fragment)
        )
      default:
        return false
    }
  }

  #content(side: Side, direction: Direction, type: number, content: Uint8Array, moment: Moment): void {
    switch (type) {
      case contentTypes.changeCipherSpec:
        this.#changeCipherSpec(side, direction, moment)
        return
      case contentTypes.alert:
        this.#association.alert(side, content, moment)
        return
      case contentTypes.handshake:
        this.#assemble(side, direction, content, moment)
        return
      case contentTypes.applicationData:
        this.#association.application(side, content, moment, direction.state?.handshake)
        return
      case contentTypes.heartbeat:
        this.#association.unread(side, type, content, moment, '', direction.state?.handshake)
        return
      default:
        this.#association.problem(`a record of unknown type ${type}`)
    }
  }

  #changeCipherSpec(side: Side, direction: Direction, moment: Moment): void {
    direction.messageHeld = 0
    direction.broken = false
    this.#association.changeCipherSpec(side, moment)
    // In TLS 1.3 it means nothing; a client may send it before it has read the Server Hello.
    if (this.#association.handshake?.modern === true) return
    direction.state = this.#association.nextState(side, direction.state)
  }

  /** Puts handshake messages together: one may fill several records, and one record hold several (RFC 5246 6.2.1). */
  #assemble(side: Side, direction: Direction, content: Uint8Array, moment: Moment): void {
    if (direction.broken) return
    const needed = direction.messageHeld + content.length
    if (needed > direction.message.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(2 * direction.message.length, longestMessage)))
      grown.set(direction.message.subarray(0, direction.messageHeld))
      direction.message = grown
    }
    direction.message.set(content, direction.messageHeld)
    direction.messageHeld = needed
    let at = 0
    while (direction.messageHeld - at >= 4) {
      const { message } = direction
      const type = message[at] ?? 0
      const length = 4 + (((message[at + 1] ?? 0) << 16) | ((message[at + 2] ?? 0) << 8) | (message[at + 3] ?? 0))
      if (messageName(type) === undefined || length > longestMessage) {
        const problem =
          messageName(type) === undefined
            ? `handshake message of unknown type ${type}`
            : `handshake message of ${length} bytes, more than the ${longestMessage} that are read`
        this.#association.malformed(side, 'Handshake Message', problem, moment)
        direction.broken = true
        direction.messageHeld = 0
        return
      }
      if (direction.messageHeld - at < length) break
      const raw = message.slice(at, at + length)
      at += length
      this.#message(side, direction, type, raw, moment)
    }
    direction.message.copyWithin(0, at, direction.messageHeld)
    direction.messageHeld -= at
  }

  #message(side: Side, direction: Direction, type: number, raw: Uint8Array, moment: Moment): void {
    const before = this.#association.handshake
    this.#association.message(side, { type, body: raw.subarray(4), raw }, moment)
    const handshake = this.#association.handshake
    if (handshake?.modern !== true) return
    if (type === handshakeTypes.serverHello && handshake.serverHello?.detail.retryRequest === false) {
      for (const each of ['client', 'server'] as const) {
        this.#directions[each].state = this.#association.nextState(each)
      }
    } else if (type === handshakeTypes.finished && before === handshake) direction.state?.finished()
    else if (type === handshakeTypes.keyUpdate) direction.state?.keyUpdated()
  }
}

/** Bytes of the record at `start`, header included. */
function recordLength(bytes: Uint8Array, start: number): number {
  return tlsHeaderLength + (((bytes[start + 3] ?? 0) << 8) | (bytes[start + 4] ?? 0))
}

/** Whether so many more bytes decide on what is held while searching. */
function isWorthSearching({ hold, held }: Direction, more: number): boolean {
  if (held < tlsHeaderLength || !isTlsHeader(hold, 0)) return held + more >= tlsHeaderLength
  const length = recordLength(hold, 0)
  return held + more === length || held + more >= length + tlsHeaderLength
}

/** Whether a fragment can begin a handshake message: a type that exists, and a length that may be. */
function isPlausible(fragment: Uint8Array): boolean {
  return messageName(fragment[0] ?? 255) !== undefined && (fragment[1] ?? 0) <= 1
}

/** Whether a fragment begins with a Client or Server Hello. */
function isHello(fragment: Uint8Array): boolean {
  const type = fragment[0]
  return (
    (type === handshakeTypes.clientHello || type === handshakeTypes.serverHello) &&
    fragment[1] === 0 &&
    fragment[4] === 3 &&
    (fragment[5] ?? 9) <= 3
  )
}
