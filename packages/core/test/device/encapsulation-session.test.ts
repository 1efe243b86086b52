import {
  type EPath,
  forwardOpenReply,
  forwardOpenRequest,
  messageRouterReply,
  messageRouterRequest,
  path,
} from '@cordon/core/cip'
import { type Device, EncapsulationSession, type HostedDevice, type Link } from '@cordon/core/device'
import {
  type CommonPacketItem,
  connectedMessage,
  connectedMessageOf,
  type EncapsulationMessage,
  encapsulate,
  encapsulationMessage,
  sendData,
  unconnectedMessage,
  unconnectedMessageOf,
} from '@cordon/core/enip'
import { ingressEgress, tcpIp } from '@cordon/core/objects'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { plainDevice, secureDevice, TestClient, tcpLink, tlsLink } from './fixture.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const context = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const version = Uint8Array.of(1, 0, 0, 0)

let device: Device
let link: Link
let session: EncapsulationSession

beforeEach(() => {
  device = plainDevice()
  link = tcpLink()
  session = new EncapsulationSession({ device, link }, 0)
})

function exchange(bytes: Uint8Array, now = 1, target = session): EncapsulationMessage[] {
  target.receive(bytes, now)
  return target.takeOutput().map((output) => decode(encapsulationMessage, output))
}

function one(bytes: Uint8Array, target = session): EncapsulationMessage {
  const [only, ...more] = exchange(bytes, 1, target)
  if (only === undefined || more.length > 0) throw new Error(`expected one reply, got ${more.length + (only ? 1 : 0)}`)
  return only
}

function register(target = session): number {
  return one(encapsulate({ command: 'registerSession', data: version, senderContext: context }), target).session
}

const cip = (service: number, target: EPath, data: Uint8Array = new Uint8Array(0)) =>
  encode(messageRouterRequest, { service, path: target, data })
const getVendor = cip(0x0e, path({ class: 1, instance: 1, attribute: 1 }))

function unconnected(
  handle: number,
  message: Uint8Array,
  senderContext = context,
  items: CommonPacketItem[] = [],
): Uint8Array {
  return encapsulate({
    command: 'sendRRData',
    session: handle,
    senderContext,
    data: unconnectedMessage(message, items),
  })
}

function replyIn(message: EncapsulationMessage) {
  const bytes = unconnectedMessageOf(decode(sendData, message.data))
  return decode(messageRouterReply, bytes ?? new Uint8Array(0))
}

