import { longestRequestBody } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'

/**
 * How much the EST listener lets its clients take. The defaults hold on a machine of one core and 512 MiB: 1024
 * connections in TLS are some 60 MiB, and bodies at most 128 MiB more when every one of them is hostile.
 */
export interface EstLimits {
  /** Connections at once. At the limit, the address that holds most of them gives one up, or the newcomer is refused. */
  readonly connections: number
  /** Connections at once from one address (IPv6: from one /64). */
  readonly connectionsPerAddress: number
  /** TLS handshakes under way at once. */
  readonly handshakes: number
  /** New connections of one address per second, in the long run; the rest is closed before its handshake. */
  readonly connectsPerSecond: number
  /** New connections of one address at one moment, after a pause. */
  readonly connectBurst: number
  /** Requests of one address per second, in the long run; the rest is answered 429. */
  readonly requestsPerSecond: number
  /** Requests of one address at one moment, after a pause. */
  readonly requestBurst: number
  /** Requests of all addresses per second, in the long run; the rest is answered 429. */
  readonly totalPerSecond: number
  /** Requests of all addresses at one moment. */
  readonly totalBurst: number
  /** Addresses whose recent requests are remembered; the longest idle are forgotten first. */
  readonly addresses: number
  /** Bytes of a body, counted before anything is decoded. Larger is answered 413. */
  readonly bodyBytes: number
  /** Pieces in which a body may arrive: chunks, or TLS records. Who sends more is cut off. */
  readonly bodyPieces: number
  /** Bytes of request line and headers together. Larger is answered 431. */
  readonly headerBytes: number
  /** Requests on one connection. */
  readonly requestsPerConnection: number
  /** Milliseconds from the TCP connection to the end of the TLS handshake. Here as below, who is slower is cut off. */
  readonly handshakeMs: number
  /** Milliseconds from there, or from the last answer, until the headers of a request are complete. */
  readonly headersMs: number
  /** Milliseconds from there until its body is complete. */
  readonly bodyMs: number
  /** Milliseconds for the decision, and for the client to take the answer. */
  readonly answerMs: number
  /** Milliseconds without a byte after an answer. */
  readonly idleMs: number
}

/** Limits where nobody sets others. */
export const defaultEstLimits: EstLimits = {
  connections: 1024,
  connectionsPerAddress: 64,
  handshakes: 512,
  connectsPerSecond: 50,
  connectBurst: 200,
  requestsPerSecond: 20,
  requestBurst: 100,
  totalPerSecond: 1000,
  totalBurst: 2000,
  addresses: 4096,
  bodyBytes: longestRequestBody,
  bodyPieces: 512,
  headerBytes: 8192,
  requestsPerConnection: 100,
  handshakeMs: 10_000,
  headersMs: 10_000,
  bodyMs: 15_000,
  answerMs: 60_000,
  idleMs: 5_000,
}

/**
 * The defaults with some limits replaced.
 * @throws UsageError `bad-value` for a limit that is no positive number, or too large for a body to be decoded
 */
export function estLimits(changed: Partial<EstLimits> = {}): EstLimits {
  const limits = { ...defaultEstLimits, ...changed }
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value)) {
      throw new UsageError('bad-value', `EST limit ${name}: expected a number above 0, got ${value}`)
    }
  }
  if (limits.bodyBytes > longestRequestBody) {
    throw new UsageError('bad-value', `EST limit bodyBytes: expected at most ${longestRequestBody}`)
  }
  return limits
}
