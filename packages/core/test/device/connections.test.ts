import {
  connectionFailure,
  type EPath,
  type ForwardOpenRequest,
  forwardCloseRequest,
  forwardOpenReply,
  forwardOpenRequest,
  internationalText,
  largeForwardOpenRequest,
  type MessageRouterReply,
  messageRouterReply,
  messageRouterRequest,
  type NetworkParameters,
  path,
  port,
  type TransportClassTrigger,
  unconnectedSend,
} from '@cordon/core/cip'
import {
  createDevice,
  createTag,
  type Device,
  type DeviceAction,
  type DeviceOptions,
  type Link,
} from '@cordon/core/device'
import { ioFrame } from '@cordon/core/enip'
import { cipSecurity, ingressEgress, tcpIp } from '@cordon/core/objects'
import { decode, encode } from '@cordon/core/wire'
import { nodeCrypto } from '@cordon/node/crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dtlsLink, plainDevice, secureDevice, TestClient, tcpLink, testIdentity, tlsLink, udpLink } from './fixture.ts'

const manager = path({ class: 6, instance: 1 })
const p2p = (size: number): NetworkParameters => ({
  redundantOwner: false,
  type: 'pointToPoint',
  priority: 'scheduled',
  sizeType: 'fixed',
  size,
})
const none: NetworkParameters = { ...p2p(0), type: 'null' }
const cyclic1: TransportClassTrigger = { direction: 'client', trigger: 'cyclic', transportClass: 1 }
const class3: TransportClassTrigger = { direction: 'server', trigger: 'application', transportClass: 3 }
const messages = path({ class: 2, instance: 1 })
const io = path({ class: 4, instance: 102, connectionPoints: [101, 100] })

let serial = 0
const open = (more: Partial<ForwardOpenRequest> = {}): ForwardOpenRequest => ({
  timeout: { priority: false, tick: 5, ticks: 100 },
  otConnectionId: 0,
  toConnectionId: 0x7000_0000 + ++serial,
  connectionSerialNumber: serial,
  originatorVendorId: 77,
  originatorSerialNumber: 0x1234,
  timeoutMultiplier: 0,
  otRpi: 20_000,
  otParameters: p2p(2 + 4 + 20),
  toRpi: 20_000,
  toParameters: p2p(2 + 22),
  transport: cyclic1,
  path: io,
  ...more,
})
const explicit = (more: Partial<ForwardOpenRequest> = {}): ForwardOpenRequest =>
  open({
    otParameters: p2p(502),
    toParameters: p2p(502),
    transport: class3,
    path: messages,
    otRpi: 750_000,
    toRpi: 750_000,
    ...more,
  })

const drive: Partial<DeviceOptions> = {
  assemblies: [
    { instance: 100, direction: 'input', size: 22 },
    { instance: 101, direction: 'output', size: 20 },
    { instance: 102, direction: 'configuration', size: 4 },
    { instance: 103, direction: 'output', size: 20, onLoss: 'hold' },
  ],
  tags: [
    createTag('Produced', { kind: 'elementary', code: 0xc4 }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { produced: true }),
    createTag('Speed', { kind: 'elementary', code: 0xc4 }, [5]),
  ],
}

async function send(client: TestClient, request: ForwardOpenRequest, large = false): Promise<MessageRouterReply> {
  const codec = large ? largeForwardOpenRequest : forwardOpenRequest
  return await client.raw(large ? 0x5b : 0x54, manager, encode(codec, request))
}

async function opened(client: TestClient, request: ForwardOpenRequest, large = false) {
  const reply = await send(client, request, large)
  expect([reply.status, ...reply.extended]).toEqual([0])
  return decode(forwardOpenReply, reply.data)
}

async function status(
  client: TestClient,
  more: Partial<ForwardOpenRequest>,
  large = false,
): Promise<readonly number[]> {
  const reply = await send(client, open(more), large)
  return [reply.status, ...reply.extended]
}

/** Closes as most originators do: by the path of the Forward_Open without key and data. */
async function close(client: TestClient, request: ForwardOpenRequest, by = request.path): Promise<readonly number[]> {
  const rest = by.filter(({ kind }) => kind !== 'electronicKey' && kind !== 'data')
  return await client.status(0x4e, manager, encode(forwardCloseRequest, { ...request, path: rest }))
}

function sent(actions: readonly DeviceAction[]) {
  return actions.flatMap((action) =>
    action.kind === 'send' ? [{ link: action.link, frame: decode(ioFrame, action.datagram) }] : [],
  )
}

/** A class 1 datagram with a run/idle header. */
function output(connectionId: number, sequence: number, count: number, run: boolean, data: Uint8Array): Uint8Array {
  const body = Uint8Array.from([count & 0xff, count >> 8, run ? 1 : 0, 0, 0, 0, ...data])
  return encode(ioFrame, { connectionId, sequence, data: body })
}

const heartbeat = (connectionId: number, sequence: number) =>
  encode(ioFrame, { connectionId, sequence, data: Uint8Array.of(sequence & 0xff, 0) })