describe('encapsulation over a stream', () => {
  it('answers the List commands without a session, at once', () => {
    expect(one(encapsulate({ command: 'listIdentity', senderContext: context }))).toMatchObject({
      command: 'listIdentity',
      status: 'success',
      senderContext: context,
      data: device.listIdentity(),
    })
    const services = one(encapsulate({ command: 'listServices' }))
    expect(Buffer.from(services.data).toString('hex')).toBe(
      '010000011400010020014 36f6d6d756e69636174696f6e730000'.replace(' ', ''),
    )
    expect(one(encapsulate({ command: 'listInterfaces' })).data).toEqual(Uint8Array.of(0, 0))
  })

  it('registers by the bytes of the reference, once', () => {
    const reply = one(hex('650004000000000000000000d7a57e2673c035f40000000001000000'))
    expect(reply).toMatchObject({ command: 'registerSession', status: 'success', data: version })
    expect(reply.senderContext).toEqual(hex('d7a57e2673c035f4'))
    expect(reply.session).not.toBe(0)
    expect(session.handle).toBe(reply.session)
    expect(one(encapsulate({ command: 'registerSession', data: version })).status).toBe('invalidCommand')
  })

  it('refuses other versions and flags with 0x0069 and its own version, other lengths with 0x0065', () => {
    for (const data of [Uint8Array.of(2, 0, 0, 0), Uint8Array.of(1, 0, 1, 0)]) {
      const reply = one(encapsulate({ command: 'registerSession', data }))
      expect(reply).toMatchObject({ status: 'unsupportedProtocolRevision', data: version })
    }
    expect(one(encapsulate({ command: 'registerSession', data: version.subarray(0, 3) })).status).toBe('invalidLength')
    expect(session.handle).toBeUndefined()
  })

  it('gives every link its own handle, and no more sessions than the device has room for', () => {
    const small = plainDevice({ capacity: { sessions: 2 } })
    const sessions = [1, 2, 3].map((n) => new EncapsulationSession({ device: small, link: tcpLink('192.0.2.1', n) }, 0))
    const [a, b, c] = sessions.map((target) => one(encapsulate({ command: 'registerSession', data: version }), target))
    expect(a?.session).not.toBe(b?.session)
    expect(c?.status).toBe('insufficientMemory')
    small.linkClosed(tcpLink(), 0)
    const third = sessions[2]
    if (third === undefined) throw new Error('three sessions were made')
    expect(one(encapsulate({ command: 'registerSession', data: version }), third).status).toBe('insufficientMemory')
  })

  it('carries requests and echoes the sender context', () => {
    const handle = register()
    const reply = one(unconnected(handle, getVendor))
    expect(reply).toMatchObject({ status: 'success', session: handle, senderContext: context })
    expect(replyIn(reply)).toMatchObject({ service: 0x0e, status: 0, data: Uint8Array.of(1, 0) })
  })

  it('refuses a handle that is not this link’s with 0x0064', () => {
    expect(one(unconnected(1, getVendor)).status).toBe('invalidSessionHandle')
    const handle = register()
    expect(one(unconnected(handle + 1, getVendor)).status).toBe('invalidSessionHandle')
    const other = new EncapsulationSession({ device, link: tcpLink('192.0.2.2') }, 0)
    register(other)
    expect(one(unconnected(handle, getVendor), other).status).toBe('invalidSessionHandle')
  })

  it('refuses what it does not know with 0x0001: unlisted commands, StartDTLS, a second registration', () => {
    expect(one(encapsulate({ command: 0x1234 })).status).toBe('invalidCommand')
    expect(one(encapsulate({ command: 'startDtls' })).status).toBe('invalidCommand')
  })

  it('refuses data of the wrong shape with 0x0003 and data where none belongs with 0x0065', () => {
    const handle = register()
    const send = (data: Uint8Array) => one(encapsulate({ command: 'sendRRData', session: handle, data })).status
    expect(send(Uint8Array.of(1, 2, 3))).toBe('incorrectData')
    expect(send(encode(sendData, { interfaceHandle: 5, timeout: 0, packet: [] }))).toBe('incorrectData')
    expect(send(encode(sendData, { interfaceHandle: 0, timeout: 0, packet: [{ kind: 'nullAddress' }] }))).toBe(
      'incorrectData',
    )
    expect(one(encapsulate({ command: 'listIdentity', data: Uint8Array.of(1) })).status).toBe('invalidLength')
  })

  it('answers a malformed request inside with a CIP status, not by closing', () => {
    const handle = register()
    expect(replyIn(one(unconnected(handle, Uint8Array.of(0x0e, 200, 0x20))))).toMatchObject({ status: 0x26 })
    expect(session.end).toBeUndefined()
  })

  it('discards without a word what has a status or options, NOPs, and I/O commands of strangers', () => {
    expect(exchange(encapsulate({ command: 'listIdentity', status: 'invalidCommand' }))).toEqual([])
    expect(exchange(encapsulate({ command: 'listIdentity', options: 1 }))).toEqual([])
    expect(exchange(encapsulate({ command: 'nop', data: new Uint8Array(100) }))).toEqual([])
    expect(exchange(encapsulate({ command: 'sendUnitData', session: 7, data: new Uint8Array(8) }))).toEqual([])
    expect(exchange(encapsulate({ command: 'unregisterSession', session: 99 }))).toEqual([])
    expect(session.end).toBeUndefined()
  })

  it('ends with UnRegisterSession, and takes nothing that follows', () => {
    const handle = register()
    const end = encapsulate({ command: 'unregisterSession', session: handle })
    expect(exchange(Uint8Array.from([...end, ...unconnected(handle, getVendor)]))).toEqual([])
    expect(session.end?.reason).toBe('unregistered')
    expect(exchange(unconnected(handle, getVendor))).toEqual([])
    expect(session.deadline()).toBeUndefined()
  })

  it('gives the same answers however the stream is cut', () => {
    const handle = register()
    const stream = Uint8Array.from([
      ...encapsulate({ command: 'listServices' }),
      ...unconnected(handle, getVendor),
      ...encapsulate({ command: 'listInterfaces' }),
    ])
    const whole = exchange(stream)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 6 }), (cuts) => {
        const points = [0, ...cuts.toSorted((a, b) => a - b), stream.length]
        const parts = points.slice(1).flatMap((end, i) => exchange(stream.slice(points[i], end)))
        expect(parts).toEqual(whole)
      }),
      { numRuns: 50, seed: 5 },
    )
  })

  it('ends when a header promises more than encapsulation can carry', () => {
    const frame = new Uint8Array(24)
    frame.set([0x6f, 0, 0xff, 0xff])
    expect(exchange(frame)).toEqual([])
    expect(session.end?.reason).toBe('malformed')
  })

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }), (chunks) => {
        const target = new EncapsulationSession({ device, link }, 0)
        for (const chunk of chunks) target.receive(chunk, 1)
        target.takeOutput()
      }),
      { numRuns: 500, seed: 11 },
    )
    const handle = register()
    fc.assert(
      fc.property(fc.constantFrom('sendRRData', 'sendUnitData'), fc.uint8Array({ maxLength: 100 }), (command, data) => {
        session.receive(encapsulate({ command, session: handle, data }), 1)
        session.takeOutput()
        expect(session.end).toBeUndefined()
      }),
      { numRuns: 500, seed: 12 },
    )
  })
})

