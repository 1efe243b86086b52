import { MalformedMessage } from '../../errors.ts'
import { type CaptureFileHandler, type CaptureFormat, type Stretch, viewOf } from './format.ts'
import { PcapFormat, pcapHeaderLength, readPcapHeader } from './pcap.ts'
import { PcapngFormat, pcapngBlocks } from './pcapng.ts'
import { type CaptureFileReport, FileCounts } from './report.ts'

/** Reads a capture file piece by piece. */
export interface CaptureReader {
  /**
   * Takes the next bytes, as many as there are, and hands on every packet that is now whole. The chunk may be reused as
   * soon as this returns.
   * @throws MalformedMessage `unknown-value` when this is no capture file; damage further on is reported, not thrown
   */
  push(chunk: Uint8Array): void
  /**
   * The file ends here.
   * @throws MalformedMessage `truncated` when it is too short to be a capture file
   */
  end(): CaptureFileReport
  /** What was found so far. */
  report(): CaptureFileReport
}

/** A reader of pcap and pcapng files, which it tells apart itself. Memory is bounded by the longest record. */
export function captureReader(handler: CaptureFileHandler): CaptureReader {
  return new StreamReader(handler)
}

class StreamReader implements CaptureReader {
  readonly #handler: CaptureFileHandler
  readonly #counts = new FileCounts()
  #format: CaptureFormat | undefined
  #kind: 'pcap' | 'pcapng' | undefined
  /** The beginning of a record that is not whole yet: `#kept[#keptStart..#keptEnd)`. */
  #kept = new Uint8Array(4096)
  #keptView = viewOf(this.#kept)
  #keptStart = 0
  #keptEnd = 0
  /** Bytes still to come that nobody wants. */
  #skip = 0
  #pushed = 0

  constructor(handler: CaptureFileHandler) {
    this.#handler = handler
  }

  push(chunk: Uint8Array): void {
    const base = this.#pushed
    this.#pushed += chunk.length
    let at = 0
    const view = viewOf(chunk)
    while (at < chunk.length) {
      if (this.#counts.stopped) {
        this.#counts.lostBytes += chunk.length - at
        return
      }
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at)
        this.#skip -= skipped
        at += skipped
        continue
      }
      const kept = this.#keptEnd - this.#keptStart
      if (kept === 0) {
        const left = this.#read(chunk, view, at, chunk.length, base)
        at = left
        if (this.#counts.stopped || this.#skip > 0) continue
        this.#keep(chunk, left, chunk.length)
        return
      }
      // Only as much as the record needs: what follows is read where it is.
      const missing = (this.#format?.needed ?? pcapHeaderLength) - kept
      const taken = Math.min(Math.max(missing, 1), chunk.length - at)
      this.#keep(chunk, at, at + taken)
      at += taken
      if (taken < missing) return
      this.#readKept(base + at)
      // What is left over may stand in the chunk as well: it is read there again.
      const left = this.#keptEnd - this.#keptStart
      if (left > at) continue
      at -= left
      this.#keptEnd = this.#keptStart
    }
  }

