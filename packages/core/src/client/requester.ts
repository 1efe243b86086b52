import type { MessageRouterReply, MessageRouterRequest } from '../cip/message-router.ts'

/** A request to stop, as the platform's AbortSignal is one. */
export interface Cancellation {
  readonly aborted: boolean
  readonly reason?: unknown
  /** Hears of the wish to stop. */
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void
  /** Ends what {@link Cancellation.addEventListener} began. */
  removeEventListener(type: 'abort', listener: () => void): void
}

/** How one request is made. */
export interface RequestOptions {
  /** Gives up after this long, milliseconds. */
  readonly timeoutMs?: number
  readonly signal?: Cancellation
}

/**
 * Anything that carries a message router request to a target and brings back the reply: a session over any transport,
 * a class 3 connection, a route through a backplane, or a device in the same process. A refusing general status is a
 * reply, not an error; see {@link unwrap}.
 */
export interface Requester {
  /** @throws TransportError, PeerError `encapsulation-status`, `unexpected-reply` */
  request(request: MessageRouterRequest, options?: RequestOptions): Promise<MessageRouterReply>
}
