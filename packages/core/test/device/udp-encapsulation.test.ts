import { messageRouterReply, messageRouterRequest, path } from '@cordon/core/cip'
import { type Device, UdpEncapsulation } from '@cordon/core/device'
import {
  type EncapsulationMessage,
  encapsulate,
  encapsulationMessage,
  listIdentityContext,
  sendData,
  unconnectedMessage,
  unconnectedMessageOf,
} from '@cordon/core/enip'
import { ethernetIpSecurity, tcpIp } from '@cordon/core/objects'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { plainDevice, secureDevice, TestClient, tcpLink, tlsLink } from './fixture.ts'

const peer = { address: '192.0.2.1', port: 40_000 }
const version = Uint8Array.of(1, 0, 0, 0)

let device: Device
let udp: UdpEncapsulation

beforeEach(() => {
  device = plainDevice()
  udp = new UdpEncapsulation({ device, random: () => 0.5 })
})

function exchange(message: Uint8Array, target = udp, now = 0): EncapsulationMessage[] {
  target.receive(message, peer, now)
  return target.takeOutput().map(({ bytes }) => decode(encapsulationMessage, bytes))
}

describe('encapsulation on 44818/udp', () => {
  it('answers List commands to the one that asked, at once', () => {
    udp.receive(encapsulate({ command: 'listIdentity' }), peer, 0)
    const [answer] = udp.takeOutput()
    expect(answer?.peer).toBe(peer)
    expect(exchange(encapsulate({ command: 'listIdentity' }))[0]?.data).toEqual(device.listIdentity())
    expect(exchange(encapsulate({ command: 'listServices' }))).toHaveLength(1)
    expect(exchange(encapsulate({ command: 'listInterfaces' }))).toHaveLength(1)
  })

  it('spreads answers to a broadcast over the delay that the requester allows', () => {
    const cases = [
      [0, 1000],
      [100, 250],
      [4000, 2000],
    ] as const
    for (const [asked, moment] of cases) {
      const target = new UdpEncapsulation({ device, random: () => 0.5 })
      const request = encapsulate({ command: 'listIdentity', senderContext: listIdentityContext(asked) })
      target.receive(request, peer, 0, true)
      expect(target.takeOutput()).toEqual([])
      expect(target.deadline()).toBe(moment)
      target.tick(moment - 1)
      expect(target.takeOutput()).toEqual([])
      target.tick(moment)
      expect(target.takeOutput()).toHaveLength(1)
      expect(target.deadline()).toBeUndefined()
    }
  })

  it('holds a bounded number of answers back', () => {
    for (let i = 0; i < 2000; i++) udp.receive(encapsulate({ command: 'listIdentity' }), peer, 0, true)
    udp.tick(1e6)
    expect(udp.takeOutput()).toHaveLength(256)
  })

  it('has no sessions and no StartDTLS where the device lacks the UDP-only profile', () => {
    for (const command of ['registerSession', 'sendRRData', 'sendUnitData', 'startDtls', 0x9999] as const) {
      expect(
        exchange(encapsulate({ command, data: command === 'registerSession' ? version : new Uint8Array(0) }))[0]
          ?.status,
      ).toBe('invalidCommand')
    }
    expect(exchange(encapsulate({ command: 'nop' }))).toEqual([])
  })

  it('says nothing to datagrams that are no message, nor to ports and peers that are shut out', async () => {
    const whole = encapsulate({ command: 'listIdentity' })
    expect(exchange(whole.subarray(0, 23))).toEqual([])
    expect(exchange(Uint8Array.from([...whole, 0]))).toEqual([])
    expect(exchange(encapsulate({ command: 'listIdentity', options: 1 }))).toEqual([])
    expect(exchange(encapsulate({ command: 'listIdentity', status: 5 }))).toEqual([])
    const client = new TestClient(device, tcpLink())
    await client.call(tcpIp, 1, 'setPortAdminState', [{ port: 44818, protocol: 'udp', open: false }])
    expect(exchange(whole)).toEqual([])
  })

  it('refuses data where none belongs with 0x0065', () => {
    for (const command of ['listIdentity', 'listServices', 'listInterfaces'] as const) {
      expect(exchange(encapsulate({ command, data: Uint8Array.of(1) }))[0]?.status).toBe('invalidLength')
    }
  })

  it('never throws on any datagram', async () => {
    const target = new UdpEncapsulation({ device: plainDevice({ udpOnly: true }), random: () => 0 })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, broadcast) => {
        target.receive(bytes, peer, 0, broadcast)
        target.takeOutput()
      }),
      { numRuns: 500, seed: 21 },
    )
  })
})

