import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Context, Listener, type ListenerResult, type Peer, Session } from '../lib/index.ts'
import { load } from '../lib/load.ts'
import { clientContext, identity, psk, pskCbc, received, serverContext, string, text } from './pair.ts'
import { issue } from './pki.ts'

const device = await issue({ subject: 'CN=device' })
const server = (more = {}) => serverContext('dtls', { suites: [pskCbc], psk: psk(), ...more })
const client = (more = {}) => clientContext('dtls', { suites: [pskCbc], psk: psk(), ...more })
const at = (port: number, host = 1): Peer => ({ address: `127.64.1.${host}`, port })
const roomy = { maxSessions: 1000, maxPerHost: 1000 }

/** Carries everything between a client and a listener; the last result that had a session. */
function serve(listener: Listener, session: Session, peer: Peer, now = 0): ListenerResult | undefined {
  let last: ListenerResult | undefined
  for (let round = 0; round < 20; round++) {
    const datagrams = session.takeOutput()
    if (datagrams.length === 0) break
    for (const datagram of datagrams) {
      const result = listener.receive(peer, datagram, now)
      if (result.session !== undefined) last = result
      for (const answer of result.output) session.receive(answer, now)
    }
  }
  return last
}

function join(listener: Listener, peer: Peer, context: Context = client(), now = 0): Session {
  const session = new Session(context)
  session.start(now)
  serve(listener, session, peer, now)
  return session
}

/** The hello with a valid cookie of a client at some address. */
function helloWithCookie(listener: Listener, peer: Peer, now = 0): { session: Session; hello: Uint8Array } {
  const session = new Session(client())
  session.start(now)
  const [first = new Uint8Array()] = session.takeOutput()
  for (const answer of listener.receive(peer, first, now).output) session.receive(answer, now)
  return { session, hello: session.takeOutput()[0] ?? new Uint8Array() }
}

