import { UsageError } from '../errors.ts'
import type { Codec } from '../wire/codec.ts'
import { commonPacketItemTypes } from './common-packet.ts'

/** Bytes before the data of a class 0/1 datagram: item count, sequenced address item, head of the data item. */
export const ioFrameHeaderLength = 18

/**
 * A class 0/1 datagram: CPF with a sequenced address item (UDINT connection id, UDINT sequence) and a connected data
 * item (Volume 2, 2-6.4 via cip-security-wire 3.9). Under DTLS the same bytes are the data of one record.
 */
export interface IoFrame {
  /** Connection id that the receiver consumes. */
  readonly connectionId: number
  /** Encapsulation sequence number, counted up for every datagram. */
  readonly sequence: number
  /** Data of item 0x00B1, see the reader of class 0/1 data; in a decoded frame a view of the received bytes. */
  readonly data: Uint8Array
}

const { sequencedAddress, connectedData } = commonPacketItemTypes

/** Codec of {@link IoFrame}: exactly these two items. */
export const ioFrame: Codec<IoFrame> = {
  read: (r) => {
    const items = r.u16()
    if (items !== 2) throw r.malformed('unknown-value', `expected 2 items, got ${items}`)
    if (r.u16() !== sequencedAddress) throw r.malformed('unknown-value', 'expected a sequenced address item')
    if (r.u16() !== 8) throw r.malformed('bad-length', 'expected a sequenced address item of 8 bytes')
    const connectionId = r.u32()
    const sequence = r.u32()
    if (r.u16() !== connectedData) throw r.malformed('unknown-value', 'expected a connected data item')
    return { connectionId, sequence, data: r.view(r.u16()) }
  },
  write: (w, frame) => {
    w.u16(2)
    w.u16(sequencedAddress)
    w.u16(8)
    w.u32(frame.connectionId)
    w.u32(frame.sequence)
    w.u16(connectedData)
    w.u16(frame.data.length)
    w.bytes(frame.data)
  },
}

/** Where the parts of a received class 0/1 datagram are; one object serves any number of datagrams. */
export interface IoFrameView {
  connectionId: number
  sequence: number
  /** Offset of the data in the bytes that were given. */
  dataOffset: number
  dataLength: number
}

/** A view to be filled by {@link parseIoFrame}. */
export function ioFrameView(): IoFrameView {
  return { connectionId: 0, sequence: 0, dataOffset: 0, dataLength: 0 }
}

/**
 * Takes a class 0/1 datagram apart without allocating; false where {@link ioFrame} would throw, so that a flood of
 * bad datagrams costs next to nothing. `view` is undefined in its contents after a false. The datagram is
 * `bytes[start..end)`, all of it unless told; `view.dataOffset` counts from the beginning of `bytes`.
 */
export function parseIoFrame(bytes: Uint8Array, view: IoFrameView, start = 0, end = bytes.length): boolean {
  if (end - start < ioFrameHeaderLength || end > bytes.length) return false
  if (word(bytes, start) !== 2 || word(bytes, start + 2) !== sequencedAddress || word(bytes, start + 4) !== 8)
    return false
  if (word(bytes, start + 14) !== connectedData) return false
  view.connectionId = doubleWord(bytes, start + 6)
  view.sequence = doubleWord(bytes, start + 10)
  view.dataOffset = start + ioFrameHeaderLength
  view.dataLength = word(bytes, start + 16)
  return end === view.dataOffset + view.dataLength
}

// The callers have checked the length, so the default is never taken.
function word(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8)
}

function doubleWord(bytes: Uint8Array, offset: number): number {
  return (word(bytes, offset) | (word(bytes, offset + 2) << 16)) >>> 0
}

function setWord(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value & 0xff
  bytes[offset + 1] = (value >>> 8) & 0xff
}

function setDoubleWord(bytes: Uint8Array, offset: number, value: number): void {
  setWord(bytes, offset, value & 0xffff)
  setWord(bytes, offset + 2, value >>> 16)
}

/** How the data of a connection is laid out: its transport class, and whether a run/idle header precedes it. */
export interface IoFormat {
  readonly transportClass: 0 | 1
  /** Usual: true O->T, false T->O ("modeless"). */
  readonly runIdleHeader: boolean
}

/** Bits of the run/idle header (Volume 1, 3-6.1.4 via cip-security-wire 3.9). */
export interface RunIdle {
  /** Bit 0: true run, false idle. */
  readonly run: boolean
  /** Bit 1, claim of output ownership; redundant owners only. */
  readonly claimOwnership?: boolean
  /** Bits 2 and 3, ready for ownership of outputs, 0..3; redundant owners only. */
  readonly readyForOwnership?: number
}

/** The data of a class 0/1 datagram by its format. */
export interface IoData {
  /** Class 1: UINT, changes with new data. */
  readonly sequenceCount?: number
  /** Where the format has the header and the producer sent more than a heartbeat. */
  readonly runIdle?: RunIdle
  /** The application's bytes, a view. */
  readonly data: Uint8Array
}

/** Bytes that class and header add before the application's data. */
export function ioOverhead(format: IoFormat): number {
  return (format.transportClass === 1 ? 2 : 0) + (format.runIdleHeader ? 4 : 0)
}

