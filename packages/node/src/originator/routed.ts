import { ObjectClient, type Requester, RoutedRequester } from '@cordon/core/client'
import type { EPath } from '@cordon/core/cip'

/** A node behind another one: requests go there by Unconnected_Send. */
export interface RoutedTarget extends Requester {
  readonly objects: ObjectClient
}

/**
 * The node at the end of a route through an open session, e.g. `routed(session, [port(1, 0)])` for slot 0 of the
 * backplane. Protection ends at the module that is connected: what lies behind it is plain. For connected messages give
 * {@link openClass3} a path that begins with the same hops.
 */
export function routed(session: Requester, route: EPath): RoutedTarget {
  const requester = new RoutedRequester(session, route)
  return { request: (request, options) => requester.request(request, options), objects: new ObjectClient(requester) }
}
