import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { Context, Session } from '../lib/index.ts'
import { load } from '../lib/load.ts'
import {
  clientContext,
  established,
  failure,
  gcm,
  handshake,
  identity,
  makePair,
  protocols,
  psk,
  pskCbc,
  serverContext,
  text,
} from './pair.ts'
import { issue } from './pki.ts'

const root = await issue({ ca: true })
const device = await issue({ subject: 'CN=device' }, root)

describe.each(protocols)('%s', (protocol) => {
  it('refuses a peer whose certificates are larger than 64 KiB', async () => {
    const padding = await issue({ ca: true, subject: [{ CN: ['padding'], O: ['x'.repeat(60)] }] })
    const many = Array.from({ length: 200 }, () => padding)
    const total = padding.der.length * 200
    expect(total).toBeGreaterThan(64 * 1024)
    // Our own contexts refuse to send so much, so the limit is tried just below and above at their own option.
    const make = (count: number) =>
      new Context({ role: 'server', protocol, suites: [gcm], identity: identity(device, ...many.slice(0, count)) })
    expect(() => make(200)).toThrow(
      expect.objectContaining({ code: 'bad-option', message: expect.stringContaining('64 KiB') }),
    )
    const fitting = Math.floor((60 * 1024) / padding.der.length)
    const pair = handshake(makePair(make(fitting), clientContext(protocol, { anchors: [root.der] })))
    expect(pair.client.info?.peerChain).toHaveLength(fitting + 1)
  })

  it('gives the memory of a thousand sessions back', () => {
    const server = serverContext(protocol, { suites: [pskCbc], psk: psk() })
    const client = clientContext(protocol, { suites: [pskCbc], psk: psk() })
    const [, before] = load().alive()
    const pairs = Array.from({ length: 500 }, () => established(server, client))
    expect(load().alive()[1]).toBe(before + 1000)
    for (const { client: one, server: two } of pairs) {
      one.destroy()
      two.destroy()
    }
    expect(load().alive()[1]).toBe(before)
  })

  it('keeps a session alive when its context is closed, and then frees both', () => {
    const [contexts, sessions] = load().alive()
    const server = serverContext(protocol, { suites: [pskCbc], psk: psk() })
    const client = clientContext(protocol, { suites: [pskCbc], psk: psk() })
    const pair = established(server, client)
    server.close()
    client.close()
    expect(load().alive().slice(0, 2)).toEqual([contexts + 2, sessions + 2])
    pair.client.write(text('on'))
    for (const bytes of pair.client.takeOutput()) pair.server.receive(bytes, 0)
    expect(pair.server.takeEvents()).toHaveLength(1)
    pair.client.destroy()
    pair.server.destroy()
    expect(load().alive().slice(0, 2)).toEqual([contexts, sessions])
  })

  it('bounds a handshake that never ends by time alone', () => {
    const context = serverContext(protocol, { suites: [pskCbc], psk: psk(), handshakeTimeoutMs: 1000 })
    const session = new Session(context)
    session.start(0)
    expect(session.deadline()).toBe(1000)
    session.tick(1000)
    expect(failure(session)).toMatchObject({
      code: 'handshake-timeout',
      message: 'the handshake did not finish in time (no end after 1000 ms)',
    })
  })
})

describe('a TLS peer that sends warnings without end', () => {
  it('is cut off', () => {
    const pair = established(
      serverContext('tls', { suites: [pskCbc], psk: psk() }),
      clientContext('tls', { suites: [pskCbc], psk: psk() }),
    )
    pair.server.receive(new Uint8Array(0), 0)
    const session = new Session(serverContext('tls', { suites: [pskCbc], psk: psk() }))
    // warning, user_canceled: unprotected alerts before any handshake
    const warning = [21, 3, 3, 0, 2, 1, 90]
    session.receive(Uint8Array.from(Array.from({ length: 5000 }, () => warning).flat()), 0)
    expect(session.state).toBe('failed')
    expect(session.takeEvents().length).toBeLessThan(20)
  })
})

describe('what nobody holds any more', () => {
  it('is freed by the garbage collector, without close or destroy', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void // there once the flag is set
    const before = load().alive()
    const forget = () => {
      for (let index = 0; index < 50; index++) {
        const options = { suites: [pskCbc], psk: psk() }
        const { client } = established(serverContext('dtls', options), clientContext('dtls', options))
        expect(client.ticket()).toBeDefined()
      }
    }
    forget()
    expect(load().alive()[1]).toBe(before[1] + 100)
    for (let round = 0; round < 20 && load().alive()[0] > before[0]; round++) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // What is still on the stack may survive.
    expect(load().alive()[0]).toBeLessThanOrEqual(before[0] + 2)
    expect(load().alive()[1]).toBeLessThanOrEqual(before[1] + 2)
  })
})

describe('memory of a context without sessions', () => {
  it('is a few kilobytes where contexts share what is equal', () => {
    const make = (index: number) =>
      new Context({
        role: index % 2 === 0 ? 'server' : 'client',
        protocol: index % 4 < 2 ? 'tls' : 'dtls',
        suites: [gcm, 0xc02c, 0xc006],
        identity: identity(device, root),
        anchors: [root.der],
      })
    const keep = Array.from({ length: 8 }, (_, index) => make(index))
    const before = process.memoryUsage().rss
    for (let index = 0; index < 4000; index++) keep.push(make(index))
    const perContext = (process.memoryUsage().rss - before) / 4000
    expect(keep).toHaveLength(4008)
    // Measured at about 3.5 KB, JavaScript included; what must not happen is an OpenSSL context of its own (60 KB and more).
    expect(perContext).toBeLessThan(20_000)
  })
})
