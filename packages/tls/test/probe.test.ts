import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import fc from 'fast-check'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { Listener, probeClientHello, type ProbeVersion, readFirstRecord, Session } from '../lib/index.ts'
import { Files, opensslVersion, startServer } from './openssl.ts'
import { cbc, clientContext, gcm, identity, protocols, psk, pskCbc, readHello, serverContext } from './pair.ts'
import { issue } from './pki.ts'
import { Cleanup, connect } from './sockets.ts'

const device = await issue({ subject: 'CN=device' })
const files = new Files()
const cleanup = new Cleanup()
afterEach(() => cleanup.run())
afterAll(() => files.remove())

/** Sends bytes to a TCP port and gives what came back until a first record is complete. */
async function askTcp(port: number, hello: Uint8Array) {
  const socket = connectTcp(port, '127.0.0.1')
  cleanup.add(() => socket.destroy())
  socket.write(hello)
  let got = Buffer.alloc(0)
  for await (const chunk of socket) {
    got = Buffer.concat([got, chunk])
    const record = readFirstRecord('tls', got)
    if (record !== undefined) return record
  }
  throw new Error('nothing came back')
}

async function askUdp(port: number, hello: Uint8Array) {
  const socket = createSocket('udp4')
  cleanup.add(() => socket.close())
  socket.send(hello, port, '127.0.0.1')
  const [datagram] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })
  return readFirstRecord('dtls', datagram)
}

describe.each(protocols)('a hand-coded %s hello', (protocol) => {
  const answer = (suites: readonly number[], offered: readonly number[]) => {
    const session = new Session(
      serverContext(protocol, {
        suites,
        identity: identity(device),
        ...(suites.includes(pskCbc) ? { psk: psk() } : {}),
      }),
    )
    session.receive(probeClientHello({ protocol, suites: offered }), 0)
    return readFirstRecord(protocol, Buffer.concat(session.takeOutput()))
  }

  it('offers what it was told to and what no server can miss', () => {
    const { suites, extensions } = readHello(protocol, probeClientHello({ protocol, suites: [0xd001, gcm] }))
    expect(suites).toEqual([0xd001, gcm])
    expect([...extensions.keys()]).toEqual([10, 11, 13, 22, 23])
  })

  it('learns the chosen suite', () => {
    expect(answer([gcm, cbc], [cbc])).toEqual({
      kind: 'server-hello',
      suite: cbc,
      version: protocol === 'tls' ? 'TLSv1.2' : 'DTLSv1.2',
    })
    expect(answer([pskCbc], [0xd001, pskCbc])).toMatchObject({ suite: pskCbc })
  })

  it('learns of a refusal', () => {
    expect(answer([gcm], [0xd001])).toEqual({ kind: 'alert', name: 'handshake_failure', code: 40 })
  })

  it('is refused where it would be none', () => {
    for (const suites of [[], [0x10000], [-1], [1.5], Array.from({ length: 257 }, () => gcm)]) {
      expect(() => probeClientHello({ protocol, suites })).toThrow(expect.objectContaining({ code: 'bad-option' }))
    }
  })

  it('reads any bytes as an answer or as none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        for (const prefix of [[], [22, 3, 3], [21, 3, 3], [22, 0xfe, 0xfd], [21, 0xfe, 0xfd]]) {
          const record = readFirstRecord(protocol, Uint8Array.from([...prefix, ...bytes]))
          if (record !== undefined) expect(['server-hello', 'alert', 'hello-verify']).toContain(record.kind)
        }
      }),
      { seed: 3 },
    )
  })

  it('says nothing about an answer that is incomplete', () => {
    const session = new Session(serverContext(protocol, { identity: identity(device) }))
    session.receive(probeClientHello({ protocol, suites: [gcm] }), 0)
    const whole = Buffer.concat(session.takeOutput())
    const header = protocol === 'tls' ? 5 : 13
    const length = header + whole.readUInt16BE(header - 2)
    for (let end = 0; end < length; end++) expect(readFirstRecord(protocol, whole.subarray(0, end))).toBeUndefined()
    expect(readFirstRecord(protocol, whole.subarray(0, length))).toMatchObject({ kind: 'server-hello', suite: gcm })
  })
})

