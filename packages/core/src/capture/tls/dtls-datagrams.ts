import type { DatagramConsumer, Moment, Side } from '../conversation.ts'
import { Association, type HandshakeMessage, otherSide, type WatchOptions } from './association.ts'
import type { CipherState } from './cipher-state.ts'
import { FragmentBuffer } from './fragments.ts'
import { handshakeTypes, messageName } from './handshake.ts'
import { contentTypes, dtlsHeaderLength, isDtlsVersion } from './record.ts'
import type { TlsReport } from './report.ts'
import { WaitingFragments } from './waiting-fragments.ts'

/** Most epochs of one side that are kept: the one in use, and the one before it for what comes late. */
const mostEpochs = 2

/** Records behind the newest that are still told apart from repetitions, as receivers do (RFC 6347 4.1.2.6). */
const windowLength = 64

/** Numbers of records that were seen, in one epoch of one side. */
class ReplayWindow {
  #newest = -1
  #seen = 0n

  /** Whether a number is new; it is not from then on. */
  take(number: number): boolean {
    if (number > this.#newest) {
      const shift = Math.min(number - this.#newest, windowLength)
      this.#seen = BigInt.asUintN(windowLength, this.#seen << BigInt(shift)) | 1n
      this.#newest = number
      return true
    }
    const age = this.#newest - number
    // Too old to tell: a receiver would drop it.
    if (age >= windowLength) return false
    const bit = 1n << BigInt(age)
    if ((this.#seen & bit) !== 0n) return false
    this.#seen |= bit
    return true
  }
}

interface Epoch {
  readonly state: CipherState
  /** Records that were opened. */
  readonly read: ReplayWindow
  /** Records that were not: among them may be forged ones, which must not hide the real. */
  readonly unread: ReplayWindow
}

interface Direction {
  readonly fragments: FragmentBuffer
  /** Epochs above 0. */
  readonly epochs: Map<number, Epoch>
  /** A Change Cipher Spec of this handshake was seen. */
  changed: boolean
}

/**
 * Reads a DTLS association as it passes (RFC 6347): several records in a datagram, messages in fragments and out of
 * order, repetitions. Takes any datagrams and never throws; what it keeps is bounded by `FragmentBuffer` and two
 * epochs per side.
 */
export class DtlsDatagrams implements DatagramConsumer {
  readonly #association: Association
  readonly #fragments: WaitingFragments
  readonly #directions: Record<Side, Direction>

  constructor(options: WatchOptions) {
    this.#association = new Association(options, true)
    this.#fragments = options.fragments ?? new WaitingFragments()
    this.#directions = { client: makeDirection(this.#fragments), server: makeDirection(this.#fragments) }
  }

  datagram(side: Side, bytes: Uint8Array, start: number, end: number, moment: Moment): void {
    let at = start
    while (at < end) {
      const length = recordLength(bytes, at, end)
      if (length === undefined) {
        this.#association.problem(notRecord(side, bytes[at] ?? 0, at === start))
        return
      }
      this.#record(side, bytes, at, length, moment)
      at += length
    }
  }

  /** Nothing more comes; {@link report} stays. */
  ended(): void {
    for (const side of ['client', 'server'] as const) this.#begin(side)
  }

  /** Drops what a side has, and says so where fragments were given up. */
  #begin(side: Side): Direction {
    const { fragments } = this.#directions[side]
    if (fragments.hasForgotten)
      this.#association.problem(`handshake fragments of the ${side} were given up to keep within memory`)
    fragments.clear()
    this.#directions[side] = makeDirection(this.#fragments)
    return this.#directions[side]
  }

  /** Everything so far, in summary. */
  report(): TlsReport {
    return this.#association.report()
  }

  #record(side: Side, bytes: Uint8Array, start: number, length: number, moment: Moment): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, dtlsHeaderLength)
    const type = view.getUint8(0)
    const version = view.getUint16(1)
    const epoch = view.getUint16(3)
    const number = view.getUint16(5) * 2 ** 32 + view.getUint32(7)
    const fragment = bytes.subarray(start + dtlsHeaderLength, start + length)
    const direction = this.#directions[side]
    if (epoch === 0) {
      this.#clear(side, direction, type, fragment, moment)
      return
    }
    if (type === contentTypes.connectionId) {
      this.#association.unread(
        side,
        contentTypes.applicationData,
        fragment,
        moment,
        'connection ids are not read',
        this.#association.handshake,
      )
      return
    }
    const { state, read, unread } = this.#epoch(side, direction, epoch)
    const result = state.open({ type, version, fragment }, number)
    const window = result.opened && !result.wrongMac ? read : unread
    if (!window.take(number)) {
      this.#association.repeatedRecords++
      return
    }
    if (!result.opened) {
      this.#association.unread(side, type, fragment, moment, result.reason, state.handshake)
      return
    }
    this.#association.opened(result.by, result.wrongMac)
    const { content } = result.record
    switch (type) {
      case contentTypes.applicationData:
        this.#giveUpMissing(side, moment)
        this.#association.application(side, content, moment, state.handshake)
        return
      case contentTypes.handshake:
        this.#handshake(side, epoch, content, moment)
        return
      case contentTypes.alert:
        this.#association.alert(side, content, moment)
        return
      case contentTypes.changeCipherSpec:
        direction.changed = true
        this.#association.changeCipherSpec(side, moment)
        return
      default:
        this.#association.unread(side, type, content, moment, '', state.handshake)
    }
  }

