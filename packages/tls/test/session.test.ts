import { createPrivateKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Session } from '../lib/index.ts'
import { load } from '../lib/load.ts'
import {
  alerts,
  cbc,
  clientContext,
  established,
  exchange,
  failure,
  gcm,
  handshake,
  identity,
  kinds,
  makePair,
  nullSha,
  protocols,
  psk,
  pskCbc,
  readHello,
  received,
  serverContext,
  string,
  text,
} from './pair.ts'
import { issue } from './pki.ts'

const root = await issue({ ca: true, subject: 'CN=root' })
const device = await issue({ subject: 'CN=device' }, root)
const plant = await issue({ subject: 'CN=plant' }, root)
const anchors = [root.der]

const server = (protocol: 'tls' | 'dtls', options: Parameters<typeof serverContext>[1] = {}) =>
  serverContext(protocol, { identity: identity(device), anchors, ...options })
const client = (protocol: 'tls' | 'dtls', options: Parameters<typeof clientContext>[1] = {}) =>
  clientContext(protocol, { identity: identity(plant), anchors, ...options })

describe.each(protocols)('a %s session', (protocol) => {
  it('says on both ends what was agreed', () => {
    const pair = established(server(protocol, { verify: { peer: 'require' } }), client(protocol))
    const version = protocol === 'tls' ? 'TLSv1.2' : 'DTLSv1.2'
    const common = {
      suite: gcm,
      suiteName: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      version,
      resumed: false,
      verifyErrors: [],
      encryptThenMac: false,
      extendedMasterSecret: true,
      serverTempKey: 'prime256v1',
    }
    expect(pair.client.info).toMatchObject({ ...common, peerChain: [device.der] })
    expect(pair.server.info).toMatchObject({ ...common, peerChain: [plant.der] })
    expect(pair.client.info?.sessionId.length).toBe(32)
    expect(pair.client.info).not.toHaveProperty('pskIdentity')
  })

  it('knows nothing before it is established', () => {
    const session = new Session(client(protocol))
    session.start(0)
    expect([session.state, session.info, session.ticket()]).toEqual(['handshaking', undefined, undefined])
    expect(() => session.write(text('early'))).toThrow(expect.objectContaining({ code: 'not-established' }))
    expect(() => session.exportKeyingMaterial('EXPORTER-a', 32)).toThrow(
      expect.objectContaining({ code: 'not-established' }),
    )
  })

  it('has the certificate of a server that refused it', () => {
    const pair = handshake(
      makePair(
        server(protocol, { verify: { peer: 'require' } }),
        clientContext(protocol, { anchors, verify: { peer: 'none' } }),
      ),
    )
    expect([failure(pair.server).code, pair.client.state]).toEqual(['certificate-required', 'failed'])
    expect([pair.client.info, pair.client.shown]).toEqual([undefined, [device.der]])
    pair.client.destroy()
    expect(pair.client.shown).toEqual([])
  })

  it('carries data both ways', () => {
    const pair = established(server(protocol), client(protocol))
    pair.client.write(text('ping'))
    exchange(pair)
    expect(received(pair.server)).toEqual(['ping'])
    pair.server.write(text('pong'))
    exchange(pair)
    expect(received(pair.client)).toEqual(['pong'])
    pair.client.write(new Uint8Array(0))
    expect(pair.client.takeOutput()).toEqual([])
  })

  it('reports the peer’s identity of a pre-shared key', () => {
    const pair = established(
      serverContext(protocol, { suites: [pskCbc], psk: psk('cell 7') }),
      clientContext(protocol, { suites: [pskCbc], psk: psk('cell 7') }),
    )
    expect(string(pair.server.info?.pskIdentity ?? new Uint8Array())).toBe('cell 7')
    expect(pair.server.info).toMatchObject({ peerChain: [], encryptThenMac: true, extendedMasterSecret: true })
  })

  it('negotiates Encrypt-then-MAC for block ciphers and extended master secret always', () => {
    const block = established(server(protocol, { suites: [cbc] }), client(protocol, { suites: [cbc] }))
    expect(block.client.info).toMatchObject({ encryptThenMac: true, extendedMasterSecret: true })
    expect(block.server.info).toMatchObject({ encryptThenMac: true, extendedMasterSecret: true })
    const none = established(server(protocol, { suites: [nullSha] }), client(protocol, { suites: [nullSha] }))
    expect(none.client.info).toMatchObject({ encryptThenMac: false, extendedMasterSecret: true })
  })

  it('offers exactly the suites, groups and extensions it was told to', () => {
    const session = new Session(client(protocol, { suites: [nullSha, gcm], groups: ['P-384', 'P-256'] }))
    session.start(0)
    const { suites, extensions } = readHello(protocol, session.takeOutput()[0] ?? new Uint8Array())
    expect(suites).toEqual([nullSha, gcm])
    expect(extensions.get(10)).toEqual(Uint8Array.from([0, 4, 0, 24, 0, 23]))
    expect(extensions.has(0)).toBe(false) // no server name
    expect(extensions.has(16)).toBe(false) // no application protocol
  })

  it('lets the server’s order of suites decide', () => {
    const pair = established(server(protocol, { suites: [cbc, gcm] }), client(protocol, { suites: [gcm, cbc] }))
    expect(pair.client.info?.suite).toBe(cbc)
  })

  it('serves certificate and pre-shared key peers from one context', () => {
    const both = server(protocol, { suites: [gcm, pskCbc], psk: psk() })
    expect(established(both, client(protocol)).server.info?.suite).toBe(gcm)
    expect(established(both, clientContext(protocol, { suites: [pskCbc], psk: psk() })).server.info?.suite).toBe(pskCbc)
  })

  it('picks the row of the table that the client named', () => {
    const table = Array.from({ length: 40 }, (_, row) => ({ identity: text(`row ${row}`), key: text(`key ${row}`) }))
    const context = serverContext(protocol, { suites: [pskCbc], psk: table })
    for (const row of [0, 17, 39]) {
      const pair = established(context, clientContext(protocol, { suites: [pskCbc], psk: table.slice(row) }))
      expect(string(pair.server.info?.pskIdentity ?? new Uint8Array())).toBe(`row ${row}`)
    }
  })

  it('uses a key only in the role it is for', () => {
    const [row] = psk()
    if (row === undefined) throw new Error('no row')
    const table = [
      { ...row, identity: text('for servers'), usage: 'server' as const },
      { ...row, identity: text('for clients'), usage: 'client' as const },
    ]
    const pair = handshake(
      makePair(
        serverContext(protocol, { suites: [pskCbc], psk: table }),
        clientContext(protocol, { suites: [pskCbc], psk: table }),
      ),
    )
    expect(failure(pair.server).code).toBe('psk-unknown')
    const heard = pair.client.takeEvents()
    expect(alerts(heard, 'in')).toEqual(['unknown_psk_identity'])
  })

  it('takes identities of 128 and keys of 64 bytes', () => {
    const table = [{ identity: new Uint8Array(128).fill(0xc3), key: new Uint8Array(64) }]
    established(
      serverContext(protocol, { suites: [pskCbc], psk: table }),
      clientContext(protocol, { suites: [pskCbc], psk: table }),
    )
  })

  it('exports the same keying material on both ends, per label and context', () => {
    const { client: one, server: two } = established(server(protocol), client(protocol))
    const exported = one.exportKeyingMaterial('EXPORTER-test', 40)
    expect(exported.length).toBe(40)
    expect(two.exportKeyingMaterial('EXPORTER-test', 40)).toEqual(exported)
    expect(one.exportKeyingMaterial('EXPORTER-other', 40)).not.toEqual(exported)
    const inContext = one.exportKeyingMaterial('EXPORTER-test', 40, text('context'))
    expect(inContext).not.toEqual(exported)
    expect(two.exportKeyingMaterial('EXPORTER-test', 40, text('context'))).toEqual(inContext)
    expect(() => one.exportKeyingMaterial('EXPORTER-test', 0)).toThrow(expect.objectContaining({ code: 'bad-option' }))
    expect(() => one.exportKeyingMaterial('', 20)).toThrow(expect.objectContaining({ code: 'bad-option' }))
  })

  it('closes in order, once', () => {
    const pair = established(server(protocol), client(protocol))
    pair.client.write(text('last'))
    pair.client.close()
    pair.client.close()
    exchange(pair)
    expect(kinds(pair.server.takeEvents())).toEqual(['data', 'closed'])
    expect([pair.client.state, pair.server.state]).toEqual(['closed', 'closed'])
    expect(kinds(pair.client.takeEvents())).toEqual([])
    expect(() => pair.server.write(text('late'))).toThrow(expect.objectContaining({ code: 'not-established' }))
    expect(pair.client.info?.suite).toBe(gcm)
    pair.client.receive(randomBytes(100), 0)
    expect(pair.client.takeEvents()).toEqual([])
  })

  it('frees its memory on destroy and stays harmless', () => {
    const [, before] = load().alive()
    const pair = established(server(protocol), client(protocol))
    expect(load().alive()[1]).toBe(before + 2)
    for (const session of [pair.client, pair.server]) {
      session.destroy()
      session.destroy()
      session.close()
      session.tick(1e9)
      session.receive(text('anything'), 0)
      expect([session.state, session.deadline(), session.ticket(), session.takeOutput()]).toEqual([
        'closed',
        undefined,
        undefined,
        [],
      ])
      expect(() => session.write(text('x'))).toThrow(expect.objectContaining({ code: 'not-established' }))
      expect(() => session.start(0)).toThrow(expect.objectContaining({ code: 'closed' }))
    }
    expect(load().alive()[1]).toBe(before)
  })

  it('gives up when the handshake takes too long', () => {
    const waiting = new Session(client(protocol, { handshakeTimeoutMs: 5000, retransmitMs: 60_000 }))
    expect(waiting.deadline()).toBeUndefined()
    waiting.start(100)
    expect(waiting.deadline()).toBe(5100)
    waiting.tick(5099)
    expect(waiting.state).toBe('handshaking')
    waiting.tick(5100)
    expect(failure(waiting).code).toBe('handshake-timeout')
    expect([waiting.state, waiting.deadline()]).toEqual(['failed', undefined])
  })

  it('gives a server the same time from the first byte on', () => {
    const context = server(protocol, { handshakeTimeoutMs: 5000 })
    const pair = makePair(context, client(protocol))
    pair.client.start(0)
    const [hello] = pair.client.takeOutput()
    pair.server.receive(hello?.subarray(0, 3) ?? new Uint8Array(), 1000)
    expect(pair.server.deadline()).toBe(6000)
    pair.server.tick(6000)
    expect(failure(pair.server).code).toBe('handshake-timeout')
  })

  it('has no deadline once established', () => {
    const pair = established(server(protocol), client(protocol))
    expect([pair.client.deadline(), pair.server.deadline()]).toEqual([undefined, undefined])
  })

  it('writes a key log only where asked, in NSS format, the same on both ends', () => {
    for (const [suites, table] of [
      [[gcm], undefined],
      [[pskCbc], psk()],
    ] as const) {
      const options = { suites, ...(table === undefined ? {} : { psk: table }) }
      const pair = handshake(
        makePair(server(protocol, { ...options, keyLog: true }), client(protocol, { ...options, keyLog: true })),
      )
      const lines = [pair.client, pair.server].map((session) =>
        session.takeEvents().flatMap((event) => (event.kind === 'keylog' ? [event.line] : [])),
      )
      expect(lines[0]).toHaveLength(1)
      expect(lines[0]?.[0]).toMatch(/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/)
      expect(lines[1]).toEqual(lines[0])
    }
    expect(kinds(handshake(makePair(server(protocol), client(protocol))).client.takeEvents())).toEqual(['established'])
  })

  it('logs the client random that went over the wire', () => {
    const pair = makePair(server(protocol), client(protocol, { keyLog: true }))
    pair.client.start(0)
    const [hello = new Uint8Array()] = pair.client.takeOutput()
    const random = hello.subarray(protocol === 'tls' ? 11 : 27).subarray(0, 32)
    pair.server.receive(hello, 0)
    exchange(pair)
    const line = pair.client.takeEvents().flatMap((event) => (event.kind === 'keylog' ? [event.line] : []))[0]
    expect(line?.split(' ')[1]).toBe(Buffer.from(random).toString('hex'))
  })

  it('fails with a reason where no suite is shared', () => {
    const pair = handshake(makePair(server(protocol, { suites: [cbc] }), client(protocol, { suites: [gcm] })))
    expect(failure(pair.server)).toMatchObject({ code: 'no-shared-suite', verifyErrors: [] })
    const events = pair.client.takeEvents()
    expect(alerts(events, 'in')).toEqual(['handshake_failure'])
    expect(events.at(-1)).toMatchObject({ kind: 'failed', code: 'peer-alert' })
  })

  it('fails with a reason where the version does not fit', () => {
    const old = protocol === 'tls' ? ('TLSv1.1' as const) : ('DTLSv1' as const)
    const versions = { min: old, max: old }
    const pair = handshake(
      makePair(server(protocol), client(protocol, { versions, suites: [0xc009], groups: ['P-256'] })),
    )
    expect(failure(pair.server).code).toBe('wrong-version')
    expect(alerts(pair.client.takeEvents(), 'in')).toEqual(['protocol_version'])
  })

  it('does not disturb the errors of node:crypto, nor is disturbed by them', () => {
    const broken = () => createPrivateKey({ key: Buffer.from('none'), format: 'der', type: 'pkcs8' })
    const alone = (() => {
      try {
        return broken()
      } catch (error) {
        return String(error)
      }
    })()
    const pair = makePair(server(protocol), client(protocol))
    const step = (action: () => void) => {
      action()
      expect(broken).toThrow(expect.objectContaining({ message: expect.stringContaining(String(alone).slice(7, 40)) }))
    }
    step(() => pair.client.start(0))
    step(() => handshake(makePair(server(protocol, { suites: [cbc] }), client(protocol))))
    step(() => exchange(pair))
    expect(pair.client.state).toBe('established')
  })

  it('refuses what is no IP address as peer', () => {
    const context = client(protocol)
    expect(() => new Session(context, { peer: 'plc.example' })).toThrow(expect.objectContaining({ code: 'bad-option' }))
    for (const peer of ['10.0.0.1', '::1', '::ffff:10.0.0.1', 'fe80::1%eth0']) new Session(context, { peer }).destroy()
  })

  it('sends the chain or the leaf alone, as told', async () => {
    const middle = await issue({ ca: true, subject: 'CN=middle' }, root)
    const deep = await issue({ subject: 'CN=deep' }, middle)
    const whole = identity(deep, middle)
    const withChain = established(server(protocol, { identity: whole }), client(protocol))
    expect(withChain.client.info?.peerChain).toEqual([deep.der, middle.der])
    const short = handshake(makePair(server(protocol, { identity: whole, sendChain: false }), client(protocol)))
    expect(failure(short.client).code).toBe('unknown-authority')
    const partial = established(
      server(protocol, { identity: whole, sendChain: false }),
      client(protocol, { anchors: [middle.der] }),
    )
    expect(partial.client.info?.peerChain).toEqual([deep.der])
  })
})

