import { path } from '@cordon/core/cip'
import { type Device, EncapsulationSession, UdpEncapsulation } from '@cordon/core/device'
import { commonPacket, encapsulate } from '@cordon/core/enip'
import {
  assembly,
  cipSecurity,
  connectionManager,
  defaultDscp,
  ethernetIpSecurity,
  ethernetLink,
  file,
  identity,
  messageRouter,
  port,
  qos,
  tcpIp,
} from '@cordon/core/objects'
import { decode } from '@cordon/core/wire'
import { beforeEach, describe, expect, it } from 'vitest'
import { actionKinds, plainDevice, secureDevice, TestClient, tcpLink, testIdentity, tlsLink } from './fixture.ts'

let device: Device
let client: TestClient

beforeEach(async () => {
  device = await secureDevice({}, { hostName: 'mixer' })
  client = new TestClient(device, tlsLink())
})

async function configured(): Promise<void> {
  await client.call(cipSecurity, 1, 'beginConfig', undefined)
  await client.call(cipSecurity, 1, 'endConfig', undefined)
}

describe('Identity Object', () => {
  it('says who the device is', async () => {
    expect(await client.get(identity, 1, 'vendorId')).toBe(testIdentity.vendorId)
    expect(await client.get(identity, 1, 'revision')).toEqual({ major: 33, minor: 11 })
    expect(await client.get(identity, 1, 'serialNumber')).toBe(0x00e17387)
    expect(await client.get(identity, 1, 'productName')).toBe('1756-L85E/B')
    expect(await client.get(identity, 1, 'state')).toBe(3)
    expect(await client.get(identity, 1, 'status')).toBe(0x0030)
    await configured()
    expect(await client.get(identity, 1, 'status')).toBe(0x0034)
  })

  it('changes its configuration consistency value with every change of configuration', async () => {
    const before = await client.get(identity, 1, 'configurationConsistency')
    await client.set(identity, 1, 'heartbeatInterval', 5)
    expect(await client.get(identity, 1, 'configurationConsistency')).not.toBe(before)
  })

  it('restarts on Reset 0 and keeps its configuration', async () => {
    await configured()
    device.takeActions()
    await client.call(identity, 1, 'reset', {})
    expect(actionKinds(device.takeActions())).toEqual(['close-links', 'restart'])
    device.restart(client.now)
    expect(device.securityState()).toBe('configured')
  })

  it('erases everything on Reset 1: security, files, certificates, rules, ports', async () => {
    await client.download(Uint8Array.of(1), 'binary')
    await client.raw(0x08, path({ class: 0x5f, instance: 0 }), Uint8Array.of(1, 0x61))
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await client.set(ethernetIpSecurity, 1, 'preSharedKeys', [
      { identity: Uint8Array.of(1), key: Uint8Array.of(2, 2, 2), usage: 'any' },
    ])
    await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    await client.call(tcpIp, 1, 'setPortAdminState', [{ port: 44818, protocol: 'udp', open: false }])
    const before = device.security()
    device.takeActions()
    await client.call(identity, 1, 'reset', { type: 'factoryDefault' })
    expect(actionKinds(device.takeActions())).toEqual([
      'save',
      'security-changed',
      'security-changed',
      'ports-changed',
      'close-links',
      'restart',
    ])
    expect(before.psk[0]?.key).toEqual(new Uint8Array(3))
    expect(device.security().generation).toBeGreaterThan(before.generation)
    expect(device.security().psk).toEqual([])
    expect(device.securityState()).toBe('factoryDefault')
    expect(device.ports().every(({ open }) => open)).toBe(true)
    expect(await client.getClass(file, 'numberOfInstances')).toBe(2)
    expect(device.persist().secrets).toEqual({ version: 1, keys: [], preSharedKeys: [] })
  })

  it('keeps network and security on Reset 2', async () => {
    await configured()
    await client.set(identity, 1, 'heartbeatInterval', 5)
    await client.set(tcpIp, 1, 'hostName', 'kept')
    await client.call(identity, 1, 'reset', { type: 'factoryDefaultExceptCommunication' })
    expect(device.securityState()).toBe('configured')
    expect(await client.get(identity, 1, 'heartbeatInterval')).toBe(0)
    expect(await client.get(tcpIp, 1, 'hostName')).toBe('kept')
  })

  it('resets only over a secure link once configured, and never in protection mode', async () => {
    await configured()
    const plain = new TestClient(device, tcpLink())
    for (const reset of [{}, { type: 'factoryDefault' }, { type: 'factoryDefaultExceptCommunication' }] as const) {
      expect(await plain.refused(identity, 1, 'reset', reset)).toEqual([0x0f])
    }
    expect(await client.status(0x05, path({ class: 1, instance: 1 }), Uint8Array.of(9))).toEqual([0x20])
    device.setProtectionMode(1)
    expect(await client.get(identity, 1, 'protectionMode')).toBe(1)
    expect(await client.refused(identity, 1, 'reset', {})).toEqual([0x10])
    expect(await client.trySet(identity, 1, 'heartbeatInterval', 1)).toEqual([0x10])
    await client.call(identity, 1, 'flashLeds', 3)
    expect(() => device.setProtectionMode(-1)).toThrow(/protection mode/)
  })
})