describe('inactivity', () => {
  it('ends a session after the time of 0xF5 attribute 13 without a whole message', () => {
    register()
    expect(session.deadline()).toBe(120_001)
    session.receive(Uint8Array.of(0x6f, 0), 60_000)
    expect(session.deadline()).toBe(120_001)
    session.receive(new Uint8Array(22), 100_000)
    session.takeOutput()
    expect(session.deadline()).toBe(220_000)
    session.tick(219_999)
    expect(session.end).toBeUndefined()
    session.tick(220_000)
    expect(session.end?.reason).toBe('inactive')
  })

  it('never ends one where the attribute is 0', async () => {
    await new TestClient(device, tcpLink()).set(tcpIp, 1, 'encapsulationInactivityTimeout', 0)
    expect(session.deadline()).toBeUndefined()
    session.tick(1e12)
    expect(session.end).toBeUndefined()
  })

  it('does not count a peer that waits for an answer as idle', () => {
    const slow: HostedDevice = { ...hosted(), request: () => new Promise(() => undefined) }
    const target = new EncapsulationSession({ device: slow, link }, 0)
    const handle = register(target)
    target.receive(unconnected(handle, getVendor), 10)
    target.tick(1_000_000)
    expect(target.end).toBeUndefined()
  })
})

/** The host's part of a device, to be changed in one place. */
function hosted(): HostedDevice {
  return {
    address: device.address,
    ports: () => device.ports(),
    security: () => device.security(),
    admit: (peer, portNumber, protocol) => device.admit(peer, portNumber, protocol),
    egress: (peer, protocol) => device.egress(peer, protocol),
    request: (request, from, now) => device.request(request, from, now),
    listIdentity: () => device.listIdentity(),
    datagram: () => undefined,
    linkClosed: () => undefined,
    deadline: () => undefined,
    tick: () => undefined,
    takeActions: () => [],
  }
}

describe('slow requests', () => {
  it('are answered when they are done, by their context, while others go on', async () => {
    const resolvers: (() => void)[] = []
    const slow: HostedDevice = {
      ...hosted(),
      request: (request, from, now) =>
        request.service === 0x4b
          ? new Promise((resolve) => {
              resolvers.push(() =>
                resolve({ service: 0x4b, status: 0, extended: [], data: Uint8Array.of(resolvers.length) }),
              )
            })
          : device.request(request, from, now),
    }
    let woken = 0
    const target = new EncapsulationSession({ device: slow, link, onOutput: () => woken++ }, 0)
    const handle = register(target)
    const slowRequest = cip(0x4b, path({ class: 0x5f, instance: 2 }))
    expect(exchange(unconnected(handle, slowRequest, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)), 1, target)).toEqual([])
    expect(exchange(unconnected(handle, slowRequest, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)), 1, target)).toEqual([])
    expect(target.outstanding).toBe(2)
    expect(replyIn(one(unconnected(handle, getVendor), target)).status).toBe(0)
    resolvers[1]?.()
    await Promise.resolve()
    await Promise.resolve()
    const [second] = target.takeOutput().map((bytes) => decode(encapsulationMessage, bytes))
    expect(second?.senderContext[0]).toBe(2)
    expect(woken).toBe(1)
    resolvers[0]?.()
    await Promise.resolve()
    await Promise.resolve()
    const [first] = target.takeOutput().map((bytes) => decode(encapsulationMessage, bytes))
    expect(first?.senderContext[0]).toBe(1)
    expect(target.outstanding).toBe(0)
  })

  it('are bounded in number: 0x0002', () => {
    const limited: HostedDevice = {
      ...hosted(),
      request: () => new Promise(() => undefined),
      encapsulation: () => ({ inactivityTimeoutS: 120, outstanding: 3, udpOnly: 'no', io: true }),
    }
    const target = new EncapsulationSession({ device: limited, link }, 0)
    const handle = register(target)
    for (let i = 0; i < 3; i++) expect(exchange(unconnected(handle, getVendor), 1, target)).toEqual([])
    expect(one(unconnected(handle, getVendor), target).status).toBe('insufficientMemory')
  })

  it('that fail inside the device tell the peer so and do not end the session', async () => {
    const broken: HostedDevice = { ...hosted(), request: () => Promise.reject(new Error('a defect')) }
    const target = new EncapsulationSession({ device: broken, link }, 0)
    const handle = register(target)
    exchange(unconnected(handle, getVendor), 1, target)
    await new Promise((resolve) => setImmediate(resolve))
    const [reply] = target.takeOutput().map((bytes) => decode(encapsulationMessage, bytes))
    expect(reply?.status).toBe('insufficientMemory')
    expect(target.end).toBeUndefined()
  })

  it('leave nothing behind when the session has ended meanwhile', async () => {
    let finish: () => void = () => undefined
    const slow: HostedDevice = {
      ...hosted(),
      request: () =>
        new Promise((resolve) => {
          finish = () => resolve({ service: 1, status: 0, extended: [], data: new Uint8Array(0) })
        }),
    }
    const target = new EncapsulationSession({ device: slow, link }, 0)
    const handle = register(target)
    exchange(unconnected(handle, getVendor), 1, target)
    exchange(encapsulate({ command: 'unregisterSession', session: handle }), 1, target)
    finish()
    await new Promise((resolve) => setImmediate(resolve))
    expect(target.takeOutput()).toEqual([])
  })
})

