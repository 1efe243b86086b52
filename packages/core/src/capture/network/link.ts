import { word } from './big-endian.ts'
import { type CapturedPacket, linkTypes } from '../file/captured-packet.ts'

/** EtherTypes (IEEE 802 numbers) that are looked into. */
export const etherTypes = { ipv4: 0x0800, ipv6: 0x86dd } as const

/** Tags of IEEE 802.1Q, 802.1ad and its forerunner, which stand before another EtherType. */
const vlanTags: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100])
/** Tags over one another at most. */
const maxTags = 8

/** What lies above the link layer of a packet; one object serves a whole capture. */
export interface LinkPayload {
  /** EtherType; below 1536 the length of an IEEE 802.3 frame. */
  etherType: number
  /** Offset of the payload in the packet's buffer. */
  start: number
}

/** What can be said of a link header: `short` is one that the packet has not whole. */
export type LinkVerdict = 'read' | 'short' | 'unknown'

/** Finds what a packet carries above Ethernet, Linux cooked captures, the BSD loopback or nothing. */
export function readLink(packet: CapturedPacket, into: LinkPayload): LinkVerdict {
  const { bytes, start, end } = packet
  switch (packet.linkType) {
    case linkTypes.ethernet:
      return tagged(bytes, start + 12, end, into)
    case linkTypes.linuxSll:
      return tagged(bytes, start + 14, end, into)
    case linkTypes.linuxSll2:
      if (end - start < 20) return 'short'
      into.etherType = word(bytes, start)
      into.start = start + 20
      // A tag stands before the packet, as in Ethernet.
      return vlanTags.has(into.etherType) ? tagged(bytes, start + 22, end, into) : 'read'
    case linkTypes.null:
    case linkTypes.loop:
      if (end - start < 4) return 'short'
      into.etherType = loopbackType(bytes, start)
      into.start = start + 4
      return 'read'
    case linkTypes.raw:
    case linkTypes.ipv4:
    case linkTypes.ipv6:
      if (end === start) return 'short'
      into.etherType = (bytes[start] ?? 0) >> 4 === 6 ? etherTypes.ipv6 : etherTypes.ipv4
      into.start = start
      return 'read'
    default:
      return 'unknown'
  }
}

/** The EtherType at an offset, or behind the tags that stand there. */
function tagged(bytes: Uint8Array, at: number, end: number, into: LinkPayload): LinkVerdict {
  for (let tags = 0; tags <= maxTags; tags++) {
    if (end - at < 2) return 'short'
    into.etherType = word(bytes, at)
    into.start = at + 2
    if (!vlanTags.has(into.etherType)) return 'read'
    at += 4
  }
  return 'read'
}

/** The address family, in the byte order of whoever captured: 2 is IPv4 everywhere, IPv6 has several numbers. */
function loopbackType(bytes: Uint8Array, at: number): number {
  const big = word(bytes, at) === 0 ? word(bytes, at + 2) : -1
  const little = word(bytes, at + 2) === 0 ? (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) : -1
  const family = big > 0 ? big : little
  if (family === 2) return etherTypes.ipv4
  return family === 10 || family === 24 || family === 28 || family === 30 ? etherTypes.ipv6 : 0
}