describe('ListIdentity', () => {
  it('carries identity, security information, capability and usage in this order', () => {
    const packet = decode(commonPacket, device.listIdentity())
    expect(packet.map(({ kind }) => kind)).toEqual([
      'identity',
      'securityInformation',
      'ethernetIpCapability',
      'ethernetIpUsage',
    ])
    expect(packet[0]).toMatchObject({ socketAddress: { address: '192.0.2.10', port: 44818 }, serialNumber: 0x00e17387 })
    expect(packet[1]).toMatchObject({
      cipSecurityState: 'factoryDefault',
      ethernetIpSecurityState: 'factoryDefault',
      profiles: { ethernetIpConfidentiality: true },
      profilesConfigured: { ethernetIpConfidentiality: false },
    })
  })

  it('shows states and ports as they are', async () => {
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    const closed = [
      { port: 44818, protocol: 'tcp', open: false },
      { port: 44818, protocol: 'udp', open: false },
      { port: 2222, protocol: 'udp', open: false },
    ] as const
    await client.call(tcpIp, 1, 'setPortAdminState', closed)
    const bytes = Buffer.from(device.listIdentity()).toString('hex')
    // The item of the reference: configured, 2221 open.
    expect(bytes).toContain('86000700020002021802 00'.replace(' ', ''))
  })

  it('has no security item on a device without CIP Security', () => {
    const packet = decode(commonPacket, plainDevice().listIdentity())
    expect(packet.map(({ kind }) => kind)).toEqual(['identity', 'ethernetIpCapability', 'ethernetIpUsage'])
  })
})

