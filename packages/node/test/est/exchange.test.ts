import { certificatesAnswer, longestResponseBody, refusalAnswer } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import { keyPurposes } from '@cordon/core/x509'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type EstRequest, exchange, type ExchangeOptions } from '../../src/est/index.ts'
import { EstAuthority, EstTestServer, host } from './est-server.ts'

let plant: EstAuthority
let stranger: EstAuthority
const path = '/.well-known/est/cacerts'

beforeAll(async () => {
  plant = await EstAuthority.make('plant')
  stranger = await EstAuthority.make('stranger')
})

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function serve(...args: Parameters<typeof EstTestServer.start>): Promise<EstTestServer> {
  const server = await EstTestServer.start(...args)
  open.push(server)
  return server
}

function get(port: number, more: Partial<EstRequest> = {}, options: ExchangeOptions = {}) {
  const request: EstRequest = { server: { host, port }, method: 'GET', path, anchors: [plant.certificate], ...more }
  return exchange(request, options)
}

const answer = () => certificatesAnswer('cacerts', [plant.certificate])

/** Whatever comes over TCP is answered by `act`. */
async function plain(act: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    act(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  open.push({
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

describe('an exchange with an EST server', () => {
  test('carries the chain that the server showed', async () => {
    const server = await serve(plant, answer)
    const reply = await get(server.port, { anchors: undefined })
    expect(reply).toMatchObject({ status: 200, contentType: 'application/pkcs7-mime' })
    expect(reply.peer).toHaveLength(1)
  })

  test('sends nothing to a server that is not believed', async () => {
    const server = await serve(stranger, answer)
    await expect(get(server.port)).rejects.toMatchObject({ code: 'unknown-authority' })
    expect(server.heard).toEqual([])
  })

  test('asks for the name of the host in the certificate, or for the address where discovery saw it', async () => {
    const named = await serve(plant, answer, { ips: [], names: ['est.plant.local'] })
    const at = (name: string, addresses?: readonly string[]) => ({
      server: { host: name, port: named.port, addresses },
    })
    expect(await get(named.port, at('est.plant.local', [host]))).toMatchObject({ status: 200 })
    expect(named.heard[0]?.headers.host).toBe(`est.plant.local:${named.port}`)
    await expect(get(named.port, at('other.local', [host]))).rejects.toMatchObject({ code: 'wrong-identity' })
    await expect(get(named.port, at(host))).rejects.toMatchObject({ code: 'wrong-identity' })
    const addressed = await serve(plant, answer)
    const seen = { server: { host: 'est.plant.local', port: addressed.port, addresses: ['127.72.0.99', host] } }
    expect(await get(addressed.port, seen)).toMatchObject({ status: 200 })
  })

  test('believes no device of the plant that announces itself as a server', async () => {
    const purposes = [keyPurposes.serverAuth, keyPurposes.clientAuth]
    const device = await serve(plant, () => refusalAnswer('authenticate', 'tell me'), { ips: [host], purposes })
    const found = { server: { host: 'est.local', port: device.port, addresses: [host] } }
    const basic = { name: 'a', password: 'b' }
    await expect(get(device.port, found, { basic })).rejects.toMatchObject({ code: 'wrong-purpose' })
    expect(device.heard).toEqual([])
    expect(await get(device.port)).toMatchObject({ status: 401 })
  })

  test('judges dates where there is a clock', async () => {
    const server = await serve(plant, answer)
    await expect(get(server.port, {}, { at: Date.now() + 400 * 86_400_000 })).rejects.toMatchObject({ code: 'expired' })
    expect(await get(server.port)).toMatchObject({ status: 200 })
  })

  test('follows one redirection within the server, and none that leads elsewhere', async () => {
    const elsewhere = await serve(plant, answer)
    const to = (location: string) => ({ status: 307, headers: { location }, body: '' })
    const server = await serve(plant, ({ path: asked }) =>
      asked === '/moved' ? answer() : asked === '/away' ? to(`https://${host}:${elsewhere.port}/moved`) : to('/moved'),
    )
    expect(await get(server.port)).toMatchObject({ status: 200 })
    expect(await get(server.port, { path: '/away' })).toMatchObject({ status: 307 })
    expect(elsewhere.heard).toEqual([])
    server.behave = () => to('/round')
    server.heard.length = 0
    expect(await get(server.port)).toMatchObject({ status: 307 })
    expect(server.heard).toHaveLength(2)
  })

  test('answers a demand for a password once', async () => {
    const server = await serve(plant, () => refusalAnswer('authenticate', 'no'))
    const reply = await get(server.port, {}, { basic: { name: 'a', password: 'b' } })
    expect(reply.status).toBe(401)
    expect(server.heard).toHaveLength(2)
    expect(await get(server.port, { anchors: undefined }, { basic: { name: 'a', password: 'b' } })).toBeDefined()
    expect(server.heard).toHaveLength(3)
  })

  test('reads no more than an answer may have, said before or not', async () => {
    const server = await serve(plant, (_, response) => {
      response.on('error', () => undefined)
      const part = Buffer.alloc(64 * 1024, 0x41)
      for (let sent = 0; sent <= longestResponseBody; sent += part.length) response.write(part)
      response.end()
      return undefined
    })
    await expect(get(server.port)).rejects.toMatchObject({ code: 'unexpected-reply' })
    server.behave = (_, response) => {
      response.writeHead(200, { 'content-length': String(longestResponseBody + 1) })
      response.write('x')
      return undefined
    }
    await expect(get(server.port)).rejects.toMatchObject({ code: 'unexpected-reply' })
    server.behave = () => ({ status: 200, headers: { 'x-much': 'x'.repeat(20_000) }, body: '' })
    await expect(get(server.port)).rejects.toMatchObject({ code: 'unexpected-reply' })
  })

  test('waits only so long for a connection, a handshake or an answer', async () => {
    const silent = await plain(() => undefined)
    await expect(get(silent, {}, { timeouts: { connectMs: 30 } })).rejects.toMatchObject({ code: 'timeout' })
    const slow = await serve(plant, (_, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write('.'), 5)
      response.on('close', () => clearInterval(drip))
      return undefined
    })
    await expect(get(slow.port, {}, { timeouts: { answerMs: 60 } })).rejects.toMatchObject({ code: 'timeout' })
  })

  test('says whose fault it was', async () => {
    const closed = await plain((socket) => socket.destroy())
    await expect(get(closed)).rejects.toMatchObject({ code: expect.stringMatching(/^(?:closed|handshake)$/) })
    const noTls = await plain((socket) => socket.write('SSH-2.0-x\r\n'))
    await expect(get(noTls)).rejects.toMatchObject({ code: 'handshake' })
    await expect(get(1)).rejects.toMatchObject({ code: 'refused' })
    const old = await serve(plant, answer, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' })
    await expect(get(old.port)).rejects.toMatchObject({ code: 'handshake' })
    const noHttp = await serve(plant, ({ socket }) => {
      socket.end('220 mail.example ESMTP\r\n')
      return undefined
    })
    await expect(get(noHttp.port)).rejects.toMatchObject({ code: 'unexpected-reply' })
    const half = await serve(plant, (_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => response.destroy())
      return undefined
    })
    await expect(get(half.port)).rejects.toMatchObject({ code: 'closed' })
    const strict = await serve(plant, answer, { rejectUnauthorized: true, ca: plantPem() })
    await expect(get(strict.port)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:alert|handshake|closed)$/),
    })
  })

  test('refuses a key that is not the credential’s, and says nothing of it', async () => {
    const server = await serve(plant, answer)
    const one = await plant.identity('CN=one')
    const other = await plant.identity('CN=other')
    const credential = { chain: [one.der], key: other.pkcs8 }
    await expect(get(server.port, {}, { credential })).rejects.toSatisfy(
      (error) => error instanceof UsageError && error.code === 'bad-value' && error.cause === undefined,
    )
  })

  test('ends when it is told to', async () => {
    const server = await serve(plant, () => undefined)
    const stop = new AbortController()
    const asked = get(server.port, {}, { signal: stop.signal })
    setTimeout(() => stop.abort(), 30)
    await expect(asked).rejects.toMatchObject({ code: 'aborted' })
    await expect(get(server.port, {}, { signal: stop.signal })).rejects.toMatchObject({ code: 'aborted' })
  })

  test.skipIf(spawnSync('openssl', ['version']).status !== 0).each(['-tls1_2', '-tls1_3'])(
    'speaks with OpenSSL’s own server (%s; needs the Debian package openssl)',
    async (version) => {
      const directory = await mkdtemp(join(tmpdir(), 'cordon-exchange-'))
      const { cert, key } = await plant.identity('CN=est', { ips: [host] })
      const certificate = join(directory, 'server.pem')
      await writeFile(certificate, `${cert}\n${key}\n`, { mode: 0o600 })
      const port = await plain(() => undefined)
      await open.pop()?.[Symbol.asyncDispose]()
      const server = spawn('openssl', ['s_server', '-www', '-accept', `${host}:${port}`, '-cert', certificate, version])
      try {
        await new Promise<void>((resolve, reject) => {
          server.stdout.on('data', (text: Buffer) => {
            if (text.includes('ACCEPT')) resolve()
          })
          server.once('exit', (code) => reject(new Error(`s_server ended with ${code}`)))
        })
        const reply = await get(port)
        expect(reply.status).toBe(200)
        expect(Buffer.from(reply.body).toString('latin1')).toContain('s_server')
      } finally {
        server.kill('SIGKILL')
        await rm(directory, { recursive: true })
      }
    },
  )
})

function plantPem(): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(plant.certificate).toString('base64')}\n-----END CERTIFICATE-----\n`
}
