import type { EPath } from '../cip/epath.ts'
import type { MessageRouterRequest } from '../cip/message-router.ts'
import type { ApplicationRequest, BoundApplication } from './application.ts'
import type { DeviceReply, RequestContext } from './hosted-device.ts'
import type { Link } from './link.ts'
import type { Refusal } from './outcome.ts'

/**
 * A device as its neighbours on the backplane reach it. The module in front keeps sequence counts and watchdogs; only
 * messages and data cross the backplane, which is plain.
 */
export interface BackplaneDevice {
  /** A request that a module routed here over a link of transport `backplane`. */
  request(
    request: MessageRouterRequest,
    link: Link,
    now: number,
    context?: RequestContext,
  ): DeviceReply | Promise<DeviceReply>
  /** Binds the application at the end of a connection that a module accepted for this device. */
  bind(path: EPath, request: ApplicationRequest, link: Link, now: number): BoundApplication | Refusal
  /** The link to the module's peer is gone. */
  linkClosed(link: Link, now: number): void
}
