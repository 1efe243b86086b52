import { beforeAll, describe, expect, it } from 'vitest'
import { parseTarget, wayTo } from '../../src/originator/egress.ts'
import { plainDevice, steer } from '../target/test-device.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'

let authority: TestAuthority
let own: Identity

beforeAll(async () => {
  authority = await makeAuthority('plant')
  own = await authority.issue('device')
})

const device = (suites?: readonly number[]) =>
  steer(plainDevice('192.0.2.1'), credentialsOf(own, authority, suites === undefined ? {} : { suites }))

describe('the way to a target', () => {
  it('is plain TCP where policy does not ask for more, whatever the class', () => {
    for (const transportClass of [0, 1, 3] as const) {
      expect(wayTo(device(), '192.0.2.2', transportClass)).toMatchObject({
        allowed: true,
        secure: false,
        key: { address: '192.0.2.2', transport: 'tcp', credentialsId: '' },
      })
    }
  })

  it('is TLS for class 3 and DTLS for class 0 and 1 where policy asks for security', () => {
    const steered = device([0xc02c, 0xc006])
    const asked: unknown[] = []
    steered.egressRule = (peer, protocol) => {
      asked.push([peer, protocol])
      return { allowed: true, secure: true, reason: 'rule' }
    }
    expect(wayTo(steered, '192.0.2.2', 3)).toMatchObject({ secure: true, key: { transport: 'tls' } })
    expect(wayTo(steered, '192.0.2.2', 1)).toMatchObject({ secure: true, key: { transport: 'dtls' } })
    expect(asked).toEqual([
      ['192.0.2.2', 'tcp'],
      ['192.0.2.2', 'udp'],
    ])
  })

  it('offers only the suites of that conduit, in the order of the device', () => {
    const steered = device([0xc02c, 0xc023, 0xc006])
    steered.egressRule = () => ({ allowed: true, secure: true, suites: [0xc006, 0xc023, 0xc024], reason: 'rule' })
    const way = wayTo(steered, '192.0.2.2', 3)
    expect(way.allowed && way.key.credentials?.suites).toEqual([0xc023, 0xc006])
  })

  it('is refused where no suite is left, and never falls back to plain', () => {
    const steered = device([0xc02c])
    steered.egressRule = () => ({ allowed: true, secure: true, suites: [0xc006], reason: 'rule 4' })
    expect(wayTo(steered, '192.0.2.2', 3)).toEqual({ allowed: false, reason: expect.stringContaining('rule 4') })
  })

  it('is refused where policy refuses it, forced or not', () => {
    const steered = device()
    steered.egressRule = () => ({ allowed: false, secure: false, reason: 'no conduit' })
    expect(wayTo(steered, '192.0.2.2', 3)).toEqual({ allowed: false, reason: 'no conduit' })
    expect(wayTo(steered, '192.0.2.2:2221', 3)).toEqual({ allowed: false, reason: 'no conduit' })
  })

  it('is secured where the path says :2221', () => {
    expect(parseTarget('192.0.2.2:2221')).toEqual({ address: '192.0.2.2', forced: true })
    expect(wayTo(device(), '192.0.2.2:2221', 3)).toMatchObject({ secure: true, key: { address: '192.0.2.2' } })
  })

  it('shares its credentials while nothing changed, and has others after a change', () => {
    const steered = device()
    const first = wayTo(steered, '192.0.2.2:2221', 3)
    const second = wayTo(steered, '192.0.2.3:2221', 3)
    if (!first.allowed || !second.allowed) throw new Error('refused')
    expect(second.key.credentials).toBe(first.key.credentials)
    steered.secure({})
    const third = wayTo(steered, '192.0.2.2:2221', 3)
    if (!third.allowed) throw new Error('refused')
    expect(third.key.credentials).not.toBe(first.key.credentials)
    expect(third.key.credentialsId).not.toBe(first.key.credentialsId)
  })

  it('does not hand a server-only key to a client', () => {
    const steered = device()
    steered.secure({
      psk: [
        { identity: Uint8Array.of(1), key: Uint8Array.of(1), usage: 'server' },
        { identity: Uint8Array.of(2), key: Uint8Array.of(2), usage: 'any' },
      ],
    })
    const way = wayTo(steered, '192.0.2.2:2221', 3)
    expect(way.allowed && way.key.credentials?.psk?.map((entry) => entry.identity[0])).toEqual([2])
  })
})
