import { type CapturedPacket, emptyPacket, maxCapturedLength } from './captured-packet.ts'
import type { CaptureFileHandler, CaptureFormat, Stretch } from './format.ts'
import type { FileCounts } from './report.ts'

/** Bytes of the file header (IETF draft-ietf-opsawg-pcap, 4). */
export const pcapHeaderLength = 24

/** First four bytes of a file, read in the byte order of its writer. */
export const pcapMagic = {
  microseconds: 0xa1b2_c3d4,
  nanoseconds: 0xa1b2_3c4d,
  /** With eight bytes more in each record header, by an old patch of libpcap. */
  modified: 0xa1b2_cd34,
} as const

/** The file header, as far as it matters. */
export interface PcapHeader {
  readonly littleEndian: boolean
  readonly magic: number
  readonly major: number
  readonly minor: number
  readonly snapLength: number
  /** Without the bits above that say how long the frame check sequence is: the length of IP bounds what is read. */
  readonly linkType: number
}

/** Reads the header from 24 bytes; undefined where the first four are not those of a pcap file. */
export function readPcapHeader(view: DataView, at: number): PcapHeader | undefined {
  const known: readonly number[] = Object.values(pcapMagic)
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(at, littleEndian)
    if (!known.includes(magic)) continue
    return {
      littleEndian,
      magic,
      major: view.getUint16(at + 4, littleEndian),
      minor: view.getUint16(at + 6, littleEndian),
      snapLength: view.getUint32(at + 16, littleEndian),
      linkType: view.getUint32(at + 20, littleEndian) & 0xffff,
    }
  }
  return undefined
}

/** The records of a pcap file behind its header. */
export class PcapFormat implements CaptureFormat {
  needed: number
  readonly #littleEndian: boolean
  readonly #recordHeader: number
  /** Microseconds per unit of the fraction of a second. */
  readonly #fraction: number
  readonly #packet: CapturedPacket
  readonly #handler: CaptureFileHandler
  readonly #counts: FileCounts

  /** Reads behind this header. */
  constructor(header: PcapHeader, handler: CaptureFileHandler, counts: FileCounts) {
    this.#littleEndian = header.littleEndian
    this.#recordHeader = header.magic === pcapMagic.modified ? 24 : 16
    this.#fraction = header.magic === pcapMagic.nanoseconds ? 1000 : 1
    this.#packet = { ...emptyPacket(), linkType: header.linkType }
    this.#handler = handler
    this.#counts = counts
    this.needed = this.#recordHeader
    counts.interfaces.push({ linkType: header.linkType, snapLength: header.snapLength, name: undefined })
  }

  read({ bytes, view, start, end, base }: Stretch): number {
    const packet = this.#packet
    const counts = this.#counts
    const header = this.#recordHeader
    const littleEndian = this.#littleEndian
    packet.bytes = bytes
    let at = start
    for (;;) {
      if (end - at < header) {
        this.needed = header
        return at
      }
      const captured = view.getUint32(at + 8, littleEndian)
      if (captured > maxCapturedLength) {
        counts.problem(
          base + at,
          `expected a packet of at most ${maxCapturedLength} captured bytes, got ${captured}: the file is damaged here, and a pcap file has no marks by which to find the next packet; the packets before are kept`,
        )
        counts.stopped = true
        return at
      }
      const next = at + header + captured
      if (next > end) {
        this.needed = header + captured
        return at
      }
      const original = view.getUint32(at + 12, littleEndian)
      packet.number = ++counts.packets + counts.unreadable
      packet.timeUs =
        view.getUint32(at, littleEndian) * 1_000_000 + view.getUint32(at + 4, littleEndian) / this.#fraction
      packet.start = at + header
      packet.end = next
      packet.originalLength = Math.max(original, captured)
      this.#handler.packet(packet)
      at = next
    }
  }

  takeSkip(): number {
    return 0
  }

  finish({ start, end, base }: Stretch): void {
    const left = end - start
    if (left === 0) return
    this.#counts.unreadable++
    this.#counts.lostBytes += left
    this.#counts.problem(
      base + start,
      `expected a packet record of ${this.needed} bytes, the file ends after ${left}: it was cut off, or is still being written`,
    )
  }
}
