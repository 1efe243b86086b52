import type { ObjectClient, Requester, RequestOptions } from '@cordon/core/client'
import type { MessageRouterReply, MessageRouterRequest } from '@cordon/core/cip'
import type { CommonPacket } from '@cordon/core/enip'
import type { Dscp } from '@cordon/core/device'
import type { AnyError } from '@cordon/core/errors'
import type { Endpoint, TransportKind, TransportSecurity } from '../transports/transport.ts'

/** Who is at the other end of a session, as far as the transport knows. */
export interface PeerInfo {
  readonly endpoint: Endpoint
  readonly localEndpoint: Endpoint
  readonly transport: TransportKind
  /** Suite, certificates and how the peer proved itself; absent in plain. */
  readonly security?: TransportSecurity
}

/** A reply with the Common Packet items around it: the socket addresses of a Forward_Open. */
export interface ReplyWithItems {
  readonly reply: MessageRouterReply
  readonly items: CommonPacket
}

/** What connections need from the session that opened them. */
export interface SessionCarrier {
  /** An unconnected request with more items behind it. */
  requestWithItems(request: MessageRouterRequest, more: CommonPacket, options?: RequestOptions): Promise<ReplyWithItems>
  /** Sends a message over a class 3 connection. */
  sendConnected(connectionId: number, sequenceCount: number, message: Uint8Array): void
  /** What packets of this session and its connections are marked with. */
  readonly dscp: Dscp | undefined
  /** Sends a class 0/1 datagram over the DTLS association of this session. */
  sendIo(datagram: Uint8Array, dscp?: number): void
  /** Messages with this T->O connection id go to `hear`, until the returned function is called. */
  onConnected(connectionId: number, hear: (sequenceCount: number, message: Uint8Array) => void): () => void
  /** Class 0/1 datagrams with this T->O connection id go to `hear`, until the returned function is called. */
  onIo(connectionId: number, hear: (datagram: Uint8Array) => void): () => void
}

/** An open way to make requests to a target. Requests may overlap; replies find their requests in any order. */
export interface Session extends Requester, AsyncDisposable {
  readonly peer: PeerInfo
  /** Typed access to the target's objects through this session. */
  readonly objects: ObjectClient
  readonly state: 'open' | 'closed'
  /** Resolves when the session has ended, with the reason where it was not orderly. Never rejects. */
  readonly closed: Promise<AnyError | undefined>
  /** For connections over this session. */
  readonly carrier: SessionCarrier
  /** Unconnected request. @throws TransportError, PeerError, MalformedMessage */
  request(request: MessageRouterRequest, options?: RequestOptions): Promise<MessageRouterReply>
  /** Ends it: outstanding requests fail with TransportError `closed`. */
  close(): Promise<void>
}
