import { MalformedMessage } from '../errors.ts'
import { encapsulationHeaderLength, maxEncapsulationDataLength } from './header.ts'

/**
 * Cuts a byte stream (TCP, TLS) into whole encapsulated messages, header included. Feed it with {@link push} and take
 * messages with {@link next} until there is none. It never holds more than one unfinished message, its memory grows
 * with what arrived and not with what a header promises, and the work is linear in the bytes however they are cut.
 */
export class FrameSplitter {
  readonly #maximum: number
  /** Bytes not yet taken are `#bytes[#start..#end)`; what lies behind `#end` is free if the buffer is our own. */
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0
  #own = false
  #copied = 0

  /** A splitter for messages of at most `maximumDataLength` bytes behind the header (65511 unless told). */
  constructor(maximumDataLength = maxEncapsulationDataLength) {
    this.#maximum = maximumDataLength
  }

  /** Bytes that wait for the rest of their message. */
  get buffered(): number {
    return this.#end - this.#start
  }

  /** Bytes copied since the beginning: how tests see that the work is linear. */
  get copied(): number {
    return this.#copied
  }

  /**
   * Adds received bytes. The chunk must stay untouched until {@link next} has given `undefined`; messages taken before
   * that may be views of it.
   */
  push(chunk: Uint8Array): void {
    if (this.#start === this.#end) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#own = false
      return
    }
    this.#append(chunk)
  }

  /**
   * The next whole message, or undefined until more bytes come.
   * @throws MalformedMessage `out-of-range` where a header promises more than the maximum: the stream cannot be
   * followed any further, close it
   */
  next(): Uint8Array | undefined {
    const available = this.#end - this.#start
    if (available >= 4) {
      const length = (this.#bytes[this.#start + 2] ?? 0) | ((this.#bytes[this.#start + 3] ?? 0) << 8)
      if (length > this.#maximum) {
        throw new MalformedMessage(
          'out-of-range',
          `encapsulation header: expected at most ${this.#maximum} data bytes, got ${length}`,
          { details: { path: 'length', offset: 2 } },
        )
      }
      const total = encapsulationHeaderLength + length
      if (available >= total) {
        const frame = this.#bytes.subarray(this.#start, this.#start + total)
        this.#start += total
        return frame
      }
    }
    this.#keep()
    return undefined
  }

  /** Copies a remainder out of the caller's chunk, or out of a buffer that is much too large for it. */
  #keep(): void {
    if (this.#start === this.#end) {
      this.#bytes = new Uint8Array(0)
      this.#start = 0
      this.#end = 0
      return
    }
    const waiting = this.#end - this.#start
    // Our own buffer is left only when most of it was taken, so every copied byte is paid for by a taken one.
    if (this.#own && this.#start <= waiting) return
    this.#move(waiting)
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#end - this.#start + chunk.length
    // Messages already handed out are views of this buffer, so only the room behind the end may be written.
    if (!this.#own || this.#end + chunk.length > this.#bytes.length) this.#move(Math.max(needed, this.buffered * 2))
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
    this.#copied += chunk.length
  }

  #move(capacity: number): void {
    const waiting = this.#bytes.subarray(this.#start, this.#end)
    const bytes = new Uint8Array(Math.max(capacity, encapsulationHeaderLength))
    bytes.set(waiting)
    this.#copied += waiting.length
    this.#bytes = bytes
    this.#start = 0
    this.#end = waiting.length
    this.#own = true
  }
}
