import { MalformedMessage, type MalformedCode } from '../errors.ts'

/**
 * A cursor over received bytes. Every read is bounded: what lies beyond `end` does not exist. Failures are
 * {@link MalformedMessage} and name the field path and the offset from the start of the message.
 */
export class Reader {
  readonly bytes: Uint8Array
  /** Offset of the next byte to read. */
  offset: number
  /** Offset behind the last readable byte. */
  readonly end: number
  readonly #path: string[]
  /** Made for the few fields that need it. */
  #view: DataView | undefined

  /** A cursor from `offset` to `end` of `bytes`; the bytes are not copied. */
  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length, path: readonly string[] = []) {
    this.bytes = bytes
    this.offset = offset
    this.end = end
    this.#path = [...path]
  }

  #wide(): DataView {
    const { buffer, byteOffset, byteLength } = this.bytes
    this.#view ??= new DataView(buffer, byteOffset, byteLength)
    return this.#view
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.end - this.offset
  }

  /** Names the field that is read next, for errors. */
  enter(field: string): void {
    this.#path.push(field)
  }

  /** Ends what {@link enter} began. */
  leave(): void {
    this.#path.pop()
  }

  /** The error for what stands at the cursor. */
  malformed(code: MalformedCode, message: string): MalformedMessage {
    const path = this.#path.join('.')
    return new MalformedMessage(code, `${path === '' ? 'message' : path} at byte ${this.offset}: ${message}`, {
      details: { path, offset: this.offset },
    })
  }

  /** Claims `length` bytes and returns the offset of the first. */
  take(length: number): number {
    if (length > this.remaining) throw this.malformed('truncated', `expected ${length} bytes, ${this.remaining} left`)
    const start = this.offset
    this.offset += length
    return start
  }

  /** The next `length` bytes, as a view that shares memory with the message. */
  view(length: number): Uint8Array {
    const start = this.take(length)
    return this.bytes.subarray(start, start + length)
  }

  /** The next `length` bytes, copied: safe to keep when the message buffer is reused. */
  copy(length: number): Uint8Array {
    const start = this.take(length)
    return this.bytes.slice(start, start + length)
  }

  /** A cursor over the next `length` bytes alone; this cursor moves behind them. */
  section(length: number): Reader {
    const start = this.take(length)
    return new Reader(this.bytes, start, start + length, this.#path)
  }

  /** Refuses bytes that nobody read. */
  finish(): void {
    if (this.remaining > 0) throw this.malformed('trailing', `${this.remaining} bytes too many`)
  }

  /** Next byte, unsigned. */
  u8(): number {
    return this.bytes[this.take(1)] ?? 0
  }

  /** Next 2 bytes, little-endian unless told. */
  u16(littleEndian = true): number {
    const start = this.take(2)
    const first = this.bytes[start] ?? 0
    const second = this.bytes[start + 1] ?? 0
    return littleEndian ? first | (second << 8) : (first << 8) | second
  }

  /** Next 4 bytes, little-endian unless told. */
  u32(littleEndian = true): number {
    const start = this.take(4)
    let value = 0
    for (let i = 0; i < 4; i++) value = (value << 8) | (this.bytes[littleEndian ? start + 3 - i : start + i] ?? 0)
    return value >>> 0
  }

  /** Next 8 bytes, little-endian unless told. */
  u64(littleEndian = true): bigint {
    return this.#wide().getBigUint64(this.take(8), littleEndian)
  }

  /** Next byte, signed. */
  i8(): number {
    return this.#wide().getInt8(this.take(1))
  }

  /** Next 2 bytes, signed little-endian. */
  i16(): number {
    return this.#wide().getInt16(this.take(2), true)
  }

  /** Next 4 bytes, signed little-endian. */
  i32(): number {
    return this.#wide().getInt32(this.take(4), true)
  }

  /** Next 8 bytes, signed little-endian. */
  i64(): bigint {
    return this.#wide().getBigInt64(this.take(8), true)
  }

  /** IEEE 754 single, little-endian. */
  f32(): number {
    return this.#wide().getFloat32(this.take(4), true)
  }

  /** IEEE 754 double, little-endian. */
  f64(): number {
    return this.#wide().getFloat64(this.take(8), true)
  }
}
