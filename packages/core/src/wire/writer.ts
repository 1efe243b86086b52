import { UsageError } from '../errors.ts'

/** A growing buffer. Lengths that are known only afterwards are patched back with {@link Writer.patch16}. */
export class Writer {
  #bytes: Uint8Array
  /** Made for the few fields that need it: most messages hold none. */
  #view: DataView | undefined
  #length = 0

  /** An empty buffer with room for `capacity` bytes before it has to grow. */
  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Claims room; growing replaces the buffer, so call it before touching `#bytes` or `#view`. */
  #room(length: number): number {
    const start = this.#length
    const needed = start + length
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, start))
      this.#bytes = grown
      this.#view = undefined
    }
    this.#length = needed
    return start
  }

  #wide(): DataView {
    this.#view ??= new DataView(this.#bytes.buffer)
    return this.#view
  }

  /** What was written, as a view of the internal buffer: write nothing more afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Appends bytes. */
  bytes(value: Uint8Array): void {
    const start = this.#room(value.length)
    this.#bytes.set(value, start)
  }

  /** Appends `length` zero bytes. */
  zeros(length: number): void {
    const start = this.#room(length)
    this.#bytes.fill(0, start, start + length)
  }

  /** Appends one byte. @throws UsageError `bad-value` outside 0..255 */
  u8(value: number): void {
    check(value, 0, 0xff, 'one byte')
    const start = this.#room(1)
    this.#bytes[start] = value
  }

  /** Appends 2 bytes. @throws UsageError `bad-value` outside 0..65535 */
  u16(value: number, littleEndian = true): void {
    check(value, 0, 0xffff, 'two bytes')
    const start = this.#room(2)
    this.#bytes[littleEndian ? start : start + 1] = value
    this.#bytes[littleEndian ? start + 1 : start] = value >>> 8
  }

  /** Appends 4 bytes. @throws UsageError `bad-value` outside 0..2^32-1 */
  u32(value: number, littleEndian = true): void {
    check(value, 0, 0xffff_ffff, 'four bytes')
    const start = this.#room(4)
    for (let i = 0; i < 4; i++) this.#bytes[littleEndian ? start + i : start + 3 - i] = value >>> (8 * i)
  }

  /** Appends 8 bytes. @throws UsageError `bad-value` outside 0..2^64-1 */
  u64(value: bigint, littleEndian = true): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new UsageError('bad-value', `expected 0..2^64-1 for eight bytes, got ${value}`)
    }
    const start = this.#room(8)
    this.#wide().setBigUint64(start, value, littleEndian)
  }

  /** Appends one signed byte. @throws UsageError `bad-value` outside -128..127 */
  i8(value: number): void {
    check(value, -0x80, 0x7f, 'one signed byte')
    const start = this.#room(1)
    this.#wide().setInt8(start, value)
  }

  /** Appends 2 signed bytes. @throws UsageError `bad-value` outside -32768..32767 */
  i16(value: number): void {
    check(value, -0x8000, 0x7fff, 'two signed bytes')
    const start = this.#room(2)
    this.#wide().setInt16(start, value, true)
  }

  /** Appends 4 signed bytes. @throws UsageError `bad-value` outside -2^31..2^31-1 */
  i32(value: number): void {
    check(value, -0x8000_0000, 0x7fff_ffff, 'four signed bytes')
    const start = this.#room(4)
    this.#wide().setInt32(start, value, true)
  }

  /** Appends 8 signed bytes. @throws UsageError `bad-value` outside -2^63..2^63-1 */
  i64(value: bigint): void {
    if (value < -0x8000_0000_0000_0000n || value > 0x7fff_ffff_ffff_ffffn) {
      throw new UsageError('bad-value', `expected -2^63..2^63-1 for eight signed bytes, got ${value}`)
    }
    const start = this.#room(8)
    this.#wide().setBigInt64(start, value, true)
  }

  /** Appends an IEEE 754 single. */
  f32(value: number): void {
    const start = this.#room(4)
    this.#wide().setFloat32(start, value, true)
  }

  /** Appends an IEEE 754 double. */
  f64(value: number): void {
    const start = this.#room(8)
    this.#wide().setFloat64(start, value, true)
  }

  /** Overwrites the byte at `offset`. @throws UsageError `bad-value` outside 0..255 */
  patch8(offset: number, value: number): void {
    check(value, 0, 0xff, 'a one-byte length')
    this.#bytes[offset] = value
  }

  /** Overwrites the 2 bytes at `offset`, little-endian. @throws UsageError `bad-value` outside 0..65535 */
  patch16(offset: number, value: number): void {
    check(value, 0, 0xffff, 'a two-byte length')
    this.#bytes[offset] = value
    this.#bytes[offset + 1] = value >>> 8
  }
}

function check(value: number, low: number, high: number, what: string): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new UsageError('bad-value', `expected an integer ${low}..${high} for ${what}, got ${value}`)
  }
}