describe('a TLS session', () => {
  it('takes the stream in pieces of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 }), (sizes) => {
        const pair = makePair(server('tls'), client('tls'))
        pair.client.start(0)
        let piece = 0
        const carry = (from: Session, to: Session) => {
          let moved = false
          for (const bytes of from.takeOutput()) {
            moved = true
            for (let at = 0; at < bytes.length; ) {
              const size = sizes[piece++ % sizes.length] ?? 1
              to.receive(bytes.subarray(at, at + size), 0)
              at += size
            }
          }
          return moved
        }
        while (carry(pair.client, pair.server) || carry(pair.server, pair.client)) {}
        pair.client.write(text('in pieces'))
        carry(pair.client, pair.server)
        expect(received(pair.server).join('')).toBe('in pieces')
        pair.client.destroy()
        pair.server.destroy()
      }),
      { numRuns: 25, seed: 7 },
    )
  })

  it.each([gcm, cbc, nullSha])('carries megabytes unchanged with suite %i', (suite) => {
    const pair = established(server('tls', { suites: [suite] }), client('tls', { suites: [suite] }))
    const payload = new Uint8Array(randomBytes(3_000_001))
    pair.client.write(payload)
    const wire = Buffer.concat(pair.client.takeOutput())
    pair.server.receive(wire, 0)
    const got = Buffer.concat(pair.server.takeEvents().flatMap((event) => (event.kind === 'data' ? [event.bytes] : [])))
    expect(got.equals(payload)).toBe(true)
  })

  it('joins many small records of one chunk into one event', () => {
    const pair = established(server('tls'), client('tls'))
    for (let index = 0; index < 500; index++) pair.client.write(text('abcd'))
    pair.server.receive(Buffer.concat(pair.client.takeOutput()), 0)
    const events = pair.server.takeEvents()
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({ kind: 'data' })
  })

  it('ends with an alert when a record was changed on the way', () => {
    const pair = established(server('tls'), client('tls'))
    pair.client.write(text('secret'))
    const [record = new Uint8Array()] = pair.client.takeOutput()
    record[record.length - 1] = (record.at(-1) ?? 0) ^ 1
    pair.server.receive(record, 0)
    const events = pair.server.takeEvents()
    expect(alerts(events, 'out')).toEqual(['bad_record_mac'])
    expect(events.at(-1)).toMatchObject({ kind: 'failed', code: 'protocol' })
    expect(pair.server.state).toBe('failed')
    exchange(pair)
    expect(alerts(pair.client.takeEvents(), 'in')).toEqual(['bad_record_mac'])
  })

  it('refuses a stream that is no TLS', () => {
    for (const bytes of [
      text('GET / HTTP/1.1\r\n\r\n'),
      new Uint8Array(64),
      new Uint8Array(randomBytes(256)).fill(0x80, 0, 1),
    ]) {
      const session = new Session(server('tls'))
      session.receive(bytes, 0)
      expect(session.state).toBe('failed')
      expect(['protocol', 'wrong-version']).toContain(failure(session).code)
    }
  })

  it('tells a wrong key from a right one', () => {
    const pair = handshake(
      makePair(
        serverContext('tls', { suites: [pskCbc], psk: psk('id', 'right') }),
        clientContext('tls', { suites: [pskCbc], psk: psk('id', 'wrong') }),
      ),
    )
    expect(failure(pair.server).code).toBe('protocol')
    expect(alerts(pair.client.takeEvents(), 'in')).toEqual(['bad_record_mac'])
  })

  it('holds records of the peer that come with the end of its handshake', () => {
    const pair = makePair(server('tls'), client('tls'))
    pair.client.start(0)
    const carry = (from: Session, to: Session) => to.receive(Buffer.concat(from.takeOutput()), 0)
    carry(pair.client, pair.server)
    carry(pair.server, pair.client)
    carry(pair.client, pair.server)
    pair.server.write(text('at once'))
    carry(pair.server, pair.client)
    expect(kinds(pair.client.takeEvents())).toEqual(['established', 'data'])
  })
})