/**
 * Codec of the data of a class 0/1 datagram: UINT sequence count (class 1), UDINT run/idle header (where used), data, in
 * this order. A heartbeat has neither header nor data.
 */
export function ioData(format: IoFormat): Codec<IoData> {
  return {
    read: (r) => {
      const count = format.transportClass === 1 ? { sequenceCount: r.u16() } : {}
      if (!format.runIdleHeader || r.remaining === 0) return { ...count, data: r.view(r.remaining) }
      return { ...count, runIdle: runIdleOf(r.u32()), data: r.view(r.remaining) }
    },
    write: (w, value) => {
      if (format.transportClass === 1) w.u16(value.sequenceCount ?? 0)
      if (format.runIdleHeader && value.runIdle !== undefined) w.u32(runIdleWord(value.runIdle))
      else if (format.runIdleHeader && value.data.length > 0) {
        throw new UsageError('bad-value', 'expected a run/idle header before the data of this connection')
      }
      w.bytes(value.data)
    },
  }
}

function runIdleOf(header: number): RunIdle {
  const run = (header & 1) !== 0
  const readyForOwnership = (header >> 2) & 3
  const claimOwnership = (header & 2) !== 0
  return {
    run,
    ...(claimOwnership ? { claimOwnership } : {}),
    ...(readyForOwnership === 0 ? {} : { readyForOwnership }),
  }
}

function runIdleWord(value: RunIdle): number {
  return (value.run ? 1 : 0) | (value.claimOwnership === true ? 2 : 0) | (((value.readyForOwnership ?? 0) & 3) << 2)
}

/**
 * A class 0/1 datagram that is written once and changed in place: a producer sends the same bytes with another
 * sequence, count and data. `bytes` is the whole datagram, `data` the application's part of it.
 */
export class IoFrameTemplate {
  /** The datagram: sent as it is. Copy it where the sender keeps it. */
  readonly bytes: Uint8Array
  /** The application's bytes inside {@link bytes}: write into them. */
  readonly data: Uint8Array
  readonly #countAt: number | undefined
  readonly #runIdleAt: number | undefined

  /**
   * A datagram for a connection with `size` bytes of application data (a heartbeat has none, and no run/idle header).
   * It begins with sequence 0, count 0 and idle.
   * @throws UsageError `bad-value` where the data does not fit in an item
   */
  constructor(connectionId: number, format: IoFormat, size: number) {
    const countLength = format.transportClass === 1 ? 2 : 0
    const runIdleLength = format.runIdleHeader && size > 0 ? 4 : 0
    const length = countLength + runIdleLength + size
    if (!Number.isInteger(size) || size < 0 || length > 0xffff) {
      throw new UsageError('bad-value', `expected at most ${0xffff - countLength - runIdleLength} bytes, got ${size}`)
    }
    this.bytes = new Uint8Array(ioFrameHeaderLength + length)
    this.data = this.bytes.subarray(this.bytes.length - size)
    this.#countAt = countLength === 0 ? undefined : ioFrameHeaderLength
    this.#runIdleAt = runIdleLength === 0 ? undefined : ioFrameHeaderLength + countLength
    setWord(this.bytes, 0, 2)
    setWord(this.bytes, 2, sequencedAddress)
    setWord(this.bytes, 4, 8)
    setDoubleWord(this.bytes, 6, connectionId)
    setWord(this.bytes, 14, connectedData)
    setWord(this.bytes, 16, length)
  }

  /** Writes the encapsulation sequence number, modulo 2^32. */
  setSequence(sequence: number): void {
    setDoubleWord(this.bytes, 10, sequence)
  }

  /** Writes the class 1 sequence count, modulo 2^16; nothing in class 0. */
  setSequenceCount(count: number): void {
    if (this.#countAt !== undefined) setWord(this.bytes, this.#countAt, count)
  }

  /** Writes the run/idle header; nothing where the format has none. */
  setRunIdle(value: RunIdle): void {
    if (this.#runIdleAt !== undefined) setDoubleWord(this.bytes, this.#runIdleAt, runIdleWord(value))
  }
}

/**
 * Writes a class 0/1 datagram into a caller's buffer and returns the bytes written. `data` is the content of item
 * 0x00B1, count and run/idle header included.
 * @throws UsageError `bad-value` where it does not fit
 */
export function writeIoFrame(
  target: Uint8Array,
  offset: number,
  connectionId: number,
  sequence: number,
  data: Uint8Array,
): number {
  const length = ioFrameHeaderLength + data.length
  if (data.length > 0xffff || offset < 0 || offset + length > target.length) {
    throw new UsageError('bad-value', `expected room for ${length} bytes at ${offset}, the buffer has ${target.length}`)
  }
  setWord(target, offset, 2)
  setWord(target, offset + 2, sequencedAddress)
  setWord(target, offset + 4, 8)
  setDoubleWord(target, offset + 6, connectionId)
  setDoubleWord(target, offset + 10, sequence)
  setWord(target, offset + 14, connectedData)
  setWord(target, offset + 16, data.length)
  target.set(data, offset + ioFrameHeaderLength)
  return length
}
