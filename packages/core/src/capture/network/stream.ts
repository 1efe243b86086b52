import type { Moment, Side, StreamConsumer } from '../conversation.ts'
import { type NetworkLimits, pieceOverhead } from './limits.ts'

/** Bytes that wait in all TCP connections together, and whose. */
export class WaitingBytes {
  total = 0
  /** Bytes of delivered data that directions keep to compare repetitions with. */
  histories = 0
  /** In the order in which they began to wait. */
  readonly holders = new Set<Stream>()
}

/** What happened in one direction of a TCP connection. */
export interface StreamFigures {
  /** Segments that brought nothing new. */
  retransmitted: number
  /** Segments that came before others that precede them. */
  outOfOrder: number
  /** Stretches of bytes that are not in the capture. */
  gaps: number
  gapBytes: number
  /** Segments with bytes both new and known: what came first was kept. */
  overlaps: number
  /** Repeated bytes that differ from those that came first: a broken sender, or someone who wants to be misread. */
  conflicts: number
  keepAlives: number
  /** Segments so far from what is expected that they were not believed. */
  outOfWindow: number
}

interface Piece {
  readonly sequence: number
  /** Bytes on the wire; `bytes` has fewer where the packet was snapped. */
  readonly length: number
  readonly bytes: Uint8Array
}

/** Bytes delivered last that are kept, a power of two. */
const historyLength = 2048
/** Directions that keep a history at most. */
const maxHistories = 4096
/** Packets of a connection after which an acknowledged hole is believed: a capture may have two packets in the wrong order. */
const patience = 16

/**
 * One direction of a TCP connection: segments in any order go in, bytes come out in order and each once (RFC 9293,
 * 3.4). Of bytes that come twice the first count.
 */
export class Stream {
  readonly figures: StreamFigures = {
    retransmitted: 0,
    outOfOrder: 0,
    gaps: 0,
    gapBytes: 0,
    overlaps: 0,
    conflicts: 0,
    keepAlives: 0,
    outOfWindow: 0,
  }
  /** Sequence number that is expected next, as a signed number; meaningless before {@link isStarted}. */
  next = 0
  isStarted = false
  readonly #side: Side
  readonly #consumer: StreamConsumer
  readonly #limits: NetworkLimits
  readonly #moment: Moment
  readonly #shared: WaitingBytes
  readonly #pieces: Piece[] = []
  #waiting = 0
  #history: Uint8Array | undefined
  /** Delivered bytes, modulo the length of the history. */
  #historyAt = 0
  #historyFilled = 0
  /** Where the peer says it is, while that is behind a hole; for so many packets. */
  #acknowledged = 0
  #holePackets = -1
  /** Where a segment ended that was too far ahead to be believed. */
  #strayEnd: number | undefined

  /** A direction that hands its bytes to a consumer; `moment` is that of the current packet. */
  constructor(side: Side, consumer: StreamConsumer, limits: NetworkLimits, moment: Moment, shared: WaitingBytes) {
    this.#side = side
    this.#consumer = consumer
    this.#limits = limits
    this.#moment = moment
    this.#shared = shared
  }

  /** The first byte will have this number. */
  start(sequence: number): void {
    this.isStarted = true
    this.next = sequence | 0
  }

