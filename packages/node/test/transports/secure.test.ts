import { NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type Credentials, makeContext } from '../../src/transports/credentials.ts'
import { connectDtls, listenDtls } from '../../src/transports/dtls.ts'
import { connectTcp, listenTcp } from '../../src/transports/tcp.ts'
import { connectTls, listenTls } from '../../src/transports/tls.ts'
import type { Endpoint, Transport } from '../../src/transports/transport.ts'
import { bindUdp } from '../../src/transports/udp.ts'
import { testAddress } from '../addresses.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'
import { collect, describeTransport } from './describe-transport.ts'

const psk = { identity: new TextEncoder().encode('cell3'), key: new Uint8Array(16).fill(7) }

let authority: TestAuthority
let foreign: TestAuthority
let server: Identity
let client: Identity

beforeAll(async () => {
  authority = await makeAuthority('plant')
  foreign = await makeAuthority('foreign')
  server = await authority.issue('server', testAddress(20))
  client = await authority.issue('client', testAddress(21))
})

interface Setup {
  readonly protocol: 'tls' | 'dtls'
  readonly server?: Credentials
  readonly client?: Credentials
  readonly anyServer?: boolean
  readonly keyLog?: (line: string) => void
  readonly shown?: (chain: readonly Uint8Array[]) => void
  readonly timeoutMs?: number
  readonly handshakeTimeoutMs?: number
}

/** A server and a client that connect with the given credentials. */
async function join(setup: Setup) {
  const refusals: { remote: Endpoint; error: Error }[] = []
  const accepted: Transport[] = []
  let tell: () => void = () => {}
  const connected = new Promise<void>((resolve) => {
    tell = resolve
  })
  const accept = (transport: Transport) => {
    accepted.push(transport)
    tell()
  }
  const serverContext = makeContext('server', setup.protocol, setup.server ?? credentialsOf(server, authority), {
    keyLog: setup.keyLog !== undefined,
    ...(setup.handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs: setup.handshakeTimeoutMs }),
  })
  const clientContext = makeContext('client', setup.protocol, setup.client ?? credentialsOf(client, authority), {
    anyServer: setup.anyServer === true,
  })
  const options = {
    address: testAddress(20),
    port: 0,
    context: () => serverContext,
    refused: (remote: Endpoint, error: Error) => refusals.push({ remote, error }),
    ...(setup.keyLog === undefined ? {} : { keyLog: setup.keyLog }),
  }
  const listener = setup.protocol === 'tls' ? await listenTls(options, accept) : await listenDtls(options, accept)
  const connect = setup.protocol === 'tls' ? connectTls : connectDtls
  const open = () =>
    connect({
      ...listener.local,
      localAddress: testAddress(21),
      context: clientContext,
      ...(setup.timeoutMs === undefined ? {} : { timeoutMs: setup.timeoutMs }),
      ...(setup.shown === undefined ? {} : { shown: setup.shown }),
    })
  return {
    listener,
    refusals,
    accepted,
    open,
    async pair() {
      const transport = await open()
      // A server of TLS 1.2 with resumption finishes after its client.
      await connected
      const other = accepted[0]
      if (other === undefined) throw new Error('not accepted')
      return { client: transport, server: other }
    },
    async dispose() {
      for (const transport of accepted) transport.destroy()
      await listener.close()
      serverContext.close()
      clientContext.close()
    },
  }
}

