import { commonPacketItemTypes } from '../../enip/common-packet.ts'
import { encapsulationCommands } from '../../enip/commands.ts'
import { encapsulationHeaderLength } from '../../enip/header.ts'

const commands: ReadonlySet<number> = new Set(Object.values(encapsulationCommands))

/** What a datagram on 2221/udp begins with. */
const firstItems: ReadonlySet<number> = new Set([
  commonPacketItemTypes.unconnectedDtls,
  commonPacketItemTypes.sequencedAddress,
])

/** Most items of a packet in a datagram. */
const mostItems = 8

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
}

/**
 * Whether bytes are whole EtherNet/IP messages, to the last byte: encapsulated ones, or one packet of items as it travels
 * on 2221/udp. Every length in them must lead to the end exactly, so hardly anything else passes: good enough to tell a
 * NULL suite where the capture begins after the handshake.
 */
export function isEnipContent(bytes: Uint8Array): boolean {
  return isEncapsulation(bytes) || isPacket(bytes)
}

function isEncapsulation(bytes: Uint8Array): boolean {
  let at = 0
  while (at + encapsulationHeaderLength <= bytes.length) {
    if (!commands.has(u16(bytes, at))) return false
    at += encapsulationHeaderLength + u16(bytes, at + 2)
  }
  return at > 0 && at === bytes.length
}

function isPacket(bytes: Uint8Array): boolean {
  const count = u16(bytes, 0)
  if (count === 0 || count > mostItems || !firstItems.has(u16(bytes, 2))) return false
  let at = 2
  for (let item = 0; item < count; item++) {
    if (at + 4 > bytes.length) return false
    at += 4 + u16(bytes, at + 2)
  }
  return at === bytes.length
}
