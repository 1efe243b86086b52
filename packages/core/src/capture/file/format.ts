import type { CapturedPacket } from './captured-packet.ts'

/** Who takes what a capture file holds. */
export interface CaptureFileHandler {
  /** The next packet, see {@link CapturedPacket}: one object for all. */
  packet(packet: CapturedPacket): void
  /** Text in the NSS key log format from a Decryption Secrets Block. It is secret: never to be printed. */
  secrets?(keyLog: string): void
}

/** A stretch of a file in memory. */
export interface Stretch {
  readonly bytes: Uint8Array
  /** Over the same bytes. */
  readonly view: DataView
  /** Readable are `bytes[start..end)`. */
  readonly start: number
  readonly end: number
  /** Offset in the file of `bytes[0]`; may be negative. */
  readonly base: number
}

/** One of the file formats: reads whole records from stretches of the file. */
export interface CaptureFormat {
  /**
   * Reads all whole records of a stretch and returns the offset in `bytes` behind them. What is left, if anything, must
   * stand at the beginning of the next stretch, lengthened to {@link needed} bytes.
   */
  read(stretch: Stretch): number
  /** Bytes that the record at the returned offset needs. */
  readonly needed: number
  /** Bytes behind the returned offset that nobody wants to see; {@link needed} counts from behind them. */
  takeSkip(): number
  /** The file ends behind this stretch, which {@link read} left over. */
  finish(stretch: Stretch): void
}

/** The view of a buffer. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
