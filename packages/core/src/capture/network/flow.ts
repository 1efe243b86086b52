import type { Conversation, ConversationEnd, DatagramConsumer, Side } from '../conversation.ts'
import type { StreamFigures } from './stream.ts'
import type { TcpConnection } from './tcp.ts'

/** What a side of a conversation sent. */
export interface SideFigures {
  readonly packets: number
  /** Bytes above TCP or UDP on the wire, repetitions included. */
  readonly bytes: number
  /** Packets captured without their end. */
  readonly snapped: number
  /** Of a TCP connection that somebody read; undefined for others: nothing was put in order. */
  readonly stream: Readonly<StreamFigures> | undefined
}

/** A conversation when it is over, with what was counted. */
export interface ConversationSummary {
  readonly conversation: Conversation
  readonly ended: ConversationEnd
  /** Number of the first packet. */
  readonly firstPacket: number
  /** Microseconds since 1970, as {@link Moment} has them. */
  readonly firstUs: number
  readonly lastUs: number
  readonly client: SideFigures
  readonly server: SideFigures
}

/** A conversation that goes on. */
export class Flow {
  readonly conversation: Conversation
  /** The client is the lower of the two ends, in the order of the table. */
  readonly clientIsLow: boolean
  /** Place in the table. */
  readonly bucket: number
  readonly firstPacket: number
  readonly firstUs: number
  // A floating-point number from the beginning, or the engine would make an object of every later value.
  lastUs = Number.NaN
  clientPackets = 0
  serverPackets = 0
  clientBytes = 0
  serverBytes = 0
  clientSnapped = 0
  serverSnapped = 0
  /** A TCP connection that is over, or that nobody reads and one side has left. */
  isClosed = false
  datagrams: DatagramConsumer | undefined
  tcp: TcpConnection | undefined

  /** A conversation whose first packet is this one. */
  constructor(
    conversation: Conversation,
    clientIsLow: boolean,
    bucket: number,
    moment: { readonly packet: number; readonly timeUs: number },
  ) {
    this.conversation = conversation
    this.clientIsLow = clientIsLow
    this.bucket = bucket
    this.firstPacket = moment.packet
    this.firstUs = moment.timeUs
    this.lastUs = moment.timeUs
  }

  /** What there is to say of it. */
  summary(ended: ConversationEnd): ConversationSummary {
    const { conversation, firstPacket, firstUs, lastUs } = this
    return {
      conversation,
      ended: this.tcp?.ended ?? ended,
      firstPacket,
      firstUs,
      lastUs,
      client: this.#side('client', this.clientPackets, this.clientBytes, this.clientSnapped),
      server: this.#side('server', this.serverPackets, this.serverBytes, this.serverSnapped),
    }
  }

  #side(side: Side, packets: number, bytes: number, snapped: number): SideFigures {
    return { packets, bytes, snapped, stream: this.tcp === undefined ? undefined : { ...this.tcp.figures(side) } }
  }
}