describe('the UDP-only profile', () => {
  const getVendor = encode(messageRouterRequest, {
    service: 0x0e,
    path: path({ class: 1, instance: 1, attribute: 1 }),
    data: new Uint8Array(0),
  })

  it('carries sessions in datagrams, one per peer', () => {
    const target = new UdpEncapsulation({ device: plainDevice({ udpOnly: true }), random: () => 0 })
    const [registered] = exchange(encapsulate({ command: 'registerSession', data: version }), target)
    const session = registered?.session ?? 0
    const [reply] = exchange(
      encapsulate({ command: 'sendRRData', session, data: unconnectedMessage(getVendor) }),
      target,
    )
    const bytes = unconnectedMessageOf(decode(sendData, reply?.data ?? version))
    expect(decode(messageRouterReply, bytes ?? version)).toMatchObject({ status: 0 })
    target.receive(
      encapsulate({ command: 'sendRRData', session, data: unconnectedMessage(getVendor) }),
      { ...peer, port: 1 },
      0,
    )
    expect(decode(encapsulationMessage, target.takeOutput()[0]?.bytes ?? version).status).toBe('invalidSessionHandle')
    expect(target.deadline()).toBe(120_000)
    target.tick(120_000)
    expect(target.deadline()).toBeUndefined()
  })

  it('holds a bounded number of sessions', () => {
    const target = new UdpEncapsulation({ device: plainDevice({ udpOnly: true }), random: () => 0 })
    let answers = 0
    for (let port = 1; port <= 100; port++) {
      target.receive(encapsulate({ command: 'registerSession', data: version }), { ...peer, port }, 0)
      answers += target.takeOutput().length
    }
    expect(answers).toBe(32)
    target.close(1)
    expect(target.deadline()).toBeUndefined()
  })

  it('answers StartDTLS with success and no data, and tells the host to await the handshake', () => {
    const target = new UdpEncapsulation({ device: plainDevice({ udpOnly: true }), random: () => 0 })
    const [reply] = exchange(encapsulate({ command: 'startDtls' }), target)
    expect(reply).toMatchObject({ command: 'startDtls', status: 'success' })
    expect(reply?.data).toHaveLength(0)
    expect(target.takeStartDtls()).toEqual([peer])
    expect(target.takeStartDtls()).toEqual([])
    expect(exchange(encapsulate({ command: 'startDtls', data: version }), target)[0]?.status).toBe('invalidLength')
  })

  it('follows the UDP-only policy: DTLS only, or closed', async () => {
    const cases = [
      [1, 'success', 'serviceNotAllowedOnPort'],
      [2, 'invalidCommand', 'invalidCommand'],
    ] as const
    for (const [policy, startDtls, register] of cases) {
      const secure = await secureDevice({}, { udpOnly: true })
      const owner = new TestClient(secure, tlsLink())
      await owner.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
      await owner.set(ethernetIpSecurity, 1, 'udpOnlyPolicy', policy)
      await owner.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
      const target = new UdpEncapsulation({ device: secure, random: () => 0 })
      expect(exchange(encapsulate({ command: 'startDtls' }), target)[0]?.status).toBe(startDtls)
      expect(exchange(encapsulate({ command: 'registerSession', data: version }), target)[0]?.status).toBe(register)
    }
  })
})
