import { latin1, utf8 } from '../../wire/text.ts'
import { type CapturedPacket, emptyPacket, maxCapturedLength } from './captured-packet.ts'
import type { CaptureFileHandler, CaptureFormat, Stretch } from './format.ts'
import type { FileCounts } from './report.ts'

/** Block types (IETF draft-ietf-opsawg-pcapng, 11.1). */
export const pcapngBlocks = {
  sectionHeader: 0x0a0d_0d0a,
  interfaceDescription: 1,
  /** Obsolete. */
  packet: 2,
  simplePacket: 3,
  nameResolution: 4,
  interfaceStatistics: 5,
  enhancedPacket: 6,
  decryptionSecrets: 10,
} as const

/** Tells the byte order of a section. */
export const byteOrderMagic = 0x1a2b_3c4d

/** `TLSK`: the secrets of a block are a TLS key log. */
export const tlsKeyLogSecrets = 0x544c_534b

/** Most bytes of a block whose content is read; longer ones are skipped. */
const maxBlockLength = 4 * 1024 * 1024
/** Most bytes of a block that is believed while one is looked for: a packet and its options. */
const maxFoundLength = 2 * maxCapturedLength
/** Most interfaces of a section. */
const maxInterfaces = 4096
/** Option codes of an interface description and of interface statistics. */
const options = { end: 0, name: 2, resolution: 9, offset: 14, interfaceDrops: 5, systemDrops: 7 } as const

/** An interface of the current section. */
interface SectionInterface {
  readonly linkType: number
  readonly snapLength: number
  /** Whole ticks per microsecond; 0 where there is no whole number. */
  readonly ticksPerUs: number
  /** Microseconds per tick. */
  readonly usPerTick: number
  /** Added to every time. */
  readonly offsetUs: number
  dropped: number
}

/** The blocks of a pcapng file. */
export class PcapngFormat implements CaptureFormat {
  needed = 12
  #littleEndian = true
  #interfaces: SectionInterface[] = []
  #skip = 0
  /** Set while the beginning of a block is looked for. */
  #searching = false
  /** No more bytes will come. */
  #final = false
  #lastTimeUs = 0
  readonly #packet: CapturedPacket = emptyPacket()
  readonly #handler: CaptureFileHandler
  readonly #counts: FileCounts

  /** Reads from the first section header on. */
  constructor(handler: CaptureFileHandler, counts: FileCounts) {
    this.#handler = handler
    this.#counts = counts
  }

  read(stretch: Stretch): number {
    const { bytes, view, start, end, base } = stretch
    this.#packet.bytes = bytes
    let at = start
    for (;;) {
      if (end - at < 12) {
        this.needed = 12
        return at
      }
      const type = view.getUint32(at, this.#littleEndian)
      if (type === pcapngBlocks.sectionHeader && !this.#sectionOrder(view, at)) {
        at = this.#lost(base, at, 'expected the byte order of a section after its header')
        continue
      }
      const length = view.getUint32(at + 4, this.#littleEndian)
      if (this.#searching && !isKnown(type)) {
        at += 4
        this.#counts.lostBytes += 4
        continue
      }
      if (length < 12 || length % 4 !== 0 || (this.#searching && length > maxFoundLength)) {
        at = this.#lost(base, at, `expected a block length of at least 12 and a multiple of 4, got ${length}`)
        continue
      }
      if (length > maxBlockLength && isShort(type)) {
        at = this.#lost(base, at, `expected a block of at most ${maxBlockLength} bytes, got ${length}`)
        continue
      }
      if (length > maxBlockLength) {
        this.#counts.problem(base + at, `a block of ${length} bytes was skipped: at most ${maxBlockLength} are read`)
        this.#counts.lostBytes += length
        this.#skip = length
        this.needed = 12
        return at
      }
      if (end - at < length) {
        if (this.#final) {
          at = this.#lost(
            base,
            at,
            `expected a block of ${length} bytes, the file ends after ${end - at}: it was cut off, or is still being written`,
          )
          continue
        }
        this.needed = length
        return at
      }
      const repeated = view.getUint32(at + length - 4, this.#littleEndian)
      if (repeated !== length) {
        at = this.#lost(base, at, `expected the block length ${length} again at its end, got ${repeated}`)
        continue
      }
      this.#searching = false
      this.#block(type, stretch, at, length)
      at += length
    }
  }

  takeSkip(): number {
    const skip = this.#skip
    this.#skip = 0
    return skip
  }

  finish(stretch: Stretch): void {
    this.#final = true
    const left = stretch.end - this.read(stretch)
    if (left === 0) return
    this.#counts.lostBytes += left
    if (this.#searching) return
    this.#counts.unreadable++
    this.#counts.problem(
      stretch.base + stretch.end - left,
      `expected a block of at least 12 bytes, the file ends after ${left}: it was cut off, or is still being written`,
    )
  }

  /** Notes a block that is none; the next is looked for at every fourth byte. */
  #lost(base: number, at: number, message: string): number {
    if (!this.#searching) {
      this.#searching = true
      this.#counts.unreadable++
      this.#counts.problem(base + at, `${message}; reading goes on at the next block that is whole`)
    }
    this.#counts.lostBytes += 4
    return at + 4
  }

  #sectionOrder(view: DataView, at: number): boolean {
    if (view.getUint32(at + 8, true) === byteOrderMagic) this.#littleEndian = true
    else if (view.getUint32(at + 8, false) === byteOrderMagic) this.#littleEndian = false
    else return false
    return true
  }

  #block(type: number, stretch: Stretch, at: number, length: number): void {
    switch (type) {
      case pcapngBlocks.enhancedPacket:
        this.#timedPacket(stretch, at, length, length < 32 ? 0 : stretch.view.getUint32(at + 8, this.#littleEndian))
        break
      case pcapngBlocks.packet:
        this.#timedPacket(stretch, at, length, length < 32 ? 0 : stretch.view.getUint16(at + 8, this.#littleEndian))
        break
      case pcapngBlocks.simplePacket:
        this.#simplePacket(stretch, at, length)
        break
      case pcapngBlocks.sectionHeader:
        this.#section(stretch, at, length)
        break
      case pcapngBlocks.interfaceDescription:
        this.#interface(stretch, at, length)
        break
      case pcapngBlocks.interfaceStatistics:
        this.#statistics(stretch, at, length)
        break
      case pcapngBlocks.decryptionSecrets:
        this.#secrets(stretch, at, length)
        break
      default:
        this.#counts.otherBlocks++
    }
  }

