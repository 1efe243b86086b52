import type { HandshakeMessage } from './association.ts'

/** Bytes of the header of a handshake message in DTLS (RFC 6347 4.2.2). */
export const fragmentHeaderLength = 12

/** Longest message that is put together. */
const longestMessage = 64 * 1024

/** Messages from the next on that are put together: a whole flight has six. */
const mostAhead = 8

/** Bytes of all messages that are put together at a time. */
const mostBytes = 128 * 1024

/** Messages that were read and are recognised when they come again. */
const mostRemembered = 32

interface PartialMessage {
  readonly type: number
  /** Header and body, as if it had come in one piece (RFC 6347 4.2.6). */
  readonly raw: Uint8Array
  /** Ranges of the body that have come, sorted and apart. */
  ranges: { start: number; end: number }[]
}

/** What became of a fragment. */
export type FragmentResult =
  | { readonly kind: 'taken' }
  | { readonly kind: 'repeated'; readonly message: HandshakeMessage }
  | { readonly kind: 'refused'; readonly reason: string }

/** Puts the handshake messages of one side together from fragments that come in any order and more than once. */
export class FragmentBuffer {
  /** Number of the message to be read next; undefined before the first. */
  #next: number | undefined
  readonly #partial = new Map<number, PartialMessage>()
  /** Types of messages that were read, by number. */
  readonly #read = new Map<number, number>()

  /** Number of the message and length of the fragment at `start`, its header included; undefined when it is cut off. */
  header(bytes: Uint8Array, start: number): { readonly number: number; readonly length: number } | undefined {
    if (bytes.length - start < fragmentHeaderLength) return undefined
    const length = fragmentHeaderLength + number24(bytes, start + 9)
    if (start + length > bytes.length) return undefined
    return { number: ((bytes[start + 4] ?? 0) << 8) | (bytes[start + 5] ?? 0), length }
  }

  /** Takes a fragment whose header is whole. */
  add(bytes: Uint8Array, start: number): FragmentResult {
    const type = bytes[start] ?? 0
    const total = number24(bytes, start + 1)
    const number = ((bytes[start + 4] ?? 0) << 8) | (bytes[start + 5] ?? 0)
    const offset = number24(bytes, start + 6)
    const length = number24(bytes, start + 9)
    const body = bytes.subarray(start + fragmentHeaderLength, start + fragmentHeaderLength + length)
    if (total > longestMessage || offset + length > total) {
      return { kind: 'refused', reason: `a handshake fragment of ${offset} + ${length} of ${total} bytes is not read` }
    }
    // A capture may begin within a handshake: then the first message that comes is the first.
    this.#next ??= number
    if (number < this.#next) {
      // One step for one message, however many fragments it has.
      if (offset > 0 || this.#read.get(number) !== type) return { kind: 'taken' }
      return { kind: 'repeated', message: { type, body: new Uint8Array(total), raw: new Uint8Array() } }
    }
    if (number >= this.#next + mostAhead)
      return { kind: 'refused', reason: 'a handshake message far ahead is not read' }
    let others = 0
    for (const [key, { raw }] of this.#partial) if (key !== number) others += raw.length
    if (others + total > mostBytes) return { kind: 'refused', reason: 'handshake messages that are too long together' }
    const partial = this.#partial.get(number) ?? begin(bytes, start, type, total)
    if (partial.type !== type || partial.raw.length !== fragmentHeaderLength + total) {
      return { kind: 'refused', reason: 'fragments of one handshake message contradict each other' }
    }
    this.#partial.set(number, partial)
    partial.raw.set(body, fragmentHeaderLength + offset)
    partial.ranges = withRange(partial.ranges, offset, offset + length)
    return { kind: 'taken' }
  }

  /** Gives up waiting for messages that are missing: the next whole one is the next. Whether there is one. */
  skip(): boolean {
    if (this.#partial.size === 0) return false
    const whole = [...this.#partial].filter(([, partial]) => isWhole(partial)).map(([number]) => number)
    if (whole.length === 0) return false
    this.#next = Math.min(...whole)
    for (const number of this.#partial.keys()) if (number < this.#next) this.#partial.delete(number)
    return true
  }

  /** The next message in order, if it is whole. */
  take(): HandshakeMessage | undefined {
    if (this.#next === undefined) return undefined
    const partial = this.#partial.get(this.#next)
    if (partial === undefined || !isWhole(partial)) return undefined
    this.#partial.delete(this.#next)
    this.#read.set(this.#next, partial.type)
    if (this.#read.size > mostRemembered) {
      const [oldest] = this.#read.keys()
      if (oldest !== undefined) this.#read.delete(oldest)
    }
    this.#next++
    return { type: partial.type, body: partial.raw.subarray(fragmentHeaderLength), raw: partial.raw }
  }
}

function isWhole({ raw, ranges }: PartialMessage): boolean {
  const length = raw.length - fragmentHeaderLength
  const [range, ...more] = ranges
  return more.length === 0 && range?.start === 0 && range.end === length
}

function number24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
}

function begin(bytes: Uint8Array, start: number, type: number, total: number): PartialMessage {
  const raw = new Uint8Array(fragmentHeaderLength + total)
  raw.set(bytes.subarray(start, start + 6))
  // Hashed as one fragment from 0 to the end.
  raw.set(bytes.subarray(start + 1, start + 4), 9)
  return { type, raw, ranges: [] }
}

/** Most separate pieces of one message; more is no flight but an attack on whoever puts it together. */
const mostRanges = 64

function withRange(
  ranges: readonly { start: number; end: number }[],
  start: number,
  end: number,
): { start: number; end: number }[] {
  const sorted = [...ranges, { start, end }].sort((a, b) => a.start - b.start)
  const merged: { start: number; end: number }[] = []
  for (const range of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end)
    else merged.push({ ...range })
  }
  return merged.slice(0, mostRanges)
}