describe('Forward_Open', () => {
  it('opens a class 1 connection and shows it in the table', async () => {
    const device = plainDevice(drive)
    const client = new TestClient(device, tcpLink())
    const request = open()
    const reply = await opened(client, request)
    expect(reply).toMatchObject({
      toConnectionId: request.toConnectionId,
      connectionSerialNumber: request.connectionSerialNumber,
      otApi: 20_000,
      toApi: 20_000,
    })
    expect(reply.otConnectionId).not.toBe(0)
    client.now += 1500
    expect(device.connections(client.now)).toMatchObject([
      {
        triad: { connectionSerialNumber: request.connectionSerialNumber, originatorVendorId: 77 },
        transportClass: 1,
        originatorPort: 2,
        target: 'Assembly 101 to 100',
        peer: { address: '192.0.2.1', port: 2222 },
        transport: 'udp',
        protection: 'none',
        outputSize: 26,
        inputSize: 24,
        outputType: 'pointToPoint',
        multicast: false,
        outputApiUs: 20_000,
        timeoutPackets: 4,
        missed: 0,
        uptimeMs: 1500,
      },
    ])
  })

  it('refuses, each mistake by its own extended status', async () => {
    const client = new TestClient(plainDevice(drive), tcpLink())
    const points = (output: number, input: number) =>
      path({ class: 4, instance: 102, connectionPoints: [output, input] })
    const cases: readonly [string, Partial<ForwardOpenRequest>, readonly number[]][] = [
      ['class', { transport: { ...cyclic1, transportClass: 2 } }, [1, 0x011c]],
      ['class for the application', { transport: class3, path: io }, [1, 0x011c]],
      ['messages need class 3', { path: messages }, [1, 0x011c]],
      ['trigger', { transport: { ...cyclic1, trigger: 5 } }, [1, 0x011d]],
      ['class 3 cyclic', { transport: { ...class3, trigger: 'cyclic' }, path: messages }, [1, 0x0103]],
      ['class 3 on change', { transport: { ...class3, trigger: 'changeOfState' }, path: messages }, [1, 0x0103]],
      ['direction', { transport: { ...cyclic1, direction: 'server' } }, [1, 0x011e]],
      ['multiplier', { timeoutMultiplier: 8 }, [1, 0x0133]],
      ['redundant owner', { otParameters: { ...p2p(26), redundantOwner: true } }, [1, 0x0125]],
      ['O->T size', { otParameters: p2p(25) }, [1, 0x0127, 26]],
      ['T->O size', { toParameters: p2p(23) }, [1, 0x0128, 24]],
      ['O->T type', { otParameters: { ...p2p(26), type: 'multicast' } }, [1, 0x0123]],
      ['T->O type', { toParameters: { ...p2p(24), type: 'reserved' } }, [1, 0x0124]],
      ['multicast without a group', { toParameters: { ...p2p(24), type: 'multicast' } }, [1, 0x0124]],
      [
        'class 3 multicast',
        { transport: class3, path: messages, toParameters: { ...p2p(24), type: 'multicast' } },
        [1, 0x0124],
      ],
      ['O->T RPI 0', { otRpi: 0 }, [1, 0x0111]],
      ['T->O RPI 0', { toRpi: 0 }, [1, 0x0111]],
      ['RPI too short', { otRpi: 999, toRpi: 500 }, [1, 0x0112, 0x0202, 1000, 0, 1000, 0]],
      ['RPI too long', { toRpi: 60_000_001 }, [1, 0x0112, 0x0300, 20_000, 0, 60_000_000 & 0xffff, 60_000_000 >>> 16]],
      ['inhibit time', { path: [...io, { kind: 'productionInhibit', milliseconds: 21 }] }, [1, 0x011b]],
      ['output point', { path: points(55, 100) }, [1, 0x012a]],
      ['input as output', { path: points(100, 100) }, [1, 0x012a]],
      ['input point', { path: points(101, 55) }, [1, 0x012b]],
      ['too many points', { path: path({ class: 4, instance: 102, connectionPoints: [101, 100, 102] }) }, [1, 0x012f]],
      ['configuration path', { path: path({ class: 4, instance: 55, connectionPoints: [101, 100] }) }, [1, 0x0129]],
      ['configuration size', { path: [...io, { kind: 'data', data: new Uint8Array(6) }] }, [1, 0x0126, 4]],
      [
        'configuration without a place',
        {
          path: [
            ...path({ class: 4, instance: 100, connectionPoints: [101, 100] }),
            { kind: 'data', data: new Uint8Array(4) },
          ],
        },
        [1, 0x0129],
      ],
      ['unknown class', { path: path({ class: 0x99, instance: 1 }) }, [1, 0x0117]],
      ['unknown symbol', { path: [{ kind: 'symbol', name: 'Nope' }] }, [1, 0x012e]],
      ['symbol that is not produced', { path: [{ kind: 'symbol', name: 'Speed' }] }, [1, 0x012b]],
      ['listen-only alone', { path: points(199, 100), otParameters: p2p(2) }, [1, 0x0119]],
      ['port', { path: [port(4, 0), ...io] }, [1, 0x0311]],
      ['address port', { path: [port(2, '192.0.2.9'), ...io] }, [1, 0x0311]],
      ['slot', { path: [port(1, 9), ...io] }, [1, 0x0312]],
    ]
    for (const [what, more, words] of cases) expect([what, await status(client, more)]).toEqual([what, words])
    expect(client.device.connections(0)).toEqual([])
  })

  it('gives triad and remaining path with a refusal', async () => {
    const client = new TestClient(plainDevice(drive), tcpLink())
    const request = open({ path: [port(4, 0), ...io] })
    const reply = await send(client, request)
    expect(decode(connectionFailure, reply.data)).toMatchObject({
      triad: { connectionSerialNumber: request.connectionSerialNumber, originatorVendorId: 77 },
      remainingPathSize: 5,
    })
    expect((await client.raw(0x54, manager, Uint8Array.of(1, 2, 3))).status).toBe(0x13)
    expect((await client.raw(0x54, manager, Uint8Array.from([...encode(forwardOpenRequest, open()), 0]))).status).toBe(
      0x15,
    )
  })

  it('checks the electronic key field by field, zero matching anything', async () => {
    const client = new TestClient(plainDevice(drive), tcpLink())
    const key = (more: object) => ({
      kind: 'electronicKey' as const,
      vendorId: 1,
      deviceType: 14,
      productCode: 166,
      compatibility: false,
      majorRevision: 33,
      minorRevision: 11,
      ...more,
    })
    const wrong: readonly [object, number][] = [
      [{ vendorId: 2 }, 0x0114],
      [{ productCode: 2 }, 0x0114],
      [{ serialNumber: 5 }, 0x0114],
      [{ deviceType: 2 }, 0x0115],
      [{ majorRevision: 32 }, 0x0116],
      [{ minorRevision: 10 }, 0x0116],
      [{ compatibility: true, majorRevision: 34 }, 0x0116],
      [{ compatibility: true, minorRevision: 12 }, 0x0116],
    ]
    for (const [more, word] of wrong) {
      expect([more, await status(client, { path: [key(more), ...io] })]).toEqual([more, [1, word]])
    }
    const right = [
      {},
      { serialNumber: 0x00e17387 },
      { vendorId: 0, deviceType: 0, productCode: 0, majorRevision: 0, minorRevision: 0 },
      { minorRevision: 0 },
      { compatibility: true, majorRevision: 20 },
    ]
    for (const more of right) {
      const request = open({ path: [key(more), ...io] })
      await opened(client, request)
      expect(await close(client, request)).toEqual([0])
    }
  })

  it('takes a connection once: 0x0100, then 0x0107 after it was closed', async () => {
    const client = new TestClient(plainDevice(drive), tcpLink())
    const request = open()
    await opened(client, request)
    expect(await status(client, { ...request })).toEqual([1, 0x0100])
    expect(await close(client, request)).toEqual([0])
    expect(await close(client, request)).toEqual([1, 0x0107])
    await opened(client, request)
  })

  it('gives outputs to one owner: 0x0106', async () => {
    const client = new TestClient(plainDevice(drive), tcpLink())
    const owner = open()
    await opened(client, owner)
    expect(await status(client, {})).toEqual([1, 0x0106])
    const listening = open({
      path: path({ class: 4, instance: 102, connectionPoints: [199, 100] }),
      otParameters: p2p(2),
    })
    await opened(client, listening)
    await opened(
      client,
      open({ path: path({ class: 4, instance: 102, connectionPoints: [198, 100] }), otParameters: p2p(2) }),
    )
    await close(client, owner)
    await opened(client, open())
  })

  it('stops at the stated capacity: 0x0113', async () => {
    const client = new TestClient(plainDevice({ ...drive, capacity: { connections: 2 } }), tcpLink())
    await opened(client, explicit())
    await opened(client, explicit())
    expect(await status(client, explicit())).toEqual([1, 0x0113])
  })

  it('keeps Forward_Open to 511 bytes and Large_Forward_Open to the stated size', async () => {
    const client = new TestClient(plainDevice({ ...drive, capacity: { connectionSize: 2000 } }), tcpLink())
    const large = explicit({ otParameters: p2p(2000), toParameters: p2p(2000) })
    await opened(client, large, true)
    expect(await status(client, { ...explicit(), otParameters: p2p(2001) }, true)).toEqual([1, 0x0127, 2000])
    expect(await status(client, { ...explicit(), toParameters: p2p(2001) }, true)).toEqual([1, 0x0128, 2000])
    await opened(client, explicit({ otParameters: p2p(511) }))
  })

  it('takes configuration data, and a null Forward_Open that brings nothing else', async () => {
    const device = plainDevice(drive)
    const client = new TestClient(device, tcpLink())
    const request = open({
      path: [...io, { kind: 'data', data: Uint8Array.of(1, 2, 3, 4) }],
      otParameters: none,
      toParameters: none,
    })
    await opened(client, {
      ...request,
      path: [...path({ class: 4, instance: 102 }), { kind: 'data', data: Uint8Array.of(1, 2, 3, 4) }],
    })
    expect(device.assembly(102)).toEqual(Uint8Array.of(1, 2, 3, 4))
    expect(device.connections(0)).toEqual([])
    expect(await status(client, { ...request, path: path({ class: 0x99, instance: 1 }) })).toEqual([1, 0x0117])
  })

  it('takes a null Forward_Open with the path of the connection that it reconfigures', async () => {
    const device = plainDevice(drive)
    const client = new TestClient(device, tcpLink())
    const owner = open()
    await opened(client, owner)
    const nothing = { ...owner, otParameters: none, toParameters: none }
    await opened(client, { ...nothing, path: [...io, { kind: 'data', data: Uint8Array.of(4, 3, 2, 1) }] })
    expect(device.assembly(102)).toEqual(Uint8Array.of(4, 3, 2, 1))
    expect(device.connections(0)).toHaveLength(1)
    const by = (...connectionPoints: number[]) => ({
      ...nothing,
      path: path({ class: 4, instance: 102, connectionPoints }),
    })
    await opened(client, by(198, 100))
    expect(await status(client, by(55, 100))).toEqual([1, 0x012a])
    expect(await status(client, by(101, 55))).toEqual([1, 0x012b])
    expect(await status(client, by(101, 100, 102))).toEqual([1, 0x012f])
    expect(await close(client, owner)).toEqual([0])
  })

  it('is closed only by its path, key, configuration and inhibit time aside: 0x0316', async () => {
    const device = plainDevice({ ...drive, slot: 3 })
    const client = new TestClient(device, tcpLink())
    const request = open({
      path: [
        port(1, 3),
        { kind: 'productionInhibit', milliseconds: 5 },
        ...io,
        { kind: 'data', data: Uint8Array.of(1, 2, 3, 4) },
      ],
    })
    const points = (...connectionPoints: number[]) => path({ class: 4, instance: 102, connectionPoints })
    await opened(client, request)
    for (const other of [[], messages, points(101), points(103, 100), points(100, 101), [port(1, 0), ...io]]) {
      expect([other, await close(client, request, other)]).toEqual([other, [1, 0x0316]])
    }
    expect(device.connections(0)).toHaveLength(1)
    expect(await close(client, request, io)).toEqual([0])
    await opened(client, request)
    expect(await close(client, request)).toEqual([0])
    expect(device.connections(0)).toEqual([])
  })

  it('is closed only from the address that opened it: 0x0F', async () => {
    const device = plainDevice(drive)
    const client = new TestClient(device, tcpLink())
    const request = open()
    await opened(client, request)
    expect(await close(new TestClient(device, tcpLink('192.0.2.66')), request)).toEqual([0x0f])
    expect(await close(new TestClient(device, tcpLink('192.0.2.1', 50_777)), request)).toEqual([0])
    expect(device.connections(0)).toEqual([])
  })
})

