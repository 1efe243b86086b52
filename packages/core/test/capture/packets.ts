import { addressBytes } from '@cordon/core/x509'

/** Parts of packets, made by hand: the product reads packets and writes none. */

/** Bytes one after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A number in so many bytes, highest first. */
export function big(value: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = length - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest & 0xff
  return bytes
}

const addresses = new Map<string, Uint8Array>()

/** The bytes of an address, worked out once. */
function address(text: string): Uint8Array {
  const bytes = addresses.get(text) ?? addressBytes(text)
  addresses.set(text, bytes)
  return bytes
}

export const ether = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  arp: 0x0806,
} as const

export function ethernet(type: number, payload: Uint8Array, tags: readonly number[] = []): Uint8Array {
  const tagged = tags.map((tag, place) => concat(big(place === 0 && tags.length > 1 ? 0x88a8 : 0x8100, 2), big(tag, 2)))
  return concat(new Uint8Array(12), ...tagged, big(type, 2), payload)
}

export interface Ipv4Fields {
  readonly source: string
  readonly destination: string
  readonly protocol: number
  readonly payload: Uint8Array
  readonly identification?: number
  readonly fragmentOffset?: number
  readonly moreFragments?: boolean
  readonly options?: Uint8Array
  readonly totalLength?: number
}

export function ipv4(fields: Ipv4Fields): Uint8Array {
  const { options = new Uint8Array(0), payload } = fields
  const header = 20 + options.length
  const fragment = (fields.fragmentOffset ?? 0) / 8 + (fields.moreFragments === true ? 0x2000 : 0)
  return concat(
    Uint8Array.of(0x40 + header / 4, 0),
    big(fields.totalLength ?? header + payload.length, 2),
    big(fields.identification ?? 0, 2),
    big(fragment, 2),
    Uint8Array.of(64, fields.protocol, 0, 0),
    address(fields.source),
    address(fields.destination),
    options,
    payload,
  )
}

export function ipv6(source: string, destination: string, next: number, payload: Uint8Array): Uint8Array {
  return concat(
    Uint8Array.of(0x60, 0, 0, 0),
    big(payload.length, 2),
    Uint8Array.of(next, 64),
    address(source),
    address(destination),
    payload,
  )
}

export function udp(
  sourcePort: number,
  destinationPort: number,
  data: Uint8Array,
  length = data.length + 8,
): Uint8Array {
  return concat(big(sourcePort, 2), big(destinationPort, 2), big(length, 2), big(0, 2), data)
}

export interface TcpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  readonly acknowledgment?: number
  readonly flags?: string
  readonly data?: Uint8Array
}

/** `flags` holds the first letters of FIN, SYN, RST, PSH, ACK: `SA`. */
export function tcp({
  sourcePort,
  destinationPort,
  sequence,
  acknowledgment,
  flags = 'A',
  data,
}: TcpFields): Uint8Array {
  const bits = [...flags].reduce((sum, flag) => sum | (1 << 'FSRPA'.indexOf(flag)), 0)
  return concat(
    big(sourcePort, 2),
    big(destinationPort, 2),
    big(sequence >>> 0, 4),
    big((acknowledgment ?? 0) >>> 0, 4),
    Uint8Array.of(0x50, bits, 0xff, 0xff, 0, 0, 0, 0),
    data ?? new Uint8Array(0),
  )
}

/** A datagram over IPv4 over Ethernet. */
export function udpFrame(source: string, sourcePort: number, destination: string, port: number, data: Uint8Array) {
  return ethernet(ether.ipv4, ipv4({ source, destination, protocol: 17, payload: udp(sourcePort, port, data) }))
}

/** A segment over IPv4 over Ethernet. */
export function tcpFrame(source: string, destination: string, fields: TcpFields): Uint8Array {
  return ethernet(ether.ipv4, ipv4({ source, destination, protocol: 6, payload: tcp(fields) }))
}

/** Bytes that differ from place to place. */
export function pattern(length: number, from = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (from + i) * 151 + ((from + i) >> 8) * 7
  return bytes
}

/** Bytes of ASCII text. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** Bytes as hexadecimal digits: quick to compare, where a matcher looks at every element. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}
