import { request as httpsRequest } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import type { ConnectionOptions } from 'node:tls'
import { deviceContents, issuingContents, rootContents, signVendorCertificate } from '@cordon/core/authority'
import type { KeyKind, PrivateKey } from '@cordon/core/crypto'
import {
  buildRequest,
  type Certificate,
  decodeCertificate,
  decodeRequest,
  encodePem,
  isProven,
  parseName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { type EstCredential, type EstServeOptions, type EstServer, serveEst } from '@cordon/server/est'
import type { EnrollmentAnswer, EnrollmentRequest, EnrollmentService } from '../../src/enrollment/service.ts'

/** Loopback addresses of this process alone, out of 127.71.0.0/16. */
export function testAddress(host: number): string {
  return `127.71.${process.pid & 0xff}.${host}`
}

const now = Date.now()
const subject = { organization: 'Example Works', country: 'US' }

/** A root with an issuing CA below it. */
export interface TestAuthority {
  readonly root: Uint8Array
  readonly issuing: Uint8Array
  issue(publicKey: Uint8Array, name: string, address?: string): Promise<Uint8Array>
}

export async function makeAuthority(kind: KeyKind = 'ecdsa-p256'): Promise<TestAuthority> {
  const rootKey = await nodeCrypto.generateKey(kind)
  const issuingKey = await nodeCrypto.generateKey(kind)
  const root = await signVendorCertificate(
    rootContents(nodeCrypto, { publicKey: rootKey.publicKey, now, plant: 'est', subject }),
    rootKey,
  )
  const issuing = await signVendorCertificate(
    issuingContents(nodeCrypto, {
      publicKey: issuingKey.publicKey,
      now,
      plant: 'est',
      zone: 'green',
      subject,
      issuer: decodeCertificate(root),
    }),
    rootKey,
  )
  const issuer = decodeCertificate(issuing)
  return {
    root,
    issuing,
    issue: (publicKey, name, address = '127.0.0.1') =>
      signVendorCertificate(
        deviceContents(nodeCrypto, { publicKey, now, name, zone: 'green', subject, issuer, addresses: [address] }),
        issuingKey,
      ),
  }
}

/** A service that grants what `decide` does not answer otherwise, and remembers what it was asked. */
export class TestService implements EnrollmentService {
  readonly asked: EnrollmentRequest[] = []
  readonly authority: TestAuthority
  wishes: Uint8Array | undefined
  labels: readonly string[] = ['green']
  decide: (request: EnrollmentRequest) => EnrollmentAnswer | undefined | Promise<EnrollmentAnswer | undefined> = () =>
    undefined

  constructor(authority: TestAuthority) {
    this.authority = authority
  }

  hasLabel(label: string | undefined): boolean {
    return label === undefined || this.labels.includes(label)
  }

  authorities(): Promise<readonly Uint8Array[]> {
    return Promise.resolve([this.authority.root, this.authority.issuing])
  }

  attributes(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.wishes)
  }

  async enroll(request: EnrollmentRequest): Promise<EnrollmentAnswer> {
    this.asked.push(request)
    const decided = await this.decide(request)
    if (decided !== undefined) return decided
    const made = request.operation === 'serverkeygen' ? await nodeCrypto.generateKey('ecdsa-p256') : undefined
    const certificate = await this.authority.issue(made?.publicKey ?? request.request.publicKey, 'device')
    const key = made?.export()
    const chain = [this.authority.issuing]
    return { kind: 'granted', certificate, chain, ...(key === undefined ? {} : { key }) }
  }
}

/** A key with a request for it, DER. */
export async function makeRequest(kind: KeyKind = 'ecdsa-p256'): Promise<{ key: PrivateKey; csr: Uint8Array }> {
  const key = await nodeCrypto.generateKey(kind)
  const csr = await buildRequest(key, { subject: parseName('CN=device') })
  if (!isProven(nodeCrypto, decodeRequest(csr))) throw new Error('a request of ours is proven')
  return { key, csr }
}

export function exported(key: PrivateKey): Uint8Array {
  return key.export() ?? new Uint8Array()
}

/** A certificate of the authority with its key. */
export async function makeCredential(authority: TestAuthority, name: string, address?: string): Promise<EstCredential> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const certificate = await authority.issue(key.publicKey, name, address)
  return { chain: [certificate, authority.issuing], key: exported(key) }
}

/** A listener on a loopback address with all that belongs to it. */
export interface World extends AsyncDisposable {
  readonly service: TestService
  readonly authority: TestAuthority
  readonly address: string
  readonly port: number
  readonly server: EstServer
  readonly log: string[]
}

export async function makeWorld(
  options: Partial<EstServeOptions> & { readonly kind?: KeyKind; readonly host?: number } = {},
): Promise<World> {
  const authority = await makeAuthority(options.kind)
  const service = new TestService(authority)
  const address = testAddress(options.host ?? 1)
  const log: string[] = []
  const server = await serveEst({
    service,
    credential: await makeCredential(authority, 'est', address),
    listen: [{ address, port: 0 }],
    log: ({ severity, address: from, message }) => log.push(`${severity} ${from ?? '-'} ${message}`),
    ...options,
  })
  const port = server.status().addresses[0]?.port ?? 0
  return { service, authority, address, port, server, log, [Symbol.asyncDispose]: () => server.close() }
}

/** The same credential as Node's TLS wants it. */
export function pemOf({ chain, key }: EstCredential): { cert: string; key: string } {
  return { cert: chain.map((der) => encodePem('CERTIFICATE', der)).join(''), key: encodePem('PRIVATE KEY', key) }
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly bytes: Uint8Array
}

export interface Ask extends ConnectionOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: Uint8Array | string
}

/** One request over a new TLS connection. */
export function ask(world: World, path: string, { method, headers, body, ...tls }: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: world.address,
      port: world.port,
      path: `/.well-known/est${path}`,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      agent: false,
      ca: encodePem('CERTIFICATE', world.authority.root),
      ...tls,
      headers: {
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/pkcs10', 'content-length': Buffer.byteLength(body) }),
        ...headers,
      },
    })
    request.on('error', reject)
    request.on('response', (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () => {
        const bytes = Buffer.concat(pieces)
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes.toString(), bytes })
      })
    })
    request.end(body)
  })
}

/** The certificate of an answer that was issued for a key. */
export function issuedFor(key: PrivateKey, certificates: readonly Certificate[]): Certificate | undefined {
  return certificates.find(({ publicKey }) => Buffer.from(publicKey).equals(key.publicKey))
}