  /** Takes `length` bytes from `sequence` on, of which `bytes[start..end)` were captured. */
  segment(sequence: number, bytes: Uint8Array, start: number, end: number, length: number): void {
    if (!this.isStarted) this.start(sequence)
    const ahead = (sequence - this.next) | 0
    if (ahead === 0 && this.#pieces.length === 0) {
      this.#deliver(bytes, start, end, length)
      return
    }
    if (ahead > this.#limits.streamBytes || ahead < -0x4000_0000) {
      this.#stray(sequence, bytes, start, end, length)
      return
    }
    const known = ahead < 0 ? -ahead : 0
    if (known > 0) this.#compareHistory(sequence, bytes, start, Math.min(end, start + known))
    if (known >= length) {
      if (length <= 1 && known === 1) this.figures.keepAlives++
      else this.figures.retransmitted++
      return
    }
    if (known > 0) this.figures.overlaps++
    const from = Math.min(start + known, end)
    if (this.#pieces.length === 0 && ahead <= 0) {
      this.#deliver(bytes, from, end, length - known)
      return
    }
    if (ahead > 0) this.figures.outOfOrder++
    this.#insert((sequence + known) | 0, bytes, from, end, length - known)
    this.#drain()
    if (this.#waiting > this.#limits.streamBytes) this.#jump()
    while (this.#shared.total > this.#limits.totalBytes) {
      const [longest] = this.#shared.holders
      if (longest === undefined) break
      longest.#jump()
    }
  }

  /** The peer has everything before `sequence`, as it says. */
  acknowledged(sequence: number): void {
    if (!this.isStarted) return
    const ahead = (sequence - this.next) | 0
    if (ahead <= 0) return
    if (this.#holePackets < 0) {
      this.#holePackets = 0
      this.#acknowledged = sequence | 0
    } else if (((sequence - this.#acknowledged) | 0) > 0) this.#acknowledged = sequence | 0
  }

  /** Another packet of the connection, of either side, went by. */
  tick(): void {
    if (this.#holePackets < 0) return
    if (((this.#acknowledged - this.next) | 0) <= 0) {
      this.#holePackets = -1
      return
    }
    if (++this.#holePackets < patience) return
    const first = this.#pieces[0]
    if (first === undefined || ((this.#acknowledged - first.sequence) | 0) < 0) return
    this.#jump()
  }

  /** Hands out what waits, with gaps, and forgets everything. */
  finish(): void {
    while (this.#pieces.length > 0) this.#jump()
    const missing = (this.#acknowledged - this.next) | 0
    // One number alone is that of a FIN which was not captured.
    if (this.#holePackets >= 0 && missing > 1 && missing <= this.#limits.streamBytes) this.#gap(missing)
    this.#holePackets = -1
    if (this.#history !== undefined) this.#shared.histories--
    this.#history = undefined
  }

  /** Gives up waiting: what is missing before the first piece becomes a gap. */
  #jump(): void {
    const first = this.#pieces[0]
    if (first === undefined) return
    this.#gap((first.sequence - this.next) | 0)
    this.#drain()
  }

  /** A segment far from what is expected is believed when another follows it closely. */
  #stray(sequence: number, bytes: Uint8Array, start: number, end: number, length: number): void {
    const ahead = (sequence - this.next) | 0
    if (this.#strayEnd === sequence && ahead > 0) {
      while (this.#pieces.length > 0) this.#jump()
      this.#gap((sequence - this.next) | 0)
      this.segment(sequence, bytes, start, end, length)
      return
    }
    this.figures.outOfWindow++
    this.#strayEnd = (sequence + length) | 0
  }

  #gap(length: number): void {
    if (length <= 0) return
    this.figures.gaps++
    this.figures.gapBytes += length
    this.next = (this.next + length) | 0
    this.#historyFilled = 0
    this.#consumer.gap(this.#side, length, this.#moment)
  }

  #deliver(bytes: Uint8Array, start: number, end: number, length: number): void {
    if (end > start) {
      // Not by subarray: that of a Buffer is another Buffer, which costs more.
      const view = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)
      this.next = (this.next + view.length) | 0
      this.#remember(view)
      this.#consumer.data(this.#side, view, this.#moment)
    }
    this.#gap(length - (end - start))
  }

  /** Puts a segment among those that wait, where they leave room for it. */
  #insert(sequence: number, bytes: Uint8Array, start: number, end: number, length: number): void {
    let place = this.#placeOf(sequence)
    let done = 0
    let fresh = 0
    let known = 0
    while (done < length) {
      const piece = this.#pieces[place]
      const at = (sequence + done) | 0
      const room = piece === undefined ? length : (piece.sequence - at) | 0
      if (piece === undefined || room > 0) {
        const taken = Math.min(room, length - done)
        // Not by slice: that of a Buffer does not copy.
        const copy = new Uint8Array(bytes.subarray(Math.min(start + done, end), Math.min(start + done + taken, end)))
        this.#pieces.splice(place, 0, { sequence: at, length: taken, bytes: copy })
        this.#count(copy.length + pieceOverhead)
        done += taken
        fresh += taken
      } else {
        const shared = Math.min(length - done, piece.length + room)
        const differs = differ(piece.bytes, -room, bytes, start + done, Math.min(shared, end - start - done))
        if (differs) this.figures.conflicts++
        done += shared
        known += shared
      }
      place++
    }
    if (fresh === 0) this.figures.retransmitted++
    else if (known > 0) this.figures.overlaps++
  }

  /** Place of the first piece that ends behind a sequence number. */
  #placeOf(sequence: number): number {
    let low = 0
    let high = this.#pieces.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const piece = this.#pieces[middle]
      if (piece !== undefined && ((piece.sequence + piece.length - sequence) | 0) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #drain(): void {
    let count = 0
    for (let piece = this.#pieces[0]; piece?.sequence === this.next; piece = this.#pieces[++count]) {
      this.#count(-(piece.bytes.length + pieceOverhead))
      this.#deliver(piece.bytes, 0, piece.bytes.length, piece.length)
    }
    if (count > 0) this.#pieces.splice(0, count)
  }

  #count(bytes: number): void {
    if (this.#waiting === 0) this.#shared.holders.add(this)
    this.#waiting += bytes
    this.#shared.total += bytes
    if (this.#waiting === 0) this.#shared.holders.delete(this)
  }

  #remember(view: Uint8Array): void {
    if (this.#history === undefined) {
      if (this.#shared.histories >= maxHistories) return
      this.#shared.histories++
      this.#history = new Uint8Array(historyLength)
    }
    const kept = view.length > historyLength ? view.subarray(view.length - historyLength) : view
    const at = (this.#historyAt + view.length - kept.length) % historyLength
    const room = historyLength - at
    if (kept.length <= room) this.#history.set(kept, at)
    else {
      this.#history.set(kept.subarray(0, room), at)
      this.#history.set(kept.subarray(room), 0)
    }
    this.#historyAt = (at + kept.length) % historyLength
    this.#historyFilled = Math.min(historyLength, this.#historyFilled + kept.length)
  }

  /** Compares repeated bytes with those that were delivered, as far back as they are kept. */
  #compareHistory(sequence: number, bytes: Uint8Array, start: number, end: number): void {
    const history = this.#history
    if (history === undefined) return
    const back = (this.next - sequence) | 0
    for (let i = Math.max(0, back - this.#historyFilled); i < end - start; i++) {
      const at = (this.#historyAt - back + i + 2 * historyLength) % historyLength
      if (history[at] === bytes[start + i]) continue
      // A keep-alive repeats the last byte with any content (RFC 9293, 3.8.4).
      if (end - start > 1 || back !== 1) this.figures.conflicts++
      return
    }
  }
}

/** Whether two stretches of up to `length` bytes differ where both have bytes. */
function differ(one: Uint8Array, from: number, other: Uint8Array, start: number, length: number): boolean {
  for (let i = 0; i < Math.min(length, one.length - from); i++) if (one[from + i] !== other[start + i]) return true
  return false
}