describe('a hand-coded DTLS hello', () => {
  it('passes the cookie round of a listener', () => {
    const listener = new Listener(serverContext('dtls', { identity: identity(device) }), {
      maxSessions: 1,
      maxPerHost: 1,
    })
    const peer = { address: '127.0.0.1', port: 9 }
    const [first = new Uint8Array()] = listener.receive(
      peer,
      probeClientHello({ protocol: 'dtls', suites: [gcm] }),
      0,
    ).output
    const asked = readFirstRecord('dtls', first)
    if (asked?.kind !== 'hello-verify') throw new Error('no cookie')
    const again = probeClientHello({ protocol: 'dtls', suites: [gcm], cookie: asked.cookie })
    const { created, output } = listener.receive(peer, again, 0)
    expect([created, readFirstRecord('dtls', output[0] ?? first)]).toEqual([
      true,
      { kind: 'server-hello', suite: gcm, version: 'DTLSv1.2' },
    ])
  })

  it('takes no cookie where there are none', () => {
    const cookie = new Uint8Array(8)
    const make = () => probeClientHello({ protocol: 'tls', suites: [gcm], cookie })
    expect(make).toThrow(expect.objectContaining({ code: 'bad-option' }))
  })
})

describe.skipIf(opensslVersion === undefined)(`probing ${opensslVersion ?? 'openssl, which is missing'}`, () => {
  it('asks a TLS server by hand', async () => {
    const { process, port } = await startServer('tls', files.identity(device))
    cleanup.add(() => process.stop())
    const ask = (suites: number[]) => askTcp(port, probeClientHello({ protocol: 'tls', suites }))
    expect(await ask([0xd001])).toMatchObject({ kind: 'alert', name: 'handshake_failure' })
    expect(await ask([0xd001, gcm])).toMatchObject({ kind: 'server-hello', suite: gcm, version: 'TLSv1.2' })
  })

  it('asks a DTLS server by hand', async () => {
    const { process, port } = await startServer('dtls', [...files.identity(device), '-listen'])
    cleanup.add(() => process.stop())
    const asked = await askUdp(port, probeClientHello({ protocol: 'dtls', suites: [gcm] }))
    expect(asked?.kind).toBe('hello-verify')
  })

  it.each<[ProbeVersion, string, number, string]>([
    ['TLSv1', '-tls1', 0xc009, 'ECDHE-ECDSA-AES128-SHA'],
    ['TLSv1.1', '-tls1_1', 0xc00a, 'ECDHE-ECDSA-AES256-SHA'],
    ['TLSv1.2', '-tls1_2', 0xc02b, 'ALL'],
    ['TLSv1.3', '-tls1_3', 0x1301, 'ALL'],
    ['DTLSv1', '-dtls1', 0xc009, 'ECDHE-ECDSA-AES128-SHA'],
    ['DTLSv1.2', '-dtls1_2', 0xc02b, 'ALL'],
  ])('finds that a server speaks %s, and only that', async (version, flag, suite, ciphers) => {
    const protocol = version.startsWith('D') ? 'dtls' : 'tls'
    const args = [...files.identity(device), '-cipher', `${ciphers}:@SECLEVEL=0`]
    const { process, port } = await startServer(protocol, args, flag)
    cleanup.add(() => process.stop())
    const probe = (tried: ProbeVersion, suites: number[]) =>
      connect(
        clientContext(protocol, { suites, versions: { min: tried, max: tried }, verify: { peer: 'none' } }),
        port,
        cleanup,
      )
    if (protocol === 'tls') {
      const other = version === 'TLSv1.2' ? 'TLSv1.1' : 'TLSv1.2'
      const refused = await probe(other, [0xc009, 0xc02b])
      expect(['peer-alert', 'wrong-version']).toContain((await refused.until('failed')).code)
    }
    const link = await probe(version, [suite])
    await link.until('established')
    expect(link.session.info).toMatchObject({ version: version === 'DTLSv1' ? 'DTLSv1' : version, suite })
  })
})