describe('what a Forward_Open may open, by the way it came', () => {
  it('plain over TCP, on 2222', async () => {
    const device = await secureDevice({}, drive)
    const client = new TestClient(device, tcpLink())
    await opened(client, open())
    client.pass(0)
    expect(sent(device.takeActions())[0]?.link).toMatchObject({
      transport: 'udp',
      localPort: 2222,
      peer: { address: '192.0.2.1', port: 2222 },
    })
  })

  it('nothing for class 0/1 over TLS, unless the device allows it', async () => {
    const client = new TestClient(await secureDevice({}, drive), tlsLink())
    expect(await status(client, {})).toEqual([1, 0x0123])
    await opened(client, explicit())
    const old = new TestClient(await secureDevice({}, { ...drive, allowTlsOpenedPlainIo: true }), tlsLink())
    await opened(old, open())
    expect(old.device.connections(0)[0]).toMatchObject({ transport: 'udp', protection: 'none' })
  })

  it('DTLS I/O on the association that it came over, never multicast, and no class 3', async () => {
    const device = await secureDevice({}, { ...drive, multicastGroup: '239.192.1.1' })
    const client = new TestClient(device, dtlsLink({ suite: 0xc006, encrypts: false }))
    expect(await status(client, { toParameters: { ...p2p(24), type: 'multicast' } })).toEqual([1, 0x0124])
    expect(await status(client, { otParameters: { ...p2p(26), type: 'multicast' } })).toEqual([1, 0x0123])
    expect(await status(client, explicit())).toEqual([1, 0x011c])
    await opened(client, open())
    expect(device.connections(0)[0]).toMatchObject({ transport: 'dtls', protection: 'integrity', suite: 0xc006 })
    client.pass(0)
    expect(sent(device.takeActions())[0]?.link).toBe(client.link)
  })

  it('no plain I/O once 2222 is closed, and none that the ingress rules forbid', async () => {
    const device = await secureDevice({}, drive)
    const client = new TestClient(device, tcpLink())
    const manage = new TestClient(device, tlsLink())
    await opened(client, open())
    await manage.call(tcpIp, 1, 'setPortAdminState', [{ port: 2222, protocol: 'udp', open: false }])
    expect(device.connections(0)).toEqual([])
    expect(await status(client, {})).toEqual([1, 0x0311])
    await manage.call(tcpIp, 1, 'setPortAdminState', [{ port: 2222, protocol: 'udp', open: true }])
    const rules = [
      'allow port=44818 proto=tcp',
      'allow port=2221 proto=tcp',
      'deny port=2222 proto=udp',
      'allow port=2221 proto=udp cipher=C02C',
    ]
    await manage.call(ingressEgress, 0, 'setRules', {
      changeCount: 0,
      behaviour: 0,
      instances: [{ instance: 1, ingress: rules, egress: [] }],
    })
    expect(await status(client, {})).toEqual([1, 0x0919])
    await opened(client, explicit())
    expect(await status(new TestClient(device, dtlsLink({ suite: 0xc006, encrypts: false })), {})).toEqual([1, 0x0919])
    await opened(new TestClient(device, dtlsLink()), open())
    await manage.call(ingressEgress, 0, 'setRules', {
      changeCount: 1,
      behaviour: 0,
      instances: [{ instance: 1, ingress: ['allow port=2221 proto=any'], egress: [] }],
    })
    expect(await status(client, explicit())).toEqual([1, 0x0918])
  })

  it('lets a plain originator name its own port, but never another address', async () => {
    const device = plainDevice(drive)
    const request = { service: 0x54, path: manager, data: encode(forwardOpenRequest, open()) }
    const elsewhere = { targetToOriginator: { address: '203.0.113.9', port: 40_000 } }
    const reply = await device.request(request, tcpLink(), 5, elsewhere)
    expect(reply.status).toBe(0)
    device.tick(5)
    expect(sent(device.takeActions())[0]?.link.peer).toEqual({ address: '192.0.2.1', port: 40_000 })
  })
})