  #clear(side: Side, direction: Direction, type: number, fragment: Uint8Array, moment: Moment): void {
    switch (type) {
      case contentTypes.changeCipherSpec:
        if (direction.changed) {
          this.#association.retransmissions++
          this.#association.step(side, 'Change Cipher Spec', { kind: 'change-cipher-spec' }, moment, true)
          return
        }
        direction.changed = true
        this.#giveUpMissing(otherSide(side), moment)
        this.#association.changeCipherSpec(side, moment)
        return
      case contentTypes.alert:
        this.#association.alert(side, fragment, moment)
        return
      case contentTypes.handshake:
        this.#handshake(side, 0, fragment, moment)
        return
      case contentTypes.applicationData:
        this.#association.problem('application data in epoch 0, where nothing is protected: not read')
        return
      default:
        this.#association.unread(side, type, fragment, moment, '', undefined)
    }
  }

  /** What the records of an epoch are under: that of the handshake that was last seen when it began. */
  #epoch(side: Side, direction: Direction, epoch: number): Epoch {
    const known = direction.epochs.get(epoch)
    if (known !== undefined) return known
    const made: Epoch = {
      state: this.#association.nextState(side, direction.epochs.get(epoch - 1)?.state, epoch),
      read: new ReplayWindow(),
      unread: new ReplayWindow(),
    }
    direction.epochs.set(epoch, made)
    if (direction.epochs.size > mostEpochs) {
      const [oldest] = direction.epochs.keys()
      if (oldest !== undefined) direction.epochs.delete(oldest)
    }
    return made
  }

  #handshake(side: Side, epoch: number, content: Uint8Array, moment: Moment): void {
    let at = 0
    while (at < content.length) {
      const used = this.#directions[side].fragments.header(content, at)
      if (used === undefined) {
        this.#association.malformed(side, 'Handshake Message', 'a handshake fragment longer than its record', moment)
        return
      }
      const type = content[at] ?? 0
      if (messageName(type) === undefined) {
        this.#association.malformed(side, 'Handshake Message', `handshake message of unknown type ${type}`, moment)
        return
      }
      if (this.#isNewHello(used.number, type, content, at)) this.#restart(epoch)
      const result = this.#directions[side].fragments.add(content, at)
      if (result.kind === 'repeated') this.#association.repeated(side, result.message, moment)
      if (result.kind === 'refused') this.#association.problem(result.reason)
      at += used.length
      this.#takeMessages(side, moment)
    }
  }

  #takeMessages(side: Side, moment: Moment): void {
    for (;;) {
      const message = this.#directions[side].fragments.take()
      if (message === undefined) return
      this.#message(side, message, moment)
    }
  }

  /** The handshake went on, so what is missing of the messages of a side will not come. */
  #giveUpMissing(side: Side, moment: Moment): void {
    while (this.#directions[side].fragments.skip()) {
      this.#association.problem(`handshake messages of the ${side} are missing in the capture`)
      this.#association.missing()
      this.#takeMessages(side, moment)
    }
  }

  #message(side: Side, message: HandshakeMessage, moment: Moment): void {
    this.#association.message(side, message, moment)
    if (message.type === handshakeTypes.clientHello) this.#directions[side].changed = false
    if (message.type === handshakeTypes.serverHello) this.#directions[side].changed = false
  }

  /** A first Client Hello with a random that was not seen: the client begins anew, with numbers from 0. */
  #isNewHello(number: number, type: number, content: Uint8Array, at: number): boolean {
    const isFirstFragment = content[at + 6] === 0 && content[at + 7] === 0 && content[at + 8] === 0
    if (type !== handshakeTypes.clientHello || number !== 0 || !isFirstFragment) return false
    const last = this.#association.handshake?.clientHello?.random
    if (last === undefined) return this.#directions.client.epochs.size + this.#directions.server.epochs.size > 0
    // The random follows the header of 12 bytes and the version.
    const random = content.subarray(at + 14, at + 46)
    return random.length === 32 && !random.every((byte, i) => byte === last[i])
  }

  /** In an epoch above 0 the client negotiates again, and both go on under the old keys meanwhile. */
  #restart(epoch: number): void {
    for (const side of ['client', 'server'] as const) {
      const { epochs } = this.#directions[side]
      const fresh = this.#begin(side)
      if (epoch > 0) this.#directions[side] = { ...fresh, epochs }
    }
  }
}

function notRecord(side: Side, first: number, isWhole: boolean): string {
  // RFC 9147 4: the header of what DTLS 1.3 protects.
  if (first >>> 5 === 1) return `the ${side} sent what looks like DTLS 1.3: not read`
  return isWhole
    ? `a datagram of the ${side} is no DTLS record`
    : `what follows a record in a datagram of the ${side} is no DTLS record`
}

function makeDirection(waiting: WaitingFragments): Direction {
  return { fragments: new FragmentBuffer(waiting), epochs: new Map(), changed: false }
}

/** Bytes of the record at `start`, header included; undefined when there is none. */
function recordLength(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start < dtlsHeaderLength) return undefined
  const type = bytes[start] ?? 0
  const version = ((bytes[start + 1] ?? 0) << 8) | (bytes[start + 2] ?? 0)
  if (type < contentTypes.changeCipherSpec || type > contentTypes.connectionId || !isDtlsVersion(version)) {
    return undefined
  }
  const length = dtlsHeaderLength + (((bytes[start + 11] ?? 0) << 8) | (bytes[start + 12] ?? 0))
  return length <= end - start ? length : undefined
}
