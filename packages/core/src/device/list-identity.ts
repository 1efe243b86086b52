import { type CommonPacketItem, commonPacket } from '../enip/common-packet.ts'
import { type SecurityInformationItem, securityInformationItem } from '../enip/identity-item.ts'
import { identityStates } from '../objects/identity.ts'
import { parseAddress } from '../policy/address.ts'
import { decode, encode } from '../wire/codec.ts'
import { u16 } from '../wire/numbers.ts'
import type { DeviceContext } from './context.ts'
import { identityStatus } from './objects/identity.ts'
import { configuredProfiles, supportedProfiles, wireState } from './security/cip-security.ts'

/**
 * Data of a ListIdentity reply: items 0x000C, then 0x0086 where the device has CIP Security, 0x0087 and 0x0088
 * (cip-security-wire 1.6, 1.7).
 */
export function identityItems(device: DeviceContext): Uint8Array {
  const { identity, address, security, udpOnly } = device.options
  const overUdp = udpOnly === true
  const items: CommonPacketItem[] = [
    {
      kind: 'identity',
      protocolVersion: 1,
      // A device behind a backplane has no address; nobody asks it over UDP.
      socketAddress: { address: parseAddress(address) === undefined ? '0.0.0.0' : address, port: 44818 },
      vendorId: identity.vendorId,
      deviceType: identity.deviceType,
      productCode: identity.productCode,
      revision: { major: identity.majorRevision, minor: identity.minorRevision },
      status: identityStatus(device),
      serialNumber: identity.serialNumber,
      productName: identity.productName,
      state: identityStates.operational,
    },
    ...(security === undefined ? [] : [{ kind: 'securityInformation', ...securityInformation(device) } as const]),
    {
      kind: 'ethernetIpCapability',
      capabilities: {
        unconnectedOverTcp: true,
        unconnectedOverUdp: overUdp,
        class3OverTcp: true,
        class3OverUdp: overUdp,
        class2OverTcp: false,
        class2OverUdp: false,
        class1: true,
        class0: true,
      },
    },
    { kind: 'ethernetIpUsage', usages: { standard: true, inCabinet: false } },
  ]
  return encode(commonPacket, items)
}

function securityInformation(device: DeviceContext): SecurityInformationItem {
  const { profiles } = securityInformationItem.fields
  const asBits = (value: number) => decode(profiles, encode(u16, value))
  const isOpen = (port: number, protocol: 'tcp' | 'udp') =>
    device.data.tcpIp.ports.some((entry) => entry.port === port && entry.protocol === protocol && entry.open)
  return {
    profiles: asBits(supportedProfiles(device)),
    cipSecurityState: wireState(device),
    ethernetIpSecurityState: device.data.ethernetIpSecurity.state,
    openPorts: {
      tcp44818: isOpen(44818, 'tcp'),
      udp44818: isOpen(44818, 'udp'),
      udp2222: isOpen(2222, 'udp'),
      tcp2221: isOpen(2221, 'tcp'),
      udp2221: isOpen(2221, 'udp'),
    },
    profilesConfigured: asBits(configuredProfiles(device)),
  }
}
