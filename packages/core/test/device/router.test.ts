import {
  messageRouterReply,
  messageRouterRequest,
  multipleServicePacket,
  path,
  port,
  unconnectedSend,
  type EPath,
} from '@cordon/core/cip'
import { createDevice, createTag, type Device } from '@cordon/core/device'
import { cipSecurity, ethernetIpSecurity } from '@cordon/core/objects'
import { decode, encode } from '@cordon/core/wire'
import { nodeCrypto } from '@cordon/node/crypto'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { plainDevice, secureDevice, TestClient, tcpLink, testIdentity, tlsLink } from './fixture.ts'

const identityPath = path({ class: 1, instance: 1 })
const request = (service: number, target: EPath, data: Uint8Array = new Uint8Array(0)) =>
  encode(messageRouterRequest, { service, path: target, data })

let device: Device
let client: TestClient

beforeEach(async () => {
  device = await secureDevice()
  client = new TestClient(device, tlsLink())
})

describe('common services', () => {
  it('refuse what does not exist by the general status of the reference', async () => {
    const cases: readonly [number, EPath, readonly number[], readonly number[]][] = [
      [0x0e, path({ class: 0x99, instance: 1, attribute: 1 }), [], [0x05]],
      [0x0e, path({ class: 1, instance: 7, attribute: 1 }), [], [0x16]],
      [0x0e, path({ class: 1, instance: 1, attribute: 99 }), [], [0x14]],
      [0x0e, path({ class: 1, instance: 1, attribute: 39 }), [], [0x14]],
      [0x0e, path({ class: 1, instance: 1 }), [], [0x04]],
      [0x0e, path({ class: 1, instance: 1, attribute: 1 }), [1], [0x15]],
      [0x10, path({ class: 1, instance: 1, attribute: 1 }), [1, 0], [0x0e]],
      [0x10, path({ class: 1, instance: 1, attribute: 10 }), [], [0x13]],
      [0x10, path({ class: 1, instance: 1, attribute: 10 }), [1, 2], [0x15]],
      [0x10, path({ class: 1, instance: 0, attribute: 1 }), [1, 2], [0x08]],
      [0x4c, path({ class: 1, instance: 1 }), [], [0x08]],
      [0x08, path({ class: 0x5f, instance: 2 }), [0], [0x16]],
      [0x08, path({ class: 0x5f, instance: 1 }), [0], [0x08]],
      [0x4b, path({ class: 0x5d, instance: 0 }), [], [0x08]],
      [0x0e, [], [], [0x26]],
      [0x0e, path({ instance: 1 }), [], [0x04]],
      [0x0e, [port(1, 0), ...identityPath], [], [0x04]],
      [0x01, path({ class: 0x04, instance: 1 }), [], [0x05]],
      [0x4c, [{ kind: 'symbol', name: 'Tag' }], [1, 0], [0x05]],
    ]
    for (const [service, target, data, status] of cases) {
      expect([service, await client.status(service, target, Uint8Array.from(data))]).toEqual([service, status])
    }
  })

  it('give class attributes from the declaration', async () => {
    expect(await client.getClass(ethernetIpSecurity, 'maxInstance')).toBe(1)
    expect(await client.getClass(ethernetIpSecurity, 'numberOfInstances')).toBe(1)
    expect(await client.getClass(ethernetIpSecurity, 'maxClassAttribute')).toBe(9)
    expect((await client.raw(0x0e, path({ class: 0x5e, instance: 0, attribute: 4 }))).status).toBe(0x14)
  })

  it('give and set lists of attributes, each with its own status', async () => {
    const list = await client.raw(0x03, identityPath, Uint8Array.of(3, 0, 1, 0, 99, 0, 10, 0))
    expect(list.status).toBe(0x0a)
    expect([...list.data]).toEqual([3, 0, 1, 0, 0, 0, 1, 0, 99, 0, 0x14, 0, 10, 0, 0, 0, 0])
    const set = await client.raw(0x04, identityPath, Uint8Array.of(2, 0, 10, 0, 30, 1, 0, 9, 0))
    expect(set.status).toBe(0x0a)
    expect([...set.data]).toEqual([2, 0, 10, 0, 0, 0, 1, 0, 0x0e, 0])
    expect((await client.raw(0x0e, path({ class: 1, instance: 1, attribute: 10 }))).data[0]).toBe(30)
  })

  it('refuse lists that are cut, padded, or name an attribute without a format', async () => {
    expect(await client.status(0x03, identityPath, Uint8Array.of(1))).toEqual([0x13])
    expect(await client.status(0x03, identityPath, Uint8Array.of(2, 0, 1, 0))).toEqual([0x13])
    expect(await client.status(0x03, identityPath, Uint8Array.of(1, 0, 1, 0, 9))).toEqual([0x15])
    expect(await client.status(0x04, identityPath, Uint8Array.of(1, 0, 99, 0, 1))).toEqual([0x0a])
    expect(await client.status(0x04, identityPath, Uint8Array.of(1, 0, 10, 0))).toEqual([0x1d])
    expect(await client.status(0x04, identityPath, Uint8Array.of(1, 0, 10, 0, 1, 1))).toEqual([0x15])
  })

  it('change nothing when a list of settings is malformed further on', async () => {
    const heartbeat = path({ class: 1, instance: 1, attribute: 10 })
    await client.raw(0x04, identityPath, Uint8Array.of(2, 0, 10, 0, 77, 99, 0))
    expect((await client.raw(0x0e, heartbeat)).data[0]).toBe(0)
  })

  it('refuse a list whose answer would not fit with 0x11', async () => {
    const many = new Uint8Array(2 + 6000 * 2)
    new DataView(many.buffer).setUint16(0, 6000, true)
    for (let i = 0; i < 6000; i++) many[2 + i * 2] = 7
    expect(await client.status(0x03, identityPath, many)).toEqual([0x11])
  })
})