describe('connected messages', () => {
  it('go over the connection that Forward_Open made, with the sequence count echoed', () => {
    const handle = register()
    const open = encode(forwardOpenRequest, {
      timeout: { priority: false, tick: 7, ticks: 249 },
      otConnectionId: 0,
      toConnectionId: 0x80fe0010,
      connectionSerialNumber: 17,
      originatorVendorId: 77,
      originatorSerialNumber: 5,
      timeoutMultiplier: 0,
      otRpi: 8_000_000,
      otParameters: { redundantOwner: false, type: 'pointToPoint', priority: 'low', sizeType: 'variable', size: 500 },
      toRpi: 8_000_000,
      toParameters: { redundantOwner: false, type: 'pointToPoint', priority: 'low', sizeType: 'variable', size: 500 },
      transport: { direction: 'server', trigger: 'application', transportClass: 3 },
      path: path({ class: 2, instance: 1 }),
    })
    const opened = replyIn(one(unconnected(handle, cip(0x54, path({ class: 6, instance: 1 }), open))))
    const { otConnectionId } = decode(forwardOpenReply, opened.data)
    const data = connectedMessage({ connectionId: otConnectionId, sequenceCount: 9, message: getVendor })
    const reply = one(encapsulate({ command: 'sendUnitData', session: handle, data }))
    expect(reply).toMatchObject({ command: 'sendUnitData', session: handle })
    const connected = connectedMessageOf(decode(sendData, reply.data))
    expect(connected).toMatchObject({ connectionId: 0x80fe0010, sequenceCount: 9 })
    expect(decode(messageRouterReply, connected?.message ?? getVendor)).toMatchObject({ service: 0x0e, status: 0 })
    const wrong = connectedMessage({ connectionId: otConnectionId + 1, sequenceCount: 10, message: getVendor })
    expect(exchange(encapsulate({ command: 'sendUnitData', session: handle, data: wrong }))).toEqual([])
  })
})

describe('a plain link under a policy that forbids it', () => {
  it('gets 0x006A for CIP, and keeps its List commands', async () => {
    const secure = await secureDevice()
    const target = new EncapsulationSession({ device: secure, link }, 0)
    const handle = register(target)
    const manage = new TestClient(secure, tlsLink({}, '192.0.2.50'))
    const ingress = ['allow ip=192.0.2.50 proto=tcp']
    await manage.call(ingressEgress, 0, 'setRules', {
      changeCount: 0,
      behaviour: 0,
      instances: [{ instance: 1, ingress, egress: [] }],
    })
    expect(one(unconnected(handle, getVendor), target).status).toBe('serviceNotAllowedOnPort')
    expect(one(encapsulate({ command: 'listIdentity' }), target).status).toBe('success')
    const late = new EncapsulationSession({ device: secure, link: tcpLink('192.0.2.7') }, 0)
    expect(one(encapsulate({ command: 'registerSession', data: version }), late).status).toBe('serviceNotAllowedOnPort')
  })
})