describe('TCP/IP Interface Object', () => {
  it('shows address, ports and protocols', async () => {
    expect(await client.get(tcpIp, 1, 'interfaceConfiguration')).toMatchObject({
      address: 0xc000020a,
      networkMask: 0xffffff00,
    })
    expect(await client.get(tcpIp, 1, 'hostName')).toBe('mixer')
    expect(await client.get(tcpIp, 1, 'encapsulationInactivityTimeout')).toBe(120)
    expect(await client.get(tcpIp, 1, 'portAdmin')).toHaveLength(5)
    expect(await client.get(tcpIp, 1, 'protocolAdmin')).toMatchObject([{ protocol: 1, open: true }])
    expect(await client.get(tcpIp, 1, 'activeTcpConnections')).toBe(1)
    expect(await client.get(tcpIp, 1, 'physicalLink')).toEqual(path({ class: 0xf6, instance: 1 }))
    const { data } = await client.raw(0x01, path({ class: 0xf5, instance: 1 }))
    expect(data.length).toBeGreaterThan(80)
    expect(plainDevice().ports()).toHaveLength(3)
  })

  it('closes and opens ports at once, all of a request or none', async () => {
    await client.call(tcpIp, 1, 'setPortAdminState', [{ port: 2222, protocol: 'udp', open: false }])
    expect(actionKinds(device.takeActions())).toEqual(['save', 'ports-changed'])
    expect(device.ports()).toContainEqual({ port: 2222, protocol: 'udp', open: false })
    expect(device.admit('192.0.2.1', 2222, 'udp').allowed).toBe(false)
    const unknown = [
      { port: 2222, protocol: 'udp', open: true },
      { port: 80, protocol: 'tcp', open: false },
    ] as const
    expect(await client.refused(tcpIp, 1, 'setPortAdminState', unknown)).toEqual([0x20])
    expect(device.ports()).toContainEqual({ port: 2222, protocol: 'udp', open: false })
    await client.call(tcpIp, 1, 'setPortAdminState', [{ port: 2222, protocol: 'udp', open: true }])
    device.takeActions()
    await client.call(tcpIp, 1, 'setPortAdminState', [{ port: 2222, protocol: 'udp', open: true }])
    expect(device.takeActions()).toEqual([])
  })

  it('closes the links that came in on a closed port', async () => {
    const plain = new TestClient(device, tcpLink())
    await plain.get(tcpIp, 1, 'ttl')
    await client.call(tcpIp, 1, 'setPortAdminState', [{ port: 44818, protocol: 'tcp', open: false }])
    expect(device.takeActions().find(({ kind }) => kind === 'close-links')).toMatchObject({ which: [plain.link] })
  })

  it('does not close the last way in', async () => {
    await configured()
    const tls = { port: 2221, protocol: 'tcp', open: false } as const
    const dtls = { port: 2221, protocol: 'udp', open: false } as const
    expect(await client.refused(tcpIp, 1, 'setPortAdminState', [tls, dtls])).toEqual([0x0c])
    await client.call(tcpIp, 1, 'setPortAdminState', [tls])
    expect(await client.refused(tcpIp, 1, 'setPortAdminState', [dtls])).toEqual([0x0c])
    const plain = new TestClient(plainDevice(), tcpLink())
    expect(await plain.refused(tcpIp, 1, 'setPortAdminState', [{ port: 44818, protocol: 'tcp', open: false }])).toEqual(
      [0x0c],
    )
  })

  it('opens and closes ICMP', async () => {
    await client.call(tcpIp, 1, 'setProtocolAdminState', [{ protocol: 1, open: false }])
    expect(await client.get(tcpIp, 1, 'protocolAdmin')).toMatchObject([{ open: false }])
    expect(await client.refused(tcpIp, 1, 'setProtocolAdminState', [{ protocol: 6, open: false }])).toEqual([0x20])
  })

  it('keeps what may be set, within its limits', async () => {
    await client.set(tcpIp, 1, 'hostName', 'press-4')
    await client.set(tcpIp, 1, 'encapsulationInactivityTimeout', 0)
    await client.set(tcpIp, 1, 'ttl', 4)
    await client.set(tcpIp, 1, 'quickConnect', true)
    await client.set(tcpIp, 1, 'selectAcd', true)
    await client.set(tcpIp, 1, 'configurationControl', 0)
    expect(device.encapsulation().inactivityTimeoutS).toBe(0)
    expect(await client.trySet(tcpIp, 1, 'hostName', 'h'.repeat(65))).toEqual([0x09])
    expect(await client.trySet(tcpIp, 1, 'encapsulationInactivityTimeout', 3601)).toEqual([0x09])
    expect(await client.trySet(tcpIp, 1, 'ttl', 0)).toEqual([0x09])
    expect(await client.trySet(tcpIp, 1, 'configurationControl', 2)).toEqual([0x09])
    const configuration = await client.get(tcpIp, 1, 'interfaceConfiguration')
    expect(await client.trySet(tcpIp, 1, 'interfaceConfiguration', configuration)).toEqual([0x0e])
  })

  it('is not changed over an insecure link once configured', async () => {
    await configured()
    const plain = new TestClient(device, tcpLink())
    expect(await plain.trySet(tcpIp, 1, 'hostName', 'x')).toEqual([0x0f])
    expect(await plain.refused(tcpIp, 1, 'setPortAdminState', [])).toEqual([0x0f])
  })
})

describe('what TCP/IP attribute 17 counts', () => {
  it('are encapsulation messages that carry no CIP, over streams and datagrams, in the last whole second', async () => {
    const heard = (now: number) => new TestClient(device, tlsLink(), now).get(tcpIp, 1, 'nonCipMessagesPerSecond')
    const list = encapsulate({ command: 'listServices', data: new Uint8Array(0) })
    const session = new EncapsulationSession({ device, link: tcpLink() }, 5000)
    session.receive(list, 5000)
    session.receive(encapsulate({ command: 'sendRRData', data: new Uint8Array(6) }), 5100)
    const datagrams = new UdpEncapsulation({ device, random: () => 0 })
    datagrams.receive(list, { address: '192.0.2.9', port: 50_000 }, 5200)
    expect(await heard(5900)).toBe(0)
    expect(await heard(6000)).toBe(2)
    expect(await heard(7000)).toBe(0)
  })
})