  #section({ view, base }: Stretch, at: number, length: number): void {
    this.#interfaces = []
    const major = length < 28 ? 0 : view.getUint16(at + 12, this.#littleEndian)
    if (major !== 1) this.#counts.problem(base + at, `expected a section of version 1, got ${major}; it is read as 1`)
  }

  #interface(stretch: Stretch, at: number, length: number): void {
    const { bytes, view, base } = stretch
    if (length < 20 || this.#interfaces.length >= maxInterfaces) {
      this.#counts.problem(
        base + at,
        length < 20
          ? `expected an interface description of at least 20 bytes, got ${length}`
          : `expected at most ${maxInterfaces} interfaces in a section`,
      )
      return
    }
    const linkType = view.getUint16(at + 8, this.#littleEndian)
    const snapLength = view.getUint32(at + 12, this.#littleEndian)
    let resolution = 6
    let offsetS = 0
    let name: string | undefined
    this.#eachOption(view, at + 16, at + length - 4, (code, start, size) => {
      if (code === options.resolution && size === 1) resolution = bytes[start] ?? 6
      else if (code === options.offset && size === 8) offsetS = signed64(view, start, this.#littleEndian)
      else if (code === options.name) name = textOption(bytes.subarray(start, start + Math.min(size, 256)))
    })
    this.#interfaces.push({ linkType, snapLength, ...ticks(resolution), offsetUs: offsetS * 1_000_000, dropped: 0 })
    if (this.#counts.interfaces.length < maxInterfaces) this.#counts.interfaces.push({ linkType, snapLength, name })
  }

  #statistics({ view }: Stretch, at: number, length: number): void {
    this.#counts.otherBlocks++
    const of = length < 24 ? undefined : this.#interfaces[view.getUint32(at + 8, this.#littleEndian)]
    if (of === undefined) return
    let dropped = 0
    this.#eachOption(view, at + 20, at + length - 4, (code, start, size) => {
      if ((code !== options.interfaceDrops && code !== options.systemDrops) || size !== 8) return
      dropped += unsigned64(view, start, this.#littleEndian)
    })
    // Each block counts from the beginning of the capture, so the last one counts.
    this.#counts.dropped += dropped - of.dropped
    of.dropped = dropped
  }

  #secrets({ bytes, view, base }: Stretch, at: number, length: number): void {
    const size = length < 20 ? -1 : view.getUint32(at + 12, this.#littleEndian)
    if (size < 0 || size > length - 20) {
      this.#counts.problem(base + at, `expected secrets that fit into their block of ${length} bytes`)
      return
    }
    if (view.getUint32(at + 8, this.#littleEndian) !== tlsKeyLogSecrets) this.#counts.otherBlocks++
    else this.#handler.secrets?.(latin1(bytes.subarray(at + 16, at + 16 + size)))
  }

  /** Enhanced and obsolete packet blocks differ in the first field alone. */
  #timedPacket(stretch: Stretch, at: number, length: number, place: number): void {
    const { view } = stretch
    const captured = length < 32 ? -1 : view.getUint32(at + 20, this.#littleEndian)
    if (captured < 0 || captured > length - 32 || captured > maxCapturedLength) {
      this.#unreadable(stretch, at, `expected captured bytes that fit into a packet block of ${length}`)
      return
    }
    this.#hand(stretch, at, place, at + 28, captured, view.getUint32(at + 24, this.#littleEndian), at + 12)
  }

  #simplePacket(stretch: Stretch, at: number, length: number): void {
    const original = length < 16 ? -1 : stretch.view.getUint32(at + 8, this.#littleEndian)
    if (original < 0) {
      this.#unreadable(stretch, at, `expected a packet block of at least 16 bytes, got ${length}`)
      return
    }
    const limit = this.#interfaces[0]?.snapLength ?? 0
    const captured = Math.min(original, length - 16, limit === 0 ? maxCapturedLength : limit, maxCapturedLength)
    this.#counts.untimed++
    this.#hand(stretch, at, 0, at + 12, captured, original, -1)
  }

  /** Hands on the packet of the block at `at`; its time stands at `timeAt`, or nowhere below 0. */
  #hand(
    stretch: Stretch,
    at: number,
    place: number,
    start: number,
    captured: number,
    original: number,
    timeAt: number,
  ): void {
    const on = this.#interfaces[place]
    if (on === undefined) {
      this.#unreadable(stretch, at, `a packet of interface ${place}, of which ${this.#interfaces.length} are described`)
      return
    }
    const packet = this.#packet
    packet.number = ++this.#counts.packets + this.#counts.unreadable
    if (timeAt >= 0) {
      const high = stretch.view.getUint32(timeAt, this.#littleEndian)
      const low = stretch.view.getUint32(timeAt + 4, this.#littleEndian)
      this.#lastTimeUs = timeUs(high, low, on)
    }
    packet.timeUs = this.#lastTimeUs
    packet.linkType = on.linkType
    packet.start = start
    packet.end = start + captured
    packet.originalLength = Math.max(original, captured)
    packet.interface = place
    this.#handler.packet(packet)
  }

  #unreadable({ base }: Stretch, at: number, message: string): void {
    this.#counts.unreadable++
    this.#counts.problem(base + at, `${message}; the packet is left out`)
  }

  /** Goes over options up to `end`; a length that leads beyond it ends them. */
  #eachOption(
    view: DataView,
    start: number,
    end: number,
    each: (code: number, start: number, size: number) => void,
  ): void {
    let at = start
    while (end - at >= 4) {
      const code = view.getUint16(at, this.#littleEndian)
      const size = view.getUint16(at + 2, this.#littleEndian)
      if (code === options.end || at + 4 + size > end) return
      each(code, at + 4, size)
      at += 4 + ((size + 3) & ~3)
    }
  }
}

/** Blocks that no tool writes longer than a packet may be: a greater length is damage. */
function isShort(type: number): boolean {
  return type !== pcapngBlocks.decryptionSecrets && type !== pcapngBlocks.nameResolution && isKnown(type)
}

const knownBlocks: ReadonlySet<number> = new Set(Object.values(pcapngBlocks))

function isKnown(type: number): boolean {
  return knownBlocks.has(type)
}

/** What option if_tsresol says: a power of ten, or of two with the highest bit set. */
function ticks(resolution: number): { readonly ticksPerUs: number; readonly usPerTick: number } {
  const perSecond = resolution >= 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution
  const isWhole = resolution >= 6 && resolution <= 12
  return { ticksPerUs: isWhole ? 10 ** (resolution - 6) : 0, usPerTick: 1_000_000 / perSecond }
}

function timeUs(high: number, low: number, { ticksPerUs, usPerTick, offsetUs }: SectionInterface): number {
  // Both halves in one double would lose what is below 256 ns: 2^32 ticks are taken apart into whole microseconds and a
  // rest first.
  if (ticksPerUs === 1) return high * 0x1_0000_0000 + low + offsetUs
  if (ticksPerUs === 0) return (high * 0x1_0000_0000 + low) * usPerTick + offsetUs
  const rest = 0x1_0000_0000 % ticksPerUs
  const whole = (0x1_0000_0000 - rest) / ticksPerUs
  return high * whole + (high * rest + low) / ticksPerUs + offsetUs
}

function unsigned64(view: DataView, at: number, littleEndian: boolean): number {
  return Number(view.getBigUint64(at, littleEndian))
}

function signed64(view: DataView, at: number, littleEndian: boolean): number {
  return Number(view.getBigInt64(at, littleEndian))
}

/** Text of an option; control characters would reach a terminal. */
function textOption(bytes: Uint8Array): string {
  return (utf8(bytes) ?? latin1(bytes)).replace(/\p{Cc}/gu, ' ').trimEnd()
}
