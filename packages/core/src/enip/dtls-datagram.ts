import { encode } from '../wire/codec.ts'
import type { CommonPacket } from './common-packet.ts'
import { commonPacket, commonPacketItemTypes, findItem } from './common-packet.ts'
import type { UnconnectedDtlsItem } from './dtls-message.ts'
import type { EncapsulationStatus } from './status.ts'

/**
 * What a datagram on 2221/udp is, by its first item: an unconnected message or class 0/1 data. Nothing is checked but
 * the type, so that I/O need not be decoded to be told apart.
 */
export function dtlsDatagramKind(datagram: Uint8Array): 'message' | 'io' | 'other' {
  const type = (datagram[2] ?? 0) | ((datagram[3] ?? 0) << 8)
  if (type === commonPacketItemTypes.unconnectedDtls) return 'message'
  return type === commonPacketItemTypes.sequencedAddress ? 'io' : 'other'
}

/** A datagram that asks: item 0x8003 around a message router request. Further items are not usual. */
export function dtlsRequest(transaction: number, message: Uint8Array, more: CommonPacket = []): Uint8Array {
  return encode(commonPacket, [
    { kind: 'unconnectedDtls', messageType: 'ucmmNoAck', reply: false, transaction, status: 'success', message },
    ...more,
  ])
}

/** The datagram that answers a request: same type and transaction. */
export function dtlsReply(
  request: UnconnectedDtlsItem,
  message: Uint8Array,
  status: EncapsulationStatus = 'success',
  more: CommonPacket = [],
): Uint8Array {
  const { messageType, transaction } = request
  return encode(commonPacket, [
    { kind: 'unconnectedDtls', messageType, reply: true, transaction, status, message },
    ...more,
  ])
}

/** The unconnected message in a datagram, or undefined. */
export function dtlsMessageOf(packet: CommonPacket): UnconnectedDtlsItem | undefined {
  return findItem(packet, 'unconnectedDtls')
}
