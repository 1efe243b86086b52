import type { Value } from '../wire/codec.ts'
import { encode } from '../wire/codec.ts'
import { u16, u32 } from '../wire/numbers.ts'
import { struct } from '../wire/struct.ts'
import { Writer } from '../wire/writer.ts'
import { type CommonPacket, type CommonPacketItem, commonPacket, findItem } from './common-packet.ts'

/** Interface handle of CIP. */
export const cipInterfaceHandle = 0

/**
 * Data of SendRRData and SendUnitData: UDINT interface handle, UINT timeout, Common Packet Format (Volume 2, 2-4.7 and
 * 2-4.8 via cip-security-wire 1.3).
 */
export const sendData = struct({
  /** {@link cipInterfaceHandle}. */
  interfaceHandle: u32,
  /** Seconds the target may take; 0 leaves it to the message itself. Always 0 in SendUnitData. */
  timeout: u16,
  packet: commonPacket,
})
/** Data of SendRRData and SendUnitData. */
export interface SendData extends Value<typeof sendData> {}

/**
 * Data of SendRRData around a message router request or reply; socket address items of a Forward_Open come behind it.
 * @throws UsageError `bad-value` for a message of more than 65535 bytes
 */
export function unconnectedMessage(message: Uint8Array, more: CommonPacket = [], timeout = 0): Uint8Array {
  const packet: CommonPacketItem[] = [{ kind: 'nullAddress' }, { kind: 'unconnectedData', data: message }, ...more]
  return encode(sendData, { interfaceHandle: cipInterfaceHandle, timeout, packet })
}

/** The message router request or reply inside SendRRData, or undefined where the items are not those of one. */
export function unconnectedMessageOf(data: SendData): Uint8Array | undefined {
  if (findItem(data.packet, 'nullAddress') === undefined) return undefined
  return findItem(data.packet, 'unconnectedData')?.data
}

/** What SendUnitData carries over a class 2 or 3 connection. */
export interface ConnectedMessage {
  /** Connection id that the receiver consumes. */
  readonly connectionId: number
  /** Sequence count, 0..65535: a request is a repetition if it did not change; the reply echoes it. */
  readonly sequenceCount: number
  /** Message router request or reply; in a decoded message a view of the received bytes. */
  readonly message: Uint8Array
}

/** Data of SendUnitData around a connected message. @throws UsageError `bad-value` for more than 65533 bytes */
export function connectedMessage(value: ConnectedMessage): Uint8Array {
  const writer = new Writer(value.message.length + 2)
  writer.u16(value.sequenceCount)
  writer.bytes(value.message)
  const packet: CommonPacketItem[] = [
    { kind: 'connectedAddress', connectionId: value.connectionId },
    { kind: 'connectedData', data: writer.finish() },
  ]
  return encode(sendData, { interfaceHandle: cipInterfaceHandle, timeout: 0, packet })
}

/** The connected message inside SendUnitData, or undefined where the items are not those of one. */
export function connectedMessageOf(data: SendData): ConnectedMessage | undefined {
  const address = findItem(data.packet, 'connectedAddress')
  const content = findItem(data.packet, 'connectedData')?.data
  const low = content?.[0]
  const high = content?.[1]
  if (address === undefined || content === undefined || low === undefined || high === undefined) return undefined
  return {
    connectionId: address.connectionId,
    sequenceCount: low | (high << 8),
    message: content.subarray(2),
  }
}
