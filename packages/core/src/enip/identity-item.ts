import { rest } from '../wire/bytes.ts'
import { bits, known } from '../wire/choice.ts'
import type { Value } from '../wire/codec.ts'
import { u8, u16, u32 } from '../wire/numbers.ts'
import { optional, struct } from '../wire/struct.ts'
import { shortString } from '../wire/text.ts'
import { socketAddress } from './sockaddr.ts'

/** USINT major, USINT minor revision of a product. */
export const productRevision = struct({ major: u8, minor: u8 })

/**
 * CIP Identity, item 0x000C: what a device says of itself in a ListIdentity reply (Volume 2, 2-4.2 via
 * cip-security-wire 1.6).
 */
export const identityItem = struct({
  /** Encapsulation protocol version, 1. */
  protocolVersion: u16,
  /** Where the device is reached. */
  socketAddress,
  vendorId: u16,
  deviceType: u16,
  productCode: u16,
  revision: productRevision,
  /** Status word of the Identity object. */
  status: u16,
  serialNumber: u32,
  /** At most 32 characters by the rules; some devices pad it with spaces, which are kept. */
  productName: shortString,
  /** Identity attribute 8; 0xFF where the device does not implement it. */
  state: u8,
})
/** CIP Identity, item 0x000C. */
export interface IdentityItem extends Value<typeof identityItem> {}

/**
 * Security profiles, bit numbers of a WORD (Volume 8, 5-3 via cip-security-wire 1.7).
 *
 * Deviation: bits 6 and 7 follow from the order of publication; no public source names them (wire-open-questions 1.9).
 */
export const securityProfiles = {
  /** Obsolete. */
  ethernetIpIntegrity: 0,
  ethernetIpConfidentiality: 1,
  /** Reserved. */
  cipAuthorization: 2,
  cipUserAuthentication: 3,
  resourceConstrained: 4,
  pullModel: 5,
  deviceBasedFirewall: 6,
  pullModelForConfiguration: 7,
} as const

/** States of the CIP Security object 0x5D (Volume 8, 5-3.4 via cip-security-wire 4.1). */
export const cipSecurityStates = {
  factoryDefault: 0,
  configurationInProgress: 1,
  configured: 2,
  incompleteConfiguration: 3,
} as const

/** States of the EtherNet/IP Security object 0x5E (Volume 8, 5-4.4 via cip-security-wire 4.2). */
export const ethernetIpSecurityStates = {
  factoryDefault: 0,
  configurationInProgress: 1,
  configured: 2,
  pullModelInProgress: 3,
  pullModelCompleted: 4,
  pullModelDisabled: 5,
} as const

/** The five EtherNet/IP ports as bit numbers of the port state byte: a set bit is an open port. */
export const ianaPorts = { tcp44818: 0, udp44818: 1, udp2222: 2, tcp2221: 3, udp2221: 4 } as const

/**
 * CIP Security Information, item 0x0086 (Volume 8 via cip-security-wire 1.7). Old devices end after the ports (length
 * 5), current ones send the configured profiles too (length 7); what longer ones add is kept.
 */
export const securityInformationItem = struct({
  /** Profiles the device implements: 0x5D attribute 2. */
  profiles: bits(u16, securityProfiles),
  /** 0x5D attribute 1. */
  cipSecurityState: known(u8, cipSecurityStates),
  /** 0x5E attribute 1. */
  ethernetIpSecurityState: known(u8, ethernetIpSecurityStates),
  /** Which ports are open. */
  openPorts: bits(u8, ianaPorts),
  /** Profiles in force: 0x5D attribute 3. */
  profilesConfigured: optional(bits(u16, securityProfiles)),
  /** Bytes of a later edition. */
  extra: optional(rest),
})
/** CIP Security Information, item 0x0086. */
export interface SecurityInformationItem extends Value<typeof securityInformationItem> {}

/** What a device can do on EtherNet/IP, bit numbers of a DWORD (Volume 2 via cip-security-wire 1.5). */
export const ethernetIpCapabilities = {
  unconnectedOverTcp: 0,
  unconnectedOverUdp: 1,
  class3OverTcp: 2,
  class3OverUdp: 3,
  class2OverTcp: 4,
  class2OverUdp: 5,
  class1: 6,
  class0: 7,
} as const

/** EtherNet/IP Capability, item 0x0087; what longer ones add is kept. */
export const ethernetIpCapabilityItem = struct({
  capabilities: bits(u32, ethernetIpCapabilities),
  /** Bytes of a later edition. */
  extra: optional(rest),
})
/** EtherNet/IP Capability, item 0x0087. */
export interface EthernetIpCapabilityItem extends Value<typeof ethernetIpCapabilityItem> {}

/** How a device is meant to be used, bit numbers of a DWORD (Volume 2 via cip-security-wire 1.5). */
export const ethernetIpUsages = { standard: 0, inCabinet: 1 } as const

/** EtherNet/IP Usage, item 0x0088; what longer ones add is kept. */
export const ethernetIpUsageItem = struct({
  usages: bits(u32, ethernetIpUsages),
  /** Bytes of a later edition. */
  extra: optional(rest),
})
/** EtherNet/IP Usage, item 0x0088. */
export interface EthernetIpUsageItem extends Value<typeof ethernetIpUsageItem> {}
