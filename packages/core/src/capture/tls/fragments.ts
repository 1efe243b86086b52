import type { HandshakeMessage } from './association.ts'
import { type FragmentHolder, WaitingFragments } from './waiting-fragments.ts'

/** Bytes of the header of a handshake message in DTLS (RFC 6347 4.2.2). */
export const fragmentHeaderLength = 12

/** Longest message that is put together. */
const longestMessage = 64 * 1024

/** Messages from the next on that are put together: a whole flight has six. */
const mostAhead = 8

/** Bytes that wait in one side of a conversation. */
const mostBytes = 128 * 1024

/** What a kept piece costs besides its bytes: many small ones must not be free. */
const pieceOverhead = 64

/** Messages that were read and are recognised when they come again. */
const mostRemembered = 32

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

interface PartialMessage {
  readonly type: number
  /** Message number, two bytes. */
  readonly number: Uint8Array
  /** Bytes of the body, as its header states them. */
  readonly total: number
  /** Bytes of the body that have come. */
  received: number
  /** Parts of the body that have come, sorted and apart: what a header states takes no memory. */
  pieces: Piece[]
}

/** What became of a fragment. */
export type FragmentResult =
  | { readonly kind: 'taken' }
  | { readonly kind: 'repeated'; readonly message: HandshakeMessage }
  | { readonly kind: 'refused'; readonly reason: string }

/** Puts the handshake messages of one side together from fragments that come in any order and more than once. */
export class FragmentBuffer implements FragmentHolder {
  /** Number of the message to be read next; undefined before the first. */
  #next: number | undefined
  readonly #partial = new Map<number, PartialMessage>()
  /** Types of messages that were read, by number. */
  readonly #read = new Map<number, number>()
  readonly #shared: WaitingFragments
  #waiting = 0
  #hasForgotten = false

  /** Nothing has come yet; `shared` is what all conversations of a capture have together. */
  constructor(shared = new WaitingFragments()) {
    this.#shared = shared
  }

  /** Whether fragments were given up because too much waited in the whole capture. */
  get hasForgotten(): boolean {
    return this.#hasForgotten
  }

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
    const partial = this.#partial.get(number) ?? begin(bytes, start, type, total)
    if (partial.type !== type || partial.total !== total) {
      return { kind: 'refused', reason: 'fragments of one handshake message contradict each other' }
    }
    const fresh = missing(partial.pieces, offset, body)
    const cost = fresh.reduce((sum, piece) => sum + piece.bytes.length + pieceOverhead, 0)
    const isFirst = !this.#partial.has(number)
    if (this.#waiting + cost > mostBytes) {
      return { kind: 'refused', reason: 'handshake messages that are too long together' }
    }
    this.#partial.set(number, partial)
    partial.pieces = [...partial.pieces, ...fresh].sort((one, other) => one.start - other.start)
    partial.received += fresh.reduce((sum, piece) => sum + piece.bytes.length, 0)
    this.#count(cost + (isFirst ? pieceOverhead : 0))
    while (this.#shared.isTooMuch) {
      const [longest] = this.#shared.holders
      if (longest === undefined) break
      longest.forget()
    }
    return { kind: 'taken' }
  }

  /** Nothing more comes: what waits is dropped. */
  clear(): void {
    this.#partial.clear()
    this.#count(-this.#waiting)
  }

  forget(): void {
    this.#hasForgotten = true
    this.clear()
  }

  #count(bytes: number): void {
    this.#waiting += bytes
    this.#shared.total += bytes
    if (this.#waiting > 0) this.#shared.holders.add(this)
    else this.#shared.holders.delete(this)
  }

  #remove(number: number, partial: PartialMessage): void {
    this.#partial.delete(number)
    this.#count(-(partial.received + pieceOverhead * (partial.pieces.length + 1)))
  }

  /** Gives up waiting for messages that are missing: the next whole one is the next. Whether there is one. */
  skip(): boolean {
    if (this.#partial.size === 0) return false
    const whole = [...this.#partial].filter(([, partial]) => isWhole(partial)).map(([number]) => number)
    if (whole.length === 0) return false
    this.#next = Math.min(...whole)
    for (const [number, partial] of this.#partial) if (number < this.#next) this.#remove(number, partial)
    return true
  }

  /** The next message in order, if it is whole. */
  take(): HandshakeMessage | undefined {
    if (this.#next === undefined) return undefined
    const partial = this.#partial.get(this.#next)
    if (partial === undefined || !isWhole(partial)) return undefined
    this.#remove(this.#next, partial)
    this.#read.set(this.#next, partial.type)
    if (this.#read.size > mostRemembered) {
      const [oldest] = this.#read.keys()
      if (oldest !== undefined) this.#read.delete(oldest)
    }
    this.#next++
    const raw = joined(partial)
    return { type: partial.type, body: raw.subarray(fragmentHeaderLength), raw }
  }
}

function isWhole({ total, received, pieces }: PartialMessage): boolean {
  // A message without a body has one piece without bytes.
  return pieces.length > 0 && received === total
}

function number24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
}

function begin(bytes: Uint8Array, start: number, type: number, total: number): PartialMessage {
  return { type, number: bytes.slice(start + 4, start + 6), total, received: 0, pieces: [] }
}

/** Header and body, as if it had come in one piece (RFC 6347 4.2.6). */
function joined({ type, number, total, pieces }: PartialMessage): Uint8Array {
  const raw = new Uint8Array(fragmentHeaderLength + total)
  const length = [total >>> 16, (total >>> 8) & 0xff, total & 0xff]
  raw.set([type, ...length, ...number, 0, 0, 0, ...length])
  for (const { start, bytes } of pieces) raw.set(bytes, fragmentHeaderLength + start)
  return raw
}

/** Copies of those parts of a fragment that are in none of the pieces; of bytes that come twice the first count. */
function missing(pieces: readonly Piece[], start: number, body: Uint8Array): readonly Piece[] {
  if (body.length === 0) return pieces.length === 0 ? [{ start, bytes: new Uint8Array(0) }] : []
  const found: Piece[] = []
  const end = start + body.length
  let at = start
  const take = (to: number): void => {
    if (to > at) found.push({ start: at, bytes: body.slice(at - start, to - start) })
  }
  for (const piece of pieces) {
    if (piece.start >= end) break
    const pieceEnd = piece.start + piece.bytes.length
    if (pieceEnd <= at) continue
    take(piece.start)
    at = pieceEnd
  }
  take(end)
  return found
}
