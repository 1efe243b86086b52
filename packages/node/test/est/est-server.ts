import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { certificatesAnswer, decodeEstRequest, type EstAnswer, parseEstPath } from '@cordon/core/enrollment'
import { webcrypto } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { type CertificateRequest, keyPurposes } from '@cordon/core/x509'

// The library takes the standard's types, Node's own are declared apart.
x509.cryptoProvider.set(webcrypto as unknown as Crypto)

const { serverAuth, clientAuth, cmcRA } = keyPurposes
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const pem = (label: string, der: ArrayBuffer | Uint8Array) =>
  x509.PemConverter.encode(der instanceof Uint8Array ? der.slice().buffer : der, label)

/** An authority for one test file, which signs whatever key it is given. */
export class EstAuthority {
  readonly certificate: Uint8Array
  readonly #root: x509.X509Certificate
  readonly #key: CryptoKey
  #serial = 1

  constructor(root: x509.X509Certificate, key: CryptoKey) {
    this.#root = root
    this.#key = key
    this.certificate = new Uint8Array(root.rawData)
  }

  static async make(name: string): Promise<EstAuthority> {
    const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: `CN=${name}`,
      notBefore: new Date('2020-01-01'),
      notAfter: new Date('2049-12-31'),
      keys,
      signingAlgorithm: ecdsa,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    })
    return new EstAuthority(root, keys.privateKey)
  }

  async sign(
    publicKey: Uint8Array,
    subject: string,
    more: {
      readonly ips?: readonly string[]
      readonly names?: readonly string[]
      readonly days?: readonly [number, number]
      /** Extended key usages; default those of an EST server, which a TLS client may have too. */
      readonly purposes?: readonly string[]
    } = {},
  ): Promise<Uint8Array> {
    this.#serial++
    const { ips = [], names = [], days = [-1, 300], purposes = [serverAuth, clientAuth, cmcRA] } = more
    const at = (day: number) => new Date(Date.now() + day * 86_400_000)
    const alternatives = [
      ...ips.map((value) => ({ type: 'ip' as const, value })),
      ...names.map((value) => ({ type: 'dns' as const, value })),
    ]
    const issued = await x509.X509CertificateGenerator.create({
      serialNumber: this.#serial.toString(16).padStart(2, '0'),
      subject,
      issuer: this.#root.subject,
      notBefore: at(days[0]),
      notAfter: at(days[1]),
      publicKey: new x509.PublicKey(publicKey.slice()),
      signingKey: this.#key,
      signingAlgorithm: ecdsa,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([...purposes]),
        ...(alternatives.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(alternatives)]),
      ],
    })
    return new Uint8Array(issued.rawData)
  }

  /** A certificate with its key, as a TLS server or client takes them. */
  async identity(
    subject: string,
    more: Parameters<EstAuthority['sign']>[2] = {},
  ): Promise<{ readonly cert: string; readonly key: string; readonly der: Uint8Array; readonly pkcs8: Uint8Array }> {
    const own = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
    const spki = new Uint8Array(await webcrypto.subtle.exportKey('spki', own.publicKey))
    const der = await this.sign(spki, subject, more)
    const pkcs8 = new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', own.privateKey))
    return { der, pkcs8, cert: pem('CERTIFICATE', der), key: pem('PRIVATE KEY', pkcs8) }
  }
}

/** What came to the server. */
export interface Heard {
  readonly path: string
  readonly operation: string
  readonly body: Uint8Array
  readonly request: CertificateRequest | undefined
  readonly headers: IncomingMessage['headers']
  /** Subject of the client's certificate. */
  readonly client: string | undefined
  readonly socket: TLSSocket
}

/** Answers; `undefined` leaves the response to whoever took it. */
export type Behaviour = (
  heard: Heard,
  response: ServerResponse,
) => EstAnswer | undefined | Promise<EstAnswer | undefined>

/** An EST server for tests, on an ephemeral port of 127.72.0.1. */
export class EstTestServer implements AsyncDisposable {
  readonly heard: Heard[] = []
  behave: Behaviour
  readonly authority: EstAuthority
  readonly #server: Server

  constructor(authority: EstAuthority, server: Server, behave: Behaviour) {
    this.authority = authority
    this.#server = server
    this.behave = behave
  }

  static async start(
    authority: EstAuthority,
    behave: Behaviour = honest(authority),
    options: TlsOptions & Pick<NonNullable<Parameters<EstAuthority['sign']>[2]>, 'ips' | 'names' | 'purposes'> = {},
  ): Promise<EstTestServer> {
    const { ips = [host], names = [], purposes, ...tls } = options
    const { cert, key } = await authority.identity('CN=est', { ips, names, ...(purposes && { purposes }) })
    const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false, ...tls })
    const self = new EstTestServer(authority, server, behave)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      self.#serve(request, response).catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    return self
  }

  get port(): number {
    // A listening TCP server has an address with a port.
    return (this.#server.address() as AddressInfo).port
  }

  get where() {
    return { host, port: this.port }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = new Uint8Array(Buffer.concat(parts))
    const path = request.url ?? ''
    // The server is one of HTTPS.
    const socket = request.socket as TLSSocket
    const heard: Heard = {
      path,
      operation: parseEstPath(path)?.operation ?? '',
      body,
      request: request.method === 'POST' ? decodeEstRequest(body) : undefined,
      headers: request.headers,
      client: socket.getPeerX509Certificate()?.subject,
      socket,
    }
    this.heard.push(heard)
    const answer = await this.behave(heard, response)
    if (answer === undefined) return
    response.writeHead(answer.status, answer.headers)
    response.end(answer.body)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export const host = '127.72.0.1'

/** A server that grants whatever it is asked for. */
export function honest(authority: EstAuthority): Behaviour {
  return async ({ operation, request }) => {
    if (operation === 'cacerts') return certificatesAnswer('cacerts', [authority.certificate])
    if (request === undefined) return { status: 404, headers: {}, body: '' }
    return certificatesAnswer('simpleenroll', [await authority.sign(request.publicKey, 'CN=device')])
  }
}
