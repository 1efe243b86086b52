import { messageRouterReply, messageRouterRequest, path } from '@cordon/core/cip'
import { type Device, DtlsMessages, type HostedDevice, replayCacheMs, replayCacheSize } from '@cordon/core/device'
import { commonPacket, dtlsMessageOf, dtlsRequest } from '@cordon/core/enip'
import { cipSecurity } from '@cordon/core/objects'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { dtlsLink, secureDevice, TestClient } from './fixture.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const begin = encode(messageRouterRequest, {
  service: 0x4b,
  path: path({ class: 0x5d, instance: 1 }),
  data: new Uint8Array(0),
})
const getState = encode(messageRouterRequest, {
  service: 0x0e,
  path: path({ class: 0x5d, instance: 1, attribute: 1 }),
  data: new Uint8Array(0),
})

let device: Device
const link = dtlsLink()
let messages: DtlsMessages

beforeEach(async () => {
  device = await secureDevice()
  messages = new DtlsMessages({ device, link })
})

function exchange(bytes: Uint8Array, now = 0, target = messages) {
  target.receive(bytes, now)
  return target.takeOutput()
}

function reply(bytes: Uint8Array | undefined) {
  const item = dtlsMessageOf(decode(commonPacket, bytes ?? new Uint8Array(0)))
  if (item === undefined) throw new Error('no item 0x8003')
  return { ...item, cip: item.message.length === 0 ? undefined : decode(messageRouterReply, item.message) }
}

describe('unconnected messages over DTLS', () => {
  it('answer by the bytes of the reference', async () => {
    const owner = new TestClient(device, link)
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    await owner.call(cipSecurity, 1, 'endConfig', undefined)
    const [bytes] = exchange(hex('01 00 03 80 12 00 01 00 07 00 00 00 00 00 00 00 0e 03 20 5d 24 01 30 01'))
    expect(Buffer.from(bytes ?? []).toString('hex')).toBe(
      '01000380 0f00 0180 07000000 00000000 8e 00 00 00 02'.replaceAll(' ', ''),
    )
  })

  it('answer a repetition by the same reply again and do the work once', () => {
    const [first] = exchange(dtlsRequest(5, begin))
    expect(reply(first).cip?.status).toBe(0)
    expect(exchange(dtlsRequest(5, begin), 100)).toEqual([first])
    expect(exchange(dtlsRequest(5, getState), 200)).toEqual([first])
    expect(reply(exchange(dtlsRequest(6, begin), 300)[0]).cip?.status).toBe(0x0c)
  })

  it('forget replies after 10 s, and the oldest after eight others', () => {
    const create = encode(messageRouterRequest, {
      service: 0x08,
      path: path({ class: 0x5f, instance: 0 }),
      data: Uint8Array.of(1, 0x61),
    })
    exchange(dtlsRequest(5, create))
    expect(reply(exchange(dtlsRequest(5, create), replayCacheMs - 1)[0]).cip?.status).toBe(0)
    expect(reply(exchange(dtlsRequest(5, create), replayCacheMs)[0]).cip?.status).toBe(0x0d)
    for (let i = 0; i < replayCacheSize; i++) exchange(dtlsRequest(100 + i, getState), replayCacheMs + 1)
    expect(reply(exchange(dtlsRequest(100, getState), replayCacheMs + 2)[0]).cip?.status).toBe(0)
    expect(reply(exchange(dtlsRequest(5, getState), replayCacheMs + 2)[0]).cip?.service).toBe(0x0e)
  })

  it('refuse types other than UCMM_NOACK and discard replies, statuses and garbage', () => {
    const other = encode(commonPacket, [
      { kind: 'unconnectedDtls', messageType: 2, reply: false, transaction: 1, status: 'success', message: begin },
    ])
    expect(reply(exchange(other)[0])).toMatchObject({ status: 'invalidCommand', cip: undefined, transaction: 1 })
    const discarded = [
      { messageType: 'ucmmNoAck', reply: true, status: 'success' },
      { messageType: 'ucmmNoAck', reply: false, status: 'invalidCommand' },
    ] as const
    for (const fields of discarded) {
      const bytes = encode(commonPacket, [{ kind: 'unconnectedDtls', transaction: 1, message: begin, ...fields }])
      expect(exchange(bytes)).toEqual([])
    }
    expect(exchange(dtlsRequest(1, begin).subarray(0, 9))).toEqual([])
    expect(device.securityState()).toBe('factoryDefault')
  })

  it('answer a malformed request with its CIP status', () => {
    expect(reply(exchange(dtlsRequest(1, Uint8Array.of(0x0e, 9)))[0]).cip?.status).toBe(0x26)
  })

  it('hold a bounded number of slow requests and answer each when it is done', async () => {
    const resolvers: (() => void)[] = []
    const slow: HostedDevice = {
      ...device,
      address: device.address,
      ports: () => [],
      security: () => device.security(),
      admit: () => ({ allowed: true, reason: '' }),
      egress: () => ({ allowed: true, secure: false, reason: '' }),
      listIdentity: () => new Uint8Array(0),
      datagram: () => undefined,
      linkClosed: () => undefined,
      deadline: () => undefined,
      tick: () => undefined,
      takeActions: () => [],
      request: ({ service }) =>
        new Promise((resolve) =>
          resolvers.push(() => resolve({ service, status: 0, extended: [], data: new Uint8Array(0) })),
        ),
    }
    let woken = 0
    const target = new DtlsMessages({ device: slow, link, onOutput: () => woken++ })
    for (let i = 0; i < replayCacheSize; i++) expect(exchange(dtlsRequest(i, begin), 0, target)).toEqual([])
    expect(reply(exchange(dtlsRequest(99, begin), 0, target)[0]).status).toBe('insufficientMemory')
    expect(exchange(dtlsRequest(3, begin), 0, target)).toEqual([])
    resolvers[3]?.()
    await new Promise((resolve) => setImmediate(resolve))
    expect(reply(target.takeOutput()[0]).transaction).toBe(3)
    expect(woken).toBe(1)
  })

  it('never throw on any record', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0x8003, 0x8002, 0), (bytes, type) => {
        messages.receive(bytes, 0)
        messages.receive(Uint8Array.from([1, 0, type & 0xff, type >> 8, ...bytes]), 0)
        messages.takeOutput()
      }),
      { numRuns: 500, seed: 2 },
    )
  })
})
