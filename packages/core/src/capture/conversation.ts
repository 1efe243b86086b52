/**
 * The seam between the network part of a capture (files, packets, reassembly) and those who read what two ends said to
 * each other. Consumers are driven packet by packet and keep only what they need: a capture may be larger than memory.
 * @module
 */

/** Who sent something: `client` sent the SYN or the first datagram, as far as the capture shows. */
export type Side = 'client' | 'server'

/** An end of a conversation. */
export interface CaptureEndpoint {
  /** Dotted IPv4 or RFC 5952 IPv6. */
  readonly address: string
  readonly port: number
}

/** A TCP connection or the datagrams between two endpoints. */
export interface Conversation {
  /** Counted up from 0 in the order of first packets. */
  readonly id: number
  readonly transport: 'tcp' | 'udp'
  readonly client: CaptureEndpoint
  readonly server: CaptureEndpoint
  /**
   * The capture has its beginning: without it sides are a guess by port numbers. Of datagrams it is true unless the port
   * numbers say that a server spoke first.
   */
  readonly begun: boolean
}

/** When something happened. One object serves a whole capture and changes with each packet: copy what is kept. */
export interface Moment {
  /** Number of the packet in its file, from 1, as other analysers count. */
  packet: number
  /** Microseconds since 1970, with a fraction where the file has nanoseconds. */
  timeUs: number
}

/**
 * How a conversation ended. `evicted`: forgotten to keep within memory; `reused`: another one began between the same
 * ports, and its own end was not captured.
 */
export type ConversationEnd = 'fin' | 'reset' | 'idle' | 'evicted' | 'reused' | 'end-of-capture'

/** Takes the bytes of a TCP connection, in order and each once. */
export interface StreamConsumer {
  /** The next bytes of one side. A view that is reused: copy what is kept. */
  data(side: Side, bytes: Uint8Array, moment: Moment): void
  /** So many bytes of one side are not in the capture. */
  gap(side: Side, length: number, moment: Moment): void
  /** Nothing more comes. */
  ended(how: ConversationEnd, moment: Moment): void
}

/** Takes datagrams as they were captured, in that order. */
export interface DatagramConsumer {
  /** The payload is `bytes[start..end)` of a buffer that is reused: nothing is allocated per packet. */
  datagram(side: Side, bytes: Uint8Array, start: number, end: number, moment: Moment): void
  /**
   * A datagram of which the capture holds only the beginning, `bytes[start..end)`; it had `length` bytes. Without this
   * it is counted and nothing else.
   */
  snapped?(side: Side, bytes: Uint8Array, start: number, end: number, length: number, moment: Moment): void
  /** Nothing more comes. */
  ended(how: ConversationEnd, moment: Moment): void
}

/** Who reads a conversation. Undefined: nobody; its packets and bytes are still counted. */
export interface Consumers {
  /** Who reads a TCP connection that begins. */
  stream(conversation: Conversation): StreamConsumer | undefined
  /** Who reads the datagrams between two endpoints. */
  datagrams(conversation: Conversation): DatagramConsumer | undefined
}