for (const protocol of ['tls', 'dtls'] as const) {
  describeTransport({
    name: protocol,
    boundaries: protocol === 'tls' ? 'stream' : 'datagram',
    announcesClose: true,
    largest: protocol === 'tls' ? 200_000 : 1300,
    connect: async () => {
      const joined = await join({ protocol })
      const pair = await joined.pair()
      return {
        ...pair,
        dispose: async () => {
          pair.client.destroy()
          await joined.dispose()
        },
      }
    },
  })

  describe(`${protocol} security`, () => {
    it('tells both ends the suite and the certificates', async () => {
      const joined = await join({ protocol, client: credentialsOf(client, authority, { suites: [0xc02b] }) })
      const pair = await joined.pair()
      expect(pair.client.security).toMatchObject({ suite: 0xc02b, encrypts: true, authenticated: 'certificate' })
      expect(pair.server.security).toMatchObject({ suite: 0xc02b, encrypts: true, authenticated: 'certificate' })
      expect(Buffer.from(pair.client.security?.peerChain[0] ?? []).equals(Buffer.from(server.certificate))).toBe(true)
      expect(Buffer.from(pair.server.security?.peerChain[0] ?? []).equals(Buffer.from(client.certificate))).toBe(true)
      pair.client.destroy()
      await joined.dispose()
    })

    it('marks an integrity-only suite as not encrypting', async () => {
      const joined = await join({ protocol, client: credentialsOf(client, authority, { suites: [0xc006] }) })
      const pair = await joined.pair()
      expect(pair.client.security).toMatchObject({ suite: 0xc006, encrypts: false })
      pair.client.destroy()
      await joined.dispose()
    })

    it('authenticates by a pre-shared key', async () => {
      const joined = await join({ protocol, server: { psk: [psk] }, client: { psk: [psk] } })
      const pair = await joined.pair()
      expect(pair.server.security?.authenticated).toBe('psk')
      expect(Buffer.from(pair.server.security?.pskIdentity ?? []).toString()).toBe('cell3')
      pair.client.destroy()
      await joined.dispose()
    })

    it('refuses a server whose authority is not trusted', async () => {
      const joined = await join({ protocol, client: credentialsOf(client, foreign) })
      const error = await joined.open().catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(NotTrusted)
      expect(error).toMatchObject({ code: 'unknown-authority' })
      await joined.dispose()
    })

    it('learns by an alert that the server refuses its certificate, and the server logs who it was', async () => {
      const stranger = await foreign.issue('stranger')
      const joined = await join({ protocol, client: credentialsOf(stranger, authority) })
      const error = await joined.open().catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(PeerError)
      expect(error).toMatchObject({ code: 'alert', details: { alert: 'unknown_ca' } })
      for (let i = 0; i < 50 && joined.refusals.length === 0; i++)
        await new Promise((resolve) => setTimeout(resolve, 10))
      expect(joined.refusals[0]?.remote.address).toBe(testAddress(21))
      expect(joined.refusals[0]?.error).toBeInstanceOf(NotTrusted)
      expect(joined.accepted).toHaveLength(0)
      await joined.dispose()
    })

    it('refuses a revoked certificate', async () => {
      const crl = await authority.revoke(client.certificate)
      const joined = await join({ protocol, server: credentialsOf(server, authority, { crls: [crl] }) })
      await expect(joined.open()).rejects.toMatchObject({ code: 'alert', details: { alert: 'certificate_revoked' } })
      await joined.dispose()
    })

    it('checks the address in the certificate where that is wanted', async () => {
      const wrong = await authority.issue('elsewhere', '192.0.2.7')
      const verify = { name: true }
      const good = await join({ protocol, client: credentialsOf(client, authority, { verify }) })
      const pair = await good.pair()
      pair.client.destroy()
      await good.dispose()
      const bad = await join({
        protocol,
        server: credentialsOf(wrong, authority),
        client: credentialsOf(client, authority, { verify }),
      })
      await expect(bad.open()).rejects.toMatchObject({ name: 'NotTrusted', code: 'wrong-identity' })
      await bad.dispose()
    })

    it('accepts an unknown server in commissioning and says that nothing was proven', async () => {
      const selfMade = await foreign.issue('factory default')
      const joined = await join({
        protocol,
        server: { chain: [selfMade.certificate], key: selfMade.key, verify: { peer: 'none' } },
        client: {},
        anyServer: true,
      })
      const pair = await joined.pair()
      expect(pair.client.security?.authenticated).toBe('none')
      expect(Buffer.from(pair.client.security?.peerChain[0] ?? []).equals(Buffer.from(selfMade.certificate))).toBe(true)
      pair.client.destroy()
      await joined.dispose()
    })

    it('tells what a server showed that then asked for a certificate', async () => {
      const shown: Uint8Array[][] = []
      const joined = await join({ protocol, client: {}, anyServer: true, shown: (chain) => shown.push([...chain]) })
      // The client's side of TLS 1.2 ends after the server's refusal.
      await expect(joined.open()).rejects.toBeInstanceOf(PeerError)
      expect(shown).toEqual([[new Uint8Array(server.certificate)]])
      await joined.dispose()
    })

    it('fails an association whose keys cannot be written, and goes on', async () => {
      let isFull = true
      const joined = await join({
        protocol,
        timeoutMs: 3000,
        keyLog: () => {
          if (isFull) throw new UsageError('bad-option', 'key log /full: no space')
        },
      })
      // The server's last message is on its way before it hears of the keys.
      const lost = await joined.open().catch(() => undefined)
      await vi.waitFor(() => expect(joined.refusals).toHaveLength(1))
      lost?.destroy()
      expect(joined.accepted).toEqual([])
      expect(joined.refusals.map(({ error }) => error.message)).toEqual([
        expect.stringMatching(/keys could not be written: key log \/full: no space/),
      ])
      isFull = false
      const pair = await joined.pair()
      expect(pair.server.state).toBe('open')
      pair.client.destroy()
      await joined.dispose()
    })

    it('writes a key log that belongs to the handshake', async () => {
      const lines: string[] = []
      const joined = await join({ protocol, keyLog: (line) => lines.push(line) })
      const pair = await joined.pair()
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/^CLIENT_RANDOM [0-9a-fA-F]{64} [0-9a-fA-F]{96}$/)
      pair.client.destroy()
      await joined.dispose()
    })

    it('gives up a handshake that gets no answer', async () => {
      const silentTcp = await listenTcp({ address: testAddress(22), port: 0 }, () => {})
      const silentUdp = await bindUdp({ ...silentTcp.local }, () => {})
      const context = makeContext('client', protocol, credentialsOf(client, authority))
      const connect = protocol === 'tls' ? connectTls : connectDtls
      const error = await connect({ ...silentTcp.local, context, timeoutMs: 200 }).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(TransportError)
      expect(error).toMatchObject({ code: 'timeout' })
      silentUdp.close()
      await silentTcp.close()
    })

    it('is cancelled by its signal', async () => {
      const silentTcp = await listenTcp({ address: testAddress(23), port: 0 }, () => {})
      const silentUdp = await bindUdp({ ...silentTcp.local }, () => {})
      const context = makeContext('client', protocol, credentialsOf(client, authority))
      const connect = protocol === 'tls' ? connectTls : connectDtls
      const controller = new AbortController()
      const opening = connect({ ...silentTcp.local, context, signal: controller.signal })
      setTimeout(() => controller.abort(), 50)
      await expect(opening).rejects.toMatchObject({ code: 'aborted' })
      silentUdp.close()
      await silentTcp.close()
    })
  })
}

