import type { DiscoveryReply } from './discover.ts'

/** A discovered device for tables and programs. */
export interface DiscoveryRow {
  readonly address: string
  readonly product: string
  readonly vendorId: number
  readonly deviceType: number
  readonly productCode: number
  readonly revision: string
  /** `0x` and eight digits. */
  readonly serial: string
  /** State of 0x5D, `none` where the device says nothing of CIP Security. */
  readonly security: string
  /** `tcp/44818` and so on; empty where the device does not say. */
  readonly openPorts: readonly string[]
}

const portNames = {
  tcp44818: 'tcp/44818',
  udp44818: 'udp/44818',
  udp2222: 'udp/2222',
  tcp2221: 'tcp/2221',
  udp2221: 'udp/2221',
} as const

/** What a device said of itself, on one line. */
export function discoveryRow(reply: DiscoveryReply): DiscoveryRow {
  const { identity, security } = reply
  return {
    address: reply.address,
    product: identity.productName.trimEnd(),
    vendorId: identity.vendorId,
    deviceType: identity.deviceType,
    productCode: identity.productCode,
    revision: `${identity.revision.major}.${identity.revision.minor}`,
    serial: `0x${identity.serialNumber.toString(16).padStart(8, '0')}`,
    security: security === undefined ? 'none' : String(security.cipSecurityState),
    openPorts:
      security === undefined
        ? []
        : // Object.entries widens the keys of the table to string.
          Object.entries(portNames).flatMap(([name, text]) =>
            security.openPorts[name as keyof typeof portNames] ? [text] : [],
          ),
  }
}
