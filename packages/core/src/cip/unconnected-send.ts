import type { Codec } from '../wire/codec.ts'
import { type EPath, reservedSizedEPath } from './epath.ts'
import { type UnconnectedTimeout, unconnectedTimeout } from './unconnected-timeout.ts'

/**
 * Data of Unconnected_Send, service 0x52 of the Connection Manager: timeout, UINT length, embedded message, a pad byte
 * if the length is odd, USINT route words, reserved byte, route (Volume 1, 3-5.5.4 via cip-security-wire 3.6).
 */
export interface UnconnectedSend {
  readonly timeout: UnconnectedTimeout
  /** The message router request for the node at the end of the route; in a decoded value a view. */
  readonly message: Uint8Array
  /** Hops, nearest first. */
  readonly route: EPath
}

/** Codec of {@link UnconnectedSend}. */
export const unconnectedSend: Codec<UnconnectedSend> = {
  read: (r) => {
    const timeout = unconnectedTimeout.read(r)
    const length = r.u16()
    const message = r.view(length)
    if (length % 2 === 1) r.u8()
    return { timeout, message, route: reservedSizedEPath.read(r) }
  },
  write: (w, value) => {
    unconnectedTimeout.write(w, value.timeout)
    w.u16(value.message.length)
    w.bytes(value.message)
    if (value.message.length % 2 === 1) w.u8(0)
    reservedSizedEPath.write(w, value.route)
  },
}

/**
 * Data of the reply when a router, not the addressed node, refuses: USINT words of the route that are left, a reserved
 * byte. Some routers leave it out.
 */
export interface RoutingFailure {
  readonly remainingPathSize?: number
}

/** Codec of {@link RoutingFailure}. */
export const routingFailure: Codec<RoutingFailure> = {
  read: (r) => {
    if (r.remaining === 0) return {}
    const remainingPathSize = r.u8()
    r.u8()
    return { remainingPathSize }
  },
  write: (w, value) => {
    if (value.remainingPathSize === undefined) return
    w.u8(value.remainingPathSize)
    w.u8(0)
  },
}
