import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Schedule } from '../../src/schedule.ts'
import { ServerContexts } from '../../src/target/server-contexts.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'
import { plainDevice, type Steered, steer } from './test-device.ts'

let authority: TestAuthority
let own: Identity

beforeAll(async () => {
  authority = await makeAuthority('plant')
  own = await authority.issue('device')
})
afterEach(() => {
  vi.useRealTimers()
})

const settings = { handshakeTimeoutMs: 1000, keyLog: false }

function contexts(suites?: readonly number[]): { steered: Steered; contexts: ServerContexts; schedule: Schedule } {
  const credentials = credentialsOf(own, authority, suites === undefined ? {} : { suites })
  const steered = steer(plainDevice('192.0.2.1'), credentials)
  const schedule = new Schedule(() => performance.now())
  return { steered, contexts: new ServerContexts(steered, schedule, settings), schedule }
}

describe('the server contexts of a device', () => {
  it('exist only once a peer needs one, and are shared by peers with the same suites', () => {
    const { contexts: made } = contexts()
    expect(made.size).toBe(0)
    const first = made.get('tls', undefined)
    expect(made.get('tls', undefined)).toBe(first)
    expect(made.get('dtls', undefined)).not.toBe(first)
    expect(made.get('tls', [0xc02c])).not.toBe(first)
    expect(made.size).toBe(3)
    made.clear()
  })

  it('are replaced when the configuration changes', () => {
    const { contexts: made, steered } = contexts()
    const old = made.get('tls', undefined)
    steered.secure({})
    const fresh = made.get('tls', undefined)
    expect(fresh).not.toBe(old)
    expect(made.size).toBe(1)
    made.clear()
  })

  it('are dropped when nobody used them for a while', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const { contexts: made } = contexts()
    made.get('tls', undefined)
    vi.advanceTimersByTime(30_000)
    made.get('dtls', undefined)
    vi.advanceTimersByTime(45_000)
    expect(made.size).toBe(1)
    vi.advanceTimersByTime(120_000)
    expect(made.size).toBe(0)
  })

  it('leave out suites that OpenSSL lacks or that the device has no credentials for', () => {
    const { contexts: made, steered } = contexts([0xd001, 0xc02c, 0xc037])
    expect(made.get('tls', undefined)?.options.suites).toEqual([0xc02c])
    expect(made.get('tls', [0xc037])).toBeUndefined()
    steered.secure({ psk: [{ identity: Uint8Array.of(1), key: Uint8Array.of(2), usage: 'any' }] })
    expect(made.get('tls', undefined)?.options.suites).toEqual([0xc02c, 0xc037])
    made.clear()
  })

  it('do not serve a key that only clients may use', () => {
    const { contexts: made, steered } = contexts([0xc037])
    steered.secure({ psk: [{ identity: Uint8Array.of(1), key: Uint8Array.of(2), usage: 'client' }] })
    expect(made.get('tls', undefined)).toBeUndefined()
  })
})
