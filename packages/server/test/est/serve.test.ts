import { once } from 'node:events'
import { connect as tcpConnect, type Socket } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { decodeCertificates, linkingText, readBasic, writeBasic } from '@cordon/core/enrollment'
import { decodeCertificate, encodeBase64, encodePem, fingerprint, parseName, signStructure } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { serveEst } from '@cordon/server/est'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { derEncode, derOid } from '../../../core/src/x509/der.ts'
import { ask, issuedFor, makeAuthority, makeCredential, makeRequest, makeWorld, pemOf, type World } from './support.ts'

let world: World
let sample: Awaited<ReturnType<typeof makeRequest>>

beforeAll(async () => {
  world = await makeWorld({ serverKeyGeneration: true, dialects: { green: 'wrapped' } })
  sample = await makeRequest()
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

async function secured(options: ConnectionOptions = {}, to = world): Promise<TLSSocket> {
  const socket = connect({
    host: to.address,
    port: to.port,
    ca: encodePem('CERTIFICATE', to.authority.root),
    ...options,
  })
  await once(socket, 'secureConnect')
  return socket
}

/** All that comes until the other end closes, or until `enough` matches. */
async function text(socket: Socket, enough?: RegExp): Promise<string> {
  let got = ''
  socket.on('error', () => {})
  for await (const piece of socket) {
    got += String(piece)
    if (enough?.test(got) === true) break
  }
  return got
}

const post = (path: string, headers: string, body: string) =>
  `POST /.well-known/est${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/pkcs10\r\n${headers}\r\n${body}`

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  const only: ConnectionOptions = { minVersion: version, maxVersion: version }

  test('a client enrolls, and finds its certificate by its key', async () => {
    const { status, headers, bytes } = await ask(world, '/simpleenroll', { ...only, body: encodeBase64(sample.csr) })
    expect(status).toBe(200)
    expect(headers['server']).toBeUndefined()
    expect(issuedFor(sample.key, decodeCertificates(headers['content-type'], bytes))).toBeDefined()
  })

  test('a client certificate reaches the service with all that was sent, in order', async () => {
    const stranger = await makeAuthority()
    const credential = await makeCredential(world.authority, 'unit')
    const chain = [...credential.chain, stranger.root, world.authority.root]
    await ask(world, '/simpleenroll', { ...only, ...pemOf({ ...credential, chain }), body: sample.csr })
    const shown = world.service.asked.at(-1)?.shown
    expect(shown?.leaf.der).toEqual(chain[0])
    expect(shown?.intermediates).toEqual(chain.slice(1))
    expect(world.service.asked.at(-1)?.address).toMatch(/^127\./)
  })

  test('no session is resumed', async () => {
    const sessions: Buffer[] = []
    const first = await secured(only)
    first.on('session', (session: Buffer) => sessions.push(session))
    first.write('GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await text(first)).toMatch(/^HTTP\/1\.1 200 /)
    const second = await secured({ ...only, session: sessions.at(-1) })
    expect(second.isSessionReused()).toBe(false)
    second.destroy()
  })

  test('a request is linked to its connection', async () => {
    const socket = await secured(only)
    const binding =
      version === 'TLSv1.2'
        ? socket.getFinished()
        : socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    for (const [value, state] of [
      [linkingText(new Uint8Array(binding ?? [])), 'linked'],
      [linkingText(Uint8Array.of(1, 2, 3)), 'wrong'],
    ] as const) {
      const body = encodeBase64(await linkedRequest(value))
      socket.write(post('/simpleenroll', `Content-Length: ${body.length}\r\n`, body))
      await once(socket, 'data')
      expect(world.service.asked.at(-1)?.linking.state).toBe(state)
    }
    socket.destroy()
  })
})

/** A request with a challenge password, which the builder of requests does not write. */
async function linkedRequest(challenge: string): Promise<Uint8Array> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const value = derEncode(0x31, derEncode(0x0c, Buffer.from(challenge)))
  const attributes = derEncode(0xa0, derEncode(0x30, derOid('1.2.840.113549.1.9.7'), value))
  const version = derEncode(0x02, Uint8Array.of(0))
  return await signStructure(derEncode(0x30, version, parseName('CN=x').der, key.publicKey, attributes), key)
}

