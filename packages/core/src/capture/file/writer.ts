import { UsageError } from '../../errors.ts'
import { utf8Bytes } from '../../wire/text.ts'
import { Writer } from '../../wire/writer.ts'
import { maxCapturedLength } from './captured-packet.ts'
import { pcapMagic } from './pcap.ts'
import { byteOrderMagic, pcapngBlocks, tlsKeyLogSecrets } from './pcapng.ts'

/** Makes the bytes of a capture file, little-endian. */
export interface CaptureWriter {
  /** What the file begins with. */
  header(): Uint8Array
  /**
   * The bytes of one packet.
   * @throws UsageError `bad-value` for a packet above {@link maxCapturedLength}, an unknown interface or a time before 1970
   */
  packet(packet: WrittenPacket): Uint8Array
}

/** A packet to be written. */
export interface WrittenPacket {
  /** Microseconds since 1970; a fraction is kept where the file has nanoseconds. */
  readonly timeUs: number
  readonly data: Uint8Array
  /** Bytes on the wire, where more than was captured. */
  readonly originalLength?: number
  /** Place of the interface, pcapng only; 0 unless told. */
  readonly interface?: number
}

/** How a pcap file is to be. */
export interface PcapWriterOptions {
  readonly linkType: number
  readonly nanoseconds?: boolean
  /** Stated in the header; 262144 unless told. */
  readonly snapLength?: number
}

/** A writer of pcap files (IETF draft-ietf-opsawg-pcap). */
export function pcapWriter(options: PcapWriterOptions): CaptureWriter {
  const { linkType, nanoseconds = false, snapLength = maxCapturedLength } = options
  return {
    header: () => {
      const w = new Writer()
      w.u32(nanoseconds ? pcapMagic.nanoseconds : pcapMagic.microseconds)
      w.u16(2)
      w.u16(4)
      w.zeros(8)
      w.u32(snapLength)
      w.u32(linkType)
      return w.finish()
    },
    packet: ({ timeUs, data, originalLength = data.length }) => {
      checkPacket(timeUs, data)
      const seconds = Math.floor(timeUs / 1_000_000)
      const rest = timeUs - seconds * 1_000_000
      const w = new Writer()
      w.u32(seconds)
      w.u32(Math.floor(nanoseconds ? rest * 1000 : rest))
      w.u32(data.length)
      w.u32(originalLength)
      w.bytes(data)
      return w.finish()
    },
  }
}

/** An interface to be described in a pcapng file. */
export interface WrittenInterface {
  readonly linkType: number
  /** 0, no limit, unless told. */
  readonly snapLength?: number
  readonly name?: string
}

/** How a pcapng file is to be. */
export interface PcapngWriterOptions {
  readonly interfaces: readonly WrittenInterface[]
  readonly nanoseconds?: boolean
  /** Text in the NSS key log format, written as a Decryption Secrets Block before the packets. It is secret. */
  readonly keyLog?: string
}

/** A writer of pcapng files (IETF draft-ietf-opsawg-pcapng) of one section. */
export function pcapngWriter({ interfaces, nanoseconds = false, keyLog }: PcapngWriterOptions): CaptureWriter {
  return {
    header: () => {
      const file = new Writer()
      block(file, pcapngBlocks.sectionHeader, (w) => {
        w.u32(byteOrderMagic)
        w.u16(1)
        w.u16(0)
        // Length of the section: not stated.
        w.u32(0xffff_ffff)
        w.u32(0xffff_ffff)
      })
      for (const { linkType, snapLength = 0, name } of interfaces) {
        block(file, pcapngBlocks.interfaceDescription, (w) => {
          w.u16(linkType)
          w.u16(0)
          w.u32(snapLength)
          if (name !== undefined) option(w, 2, utf8Bytes(name))
          if (nanoseconds) option(w, 9, Uint8Array.of(9))
          w.u32(0)
        })
      }
      if (keyLog !== undefined) {
        block(file, pcapngBlocks.decryptionSecrets, (w) => {
          const text = utf8Bytes(keyLog)
          w.u32(tlsKeyLogSecrets)
          w.u32(text.length)
          w.bytes(text)
          pad(w, text.length)
        })
      }
      return file.finish()
    },
    packet: ({ timeUs, data, originalLength = data.length, interface: place = 0 }) => {
      checkPacket(timeUs, data)
      if (interfaces[place] === undefined)
        throw new UsageError('bad-value', `expected a described interface, got ${place}`)
      const file = new Writer()
      const [high, low] = splitTime(timeUs, nanoseconds)
      block(file, pcapngBlocks.enhancedPacket, (w) => {
        w.u32(place)
        w.u32(high)
        w.u32(low)
        w.u32(data.length)
        w.u32(originalLength)
        w.bytes(data)
        pad(w, data.length)
      })
      return file.finish()
    },
  }
}

function checkPacket(timeUs: number, data: Uint8Array): void {
  if (data.length > maxCapturedLength) {
    throw new UsageError('bad-value', `expected a packet of at most ${maxCapturedLength} bytes, got ${data.length}`)
  }
  if (!(timeUs >= 0 && timeUs <= 0xffff_ffff * 1_000_000)) {
    throw new UsageError('bad-value', `expected a time from 1970 to 2106 in microseconds, got ${timeUs}`)
  }
}

function splitTime(timeUs: number, nanoseconds: boolean): readonly [high: number, low: number] {
  const whole = Math.floor(timeUs)
  const ticks = nanoseconds ? BigInt(whole) * 1000n + BigInt(Math.floor((timeUs - whole) * 1000)) : BigInt(whole)
  return [Number(ticks >> 32n), Number(ticks & 0xffff_ffffn)]
}

/** A block with the content that `write` makes: its length stands before and behind it. */
function block(w: Writer, type: number, write: (w: Writer) => void): void {
  const content = new Writer()
  write(content)
  const bytes = content.finish()
  w.u32(type)
  w.u32(bytes.length + 12)
  w.bytes(bytes)
  w.u32(bytes.length + 12)
}

function option(w: Writer, code: number, value: Uint8Array): void {
  w.u16(code)
  w.u16(value.length)
  w.bytes(value)
  pad(w, value.length)
}

function pad(w: Writer, length: number): void {
  w.zeros((4 - (length % 4)) % 4)
}