describe('a class 0/1 connection', () => {
  async function running(more: Partial<ForwardOpenRequest> = {}) {
    const device = plainDevice(drive)
    const client = new TestClient(device, tcpLink())
    const heard: { instance: number; data: number[]; run: boolean | undefined }[] = []
    device.onOutput((instance, data, run) => heard.push({ instance, data: [...data], run }))
    const request = open(more)
    const reply = await opened(client, request)
    return { device, client, heard, request, reply, link: udpLink() }
  }

  it('produces at its API from the first moment on, with rising sequence and count', async () => {
    const { device, client, request } = await running()
    device.setAssembly(100, new Uint8Array(22).fill(9), client.now)
    client.pass(100)
    const frames = sent(device.takeActions()).map(({ frame }) => frame)
    expect(frames.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6])
    expect(frames.every(({ connectionId }) => connectionId === request.toConnectionId)).toBe(true)
    expect(frames.map(({ data }) => data[0])).toEqual([1, 2, 3, 4, 5, 6])
    expect([...(frames[0]?.data.subarray(2) ?? [])]).toEqual(Array(22).fill(9))
    expect(device.connections(client.now)[0]).toMatchObject({ sent: 6, missed: 0 })
  })

  it('gives each datagram memory of its own, because a host may keep it', async () => {
    const { device, client } = await running()
    client.pass(40)
    const datagrams = device.takeActions().flatMap((action) => (action.kind === 'send' ? [action.datagram] : []))
    expect(datagrams).toHaveLength(3)
    expect(datagrams[0]).not.toEqual(datagrams[1])
  })

  it('takes data while running, goes to the fault state while idle', async () => {
    const { device, client, heard, reply, link } = await running()
    const data = new Uint8Array(20).fill(7)
    device.datagram(link, output(reply.otConnectionId, 1, 1, true, data), client.now)
    expect(device.assembly(101)).toEqual(data)
    device.datagram(link, output(reply.otConnectionId, 2, 2, false, data), client.now)
    expect(device.assembly(101)).toEqual(new Uint8Array(20))
    device.datagram(link, output(reply.otConnectionId, 3, 2, true, data), client.now)
    expect(device.assembly(101)).toEqual(data)
    device.datagram(link, heartbeat(reply.otConnectionId, 4), client.now)
    expect(device.assembly(101)).toEqual(new Uint8Array(20))
    expect(heard.map(({ run }) => run)).toEqual([true, false, true, false])
    expect(device.connections(client.now)[0]).toMatchObject({ run: false, received: 4 })
  })

  it('ignores old, repeated, misaddressed and misshaped datagrams', async () => {
    const { device, client, heard, reply, link } = await running()
    const data = new Uint8Array(20).fill(7)
    const good = output(reply.otConnectionId, 10, 5, true, data)
    device.datagram(link, good, client.now)
    device.datagram(link, good, client.now)
    device.datagram(link, output(reply.otConnectionId, 9, 6, true, data), client.now)
    device.datagram(link, output(reply.otConnectionId, 11, 5, true, data), client.now)
    device.datagram(link, output(reply.otConnectionId + 1, 12, 6, true, data), client.now)
    device.datagram(udpLink('192.0.2.66'), output(reply.otConnectionId, 13, 7, true, data), client.now)
    device.datagram(dtlsLink(), output(reply.otConnectionId, 14, 8, true, data), client.now)
    device.datagram(link, output(reply.otConnectionId, 15, 9, true, data.subarray(1)), client.now)
    device.datagram(link, good.subarray(0, 17), client.now)
    expect(heard).toHaveLength(1)
    device.datagram(link, output(reply.otConnectionId, 20, 6, true, data), client.now)
    expect(heard).toHaveLength(2)
    expect(device.connections(client.now)[0]).toMatchObject({ received: 3, missed: 8 })
  })

  it('never throws on any datagram', async () => {
    const { device, client, link } = await running()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => device.datagram(link, bytes, client.now)),
      { numRuns: 500, seed: 3 },
    )
    expect(device.connections(client.now)).toHaveLength(1)
  })

  it('waits 10 s for the first packet, then four APIs for the next', async () => {
    const { device, client, reply, link } = await running()
    client.pass(9_990)
    expect(device.connections(client.now)).toHaveLength(1)
    device.datagram(link, output(reply.otConnectionId, 1, 1, true, new Uint8Array(20).fill(7)), client.now)
    client.pass(79)
    expect(device.assembly(101)[0]).toBe(7)
    client.pass(21)
    expect(device.connections(client.now)).toEqual([])
    expect(device.assembly(101)[0]).toBe(0)
    expect(device.deadline()).toBeUndefined()
    const names = device.takeActions().flatMap((action) => (action.kind === 'event' ? [action.event.name] : []))
    expect(names).toContain('connection-timed-out')
  })

  it('leaves outputs as they are after a loss where they are to hold', async () => {
    const { device, client, reply, link } = await running({
      path: path({ class: 4, instance: 102, connectionPoints: [103, 100] }),
    })
    device.datagram(link, output(reply.otConnectionId, 1, 1, true, new Uint8Array(20).fill(7)), client.now)
    client.pass(1_000)
    expect(device.connections(client.now)).toEqual([])
    expect(device.assembly(103)[0]).toBe(7)
  })

  it('survives the TCP connection that opened it, but not the association it runs on', async () => {
    const { device, client } = await running()
    device.linkClosed(client.link, client.now)
    expect(device.connections(client.now)).toHaveLength(1)
    const secured = await secureDevice({}, drive)
    const peer = new TestClient(secured, dtlsLink())
    await opened(peer, open())
    secured.linkClosed(peer.link, peer.now)
    expect(secured.connections(peer.now)).toEqual([])
  })

  it('is Identity’s business too: owned, running, idle', async () => {
    const { device, client, reply, link } = await running()
    const read = async () => (await client.raw(0x0e, path({ class: 1, instance: 1, attribute: 5 }))).data[0]
    expect(await read()).toBe(0x71)
    device.datagram(link, output(reply.otConnectionId, 1, 1, true, new Uint8Array(20)), client.now)
    expect(await read()).toBe(0x61)
    client.pass(1_000)
    expect(await read()).toBe(0x30)
  })

  it('keeps an owned output from explicit messages', async () => {
    const { client } = await running()
    const reply = await client.raw(0x10, path({ class: 4, instance: 101, attribute: 3 }), new Uint8Array(20))
    expect(reply.status).toBe(0x0c)
  })

  it('produces on change, no sooner than the inhibit time, and at the API at the latest', async () => {
    const { device, client } = await running({
      transport: { ...cyclic1, trigger: 'changeOfState' },
      path: [...io, { kind: 'productionInhibit', milliseconds: 5 }],
      toRpi: 100_000,
    })
    client.pass(0)
    device.takeActions()
    client.pass(10)
    device.setAssembly(100, new Uint8Array(22).fill(1), client.now)
    client.pass(0)
    expect(sent(device.takeActions())).toHaveLength(1)
    device.setAssembly(100, new Uint8Array(22).fill(2), client.now)
    client.pass(4)
    expect(sent(device.takeActions())).toHaveLength(0)
    client.pass(1)
    const [changed] = sent(device.takeActions())
    expect(changed?.frame.data[2]).toBe(2)
    client.pass(99)
    expect(sent(device.takeActions())).toHaveLength(0)
    client.pass(1)
    const [again] = sent(device.takeActions())
    expect([again?.frame.data[0], changed?.frame.data[0]]).toEqual([3, 3])
  })

  it('carries class 0 with run/idle and no count', async () => {
    const { device, client, reply, link } = await running({
      transport: { ...cyclic1, transportClass: 0 },
      otParameters: p2p(24),
      toParameters: p2p(22),
    })
    const body = Uint8Array.from([1, 0, 0, 0, ...new Uint8Array(20).fill(4)])
    device.datagram(link, encode(ioFrame, { connectionId: reply.otConnectionId, sequence: 1, data: body }), client.now)
    expect(device.assembly(101)[0]).toBe(4)
    client.pass(0)
    expect(sent(device.takeActions())[0]?.frame.data).toHaveLength(22)
  })

  it('does without the run/idle header where the size leaves no room for it', async () => {
    const { device, client, reply, link } = await running({ otParameters: p2p(22) })
    const body = Uint8Array.from([1, 0, ...new Uint8Array(20).fill(4)])
    device.datagram(link, encode(ioFrame, { connectionId: reply.otConnectionId, sequence: 1, data: body }), client.now)
    expect(device.assembly(101)[0]).toBe(4)
  })

  it('keeps a module alive by Identity, two bytes each way', async () => {
    const { device, client, reply, link } = await running({
      path: path({ class: 1, instance: 1 }),
      otParameters: p2p(2),
      toParameters: p2p(2),
    })
    client.pass(0)
    expect(sent(device.takeActions())[0]?.frame.data).toEqual(Uint8Array.of(1, 0))
    for (let i = 1; i <= 50; i++) {
      device.datagram(link, heartbeat(reply.otConnectionId, i), client.now)
      client.pass(20)
    }
    expect(device.connections(client.now)[0]).toMatchObject({ target: 'Identity', received: 50 })
  })

  it('produces a tag to a consumer by its symbolic path', async () => {
    const { device, client } = await running({
      path: [{ kind: 'symbol', name: 'produced' }],
      otParameters: p2p(2),
      toParameters: p2p(42),
    })
    device.setTag('Produced', [11, 2, 3, 4, 5, 6, 7, 8, 9, 10], client.now)
    client.pass(0)
    const [first] = sent(device.takeActions())
    expect(first?.frame.data.subarray(2, 6)).toEqual(Uint8Array.of(11, 0, 0, 0))
    expect(device.connections(client.now)[0]?.target).toBe('tag Produced')
  })

  it('shares one multicast production among its consumers and hands it over', async () => {
    const device = plainDevice({ ...drive, multicastGroup: '239.192.1.1' })
    const client = new TestClient(device, tcpLink())
    const listen = () =>
      open({
        path: path({ class: 4, instance: 102, connectionPoints: [198, 100] }),
        otParameters: p2p(2),
        toParameters: { ...p2p(24), type: 'multicast' },
      })
    const first = listen()
    const request = { service: 0x54, path: manager, data: encode(forwardOpenRequest, first) }
    const reply = await device.request(request, client.link, client.now)
    expect(reply.targetToOriginator).toEqual({ address: '239.192.1.1', port: 2222 })
    const { toConnectionId } = decode(forwardOpenReply, reply.data)
    const second = await opened(client, listen())
    expect(second.toConnectionId).toBe(toConnectionId)
    expect(await status(client, { ...listen(), toRpi: 30_000 })).toEqual([1, 0x0801])
    client.pass(0)
    expect(sent(device.takeActions())).toHaveLength(1)
    await close(client, first)
    client.pass(20)
    const frames = sent(device.takeActions())
    expect(frames.length).toBeGreaterThan(0)
    expect(frames[0]).toMatchObject({
      link: { peer: { address: '239.192.1.1' } },
      frame: { connectionId: toConnectionId },
    })
  })

  it('keeps hundreds of connections on one deadline, each at its own pace', async () => {
    const device = plainDevice({ ...drive, capacity: { connections: 500 } })
    const client = new TestClient(device, tcpLink())
    const ids = new Map<number, number>()
    for (let i = 0; i < 200; i++) {
      const toRpi = 10_000 * (1 + (i % 7))
      const request = open({
        path: path({ class: 1, instance: 1 }),
        otParameters: p2p(2),
        toParameters: p2p(2),
        toRpi,
        otRpi: 1_000_000,
      })
      await opened(client, request)
      ids.set(request.toConnectionId, toRpi / 1000)
    }
    client.pass(420)
    const counts = new Map<number, number>()
    for (const { frame } of sent(device.takeActions()))
      counts.set(frame.connectionId, (counts.get(frame.connectionId) ?? 0) + 1)
    for (const [id, interval] of ids) expect(counts.get(id)).toBe(1 + Math.floor(420 / interval))
  })
})