describe('TLS of the port', () => {
  test('names HTTP/1.1 to who offers more, and refuses who offers only HTTP/2', async () => {
    const socket = await secured({ ALPNProtocols: ['h2', 'http/1.1'] })
    expect(socket.alpnProtocol).toBe('http/1.1')
    socket.destroy()
    await expect(secured({ ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol/i)
  })

  test('refuses TLS 1.1 and static RSA', async () => {
    await expect(secured({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' })).rejects.toThrow()
    await expect(secured({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA256:AES128-GCM-SHA256' })).rejects.toThrow()
  })

  test('a client certificate that the gate refuses is 403 for enrollment, and cacerts goes on', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    // Version 1 with a serial number of 21 bytes: OpenSSL takes it, the gate does not.
    const [odd] = [await oddCertificate(key.publicKey, key)]
    const pem = pemOf({ chain: [odd], key: key.export() ?? new Uint8Array() })
    const refused = await ask(world, '/simpleenroll', { ...pem, body: sample.csr })
    expect(refused).toMatchObject({ status: 403, body: expect.stringMatching(/client certificate.*refused/) })
    expect((await ask(world, '/cacerts', pem)).status).toBe(200)
  })

  test('comes with a new certificate after renewal, without a restart', async () => {
    let credential = await makeCredential(world.authority, 'before')
    await using renewing = await makeWorld({ credential: () => credential })
    const seen = async () => {
      const socket = await secured({ rejectUnauthorized: false }, renewing)
      const { raw } = socket.getPeerCertificate()
      socket.destroy()
      return fingerprint(nodeCrypto, new Uint8Array(raw))
    }
    const expected = () => fingerprint(nodeCrypto, credential.chain[0] ?? new Uint8Array())
    expect(await seen()).toBe(expected())
    credential = await makeCredential(world.authority, 'after')
    await renewing.server.renew()
    expect(await seen()).toBe(expected())
  })
})

async function oddCertificate(publicKey: Uint8Array, key: Parameters<typeof signStructure>[1]): Promise<Uint8Array> {
  const { der } = parseName('CN=odd')
  const algorithm = derEncode(0x30, derOid('1.2.840.10045.4.3.2'))
  const time = derEncode(0x17, Buffer.from('260101000000Z'))
  const serial = derEncode(0x02, new Uint8Array(21).fill(0x11))
  return await signStructure(derEncode(0x30, serial, algorithm, der, derEncode(0x30, time, time), der, publicKey), key)
}

describe('HTTP of the port', () => {
  test('answers on a connection that is kept, then HEAD without a body', async () => {
    const socket = await secured()
    socket.write('GET /.well-known/est/cacerts?x=1 HTTP/1.1\r\nHost: x\r\n\r\n')
    const [first] = await once(socket, 'data')
    const length = /Content-Length: (\d+)/i.exec(String(first))?.[1]
    socket.write('HEAD /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const head = await text(socket)
    expect(head).toMatch(new RegExp(`content-length: ${length}\r\n`, 'i'))
    expect(head).toMatch(/\r\n\r\n$/)
    expect(head).not.toMatch(/^server:/im)
  })

  test('says 100 to who waits for it, and 413 instead when the body would be too long', async () => {
    const body = encodeBase64(sample.csr)
    const short = await secured()
    short.write(post('/simpleenroll', `Expect: 100-continue\r\nContent-Length: ${body.length}\r\n`, ''))
    expect(String((await once(short, 'data'))[0])).toMatch(/^HTTP\/1\.1 100 Continue/)
    short.write(body)
    expect(String((await once(short, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
    short.destroy()
    const long = await secured()
    long.write(post('/simpleenroll', 'Expect: 100-continue\r\nContent-Length: 1000000\r\n', ''))
    expect(await text(long)).toMatch(/^HTTP\/1\.1 413 .*expected a body of at most 131072 bytes\n$/s)
  })

  test.each([
    ['with a transfer encoding of its own', 'Content-Transfer-Encoding: base64\r\n'],
    ['without one', ''],
  ])('takes chunks %s', async (_, header) => {
    const lines = encodeBase64(sample.csr).match(/.{1,76}/g) ?? []
    const chunks = lines.map((line) => `${(line.length + 2).toString(16)}\r\n${line}\r\n\r\n`).join('')
    const socket = await secured()
    socket.write(
      post('/simpleenroll', `${header}Transfer-Encoding: chunked\r\nConnection: close\r\n`, `${chunks}0\r\n\r\n`),
    )
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('refuses what smuggles: two lengths, or a length beside chunks', async () => {
    for (const headers of [
      'Content-Length: 4\r\nContent-Length: 5\r\n',
      'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n',
    ]) {
      const socket = await secured()
      socket.write(post('/simpleenroll', headers, '0\r\n\r\n'))
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /)
    }
  })

  test('refuses a length that is too short or too long', async () => {
    const body = encodeBase64(sample.csr)
    const short = await secured()
    short.write(post('/simpleenroll', `Content-Length: ${body.length - 8}\r\n`, body))
    expect(await text(short)).toMatch(/^HTTP\/1\.1 400 /)
    const before = world.server.status().counters.brokenBodies
    const long = await secured()
    long.write(post('/simpleenroll', `Content-Length: ${body.length + 8}\r\n`, body))
    long.end()
    expect(await text(long)).toMatch(/^HTTP\/1\.1 400 /)
    await expect.poll(() => world.server.status().counters.brokenBodies).toBeGreaterThan(before)
  })

  test('refuses headers over their limit with 431', async () => {
    const socket = await secured()
    socket.write(`GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(10_000)}\r\n\r\n`)
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 431 /)
  })

  test('cuts off a body in thousands of one-byte chunks', async () => {
    const socket = await secured()
    socket.write(post('/simpleenroll', 'Transfer-Encoding: chunked\r\n', ''))
    const bomb = '1\r\nA\r\n'.repeat(20_000)
    socket.on('error', () => {})
    socket.write(bomb)
    await expect.poll(() => world.server.status().counters.choppedBodies).toBe(1)
  })

  test('lets a client see 413 that sends a megabyte regardless', async () => {
    expect(await ask(world, '/simpleenroll', { body: Buffer.alloc(1_000_000, 0x41) })).toMatchObject({ status: 413 })
  })

  test('gives a key where it is switched on, each part in lines as its label wants', async () => {
    const { status, headers, body } = await ask(world, '/green/serverkeygen', { body: sample.csr })
    expect(status).toBe(200)
    const boundary = /boundary=(.*)$/.exec(headers['content-type'] ?? '')?.[1] ?? ''
    const parts = body.split(`--${boundary}`)
    expect(parts.length).toBe(4)
    expect(parts[1]).toMatch(/^\r\nContent-Type: application\/pkcs8\r\n/)
    expect(Math.max(...body.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  test('is silent about secrets in its log', async () => {
    const authorization = writeBasic({ name: 'line3', password: 'correct horse' })
    expect(readBasic(authorization)?.password).toBe('correct horse')
    await ask(world, '/simpleenroll?token=hidden', { body: sample.csr, headers: { authorization } })
    const log = world.log.join('\n')
    expect(log).toContain('POST /.well-known/est/simpleenroll: 200')
    for (const secret of ['correct horse', authorization.slice(6), 'hidden']) expect(log).not.toContain(secret)
  })
})

describe('limits', () => {
  test('requests of one address beyond its rate are 429 in seconds, of another address served', async () => {
    await using strict = await makeWorld({ limits: { requestsPerSecond: 0.01, requestBurst: 3 }, host: 2 })
    const statuses = []
    for (let i = 0; i < 4; i++) statuses.push(await ask(strict, '/cacerts'))
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expect(Number(statuses[3]?.headers['retry-after'])).toBeGreaterThan(1)
    const elsewhere: Parameters<typeof ask>[2] & { localAddress: string } = { localAddress: '127.71.255.9' }
    expect((await ask(strict, '/cacerts', elsewhere)).status).toBe(200)
    expect(strict.server.status().counters).toMatchObject({ limited: 1, answers: { 200: 4, 429: 1 } })
  })

  test('slow clients are cut off in handshake, headers and body, and counted', async () => {
    await using strict = await makeWorld({ limits: { handshakeMs: 200, headersMs: 200, bodyMs: 200 }, host: 3 })
    const silent = tcpConnect(strict.port, strict.address)
    expect(await text(silent)).toBe('')
    const headers = await secured({}, strict)
    headers.write('GET /.well-known/est/cacerts HTTP/1.1\r\n')
    expect(await text(headers)).toBe('')
    const body = await secured({}, strict)
    body.write(post('/simpleenroll', 'Content-Length: 100\r\n', 'A'))
    expect(await text(body)).toBe('')
    expect(strict.server.status().counters.slow).toBe(3)
    await expect.poll(() => strict.server.status().connections).toBe(0)
  })

  test('bytes that are no TLS are dropped and counted', async () => {
    const before = world.server.status().counters.notTls
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', 'SSH-2.0-OpenSSH\r\n', '\0\0\0\0\0\0\0\0']) {
      const socket = tcpConnect(world.port, world.address)
      socket.write(bytes)
      await text(socket)
    }
    await expect.poll(() => world.server.status().counters.notTls).toBe(before + 3)
  })
})

describe('the listener', () => {
  test('listens where it is told, says so, and lets go when it is closed', async () => {
    const place = await makeWorld({ host: 4 })
    expect(place.server.status().addresses).toEqual([{ address: place.address, port: place.port }])
    await expect(
      serveEst({
        service: place.service,
        credential: await makeCredential(place.authority, 'x'),
        listen: [{ address: place.address, port: place.port }],
      }),
    ).rejects.toMatchObject({ code: 'address-in-use' })
    const idle = await secured({}, place)
    await place.server.close()
    await text(idle)
    expect(place.server.status()).toMatchObject({ addresses: [], connections: 0 })
  })

  test('lets a request finish that was begun before it is closed', async () => {
    const place = await makeWorld({ host: 5 })
    const asked = deferred()
    const decide = deferred()
    place.service.decide = async () => {
      asked.resolve(undefined)
      await decide.promise
      return undefined
    }
    const reply = ask(place, '/simpleenroll', { body: sample.csr })
    await asked.promise
    const closed = place.server.close()
    decide.resolve(undefined)
    expect(await reply).toMatchObject({ status: 200, headers: { connection: 'close' } })
    await closed
  })

  test('refuses settings that cannot be, and says which', async () => {
    const credential = await makeCredential(world.authority, 'x')
    const { service } = world
    const address = world.address
    await expect(serveEst({ service, credential, listen: [] })).rejects.toThrow(/at least one address/)
    await expect(
      serveEst({ service, credential, listen: [{ address, port: 0 }], limits: { connections: 0 } }),
    ).rejects.toThrow(/connections: expected a number above 0/)
    await expect(
      serveEst({ service, credential: { ...credential, key: Uint8Array.of(1) }, listen: [{ address, port: 0 }] }),
    ).rejects.toThrow(/PKCS#8/)
    expect(decodeCertificate(credential.chain[0] ?? new Uint8Array()).version).toBe(3)
  })
})

function deferred(): { readonly promise: Promise<unknown>; readonly resolve: (value: unknown) => void } {
  let resolve: (value: unknown) => void = () => {}
  const promise = new Promise<unknown>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
