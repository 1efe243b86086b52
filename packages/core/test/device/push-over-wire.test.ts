import { type EPath, messageRouterReply, messageRouterRequest, path } from '@cordon/core/cip'
import type { Crypto } from '@cordon/core/crypto'
import { type DeviceAction, EncapsulationSession } from '@cordon/core/device'
import {
  encapsulate,
  encapsulationMessage,
  sendData,
  unconnectedMessage,
  unconnectedMessageOf,
} from '@cordon/core/enip'
import { cipSecurity } from '@cordon/core/objects'
import { decode, encode } from '@cordon/core/wire'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, it } from 'vitest'
import { secureDevice, TestClient, tlsLink } from './fixture.ts'

describe('a configurator over one session', () => {
  it('kicks both objects while a Create_CSR takes longer than their timeout', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const crypto: Crypto = {
      ...nodeCrypto,
      generateKey: async (kind) => {
        await held
        return await nodeCrypto.generateKey(kind)
      },
    }
    const device = await secureDevice({}, { crypto })
    const link = tlsLink({ authenticated: 'none' })
    let woken = 0
    const session = new EncapsulationSession({ device, link, onOutput: () => woken++ }, 0)
    let now = 0
    let handle = 0
    let counter = 0
    const send = (service: number, target: EPath, data = new Uint8Array(0)) => {
      const message = encode(messageRouterRequest, { service, path: target, data })
      const senderContext = new Uint8Array(8)
      new DataView(senderContext.buffer).setUint32(0, ++counter)
      const frame = encapsulate({
        command: 'sendRRData',
        session: handle,
        senderContext,
        data: unconnectedMessage(message),
      })
      session.receive(frame, now)
      return counter
    }
    const replies = () =>
      session.takeOutput().map((bytes) => {
        const message = decode(encapsulationMessage, bytes)
        const inner = unconnectedMessageOf(decode(sendData, message.data)) ?? new Uint8Array(0)
        const counted = new DataView(message.senderContext.slice().buffer).getUint32(0)
        return { context: counted, reply: decode(messageRouterReply, inner) }
      })
    session.receive(encapsulate({ command: 'registerSession', data: Uint8Array.of(1, 0, 0, 0) }), now)
    handle = decode(encapsulationMessage, session.takeOutput()[0] ?? new Uint8Array(0)).session

    send(0x4b, path({ class: 0x5d, instance: 1 }))
    send(0x4b, path({ class: 0x5e, instance: 1 }))
    send(0x08, path({ class: 0x5f, instance: 0 }), Uint8Array.of(3, 0x6f, 0x70, 0x73))
    expect(replies().map(({ reply }) => reply.status)).toEqual([0, 0, 0])
    const slow = send(0x4b, path({ class: 0x5f, instance: 2 }), Uint8Array.from([1, 0x64, 0, 0, 0, 0, 0, 0, 0]))
    expect(replies()).toEqual([])
    for (let i = 0; i < 10; i++) {
      now += 3_000
      device.tick(now)
      const kicked = [send(0x4c, path({ class: 0x5d, instance: 1 })), send(0x4c, path({ class: 0x5e, instance: 1 }))]
      expect(replies().map(({ context, reply }) => [context, reply.status])).toEqual(
        kicked.map((context) => [context, 0]),
      )
    }
    expect(session.outstanding).toBe(1)
    release()
    for (let turns = 0; turns < 500 && woken === 0; turns++) await new Promise((resolve) => setImmediate(resolve))
    const [late] = replies()
    expect([late?.context, late?.reply.service, late?.reply.status]).toEqual([slow, 0x4b, 0])
    expect(device.securityState()).toBe('firstConfiguration')
  })
})

describe('a device that nobody ticks', () => {
  it('ends a configuration session all the same when the next request comes', async () => {
    const device = await secureDevice()
    const first = new TestClient(device, tlsLink())
    await first.call(cipSecurity, 1, 'beginConfig', undefined)
    const second = new TestClient(device, tlsLink({}, '192.0.2.2'), first.now + 10_000)
    await second.call(cipSecurity, 1, 'beginConfig', undefined)
    expect(await second.get(cipSecurity, 1, 'state')).toBe('configurationInProgress')
  })

  it('holds a bounded log', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink())
    for (let i = 0; i < 6_000; i++) await client.raw(0x4b, path({ class: 0x01, instance: 1 }), Uint8Array.of(1))
    const actions: readonly DeviceAction[] = device.takeActions()
    expect(actions.length).toBeLessThanOrEqual(4_100)
    await client.raw(0x4b, path({ class: 0x01, instance: 1 }), Uint8Array.of(1))
    expect(device.takeActions()).toHaveLength(1)
  })
})

describe('many devices', () => {
  it('share what is the same: declarations, behaviours, default settings', async () => {
    const devices = await Promise.all(Array.from({ length: 300 }, async () => await secureDevice()))
    expect(new Set(devices.map((device) => device.security().chain[0])).size).toBe(1)
    const [first, second] = devices
    expect(first?.security().anchors).toEqual(second?.security().anchors)
    for (const device of devices) {
      expect(device.deadline()).toBeUndefined()
      expect(device.takeActions()).toEqual([])
    }
  })
})
