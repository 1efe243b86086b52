import type { AnyError } from '@cordon/core/errors'
import type { Cable } from './cable.ts'

/** An IP address and a port. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** The five ways to carry EtherNet/IP bytes; `memory` joins two ends inside one process. */
export type TransportKind = 'tcp' | 'tls' | 'udp' | 'dtls' | 'memory'

/** What a (D)TLS handshake negotiated and proved about the peer. */
export interface TransportSecurity {
  /** IANA number of the suite. */
  readonly suite: number
  /** IANA name of the suite. */
  readonly suiteName: string
  /** `TLSv1.2`, `DTLSv1.2`. */
  readonly version: string
  /** False for the integrity-only suites. */
  readonly encrypts: boolean
  /** How the peer proved itself. A server certificate accepted unseen in commissioning counts as `none`. */
  readonly authenticated: 'certificate' | 'psk' | 'none'
  /** The peer's certificates, DER, end entity first; empty without one. */
  readonly peerChain: readonly Uint8Array[]
  /** The peer's PSK identity as it came. */
  readonly pskIdentity?: Uint8Array
  /** The handshake took up an earlier session. */
  readonly resumed: boolean
}

/** What the user of a transport hears. Calls come one at a time and never during {@link Transport.send}. */
export interface TransportHandlers {
  /** A chunk of the stream, or exactly one datagram. The bytes belong to the receiver. */
  data(bytes: Uint8Array): void
  /** There is room again after {@link Transport.send} returned false. */
  drain?(): void
  /** The last call: without an error the end was orderly. */
  closed(error?: AnyError): void
}

/** How much a transport holds back for a slow peer or a slow user. */
export interface TransportLimits {
  /** Bytes waiting to be sent above which {@link Transport.send} returns false. Default 64 KiB. */
  readonly highWaterMark: number
  /** Bytes waiting to be sent above which the transport gives up on the peer. Default 4 MiB. */
  readonly maxQueued: number
}

/** The limits used where none are given. */
export const defaultTransportLimits: TransportLimits = { highWaterMark: 64 * 1024, maxQueued: 4 * 1024 * 1024 }

/**
 * One association with a peer that carries bytes: a stream (tcp, tls) or datagrams with their boundaries kept
 * (udp, dtls). An open transport holds what arrives until {@link Transport.attach}.
 */
export interface Transport {
  readonly kind: TransportKind
  readonly boundaries: 'stream' | 'datagram'
  readonly local: Endpoint
  readonly remote: Endpoint
  /** Present on tls and dtls. */
  readonly security: TransportSecurity | undefined
  readonly state: 'open' | 'closed'
  /** Names the listener. Only once. @throws UsageError `bad-option` the second time */
  attach(handlers: TransportHandlers): void
  /**
   * Hands bytes to the peer; the caller does not change them afterwards. False asks to wait for `drain`; more than
   * {@link TransportLimits.maxQueued} waiting bytes end a stream, while a datagram that finds no room is dropped.
   * A closed transport drops what it is given. A datagram may have a mark of its own (DSCP, 0..63).
   */
  send(bytes: Uint8Array, dscp?: number): boolean
  /** Stops delivery, and through the kernel's window the sender of a stream. */
  pause(): void
  /** Ends {@link Transport.pause}. */
  resume(): void
  /** Orderly end: what was sent is delivered first. `closed` follows. */
  close(): void
  /** Ends at once, without flushing; `closed` reports the error. */
  destroy(error?: AnyError): void
}

/** A socket that accepts associations. */
export interface TransportListener {
  readonly kind: TransportKind
  readonly local: Endpoint
  /** Stops listening; open associations stay. */
  close(): Promise<void>
}

/** How an outgoing transport is opened. */
export interface ConnectOptions {
  readonly address: string
  readonly port: number
  /** Address the socket is bound to; without it the system chooses. */
  readonly localAddress?: string
  /** Port the socket is bound to; without it the system chooses. */
  readonly localPort?: number
  /** Gives up after this long, milliseconds, a handshake included. Default 10000. */
  readonly timeoutMs?: number
  /** Cancels the opening; an open transport is closed by its own methods. */
  readonly signal?: AbortSignal
  readonly limits?: Partial<TransportLimits>
  /** DSCP of what is sent, 0..63, save datagrams with a mark of their own. Default: not marked. */
  readonly dscp?: number
  /** The cable that it leads over, of a virtual unit. */
  readonly cable?: Cable
}

/** What {@link ConnectOptions.timeoutMs} is without being set. */
export const defaultConnectTimeoutMs = 10_000

/** `address:port`, as logs print it; IPv6 addresses in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.address.includes(':')
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`
}