describe('Multiple_Service_Packet', () => {
  const packet = (...messages: readonly Uint8Array[]) => encode(multipleServicePacket, messages)
  const router = path({ class: 2, instance: 1 })

  it('answers the two gets of the reference', async () => {
    const reply = await client.raw(
      0x0a,
      router,
      packet(
        request(0x0e, path({ class: 1, instance: 1, attribute: 1 })),
        request(0x0e, path({ class: 1, instance: 1, attribute: 7 })),
      ),
    )
    expect(reply.status).toBe(0)
    const [vendor, name] = decode(multipleServicePacket, reply.data).map((bytes) => decode(messageRouterReply, bytes))
    expect(vendor?.data).toEqual(Uint8Array.of(1, 0))
    expect(new TextDecoder().decode(name?.data.subarray(1))).toBe('1756-L85E/B')
  })

  it('judges each embedded request by itself: authorization, nesting, bytes', async () => {
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    const plain = new TestClient(device, tcpLink())
    const reply = await plain.raw(
      0x0a,
      router,
      packet(
        request(0x0e, path({ class: 0x5d, instance: 1, attribute: 1 })),
        request(0x4b, path({ class: 0x5d, instance: 1 })),
        request(0x0a, router, packet(request(0x0e, path({ class: 1, instance: 1, attribute: 1 })))),
        Uint8Array.of(0x0e, 9, 0x20),
        Uint8Array.of(0x0e, 1, 0xff, 0xff),
        Uint8Array.of(0x0e),
      ),
    )
    expect(reply.status).toBe(0x1e)
    const statuses = decode(multipleServicePacket, reply.data).map((bytes) => decode(messageRouterReply, bytes).status)
    expect(statuses).toEqual([0, 0x0f, 0x08, 0x26, 0x04, 0x24])
  })

  it('refuses a packet hidden in a packet by way of Unconnected_Send', async () => {
    const inner = request(0x0a, router, packet(request(0x0e, path({ class: 1, instance: 1, attribute: 1 }))))
    const hidden = request(
      0x52,
      path({ class: 6, instance: 1 }),
      encode(unconnectedSend, { timeout: { priority: false, tick: 5, ticks: 100 }, message: inner, route: [] }),
    )
    const reply = await client.raw(0x0a, router, packet(hidden))
    expect(decode(messageRouterReply, decode(multipleServicePacket, reply.data)[0] ?? new Uint8Array(0)).status).toBe(
      0x08,
    )
  })

  it('refuses offsets that lead astray with 0x20', async () => {
    expect(await client.status(0x0a, router, Uint8Array.of(1, 0, 200, 0, 1))).toEqual([0x20])
    expect(await client.status(0x0a, router, Uint8Array.of(1))).toEqual([0x20])
  })

  it('waits for slow services and keeps the order', async () => {
    await client.raw(0x08, path({ class: 0x5f, instance: 0 }), Uint8Array.of(1, 0x61))
    const csr = Uint8Array.from([1, 0x62, 0, 0, 0, 0, 0, 0, 0])
    const reply = await client.raw(
      0x0a,
      router,
      packet(
        request(0x4b, path({ class: 0x5f, instance: 2 }), csr),
        request(0x0e, path({ class: 1, instance: 1, attribute: 1 })),
      ),
    )
    const [first, second] = decode(multipleServicePacket, reply.data).map((bytes) => decode(messageRouterReply, bytes))
    expect([first?.service, first?.status, second?.service, second?.status]).toEqual([0x4b, 0, 0x0e, 0])
  })
})

