import { restView } from '../wire/bytes.ts'
import type { Codec, Value } from '../wire/codec.ts'
import { counted } from '../wire/list.ts'
import { u16, u32 } from '../wire/numbers.ts'
import { struct } from '../wire/struct.ts'
import { unconnectedDtlsItem } from './dtls-message.ts'
import {
  ethernetIpCapabilityItem,
  ethernetIpUsageItem,
  identityItem,
  securityInformationItem,
} from './identity-item.ts'
import { listServicesItem } from './list-services.ts'
import { socketAddress } from './sockaddr.ts'

/**
 * Items of the Common Packet Format by the names used here (Volume 2, 2-6 via cip-security-wire 1.5). The set is open:
 * a receiver keeps what it does not know.
 */
export const commonPacketItemTypes = {
  nullAddress: 0x0000,
  identity: 0x000c,
  securityInformation: 0x0086,
  ethernetIpCapability: 0x0087,
  ethernetIpUsage: 0x0088,
  connectedAddress: 0x00a1,
  connectedData: 0x00b1,
  unconnectedData: 0x00b2,
  listServices: 0x0100,
  /** Where the originator will send. */
  socketAddressOriginatorToTarget: 0x8000,
  /** Where the target sends. */
  socketAddressTargetToOriginator: 0x8001,
  sequencedAddress: 0x8002,
  unconnectedDtls: 0x8003,
} as const

/** Formats of the data of each item, keyed by its name. */
const itemData = {
  nullAddress: struct({}),
  identity: identityItem,
  securityInformation: securityInformationItem,
  ethernetIpCapability: ethernetIpCapabilityItem,
  ethernetIpUsage: ethernetIpUsageItem,
  connectedAddress: struct({ connectionId: u32 }),
  /** Class 2 and 3: UINT sequence count, then the message; class 0 and 1: see io-frame. */
  connectedData: struct({ data: restView }),
  /** Message router request or reply. */
  unconnectedData: struct({ data: restView }),
  listServices: listServicesItem,
  socketAddressOriginatorToTarget: socketAddress,
  socketAddressTargetToOriginator: socketAddress,
  sequencedAddress: struct({ connectionId: u32, sequence: u32 }),
  unconnectedDtls: unconnectedDtlsItem,
} as const satisfies { readonly [K in keyof typeof commonPacketItemTypes]: Codec<never> | Codec<unknown> }

type ItemName = keyof typeof itemData

/** An item that this implementation has no format for. */
export interface UnknownItem {
  readonly kind: 'unknown'
  /** Item type id. */
  readonly type: number
  /** Item data; in a decoded item a view of the received bytes. */
  readonly data: Uint8Array
}

/** An item of one kind with the fields of its data, e.g. `CommonPacketItemOf<'connectedAddress'>`. */
export type CommonPacketItemOf<K extends ItemName> = {
  readonly [N in K]: { readonly kind: N } & Value<(typeof itemData)[N]>
}[K]

/** An item of the Common Packet Format: `kind` and the fields of its data. */
export type CommonPacketItem = CommonPacketItemOf<ItemName> | UnknownItem

/** A message in Common Packet Format: UINT item count, then per item UINT type, UINT length, data. */
export type CommonPacket = readonly CommonPacketItem[]

const namesByType = new Map<number, ItemName>(
  // Object.entries widens the keys of the table to string.
  Object.entries(commonPacketItemTypes).map(([name, type]) => [type, name as ItemName]),
)

/** Codec of one item: UINT type, UINT length, data. Data that its format does not fill exactly is malformed. */
export const commonPacketItem: Codec<CommonPacketItem> = {
  read: (r) => {
    const type = r.u16()
    const kind = namesByType.get(type)
    const section = r.section(r.u16())
    if (kind === undefined) return { kind: 'unknown', type, data: section.view(section.remaining) }
    section.enter(kind)
    const fields = itemData[kind].read(section)
    section.finish()
    // The table pairs each kind with its own codec; the compiler cannot follow that through the lookup.
    return { kind, ...fields } as CommonPacketItem
  },
  write: (w, item) => {
    w.u16(item.kind === 'unknown' ? item.type : commonPacketItemTypes[item.kind])
    const lengthAt = w.length
    w.u16(0)
    if (item.kind === 'unknown') w.bytes(item.data)
    // As above: kind and codec belong together.
    else (itemData[item.kind] as Codec<typeof item>).write(w, item)
    w.patch16(lengthAt, w.length - lengthAt - 2)
  },
}

/** Codec of a message in Common Packet Format. */
export const commonPacket: Codec<CommonPacket> = counted(u16, commonPacketItem)

/** The first item of a kind, or undefined. */
export function findItem<K extends CommonPacketItem['kind']>(
  packet: CommonPacket,
  kind: K,
): Extract<CommonPacketItem, { readonly kind: K }> | undefined {
  for (const item of packet) {
    // Equal kinds are the same member of the union.
    if (item.kind === kind) return item as Extract<CommonPacketItem, { readonly kind: K }>
  }
  return undefined
}