describe('a class 3 connection', () => {
  const get = encode(messageRouterRequest, {
    service: 0x0e,
    path: path({ class: 1, instance: 1, attribute: 1 }),
    data: new Uint8Array(0),
  })

  it('answers messages and repeats the answer to a repeated count', async () => {
    const device = await secureDevice({}, drive)
    const client = new TestClient(device, tlsLink())
    const { otConnectionId, toConnectionId } = await opened(client, explicit())
    const answer = await device.connected(client.link, otConnectionId, 1, get, client.now)
    expect(answer?.connectionId).toBe(toConnectionId)
    expect(decode(messageRouterReply, answer?.message ?? get)).toMatchObject({ service: 0x0e, status: 0 })
    const other = encode(messageRouterRequest, {
      service: 0x4b,
      path: path({ class: 0x5d, instance: 1 }),
      data: new Uint8Array(0),
    })
    expect(await device.connected(client.link, otConnectionId, 1, other, client.now)).toEqual(answer)
    expect(device.securityState()).toBe('factoryDefault')
    await device.connected(client.link, otConnectionId, 2, other, client.now)
    expect(device.securityState()).toBe('firstConfiguration')
  })

  it('belongs to its link', async () => {
    const device = await secureDevice({}, drive)
    const client = new TestClient(device, tlsLink())
    const { otConnectionId } = await opened(client, explicit())
    expect(device.connected(tlsLink(), otConnectionId, 1, get, client.now)).toBeUndefined()
    expect(device.connected(client.link, otConnectionId + 1, 1, get, client.now)).toBeUndefined()
    device.linkClosed(client.link, client.now)
    expect(device.connections(client.now)).toEqual([])
    expect(device.connected(client.link, otConnectionId, 1, get, client.now)).toBeUndefined()
  })

  it('dies of silence by the O->T API', async () => {
    const device = plainDevice(drive)
    const client = new TestClient(device, tcpLink())
    const { otConnectionId } = await opened(client, explicit({ timeoutMultiplier: 2 }))
    await device.connected(client.link, otConnectionId, 1, get, client.now)
    client.pass(11_999)
    expect(device.connections(client.now)).toHaveLength(1)
    await device.connected(client.link, otConnectionId, 2, get, client.now)
    client.pass(12_000)
    expect(device.connections(client.now)).toEqual([])
  })

  it('says 0x11 where the answer does not fit in the connection', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink())
    const { otConnectionId } = await opened(client, explicit({ toParameters: p2p(20) }))
    const all = encode(messageRouterRequest, {
      service: 1,
      path: path({ class: 0xf5, instance: 1 }),
      data: new Uint8Array(0),
    })
    const answer = await device.connected(client.link, otConnectionId, 1, all, client.now)
    expect(decode(messageRouterReply, answer?.message ?? get).status).toBe(0x11)
  })

  it('is not moved by I/O datagrams under its id', async () => {
    const device = plainDevice(drive)
    const client = new TestClient(device, tcpLink())
    const { otConnectionId } = await opened(client, explicit())
    device.datagram(udpLink(), heartbeat(otConnectionId, 1), client.now)
    expect(device.connections(client.now)[0]).toMatchObject({ received: 0 })
  })

  it('answers slow requests when they are done', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink())
    await client.raw(0x08, path({ class: 0x5f, instance: 0 }), Uint8Array.of(1, 0x61))
    const { otConnectionId } = await opened(client, explicit())
    const csr = encode(messageRouterRequest, {
      service: 0x4b,
      path: path({ class: 0x5f, instance: 2 }),
      data: Uint8Array.from([1, 0x62, 0, 0, 0, 0, 0, 0, 0]),
    })
    const pending = device.connected(client.link, otConnectionId, 1, csr, client.now)
    expect(device.connected(client.link, otConnectionId, 1, csr, client.now)).toBeUndefined()
    expect(decode(messageRouterReply, (await pending)?.message ?? get)).toMatchObject({ service: 0x4b, status: 0 })
  })
})

