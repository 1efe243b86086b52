import type { Codec } from '../wire/codec.ts'
import type { Reader } from '../wire/reader.ts'
import { type EPath, paddedEPath } from './epath.ts'

/**
 * A message router request: USINT service (bit 7 zero), USINT path size in 16-bit words, padded EPATH, service data
 * (Volume 1, 2-4.1 via cip-security-wire 2.1).
 */
export interface MessageRouterRequest {
  /** Service code, 0..0x7F. */
  readonly service: number
  readonly path: EPath
  /** Service data; in a decoded request a view of the received bytes. */
  readonly data: Uint8Array
}

/**
 * A message router reply: USINT service | 0x80, USINT 0, USINT general status, USINT count of additional status words,
 * those words, data (Volume 1, 2-4.2 via cip-security-wire 2.1).
 */
export interface MessageRouterReply {
  /** Service code of the request, without bit 7. */
  readonly service: number
  /** General status, see {@link generalStatus}. */
  readonly status: number
  /** Additional status words. */
  readonly extended: readonly number[]
  /** Reply data; in a decoded reply a view of the received bytes. */
  readonly data: Uint8Array
}

const noData = new Uint8Array(0)

/** A reply that succeeded. */
export function success(service: number, data: Uint8Array = noData): MessageRouterReply {
  return { service: service & 0x7f, status: 0, extended: [], data }
}

/** A reply that refuses. */
export function failure(
  service: number,
  status: number,
  extended: readonly number[] = [],
  data: Uint8Array = noData,
): MessageRouterReply {
  return { service: service & 0x7f, status, extended, data }
}

/** Codec of {@link MessageRouterRequest}; the data runs to the end of the section. */
export const messageRouterRequest: Codec<MessageRouterRequest> = {
  read: (r) => {
    r.enter('service')
    const service = r.u8()
    if (service > 0x7f)
      throw r.malformed('unknown-value', `expected a request (bit 7 zero), got 0x${service.toString(16)}`)
    r.leave()
    r.enter('path')
    const section = r.section(r.u8() * 2)
    const path = paddedEPath.read(section)
    section.finish()
    r.leave()
    return { service, path, data: r.view(r.remaining) }
  },
  write: (w, value) => {
    w.u8(value.service)
    const size = w.length
    w.u8(0)
    paddedEPath.write(w, value.path)
    w.patch8(size, (w.length - size - 1) / 2)
    w.bytes(value.data)
  },
}

/** Codec of {@link MessageRouterReply}; the data runs to the end of the section. */
export const messageRouterReply: Codec<MessageRouterReply> = {
  read: (r) => {
    const service = replyService(r)
    // The reserved byte is ignored: some devices send something else than zero.
    r.u8()
    const status = r.u8()
    const count = r.u8()
    const words = r.section(count * 2)
    const extended: number[] = []
    while (words.remaining > 0) extended.push(words.u16())
    return { service, status, extended, data: r.view(r.remaining) }
  },
  write: (w, value) => {
    w.u8(value.service | 0x80)
    w.u8(0)
    w.u8(value.status)
    w.u8(value.extended.length)
    for (const word of value.extended) w.u16(word)
    w.bytes(value.data)
  },
}

function replyService(r: Reader): number {
  r.enter('service')
  const service = r.u8()
  // Vector 38 of the wire reference and some old devices leave bit 7 zero; a reply is known by where it arrives.
  r.leave()
  return service & 0x7f
}