describe('Unconnected_Send', () => {
  const manager = path({ class: 6, instance: 1 })
  const send = (route: EPath, message: Uint8Array) =>
    encode(unconnectedSend, { timeout: { priority: false, tick: 1, ticks: 250 }, message, route })
  const getVendor = request(0x0e, path({ class: 1, instance: 1, attribute: 1 }))

  function chassis() {
    const controller: Device = createDevice({
      address: 'slot-0',
      identity: { ...testIdentity, vendorId: 99 },
      crypto: nodeCrypto,
      slot: 0,
      tags: [createTag('Speed', { kind: 'elementary', code: 0xc4 }, [5])],
    })
    const module = plainDevice({ slot: 1, backplane: (slot) => (slot === 0 ? controller : undefined) })
    return { controller, module: new TestClient(module, tcpLink()) }
  }

  it('reaches the device in the slot and gives the embedded reply itself', async () => {
    const { module } = chassis()
    const reply = await module.raw(0x52, manager, send([port(1, 0)], getVendor))
    expect(reply).toMatchObject({ service: 0x0e, status: 0, data: Uint8Array.of(99, 0) })
  })

  it('reaches the device itself with an empty route or its own slot', async () => {
    const { module } = chassis()
    for (const route of [[], [port(1, 1)]]) {
      const reply = await module.raw(0x52, manager, send(route, getVendor))
      expect(reply).toMatchObject({ service: 0x0e, status: 0, data: Uint8Array.of(1, 0) })
    }
  })

  it('says which part of the route it could not follow', async () => {
    const { module } = chassis()
    const cases: readonly [EPath, number, number][] = [
      [[port(1, 5)], 0x0312, 1],
      [[port(3, 0)], 0x0311, 1],
      [[port(2, '192.0.2.9')], 0x0311, 6],
      [[port(1, 0), port(2, '192.0.2.9')], 0x0311, 6],
      [[port(1, 1), port(1, 1)], 0x0318, 1],
      [[{ kind: 'class', value: 1 }], 0x0315, 1],
    ]
    for (const [route, extended, remaining] of cases) {
      const reply = await module.raw(0x52, manager, send(route, getVendor))
      expect(reply).toMatchObject({ service: 0x52, status: 1, extended: [extended] })
      expect([...reply.data]).toEqual([remaining, 0])
    }
  })

  it('answers malformed data with 0x0205 and a malformed embedded request with its own status', async () => {
    const { module } = chassis()
    expect(await module.status(0x52, manager, Uint8Array.of(1, 2, 3))).toEqual([1, 0x0205])
    const reply = await module.raw(0x52, manager, send([port(1, 0)], Uint8Array.of(0x0e, 9)))
    expect(reply).toMatchObject({ service: 0x0e, status: 0x26 })
  })

  it('makes slot 0 of a controller without a chassis the controller itself', async () => {
    const alone = plainDevice({ tags: [createTag('Speed', { kind: 'elementary', code: 0xc4 }, [5])] })
    const reply = await new TestClient(alone, tcpLink()).raw(0x52, manager, send([port(1, 0)], getVendor))
    expect(reply).toMatchObject({ service: 0x0e, status: 0 })
  })
})

describe('any request', () => {
  it('gets a reply or a refusal, never an exception, and the device goes on', async () => {
    const target = await secureDevice(
      {},
      {
        assemblies: [
          { instance: 100, direction: 'input', size: 8 },
          { instance: 101, direction: 'output', size: 4 },
        ],
        tags: [createTag('Speed', { kind: 'elementary', code: 0xc4 }, [5])],
      },
    )
    const classes = [0x01, 0x02, 0x04, 0x06, 0x37, 0x48, 0x5d, 0x5e, 0x5f, 0x63, 0x6b, 0x6c, 0xf4, 0xf5, 0xf6, 0x77]
    const links = [tcpLink(), tlsLink()]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...classes),
        fc.constantFrom(0, 1, 2, 100, 101, 0x0101, 0x0110, 0x0fce),
        fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
        fc.integer({ min: 0, max: 0x7f }),
        fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(new Uint8Array(0))),
        fc.constantFrom(...links),
        async (classId, instance, attribute, service, data, link) => {
          const where = path({ class: classId, instance, ...(attribute === undefined ? {} : { attribute }) })
          const reply = await target.request({ service, path: where, data }, link, 5)
          expect(reply.service).toBe(service & 0x7f)
          encode(messageRouterReply, reply)
          target.takeActions()
        },
      ),
      { numRuns: 1500, seed: 7 },
    )
  })
})