describe('the rows for pages', () => {
  it('leave out what came from the backplane, and count what is left however few are asked for', async () => {
    const device = plainDevice(drive)
    const client = new TestClient(device, tcpLink())
    const neighbour = new TestClient(device, { ...tcpLink(), transport: 'backplane' })
    await opened(client, explicit())
    await opened(neighbour, explicit())
    await opened(client, explicit())
    await opened(client, explicit())
    const own = device.connections(0).filter(({ transport }) => transport !== 'backplane')
    expect([device.connections(0).length, own.length]).toEqual([4, 3])
    for (const [from, limit] of [
      [0, Number.POSITIVE_INFINITY],
      [1, 1],
      [2, 5],
      [7, 1],
      [0, 0],
    ] as const) {
      const { rows, total } = device.networkConnections(0, from, limit)
      expect({ rows: [...rows], total }).toEqual({ rows: own.slice(from, from + limit), total: 3 })
    }
  })
})

describe('a chassis', () => {
  async function chassis(capacity = 64) {
    const controller: Device = createDevice({
      address: 'Green_L85E',
      identity: { ...testIdentity, vendorId: 99 },
      crypto: nodeCrypto,
      slot: 0,
      tags: drive.tags ?? [],
      capacity: { connections: capacity },
    })
    const module = await secureDevice({}, { slot: 1, backplane: (slot) => (slot === 0 ? controller : undefined) })
    return { controller, module, client: new TestClient(module, tlsLink()) }
  }
  const toSlot0 = (rest: EPath): EPath => [port(1, 0), ...rest]

  it('routes class 3 to the controller behind the module and shows the hop', async () => {
    const { module, client } = await chassis()
    const { otConnectionId } = await opened(client, explicit({ path: toSlot0(messages) }))
    const get = encode(messageRouterRequest, {
      service: 0x0e,
      path: path({ class: 1, instance: 1, attribute: 1 }),
      data: new Uint8Array(0),
    })
    const answer = await module.connected(client.link, otConnectionId, 1, get, client.now)
    expect(decode(messageRouterReply, answer?.message ?? get).data).toEqual(Uint8Array.of(99, 0))
    expect(module.connections(0)[0]).toMatchObject({
      slot: 0,
      target: 'slot 0: Message Router',
      protection: 'confidentiality',
    })
  })

  it('reads a tag of the controller over the connection', async () => {
    const { module, client } = await chassis()
    const { otConnectionId } = await opened(client, explicit({ path: toSlot0(messages) }))
    const read = encode(messageRouterRequest, {
      service: 0x4c,
      path: [{ kind: 'symbol', name: 'Speed' }],
      data: Uint8Array.of(1, 0),
    })
    const answer = await module.connected(client.link, otConnectionId, 1, read, client.now)
    expect(decode(messageRouterReply, answer?.message ?? read)).toMatchObject({
      status: 0,
      data: Uint8Array.of(0xc4, 0, 5, 0, 0, 0),
    })
  })

  it('carries produced tags of the controller as the module’s I/O', async () => {
    const { controller, module } = await chassis()
    const client = new TestClient(module, dtlsLink({ suite: 0xc006, encrypts: false }))
    const request = open({
      path: toSlot0([{ kind: 'symbol', name: 'Produced' }]),
      otParameters: p2p(2),
      toParameters: p2p(42),
    })
    await opened(client, request)
    controller.setTag('Produced', [77, 2, 3, 4, 5, 6, 7, 8, 9, 10], client.now)
    client.pass(0)
    const [first] = sent(module.takeActions())
    expect(first?.link).toBe(client.link)
    expect(first?.frame.data[2]).toBe(77)
  })

  it('checks the key before the hop against the module and behind it against the controller', async () => {
    const { client } = await chassis()
    const key = (vendorId: number) => ({
      kind: 'electronicKey' as const,
      vendorId,
      deviceType: 0,
      productCode: 0,
      compatibility: false,
      majorRevision: 0,
      minorRevision: 0,
    })
    const via = (module: number, controller: number) =>
      explicit({ path: [key(module), port(1, 0), key(controller), ...messages] })
    await opened(client, via(1, 99))
    expect(await status(client, via(99, 99))).toEqual([1, 0x0114])
    expect(await status(client, via(1, 1))).toEqual([1, 0x0114])
  })

  it('keeps to the capacity of the controller too: 0x011A', async () => {
    const { client } = await chassis(1)
    const first = explicit({ path: toSlot0(messages) })
    await opened(client, first)
    expect(await status(client, explicit({ path: toSlot0(messages) }))).toEqual([1, 0x011a])
    await close(client, first)
    await opened(client, explicit({ path: toSlot0(messages) }))
  })

  it('takes a Forward_Open inside an Unconnected_Send as one hop further', async () => {
    const { module, client } = await chassis()
    const inner = explicit({ path: messages })
    const message = encode(messageRouterRequest, {
      service: 0x54,
      path: manager,
      data: encode(forwardOpenRequest, inner),
    })
    const data = encode(unconnectedSend, {
      timeout: { priority: false, tick: 5, ticks: 247 },
      message,
      route: [port(1, 0)],
    })
    const reply = await client.raw(0x52, manager, data)
    expect(reply).toMatchObject({ service: 0x54, status: 0 })
    expect(module.connections(0)[0]).toMatchObject({ slot: 0 })
    expect(await close(client, inner)).toEqual([1, 0x0316])
    expect(await close(client, inner, toSlot0(messages))).toEqual([0])
  })

  it('asks the controller whether its peer at the module is secure', async () => {
    const controller = await secureDevice({}, { address: 'slot-0', slot: 0 })
    const module = await secureDevice({}, { slot: 1, backplane: (slot) => (slot === 0 ? controller : undefined) })
    const direct = new TestClient(controller, tlsLink())
    await direct.call(cipSecurity, 1, 'beginConfig', undefined)
    await direct.call(cipSecurity, 1, 'endConfig', undefined)
    const begin = encode(messageRouterRequest, {
      service: 0x4b,
      path: path({ class: 0x5d, instance: 1 }),
      data: new Uint8Array(0),
    })
    const data = encode(unconnectedSend, {
      timeout: { priority: false, tick: 5, ticks: 247 },
      message: begin,
      route: [port(1, 0)],
    })
    const plain = new TestClient(module, tcpLink())
    expect((await plain.raw(0x52, manager, data)).status).toBe(0x0f)
    const secure = new TestClient(module, tlsLink())
    expect((await secure.raw(0x52, manager, data)).status).toBe(0)
    module.linkClosed(secure.link, secure.now)
    expect(controller.securityState()).toBe('configured')
  })
})

describe('a power cycle', () => {
  it('ends connections and transfers and leaves begun configurations as a power loss does', async () => {
    const device = await secureDevice({}, drive)
    const client = new TestClient(device, tlsLink())
    await opened(client, explicit())
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    const link: Link = tcpLink()
    await opened(new TestClient(device, link), open())
    expect(internationalText('x')).toHaveLength(1)
    device.restart(client.now)
    expect(device.connections(client.now)).toEqual([])
    expect(device.securityState()).toBe('incompleteConfiguration')
    expect(device.deadline()).toBeUndefined()
  })
})
