import type { ConversationEnd, Moment, Side, StreamConsumer } from '../conversation.ts'
import type { NetworkLimits } from './limits.ts'
import { Stream, type StreamFigures, type WaitingBytes } from './stream.ts'

/** Bits of the TCP header's flags (RFC 9293, 3.1). */
export const tcpFlags = { fin: 0x01, syn: 0x02, rst: 0x04, ack: 0x10 } as const

/** A TCP segment as it lies in a packet; one object serves a whole capture. */
export interface TcpSegment {
  sourcePort: number
  destinationPort: number
  /** As a signed number. */
  sequence: number
  /** As a signed number; meaningless without its flag. */
  acknowledgment: number
  flags: number
  /** The captured part of the payload is `bytes[start..end)`. */
  bytes: Uint8Array
  start: number
  end: number
  /** Bytes of the payload on the wire. */
  length: number
}

/** What a segment did to its connection: `reopened` means that another connection between the same ports has begun. */
export type SegmentOutcome = 'taken' | 'reopened'

/** A TCP connection from both sides. */
export class TcpConnection {
  /** How it ended; undefined while it lives. */
  ended: ConversationEnd | undefined
  readonly #consumer: StreamConsumer
  readonly #moment: Moment
  readonly #streams: { readonly [S in Side]: Stream }
  /** First number of each side, where its SYN was captured. */
  readonly #first: { [S in Side]?: number } = {}
  /** Number behind the last byte of each side, where its FIN was captured. */
  readonly #last: { [S in Side]?: number } = {}
  /** Number of a SYN that does not belong to this connection. */
  #newFirst: number | undefined
  readonly #limits: NetworkLimits

  /** A connection whose bytes a consumer takes. */
  constructor(consumer: StreamConsumer, limits: NetworkLimits, moment: Moment, shared: WaitingBytes) {
    this.#consumer = consumer
    this.#limits = limits
    this.#moment = moment
    this.#streams = {
      client: new Stream('client', consumer, limits, moment, shared),
      server: new Stream('server', consumer, limits, moment, shared),
    }
  }

  /** What happened to the bytes of a side. */
  figures(side: Side): StreamFigures {
    return this.#streams[side].figures
  }

  /** Takes a segment of one side. After `reopened` the same segment belongs to a new connection. */
  segment(side: Side, segment: TcpSegment): SegmentOutcome {
    const { flags, sequence, acknowledgment, length } = segment
    const isSyn = (flags & tcpFlags.syn) !== 0
    if (isSyn) {
      const verdict = this.#judgeSyn(side, segment)
      if (verdict === 'new') return 'reopened'
      if (verdict === 'foreign') return 'taken'
    }
    if (this.ended !== undefined) return 'taken'
    const peer = side === 'client' ? 'server' : 'client'
    const own = this.#streams[side]
    const other = this.#streams[peer]
    const first = isSyn ? (sequence + 1) | 0 : sequence
    if (length > 0) own.segment(first, segment.bytes, segment.start, segment.end, length)
    else if (own.isStarted && sequence === ((own.next - 1) | 0) && (flags & ~tcpFlags.ack) === 0) {
      own.figures.keepAlives++
    }
    if ((flags & tcpFlags.fin) !== 0) this.#finished(side, (first + length) | 0)
    if ((flags & tcpFlags.ack) !== 0 && (flags & tcpFlags.rst) === 0) {
      // A side whose SYN was not captured begins where the other says, if that one's SYN was.
      if (!other.isStarted && this.#first[side] !== undefined) other.start(acknowledgment)
      // A FIN takes a number too.
      const last = this.#last[peer]
      other.acknowledged(last === ((acknowledgment - 1) | 0) ? last : acknowledgment)
    }
    own.tick()
    other.tick()
    if ((flags & tcpFlags.rst) !== 0) {
      if (this.#isPlausible(own, sequence)) this.end('reset')
      else own.figures.outOfWindow++
    } else if (this.#isDelivered('client') && this.#isDelivered('server')) this.end('fin')
    return 'taken'
  }

  /** Ends the connection: what waits is handed out with gaps, then the consumer is told. */
  end(how: ConversationEnd): void {
    if (this.ended !== undefined) return
    const finished = this.#last.client !== undefined && this.#last.server !== undefined
    this.ended = finished ? 'fin' : how
    this.#streams.client.finish()
    this.#streams.server.finish()
    this.#consumer.ended(this.ended, this.#moment)
  }

  /**
   * Whether a SYN belongs to this connection. On one that is closed a new one begins at once; on one that lives only when
   * the other side accepts it: anybody can send a SYN.
   */
  #judgeSyn(side: Side, { sequence, acknowledgment, flags }: TcpSegment): 'own' | 'new' | 'foreign' {
    const own = this.#streams[side]
    const other = this.#streams[side === 'client' ? 'server' : 'client']
    const isAnswer = (flags & tcpFlags.ack) !== 0
    if (isAnswer && this.#newFirst !== undefined && acknowledgment === ((this.#newFirst + 1) | 0)) return 'new'
    if (this.#first[side] === sequence) {
      own.figures.retransmitted++
      return 'own'
    }
    if (!own.isStarted && (isAnswer || !other.isStarted)) {
      this.#first[side] = sequence
      own.start((sequence + 1) | 0)
      return 'own'
    }
    if (!isAnswer && this.ended !== undefined) return 'new'
    if (!isAnswer) this.#newFirst = sequence
    own.figures.outOfWindow++
    return 'foreign'
  }

  #finished(side: Side, last: number): void {
    const stream = this.#streams[side]
    if (!stream.isStarted) stream.start(last)
    if (this.#isNear(stream, last)) this.#last[side] = last
    else stream.figures.outOfWindow++
  }

  #isDelivered(side: Side): boolean {
    return this.#last[side] !== undefined && this.#last[side] === this.#streams[side].next
  }

  /** A reset counts only near what is expected: anybody can send one. */
  #isPlausible(stream: Stream, sequence: number): boolean {
    return !stream.isStarted || this.#isNear(stream, sequence)
  }

  #isNear(stream: Stream, sequence: number): boolean {
    const ahead = (sequence - stream.next) | 0
    return ahead >= -1 && ahead <= this.#limits.streamBytes
  }
}