describe('a TLS listener', () => {
  it('ends a connection that speaks no TLS, and says who it was', async () => {
    const joined = await join({ protocol: 'tls' })
    const plain = await connectTcp(joined.listener.local)
    const atPlain = collect(plain)
    plain.send(new TextEncoder().encode('GET / HTTP/1.0\r\n\r\n'))
    await atPlain.closed()
    expect(joined.refusals).toHaveLength(1)
    await joined.dispose()
  })

  it('ends a connection that sends nothing', async () => {
    const joined = await join({ protocol: 'tls', handshakeTimeoutMs: 100 })
    const plain = await connectTcp(joined.listener.local)
    const atPlain = collect(plain)
    await atPlain.closed()
    expect(joined.refusals[0]?.error).toMatchObject({ code: 'timeout' })
    await joined.dispose()
  })

  it('keeps serving others while one sends garbage inside TLS records', async () => {
    const joined = await join({ protocol: 'tls' })
    const { client: good, server: atServer } = await joined.pair()
    const plain = await connectTcp(joined.listener.local)
    const atPlain = collect(plain)
    plain.send(
      Uint8Array.from([22, 3, 3, 0, 100, ...createHash('sha512').update('noise').digest(), ...new Uint8Array(36)]),
    )
    await atPlain.closed()
    const heard = collect(atServer)
    good.send(Uint8Array.of(1, 2, 3))
    await heard.length(3)
    good.destroy()
    await joined.dispose()
  })
})

describe('a TLS client that nobody listens to yet', () => {
  it('lets the sender wait instead of filling its own memory', async () => {
    const joined = await join({ protocol: 'tls' })
    const { client: quiet, server: talker } = await joined.pair()
    talker.attach({ data: () => {}, closed: () => {} })
    let sent = 0
    // Until the kernel's buffers and ours are full; what waits beyond that waits at the sender.
    for (let i = 0; i < 2000 && sent < 64 * 2 ** 20; i++) {
      sent += 2 ** 16
      if (!talker.send(new Uint8Array(2 ** 16))) break
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(sent).toBeLessThan(64 * 2 ** 20)
    const heard = collect(quiet)
    await heard.length(sent)
    quiet.destroy()
    await joined.dispose()
  })
})

describe('a DTLS listener', () => {
  it('is silent to garbage and keeps no state for it', async () => {
    const joined = await join({ protocol: 'dtls' })
    let answers = 0
    const stranger = await bindUdp({ address: testAddress(24), port: 0 }, () => answers++)
    for (let i = 0; i < 100; i++) stranger.send(createHash('sha256').update(String(i)).digest(), joined.listener.local)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(answers).toBe(0)
    expect('size' in joined.listener ? joined.listener.size : 0).toBe(0)
    const pair = await joined.pair()
    pair.client.destroy()
    stranger.close()
    await joined.dispose()
  })

  it('takes a restarted peer in again from the same port', async () => {
    const joined = await join({ protocol: 'dtls' })
    const first = await joined.pair()
    const { port } = first.client.local
    const gone = collect(first.server)
    // The peer loses its power: no close_notify reaches the server.
    const context = makeContext('client', 'dtls', credentialsOf(client, authority))
    first.client.destroy()
    const again = await connectDtls({
      ...joined.listener.local,
      localAddress: testAddress(21),
      localPort: port,
      context,
    })
    await gone.closed()
    for (let i = 0; i < 50 && joined.accepted.length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 10))
    const second = joined.accepted[1]
    if (second === undefined) throw new Error('the restarted peer was not accepted')
    const heard = collect(second)
    again.send(Uint8Array.of(5))
    await heard.messages(1)
    again.destroy()
    await joined.dispose()
  })
})