describe('a listener', () => {
  it('serves many peers on one port, each with its own session', () => {
    const listener = new Listener(server(), roomy)
    const clients = Array.from({ length: 20 }, (_, index) => join(listener, at(1000 + index)))
    expect(clients.map(({ state }) => state)).toEqual(Array.from({ length: 20 }, () => 'established'))
    expect([listener.size, [...listener.sessions()].length]).toEqual([20, 20])
    clients.forEach((session, index) => {
      session.write(text(`from ${index}`))
      const result = serve(listener, session, at(1000 + index))
      expect(result?.session && received(result.session)).toEqual([`from ${index}`])
      expect(result?.session?.peer).toBe('127.64.1.1')
    })
  })

  it('chooses the context by the peer’s address, and silence where there is none', () => {
    const contexts = new Map([
      ['127.64.1.1', server()],
      ['127.64.1.2', serverContext('dtls', { identity: identity(device) })],
    ])
    const listener = new Listener((peer) => contexts.get(peer), roomy)
    expect(join(listener, at(1, 1)).state).toBe('established')
    const certified = clientContext('dtls', { verify: { peer: 'none' } })
    expect(join(listener, at(1, 2), certified).info?.peerChain).toEqual([device.der])
    expect(join(listener, at(1, 3)).state).toBe('handshaking')
    expect(listener.size).toBe(2)
  })

  it('answers no garbage and keeps nothing of it', () => {
    const listener = new Listener(server(), roomy)
    const session = new Session(client())
    session.start(0)
    const [hello = new Uint8Array()] = session.takeOutput()
    const garbage = [
      new Uint8Array(0),
      text('hello'),
      randomBytes(1400),
      new Uint8Array(70_000).fill(22),
      hello.subarray(0, 40),
      hello.with(13, 2), // not a ClientHello
      hello.with(4, 1), // epoch 1
      hello.with(0, 23), // application data
      hello.with(1, 3), // TLS
      hello.with(20, 9), // a fragment offset
      hello.with(12, 3), // a record shorter than its message
      hello.with(59, 200), // a session id beyond the end
    ]
    for (const datagram of garbage) {
      expect(listener.receive(at(5), datagram, 0)).toEqual({ created: false, output: [] })
    }
    expect(listener.size).toBe(0)
    expect(listener.receive(at(5), hello, 0).output).toHaveLength(1)
  })

  it('accepts a cookie from the address that it was sent to, and from no other', () => {
    const listener = new Listener(server(), roomy)
    const { hello } = helloWithCookie(listener, at(1))
    for (const other of [at(2), at(1, 2)]) {
      const result = listener.receive(other, hello, 0)
      expect([result.created, result.output.length, result.output[0]?.[13]]).toEqual([false, 1, 3])
    }
    const forged = hello.slice()
    forged[70] = (forged[70] ?? 0) ^ 1
    expect(listener.receive(at(1), forged, 0).created).toBe(false)
    expect(listener.size).toBe(0)
    expect(listener.receive(at(1), hello, 0).created).toBe(true)
  })

  it('takes a repeated hello for what it is', () => {
    const listener = new Listener(server(), roomy)
    const { session, hello } = helloWithCookie(listener, at(1))
    const first = listener.receive(at(1), hello, 0)
    const again = listener.receive(at(1), hello, 0)
    expect([again.created, again.replaced, again.session]).toEqual([false, undefined, first.session])
    for (const answer of first.output) session.receive(answer, 0)
    serve(listener, session, at(1))
    expect(session.state).toBe('established')
    expect(listener.receive(at(1), hello, 0)).toMatchObject({ created: false, session: first.session })
    expect(first.session?.state).toBe('established')
  })

  it('lets nobody end a session by a hello without a cookie, or with data of strangers', () => {
    const listener = new Listener(server(), roomy)
    const session = join(listener, at(1))
    const [held] = listener.sessions()
    const intruder = new Session(client())
    intruder.start(0)
    for (const datagram of intruder.takeOutput()) listener.receive(at(1), datagram, 0)
    for (let round = 0; round < 50; round++) listener.receive(at(1), randomBytes(100), 0)
    expect([held?.state, listener.size]).toEqual(['established', 1])
    session.write(text('still here'))
    serve(listener, session, at(1))
    expect(held && received(held)).toEqual(['still here'])
  })

  it('replaces a session that shook hands when its peer began anew', () => {
    const listener = new Listener(server(), roomy)
    const { hello } = helloWithCookie(listener, at(1))
    const abandoned = listener.receive(at(1), hello, 0).session
    const second = new Session(client())
    second.start(0)
    const results: ListenerResult[] = []
    for (let round = 0; round < 10; round++) {
      for (const datagram of second.takeOutput()) {
        const result = listener.receive(at(1), datagram, 0)
        results.push(result)
        for (const answer of result.output) second.receive(answer, 0)
      }
    }
    expect(results.find(({ replaced }) => replaced !== undefined)?.replaced).toBe(abandoned)
    expect([second.state, listener.size]).toEqual(['established', 1])
  })

  it('holds at most so many sessions, and so many of one host', () => {
    const listener = new Listener(server(), { maxSessions: 5, maxPerHost: 2 })
    const states = [at(1, 1), at(2, 1), at(3, 1), at(1, 2), at(1, 3), at(1, 4), at(1, 5)].map(
      (peer) => join(listener, peer).state,
    )
    const [yes, no] = ['established', 'handshaking']
    expect(states).toEqual([yes, yes, no, yes, yes, yes, no])
    expect(listener.size).toBe(5)
    // A restart takes no more room than before.
    expect(join(listener, at(1, 1)).state).toBe('established')
    expect(listener.size).toBe(5)
    const [oldest] = listener.sessions()
    if (oldest !== undefined) listener.forget(oldest)
    expect(join(listener, at(1, 5)).state).toBe('established')
  })

  it('begins at most so many handshakes per second', () => {
    const listener = new Listener(server(), { ...roomy, maxHandshakesPerSecond: 3 })
    const states = (now: number) => [1, 2, 3, 4, 5].map((port) => join(listener, at(port + now), client(), now).state)
    expect(states(0).filter((state) => state === 'established')).toHaveLength(3)
    expect(states(10_000).filter((state) => state === 'established')).toHaveLength(3)
    expect(states(10_400).filter((state) => state === 'established')).toHaveLength(1)
  })

  it('spends nothing on a flood of hellos without cookies', () => {
    const listener = new Listener(server(), { maxSessions: 10, maxPerHost: 10, maxHandshakesPerSecond: 1 })
    const session = new Session(client())
    session.start(0)
    const [hello = new Uint8Array()] = session.takeOutput()
    const [, before] = load().alive()
    for (let flood = 0; flood < 3000; flood++) listener.receive(at(1024 + flood, flood % 250), hello, flood)
    expect([listener.size, listener.deadline()]).toEqual([0, undefined])
    expect(load().alive()[1] - before).toBeLessThanOrEqual(1) // the one that waits for the next stranger
    expect(join(listener, at(1)).state).toBe('established')
  })

  it('ticks the sessions that shake hands and lets go of what was forgotten', () => {
    const context = server({ handshakeTimeoutMs: 5000, retransmitMs: 60_000 })
    const listener = new Listener(context, roomy)
    const { hello } = helloWithCookie(listener, at(1), 100)
    const slow = listener.receive(at(1), hello, 100).session
    expect(listener.deadline()).toBe(5100)
    join(listener, at(2), client(), 200)
    expect(listener.deadline()).toBe(5100)
    listener.tick(5099)
    expect(slow?.state).toBe('handshaking')
    listener.tick(5100)
    expect(slow?.state).toBe('failed')
    expect(slow?.takeEvents().at(-1)).toMatchObject({ kind: 'failed', code: 'handshake-timeout' })
    expect([listener.deadline(), listener.size]).toEqual([undefined, 2])
    if (slow === undefined) throw new Error('no session')
    listener.forget(slow)
    listener.forget(slow)
    slow.destroy()
    expect(listener.size).toBe(1)
    expect(join(listener, at(1)).state).toBe('established')
  })

  it('gives an ended session’s place to the same peer', () => {
    const listener = new Listener(server(), roomy)
    const first = join(listener, at(1))
    first.close()
    const closed = serve(listener, first, at(1))?.session
    expect(closed?.state).toBe('closed')
    const second = new Session(client())
    second.start(0)
    const replaced: (Session | undefined)[] = []
    for (let round = 0; round < 10; round++) {
      for (const datagram of second.takeOutput()) {
        const result = listener.receive(at(1), datagram, 0)
        replaced.push(result.replaced)
        for (const answer of result.output) second.receive(answer, 0)
      }
    }
    expect(second.state).toBe('established')
    expect(replaced).toContain(closed)
  })

  it('resumes through the cookie', () => {
    const asking = client()
    const listener = new Listener(server(), roomy)
    const resume = join(listener, at(1), asking).ticket()
    if (resume === undefined) throw new Error('no ticket')
    const again = new Session(asking, { resume })
    again.start(0)
    serve(listener, again, at(2))
    expect([again.state, again.info?.resumed]).toEqual(['established', true])
  })

  it('serves IPv6 peers', () => {
    const listener = new Listener(server(), roomy)
    const session = new Session(client())
    session.start(0)
    const result = serve(listener, session, { address: 'fe80::aa:bb%eth0', port: 65535 })
    expect([session.state, result?.session?.peer]).toEqual(['established', 'fe80::aa:bb%eth0'])
    expect(string(result?.session?.info?.pskIdentity ?? new Uint8Array())).toBe('line 3')
  })

  it('refuses contexts and bounds that make no sense', () => {
    const wrong = [
      () => new Listener(client(), roomy),
      () => new Listener(serverContext('tls', { suites: [pskCbc], psk: psk() }), roomy),
      () => new Listener(server(), { maxSessions: 0, maxPerHost: 1 }),
      () => new Listener(server(), { maxSessions: 1, maxPerHost: Number.NaN }),
    ]
    for (const make of wrong) expect(make).toThrow(expect.objectContaining({ code: 'bad-option' }))
  })
})
