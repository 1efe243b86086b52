import { type EPath, path } from '../cip/epath.ts'
import { type MessageRouterReply, type MessageRouterRequest, messageRouterRequest } from '../cip/message-router.ts'
import { connectionManagerServices } from '../cip/services.ts'
import { unconnectedSend } from '../cip/unconnected-send.ts'
import { timeoutOf } from '../cip/unconnected-timeout.ts'
import { PeerError } from '../errors.ts'
import { connectionManager } from '../objects/connection-manager.ts'
import { encode } from '../wire/codec.ts'
import type { Requester, RequestOptions } from './requester.ts'

const defaultTimeoutMs = 10_000

/** Requests that a module passes on by Unconnected_Send along a route, e.g. to a slot of its backplane (Volume 1, 3-5.5.4). */
export class RoutedRequester implements Requester {
  readonly #through: Requester
  readonly #route: EPath

  /** `route` are the hops behind the module, nearest first: `[port(1, 0)]` is slot 0 of the backplane. */
  constructor(through: Requester, route: EPath) {
    this.#through = through
    this.#route = route
  }

  /** The hops behind the module. */
  get route(): EPath {
    return this.#route
  }

  /**
   * A refusal by a router on the way comes back as a reply of the embedded service, with the router's status.
   *
   * @throws as the requester below, PeerError `unexpected-reply` for the reply of another service
   */
  async request(request: MessageRouterRequest, options?: RequestOptions): Promise<MessageRouterReply> {
    // A reset of the module itself must not travel to the slot, and the other way round: an empty route is no route.
    if (this.#route.length === 0) return this.#through.request(request, options)
    const timeoutMs = options?.timeoutMs ?? defaultTimeoutMs
    const reply = await this.#through.request(
      {
        service: connectionManagerServices.unconnectedSend,
        path: path({ class: connectionManager.id, instance: 1 }),
        data: encode(unconnectedSend, {
          timeout: timeoutOf(timeoutMs),
          message: encode(messageRouterRequest, request),
          route: this.#route,
        }),
      },
      options,
    )
    if (reply.service === request.service) return reply
    if (reply.service === connectionManagerServices.unconnectedSend && reply.status !== 0) {
      return { ...reply, service: request.service }
    }
    throw new PeerError(
      'unexpected-reply',
      `routed request: expected the reply of service 0x${request.service.toString(16)}, got 0x${reply.service.toString(16)}`,
    )
  }
}
