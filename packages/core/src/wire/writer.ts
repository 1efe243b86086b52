import { UsageError } from '../errors.ts'

/** A growing buffer. Lengths that are known only afterwards are patched back with {@link Writer.patch16}. */
export class Writer {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  /** An empty buffer with room for `capacity` bytes before it has to grow. */
  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  #room(length: number): number {
    const start = this.#length
    const needed = start + length
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, start))
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    this.#length = needed
    return start
  }

  /** What was written, as a view of the internal buffer: write nothing more afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Appends bytes. */
  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#room(value.length))
  }

  /** Appends `length` zero bytes. */
  zeros(length: number): void {
    const start = this.#room(length)
    this.#bytes.fill(0, start, start + length)
  }

  /** Appends one byte. @throws UsageError `bad-value` outside 0..255 */
  u8(value: number): void {
    check(value, 0, 0xff, 'one byte')
    this.#view.setUint8(this.#room(1), value)
  }

  /** Appends 2 bytes. @throws UsageError `bad-value` outside 0..65535 */
  u16(value: number, littleEndian = true): void {
    check(value, 0, 0xffff, 'two bytes')
    this.#view.setUint16(this.#room(2), value, littleEndian)
  }

  /** Appends 4 bytes. @throws UsageError `bad-value` outside 0..2^32-1 */
  u32(value: number, littleEndian = true): void {
    check(value, 0, 0xffff_ffff, 'four bytes')
    this.#view.setUint32(this.#room(4), value, littleEndian)
  }

  /** Appends 8 bytes. @throws UsageError `bad-value` outside 0..2^64-1 */
  u64(value: bigint, littleEndian = true): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new UsageError('bad-value', `expected 0..2^64-1 for eight bytes, got ${value}`)
    }
    this.#view.setBigUint64(this.#room(8), value, littleEndian)
  }

  /** Appends one signed byte. @throws UsageError `bad-value` outside -128..127 */
  i8(value: number): void {
    check(value, -0x80, 0x7f, 'one signed byte')
    this.#view.setInt8(this.#room(1), value)
  }

  /** Appends 2 signed bytes. @throws UsageError `bad-value` outside -32768..32767 */
  i16(value: number): void {
    check(value, -0x8000, 0x7fff, 'two signed bytes')
    this.#view.setInt16(this.#room(2), value, true)
  }

  /** Appends 4 signed bytes. @throws UsageError `bad-value` outside -2^31..2^31-1 */
  i32(value: number): void {
    check(value, -0x8000_0000, 0x7fff_ffff, 'four signed bytes')
    this.#view.setInt32(this.#room(4), value, true)
  }

  /** Appends 8 signed bytes. @throws UsageError `bad-value` outside -2^63..2^63-1 */
  i64(value: bigint): void {
    if (value < -0x8000_0000_0000_0000n || value > 0x7fff_ffff_ffff_ffffn) {
      throw new UsageError('bad-value', `expected -2^63..2^63-1 for eight signed bytes, got ${value}`)
    }
    this.#view.setBigInt64(this.#room(8), value, true)
  }

  /** Appends an IEEE 754 single. */
  f32(value: number): void {
    this.#view.setFloat32(this.#room(4), value, true)
  }

  /** Appends an IEEE 754 double. */
  f64(value: number): void {
    this.#view.setFloat64(this.#room(8), value, true)
  }

  /** Overwrites the byte at `offset`. @throws UsageError `bad-value` outside 0..255 */
  patch8(offset: number, value: number): void {
    check(value, 0, 0xff, 'a one-byte length')
    this.#view.setUint8(offset, value)
  }

  /** Overwrites the 2 bytes at `offset`, little-endian. @throws UsageError `bad-value` outside 0..65535 */
  patch16(offset: number, value: number): void {
    check(value, 0, 0xffff, 'a two-byte length')
    this.#view.setUint16(offset, value, true)
  }
}

function check(value: number, low: number, high: number, what: string): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new UsageError('bad-value', `expected an integer ${low}..${high} for ${what}, got ${value}`)
  }
}
