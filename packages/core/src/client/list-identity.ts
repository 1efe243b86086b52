import { type CommonPacket, commonPacket, findItem } from '../enip/common-packet.ts'
import { encapsulate, encapsulationMessage } from '../enip/header.ts'
import type {
  EthernetIpCapabilityItem,
  EthernetIpUsageItem,
  IdentityItem,
  SecurityInformationItem,
} from '../enip/identity-item.ts'
import { MalformedMessage } from '../errors.ts'
import { decode } from '../wire/codec.ts'

/** A device as its ListIdentity reply describes it. */
export interface DiscoveredDevice {
  readonly identity: IdentityItem
  /** Missing on a device without CIP Security. */
  readonly security?: SecurityInformationItem
  readonly capability?: EthernetIpCapabilityItem
  readonly usage?: EthernetIpUsageItem
}

/** What a device said of itself, from the items of its reply in any order; undefined without an Identity item. */
export function discoveredDevice(items: CommonPacket): DiscoveredDevice | undefined {
  const identity = findItem(items, 'identity')
  if (identity === undefined) return undefined
  const security = findItem(items, 'securityInformation')
  const capability = findItem(items, 'ethernetIpCapability')
  const usage = findItem(items, 'ethernetIpUsage')
  return {
    identity,
    ...(security === undefined ? {} : { security }),
    ...(capability === undefined ? {} : { capability }),
    ...(usage === undefined ? {} : { usage }),
  }
}

/**
 * A ListIdentity request as one datagram (Volume 2, 2-4.2 via cip-security-wire 1.2). `maxDelayMs` asks the devices to spread
 * their replies over that time: 0 means 2000, less than 500 means 500.
 */
export function listIdentityRequest(maxDelayMs: number, tag: number): Uint8Array {
  const senderContext = new Uint8Array(8)
  const view = new DataView(senderContext.buffer)
  view.setUint16(0, Math.min(0xffff, Math.max(0, Math.round(maxDelayMs))), true)
  view.setUint32(2, tag >>> 0, true)
  return encapsulate({ command: 'listIdentity', senderContext })
}

/** The device behind a datagram, or undefined where it is no reply to the request with this tag. */
export function listIdentityReply(datagram: Uint8Array, tag: number): DiscoveredDevice | undefined {
  try {
    const message = decode(encapsulationMessage, datagram)
    if (message.command !== 'listIdentity' || message.status !== 'success' || message.data.length === 0)
      return undefined
    const context = message.senderContext
    if (new DataView(context.buffer, context.byteOffset, 8).getUint32(2, true) !== tag >>> 0) return undefined
    return discoveredDevice(decode(commonPacket, message.data))
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return undefined
  }
}
