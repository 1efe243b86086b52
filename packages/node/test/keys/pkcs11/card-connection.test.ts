import { NotAllowed, NotTrusted, TransportError, UsageError } from '@cordon/core/errors'
import { cardConnection } from '@cordon/node/pkcs11'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeSoftToken, noSoftToken, softModule, type SoftToken } from './soft-token.ts'

const engine = '/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so'
const missing =
  noSoftToken !== false ? noSoftToken : existsSync(engine) ? false : 'apt-get install libengine-pkcs11-openssl'
if (missing !== false) console.warn(`a card as TLS client is not tested: ${missing}`)

const host = '127.75.0.1'

describe.skipIf(missing)('a TLS connection with a key in a card', () => {
  let token: SoftToken
  let server: Server
  let port = 0
  const path = (name: string) => join(token.directory, name)
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { stdio: 'ignore', env: { ...process.env, PKCS11_MODULE_PATH: softModule } })

  beforeAll(async () => {
    token = makeSoftToken('card')
    token.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'provisioning', '--id', '01')
    // The engine by itself takes a line's end for a part of the PIN.
    writeFileSync(path('bare-pin'), token.pin, { mode: 0o600 })
    const key = `${token.uri};object=provisioning;type=private?pin-source=file:${path('bare-pin')}`
    openssl(
      'req',
      '-new',
      '-x509',
      '-engine',
      'pkcs11',
      '-keyform',
      'engine',
      '-key',
      key,
      '-subj',
      '/CN=card',
      '-out',
      path('card.pem'),
    )
    const names = `subjectAltName=IP:${host}`
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path('key.pem')]
    openssl('req', '-new', '-x509', ...made, '-subj', '/CN=server', '-addext', names, '-out', path('server.pem'))
    server = createServer(
      {
        key: readFileSync(path('key.pem')),
        cert: readFileSync(path('server.pem')),
        ca: readFileSync(path('card.pem')),
        requestCert: true,
      },
      (incoming, response) => {
        // Node's HTTPS server hands out TLS sockets.
        response.end((incoming.socket as TLSSocket).getPeerCertificate().subject.CN)
      },
    )
    await new Promise<void>((done) => server.listen(0, host, done))
    // Bound to an address, not to a path.
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => {
    server.close()
    token.remove()
  })

  const certificate = (name: string) => new Uint8Array(new X509Certificate(readFileSync(path(name))).raw)
  const options = (more: object = {}) => ({
    host,
    port,
    key: `${token.uri};object=provisioning`,
    chain: [certificate('card.pem')],
    anchors: [certificate('server.pem')],
    ...more,
  })

  test('carries HTTP, and the server knows the card', async () => {
    const stream = await cardConnection(options({ at: Date.now(), localAddress: host }))
    const answer = await new Promise<string>((resolve, reject) => {
      const asked = request({ createConnection: () => stream, host, path: '/.well-known/est/cacerts' }, (response) => {
        response.setEncoding('utf8').on('data', resolve)
      })
      asked.on('error', reject).end()
    })
    expect(answer).toBe('card')
    stream.destroy()
  })

  test('believes a server only by the anchors and the name', async () => {
    await expect(cardConnection(options({ anchors: [certificate('card.pem')] }))).rejects.toThrow(NotTrusted)
    await expect(cardConnection(options({ serverName: 'est.example' }))).rejects.toMatchObject({
      code: 'wrong-identity',
    })
  })

  test('says what is wrong with PIN, key, certificate and address', async () => {
    const wrong = path('wrong')
    writeFileSync(wrong, 'nonsense', { mode: 0o600 })
    const key = `${token.uri};object=provisioning?pin-source=file:${wrong}`
    const failure = await cardConnection(options({ key })).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(NotAllowed)
    expect(String(failure)).not.toContain('nonsense')
    await expect(cardConnection(options({ key: `${token.uri};object=absent` }))).rejects.toThrow(UsageError)
    await expect(cardConnection(options({ chain: [certificate('server.pem')] }))).rejects.toMatchObject({
      code: 'bad-value',
    })
    await expect(cardConnection(options({ port: 1 }))).rejects.toThrow(TransportError)
  })
})