  end(): CaptureFileReport {
    this.#finishKept()
    if (this.#format === undefined) {
      throw new MalformedMessage(
        'truncated',
        `expected a capture file (pcap or pcapng), got ${this.#pushed === 0 ? 'an empty file' : `${this.#pushed} bytes`}`,
      )
    }
    if (this.#skip > 0) {
      this.#counts.lostBytes -= this.#skip
      this.#counts.problem(this.#pushed, `the file ends ${this.#skip} bytes before the end of a block`)
      this.#skip = 0
    }
    return this.report()
  }

  #finishKept(): void {
    const kept = this.#keptStretch(this.#pushed)
    this.#keptEnd = this.#keptStart
    if (this.#format === undefined && this.#recognise(kept.bytes, kept.view, kept.start, kept.end) < 0) return
    if (!this.#counts.stopped) this.#format?.finish(kept)
  }

  report(): CaptureFileReport {
    const { problems, interfaces, ...numbers } = this.#counts
    return {
      ...numbers,
      format: this.#kind,
      bytes: this.#pushed,
      problems: [...problems],
      interfaces: [...interfaces],
    }
  }

  /** Reads whole records; returns the offset behind them, with {@link #skip} set where more is to be left out. */
  #read(bytes: Uint8Array, view: DataView, start: number, end: number, base: number): number {
    let at = start
    if (this.#format === undefined) {
      const behind = this.#recognise(bytes, view, at, end)
      if (behind < 0) return at
      at = behind
    }
    const format = this.#format
    while (format !== undefined && at < end) {
      at = format.read({ bytes, view, start: at, end, base })
      const skip = format.takeSkip()
      if (skip === 0) break
      const here = Math.min(skip, end - at)
      at += here
      this.#skip = skip - here
      if (this.#skip > 0) break
    }
    return at
  }

  /** Reads from the kept bytes; the chunk has been used up to the offset `pushed` of the file. */
  #readKept(pushed: number): void {
    const { bytes, view, start, end, base } = this.#keptStretch(pushed)
    this.#keptStart = this.#read(bytes, view, start, end, base)
    if (!this.#counts.stopped) return
    this.#counts.lostBytes += end - this.#keptStart
    this.#keptStart = end
  }

  /** The kept bytes, the last of which is the one before the offset `pushed` of the file. */
  #keptStretch(pushed: number): Stretch {
    const base = pushed - this.#keptEnd
    return { bytes: this.#kept, view: this.#keptView, start: this.#keptStart, end: this.#keptEnd, base }
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const kept = this.#keptEnd - this.#keptStart
    const length = kept + end - start
    if (this.#keptEnd + end - start > this.#kept.length) {
      // Moved only when it fills less than half of the buffer, so every moved byte is paid for by one that was read.
      const target = length * 2 > this.#kept.length ? new Uint8Array(length * 2) : this.#kept
      if (target === this.#kept) target.copyWithin(0, this.#keptStart, this.#keptEnd)
      else target.set(this.#kept.subarray(this.#keptStart, this.#keptEnd))
      if (target !== this.#kept) this.#keptView = viewOf(target)
      this.#kept = target
      this.#keptStart = 0
      this.#keptEnd = kept
    }
    this.#kept.set(bytes.subarray(start, end), this.#keptEnd)
    this.#keptEnd += end - start
  }

  /** Sets the format and returns the offset behind its header; below 0 while that is not whole. */
  #recognise(bytes: Uint8Array, view: DataView, at: number, end: number): number {
    if (end - at < 12) return -1
    if (view.getUint32(at, false) === pcapngBlocks.sectionHeader) {
      this.#kind = 'pcapng'
      this.#format = new PcapngFormat(this.#handler, this.#counts)
      return at
    }
    if (end - at < pcapHeaderLength) {
      refuseForeign(bytes, at, end)
      return -1
    }
    const header = readPcapHeader(view, at)
    if (header === undefined) {
      refuseForeign(bytes, at, end)
      throw new MalformedMessage(
        'unknown-value',
        `expected a capture file (pcap or pcapng), got one that begins with ${hex(bytes, at, 4)}; tcpdump, dumpcap and Wireshark write such files, editcap makes them from others`,
      )
    }
    if (header.major !== 2) {
      throw new MalformedMessage(
        'unknown-value',
        `expected a pcap file of version 2, got ${header.major}.${header.minor}`,
      )
    }
    this.#kind = 'pcap'
    this.#format = new PcapFormat(header, this.#handler, this.#counts)
    return at + pcapHeaderLength
  }
}

/** Beginnings of files that people take for captures. */
const foreign: readonly { readonly begins: readonly number[]; readonly what: string }[] = [
  { begins: [0x1f, 0x8b], what: 'a file packed with gzip; unpack it first (gunzip -c)' },
  { begins: [0x28, 0xb5, 0x2f, 0xfd], what: 'a file packed with Zstandard; unpack it first (zstd -dc)' },
  { begins: [0x04, 0x22, 0x4d, 0x18], what: 'a file packed with LZ4; unpack it first (lz4 -dc)' },
  { begins: [0xfd, 0x37, 0x7a, 0x58], what: 'a file packed with xz; unpack it first (xz -dc)' },
  { begins: [0x50, 0x4b, 0x03, 0x04], what: 'a zip archive; take the capture out of it first' },
  { begins: [0x73, 0x6e, 0x6f, 0x6f, 0x70], what: 'a snoop capture; convert it first (editcap -F pcapng)' },
]

function refuseForeign(bytes: Uint8Array, at: number, end: number): void {
  for (const { begins, what } of foreign) {
    if (end - at >= begins.length && begins.every((byte, place) => bytes[at + place] === byte)) {
      throw new MalformedMessage('unknown-value', `expected a capture file (pcap or pcapng), got ${what}`)
    }
  }
}

function hex(bytes: Uint8Array, at: number, length: number): string {
  return [...bytes.subarray(at, at + length)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
}
