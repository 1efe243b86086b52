import { bool } from '../cip/data-types.ts'
import { longSizedEPath } from '../cip/epath.ts'
import { attribute, objectClass, service } from '../cip/object.ts'
import { bytes } from '../wire/bytes.ts'
import { oneOf } from '../wire/choice.ts'
import { counted } from '../wire/list.ts'
import { u8, u16, u32 } from '../wire/numbers.ts'
import { struct, type StructValue } from '../wire/struct.ts'
import { paddedString, shortString } from '../wire/text.ts'

/** IP protocol numbers of attribute 14. */
export const ipProtocols = { tcp: 6, udp: 17 } as const

const portAdmin = struct({
  name: shortString,
  port: u16,
  protocol: oneOf(u8, ipProtocols),
  /** True: listened on. */
  open: bool,
  /** Bit 0 configurable, bit 1 a reset is needed. */
  capability: u8,
})

/** An entry of attribute 14. */
export interface PortAdmin extends StructValue<typeof portAdmin.fields> {}

const protocolAdmin = struct({
  name: shortString,
  /** IP protocol number. */
  protocol: u8,
  open: bool,
  /** Bit 0 configurable, bit 1 a reset is needed. */
  capability: u8,
})

/** An entry of attribute 15. */
export interface ProtocolAdmin extends StructValue<typeof protocolAdmin.fields> {}

/** Bits of attribute 2 (Volume 2, 5-4 via cip-security-wire 4.8). */
export const configurationCapabilityBits = {
  bootp: 0x01,
  dns: 0x02,
  dhcp: 0x04,
  dhcpDns: 0x08,
  settable: 0x10,
  hardware: 0x20,
  resetRequired: 0x40,
  acd: 0x80,
} as const

/** TCP/IP Interface Object, class 0xF5, object revision 4 (Volume 2, 5-4 via cip-security-wire 4.8). */
export const tcpIp = objectClass({
  id: 0xf5,
  name: 'TCP/IP Interface',
  attributes: {
    status: attribute(1, u32),
    /** Bits of {@link configurationCapabilityBits}. */
    configurationCapability: attribute(2, u32),
    configurationControl: attribute(3, u32, 'read-write'),
    physicalLink: attribute(4, longSizedEPath),
    /** Addresses as numbers: 127.0.0.1 is 0x7F000001. */
    interfaceConfiguration: attribute(
      5,
      struct({
        address: u32,
        networkMask: u32,
        gateway: u32,
        nameServer: u32,
        nameServer2: u32,
        domain: paddedString,
      }),
      'read-write',
    ),
    hostName: attribute(6, paddedString, 'read-write'),
    safetyNetworkNumber: attribute(7, bytes(6)),
    ttl: attribute(8, u8, 'read-write'),
    multicast: attribute(9, struct({ allocation: u8, reserved: u8, count: u16, start: u32 }), 'read-write'),
    selectAcd: attribute(10, bool, 'read-write'),
    lastConflict: attribute(11, bytes(35), 'read-write'),
    quickConnect: attribute(12, bool, 'read-write'),
    /** Seconds of silence after which an encapsulation session is closed; 0 never. */
    encapsulationInactivityTimeout: attribute(13, u16, 'read-write'),
    portAdmin: attribute(14, counted(u8, portAdmin)),
    /** Deviation: the layout mirrors attribute 14. */
    protocolAdmin: attribute(15, counted(u8, protocolAdmin)),
    activeTcpConnections: attribute(16, u16),
    nonCipMessagesPerSecond: attribute(17, u32),
  },
  services: {
    setPortAdminState: service(0x4c, {
      request: counted(u8, struct({ port: u16, protocol: oneOf(u8, ipProtocols), open: bool })),
    }),
    /** Deviation: the code is `inferred`. */
    setProtocolAdminState: service(0x4d, { request: counted(u8, struct({ protocol: u8, open: bool })) }),
  },
  classGetAll: ['revision', 'maxInstance', 'numberOfInstances', 'maxClassAttribute', 'maxInstanceAttribute'],
  getAll: [
    'status',
    'configurationCapability',
    'configurationControl',
    'physicalLink',
    'interfaceConfiguration',
    'hostName',
    'safetyNetworkNumber',
    'ttl',
    'multicast',
    'selectAcd',
    'lastConflict',
    'quickConnect',
    'encapsulationInactivityTimeout',
  ],
})
