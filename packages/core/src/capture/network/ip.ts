import { word } from './big-endian.ts'
import type { PacketFault } from './totals.ts'

/** Protocols over IP that are looked into (IANA protocol numbers). */
export const ipProtocols = { tcp: 6, udp: 17 } as const

/** Headers of IPv6 that may stand before the transport (RFC 8200, 4). */
const extensions = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51, destination: 60 } as const
/** Extension headers of a packet at most. */
const maxExtensions = 16

/** An IP packet as it lies in a buffer; one object serves a whole capture. */
export interface IpPacket {
  version: 4 | 6
  protocol: number
  /** Buffer and offset of the two addresses, source first. */
  header: Uint8Array
  addresses: number
  /** The captured part of the payload is `payload[start..end)`. */
  payload: Uint8Array
  start: number
  end: number
  /** Bytes of the payload on the wire. */
  length: number
  isFragment: boolean
  identification: number
  /** Of a fragment: offset of its payload in that of the datagram. */
  fragmentOffset: number
  moreFragments: boolean
}

/** A packet to be filled. */
export function emptyIpPacket(): IpPacket {
  const nothing = new Uint8Array(0)
  return {
    version: 4,
    protocol: 0,
    header: nothing,
    addresses: 0,
    payload: nothing,
    start: 0,
    end: 0,
    length: 0,
    isFragment: false,
    identification: 0,
    fragmentOffset: 0,
    moreFragments: false,
  }
}

/** What can be said of an IP header: `short` is one that the packet has not whole. */
export type IpVerdict = 'read' | 'short' | PacketFault

/**
 * Takes apart an IPv4 header at `at`. `end` is where the captured bytes end, `wireEnd` where the packet ended on the wire.
 * Checksums are not judged: where the sending machine captures, its network card had not yet filled them in.
 */
export function readIpv4(bytes: Uint8Array, at: number, end: number, wireEnd: number, into: IpPacket): IpVerdict {
  if (end - at < 20) return 'short'
  const first = bytes[at] ?? 0
  if (first >> 4 !== 4) return 'ip-version'
  const header = (first & 15) * 4
  if (header < 20) return 'ipv4-header-length'
  if (end - at < header) return 'short'
  // Zero: a network card will cut the segment into packets, and the machine captured it before.
  const total = word(bytes, at + 2) || wireEnd - at
  if (total < header || at + total > wireEnd) return 'ipv4-length'
  const fragment = word(bytes, at + 6)
  into.version = 4
  into.protocol = bytes[at + 9] ?? 0
  into.header = bytes
  into.addresses = at + 12
  into.payload = bytes
  into.start = at + header
  into.end = Math.min(at + total, end)
  into.length = total - header
  into.isFragment = (fragment & 0x3fff) !== 0
  into.identification = word(bytes, at + 4)
  into.fragmentOffset = (fragment & 0x1fff) * 8
  into.moreFragments = (fragment & 0x2000) !== 0
  return 'read'
}

/** Takes apart an IPv6 header and its extensions. */
export function readIpv6(bytes: Uint8Array, at: number, end: number, wireEnd: number, into: IpPacket): IpVerdict {
  if (end - at < 40) return 'short'
  if ((bytes[at] ?? 0) >> 4 !== 6) return 'ip-version'
  const stated = word(bytes, at + 4)
  // Zero: a jumbogram, or what a network card will cut.
  const behind = stated === 0 ? wireEnd : at + 40 + stated
  if (behind > wireEnd) return 'ipv6-length'
  into.version = 6
  into.header = bytes
  into.addresses = at + 8
  into.payload = bytes
  into.isFragment = false
  into.end = Math.min(behind, end)
  let protocol = bytes[at + 6] ?? 0
  let start = at + 40
  for (let count = 0; isExtension(protocol); count++) {
    if (count >= maxExtensions) return 'ipv6-extension'
    if (start + 8 > into.end) return start + 8 > behind ? 'ipv6-extension' : 'short'
    let length = ((bytes[start + 1] ?? 0) + 1) * 8
    if (protocol === extensions.authentication) length = ((bytes[start + 1] ?? 0) + 2) * 4
    else if (protocol === extensions.fragment) {
      length = 8
      const fragment = word(bytes, start + 2)
      into.fragmentOffset = fragment & 0xfff8
      into.moreFragments = (fragment & 1) !== 0
      into.identification = (word(bytes, start + 4) << 16) | word(bytes, start + 6)
      // An atomic fragment is whole (RFC 6946).
      into.isFragment = into.fragmentOffset > 0 || into.moreFragments
    }
    if (start + length > into.end) return start + length > behind ? 'ipv6-extension' : 'short'
    protocol = bytes[start] ?? 0
    start += length
    // What follows a fragment header lies in the reassembled datagram.
    if (into.isFragment) break
  }
  into.protocol = protocol
  into.start = start
  into.length = behind - start
  return 'read'
}

function isExtension(protocol: number): boolean {
  return (
    protocol === extensions.hopByHop ||
    protocol === extensions.routing ||
    protocol === extensions.fragment ||
    protocol === extensions.authentication ||
    protocol === extensions.destination
  )
}