describe('the other objects', () => {
  it('Message Router lists the classes that exist', async () => {
    const classes = await client.get(messageRouter, 1, 'objectList')
    expect(classes).toEqual([0x01, 0x02, 0x06, 0x37, 0x48, 0x5d, 0x5e, 0x5f, 0x63, 0xf4, 0xf5, 0xf6])
    expect(await client.get(messageRouter, 1, 'maxConnections')).toBe(64)
    const plain = await new TestClient(plainDevice(), tcpLink()).get(messageRouter, 1, 'objectList')
    expect(plain).toEqual([0x01, 0x02, 0x06, 0x48, 0xf4, 0xf5, 0xf6])
  })

  it('QoS keeps DSCP values for the host, which follows them from the next power-up on', async () => {
    expect(device.dscp()).toMatchObject({ urgent: defaultDscp.urgent, explicit: defaultDscp.explicit })
    await client.set(qos, 1, 'dscpExplicit', 46)
    await client.set(qos, 1, 'dscpUrgent', 0)
    expect(device.dscp()).toMatchObject({ urgent: defaultDscp.urgent, explicit: defaultDscp.explicit })
    device.restart(0)
    expect(device.dscp()).toMatchObject({ explicit: 46, urgent: 0 })
    expect(await client.trySet(qos, 1, 'dscpLow', 64)).toEqual([0x09])
    expect(await client.trySet(qos, 1, 'tagEnable', 2)).toEqual([0x09])
  })

  it('Ethernet Link has an address of its own', async () => {
    expect([...(await client.get(ethernetLink, 1, 'physicalAddress'))]).toEqual([0x02, 0xc0, 0x00, 0xe1, 0x73, 0x87])
    expect(await client.get(ethernetLink, 1, 'speed')).toBe(1000)
    expect((await client.call(ethernetLink, 1, 'getAndClear', undefined)).length).toBe(44)
  })

  it('Port knows the backplane where there is one', async () => {
    expect(await client.getClass(port, 'numberOfInstances')).toBe(1)
    const inChassis = new TestClient(plainDevice({ slot: 3 }), tcpLink())
    expect(await inChassis.get(port, 1, 'type')).toBe(1)
    expect(await inChassis.get(port, 1, 'portNumberAndNodeAddress')).toEqual([
      { kind: 'port', port: 1, linkAddress: Uint8Array.of(3) },
    ])
    expect(await inChassis.get(port, 2, 'name')).toBe('EtherNet/IP')
    expect(await inChassis.getClass(port, 'entryPort' as 'revision')).toBe(2)
  })

  it('Assembly gives and takes data, inputs only from inside', async () => {
    const io = plainDevice({
      assemblies: [
        { instance: 100, direction: 'input', size: 2, data: Uint8Array.of(1, 2) },
        { instance: 101, direction: 'output', size: 2 },
      ],
    })
    const peer = new TestClient(io, tcpLink())
    expect(await peer.get(assembly, 100, 'data')).toEqual(Uint8Array.of(1, 2))
    expect(await peer.get(assembly, 101, 'size')).toBe(2)
    await peer.set(assembly, 101, 'data', Uint8Array.of(8, 9))
    expect(io.assembly(101)).toEqual(Uint8Array.of(8, 9))
    expect(await peer.trySet(assembly, 101, 'data', Uint8Array.of(8))).toEqual([0x13])
    expect(await peer.trySet(assembly, 101, 'data', Uint8Array.of(8, 9, 10))).toEqual([0x15])
    expect(await peer.trySet(assembly, 100, 'data', Uint8Array.of(8, 9))).toEqual([0x0e])
    io.setAssembly(100, Uint8Array.of(5, 6), peer.now)
    expect(await peer.get(assembly, 100, 'data')).toEqual(Uint8Array.of(5, 6))
    expect(() => io.setAssembly(100, Uint8Array.of(1), 0)).toThrow(/expected 2 bytes/)
    expect(() => io.assembly(7)).toThrow(/there is none/)
  })

  it('Connection Manager counts, and lets counters be set to zero only', async () => {
    await client.raw(0x54, path({ class: 6, instance: 1 }), Uint8Array.of(1))
    expect(await client.get(connectionManager, 1, 'openRequests')).toBe(1)
    expect(await client.get(connectionManager, 1, 'openFormatRejects')).toBe(1)
    expect(await client.trySet(connectionManager, 1, 'openRequests', 5)).toEqual([0x09])
    await client.set(connectionManager, 1, 'openRequests', 0)
    expect(await client.get(connectionManager, 1, 'openRequests')).toBe(0)
    expect(await client.get(connectionManager, 1, 'connectionEntries')).toEqual(Array(64).fill(false))
    expect((await client.raw(0x56, path({ class: 6, instance: 1 }))).status).toBe(0x08)
  })

  it('serve the EDS on a device without CIP Security too', async () => {
    const peer = new TestClient(plainDevice({ eds: Uint8Array.of(1, 2, 3) }), tcpLink())
    expect(await peer.upload(0xc8)).toEqual(Uint8Array.of(1, 2, 3))
  })
})
