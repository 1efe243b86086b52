import {
  type ActiveSecurity,
  type Admission,
  createDefaultCredentials,
  createDevice,
  type Device,
  type DeviceAction,
  type DeviceOptions,
  type DevicePort,
  type HostedDevice,
  type SecurityOptions,
} from '@cordon/core/device'
import { nodeCrypto } from '../../src/crypto.ts'
import type { Credentials } from '../../src/transports/credentials.ts'

/** Suites of the devices in these tests: encrypting and integrity-only, by certificate and by PSK. */
export const testSuites = [0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023, 0xc006, 0xc037, 0xc03a, 0xccac]

let serial = 1

/** A small adapter without CIP Security: an assembly each way and a tag. */
export function plainDevice(address: string, more: Partial<DeviceOptions> = {}): Device {
  return createDevice({
    address,
    identity: {
      vendorId: 1,
      deviceType: 12,
      productCode: 65,
      majorRevision: 2,
      minorRevision: 1,
      serialNumber: 0x0100_0000 + serial++,
      productName: 'Test Adapter',
    },
    crypto: nodeCrypto,
    assemblies: [
      { instance: 100, direction: 'input', size: 40 },
      { instance: 101, direction: 'output', size: 8, onLoss: 'zero' },
      { instance: 102, direction: 'configuration', size: 0 },
    ],
    ...more,
  })
}

/** The same with CIP Security, as it leaves the factory. */
export async function secureDevice(
  address: string,
  more: Partial<DeviceOptions> = {},
  security: Partial<SecurityOptions> = {},
): Promise<Device> {
  const identity = {
    vendorId: 1,
    deviceType: 12,
    productCode: 66,
    majorRevision: 3,
    minorRevision: 1,
    serialNumber: 0x0200_0000 + serial++,
    productName: 'Secure Adapter',
  }
  const credentials = await createDefaultCredentials(nodeCrypto, { identity, now: Date.now() })
  return plainDevice(address, { identity, security: { credentials, suites: testSuites, ...security }, ...more })
}

/** A device whose host-facing decisions a test makes itself; everything else is the device's own. */
export interface Steered extends HostedDevice {
  readonly device: Device
  /** Changes credentials: a new generation, announced as a device does. */
  secure(security: Partial<ActiveSecurity>): void
  admission: (peer: string, port: number, protocol: 'tcp' | 'udp') => Admission
  egressRule: (peer: string, protocol: 'tcp' | 'udp') => Admission & { readonly secure: boolean }
  openPorts: DevicePort[]
  /** Tells the host of changed rules or ports. */
  announce(...actions: DeviceAction[]): void
}

/** Active settings made of test credentials. */
export function activeSecurity(credentials: Credentials, more: Partial<ActiveSecurity> = {}): ActiveSecurity {
  return {
    generation: 1,
    suites: credentials.suites ?? testSuites,
    originatorSuites: credentials.suites ?? testSuites,
    chain: credentials.chain ?? [],
    key: credentials.key ?? new Uint8Array(0),
    psk: (credentials.psk ?? []).map((entry) => ({ usage: 'any', ...entry })),
    anchors: credentials.anchors ?? [],
    trusted: credentials.trusted ?? [],
    crls: credentials.crls ?? [],
    verifyPeer: true,
    sendChain: true,
    checkExpiration: false,
    checkName: false,
    dtlsTimeoutS: 120,
    ...more,
  }
}

/** All five ports, open. */
export const allPorts: DevicePort[] = [
  { port: 44818, protocol: 'tcp', open: true },
  { port: 44818, protocol: 'udp', open: true },
  { port: 2221, protocol: 'tcp', open: true },
  { port: 2221, protocol: 'udp', open: true },
  { port: 2222, protocol: 'udp', open: true },
]

/** Puts a test between a device and its host. */
export function steer(device: Device, credentials: Credentials): Steered {
  let security = activeSecurity(credentials)
  const announced: DeviceAction[] = []
  const steered: Steered = {
    device,
    address: device.address,
    admission: () => ({ allowed: true, reason: 'test' }),
    egressRule: () => ({ allowed: true, secure: false, reason: 'test' }),
    openPorts: allPorts,
    secure: (more) => {
      security = { ...security, ...more, generation: security.generation + 1 }
      announced.push({ kind: 'security-changed' })
    },
    announce: (...actions) => announced.push(...actions),
    ports: () => steered.openPorts,
    security: () => security,
    admit: (peer, port, protocol) => steered.admission(peer, port, protocol),
    egress: (peer, protocol) => steered.egressRule(peer, protocol),
    request: (request, link, now, context) => device.request(request, link, now, context),
    connected: (link, id, count, message, now) => device.connected(link, id, count, message, now),
    openSession: (link) => device.openSession(link),
    encapsulation: () => device.encapsulation(),
    dscp: () => device.dscp(),
    heardNonCip: (now) => device.heardNonCip(now),
    listIdentity: () => device.listIdentity(),
    datagram: (link, bytes, now) => device.datagram(link, bytes, now),
    linkClosed: (link, now) => device.linkClosed(link, now),
    deadline: () => device.deadline(),
    tick: (now) => device.tick(now),
    takeActions: () => [...device.takeActions(), ...announced.splice(0)],
  }
  return steered
}
