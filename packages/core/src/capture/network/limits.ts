/** What the network part of a capture may hold in memory. Reaching a limit is counted, never an error. */
export interface NetworkLimits {
  /** Conversations at once; the least recently used one goes first, closed ones before all others. */
  readonly conversations: number
  /** Bytes that wait in one direction of a TCP connection for those before them; also the farthest a segment may be ahead. */
  readonly streamBytes: number
  /** Bytes that wait in all TCP connections. */
  readonly totalBytes: number
  /** Fragmented datagrams at once. */
  readonly fragmentedDatagrams: number
  /** Bytes of all fragments that wait. */
  readonly fragmentBytes: number
  /** How long a fragment waits for the others, by the times of the packets. */
  readonly fragmentMs: number
  /** After such a silence the next datagram between two endpoints begins a new conversation. */
  readonly udpIdleMs: number
  /** How long a closed TCP connection is remembered, so that late packets do not count as a new one. */
  readonly closedMs: number
}

/** Limits that keep a capture with any content within some tens of MiB. */
export const defaultNetworkLimits: NetworkLimits = {
  conversations: 32_768,
  streamBytes: 1024 * 1024,
  totalBytes: 16 * 1024 * 1024,
  fragmentedDatagrams: 256,
  fragmentBytes: 4 * 1024 * 1024,
  fragmentMs: 30_000,
  udpIdleMs: 300_000,
  closedMs: 60_000,
}

/** What a kept piece costs besides its bytes, for the count against a limit: many small ones must not be free. */
export const pieceOverhead = 256
