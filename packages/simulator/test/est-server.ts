import { serverContents, signVendorCertificate, vendorAuthorityContents, vendorContents } from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import {
  certificatesAnswer,
  decodeEstRequest,
  type EstAnswer,
  parseEstPath,
  pendingAnswer,
  readBasic,
  refusalAnswer,
} from '@cordon/core/enrollment'
import {
  type Certificate,
  decodeCertificate,
  encodePem,
  fingerprint,
  type Name,
  parseName,
  subjectAlternativeName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'

const day = 24 * 3_600_000

/** An authority in memory. */
export interface TestAuthority {
  readonly key: PrivateKey
  readonly certificate: Certificate
}

/** Makes a root. */
export async function authority(commonName: string): Promise<TestAuthority> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const contents = vendorAuthorityContents(nodeCrypto, {
    vendorName: 'Example',
    commonName,
    publicKey: key.publicKey,
    now: Date.now() - 2 * day,
  })
  return { key, certificate: decodeCertificate(await signVendorCertificate(contents, key)) }
}

/** A certificate of an end entity, DER. */
export async function issue(
  { key, certificate }: TestAuthority,
  publicKey: Uint8Array,
  wished: {
    readonly subject?: Name
    readonly lifeMs?: number
    readonly ageMs?: number
    readonly address?: string
  } = {},
): Promise<Uint8Array> {
  const { subject = parseName('CN=test'), lifeMs = 300 * day, ageMs = day, address } = wished
  const contents = vendorContents(nodeCrypto, { subject, publicKey, now: Date.now(), issuer: certificate })
  const names = address === undefined ? [] : [subjectAlternativeName([address])]
  const notBefore = Date.now() - ageMs
  const extensions = [...contents.extensions, ...names]
  return await signVendorCertificate({ ...contents, notBefore, notAfter: notBefore + lifeMs, extensions }, key)
}

/** A request for a certificate that came. */
export interface Seen {
  readonly operation: string
  readonly from: string
  /** DER. */
  readonly request: Uint8Array
  readonly subject: Name
  /** DER of what the client showed in TLS. */
  readonly shown: Uint8Array | undefined
  readonly password: string | undefined
}

/** An EST server of a test, and what it does with requests. */
export class TestEstServer {
  readonly authority: TestAuthority
  readonly address: string
  readonly port: number
  readonly seen: Seen[] = []
  /** Connections that were ever made. */
  connections = 0
  decide: (seen: Seen) => 'grant' | 'pending' | 'refuse' | 'authenticate' | 'hang' = () => 'grant'
  lifeMs = 300 * day
  ageMs = day
  readonly #server: Server

  private constructor(authority: TestAuthority, server: Server, address: string) {
    this.authority = authority
    this.address = address
    this.#server = server
    // A server that listens has an address with a port.
    this.port = (server.address() as AddressInfo).port
  }

  static async open(address: string, of?: TestAuthority, port = 0): Promise<TestEstServer> {
    const root = of ?? (await authority('EST root'))
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const contents = serverContents(nodeCrypto, {
      ...{ publicKey: key.publicKey, now: Date.now(), issuer: root.certificate, addresses: [address] },
      ...{ name: 'est', zone: 'operations', subject: { organization: 'Example', country: 'US' } },
    })
    const certificate = await signVendorCertificate(contents, root.key)
    const server = createServer({
      key: encodePem('PRIVATE KEY', key.export() ?? new Uint8Array()),
      cert: encodePem('CERTIFICATE', certificate) + encodePem('CERTIFICATE', root.certificate.der),
      requestCert: true,
      rejectUnauthorized: false,
    })
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve))
    const est = new TestEstServer(root, server, address)
    server.on('secureConnection', () => est.connections++)
    server.on('request', (request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const socket = request.socket as TLSSocket // of an HTTPS server
        const basic = readBasic(request.headers.authorization)
        void est.#answer(request.url ?? '', Buffer.concat(parts), socket, basic?.password).then((answer) => {
          if (answer === undefined) return
          response.writeHead(answer.status, answer.headers).end(answer.body)
        })
      })
    })
    return est
  }

  get fingerprint(): string {
    return fingerprint(nodeCrypto, this.authority.certificate.der)
  }

  async #answer(
    url: string,
    body: Uint8Array,
    socket: TLSSocket,
    password: string | undefined,
  ): Promise<EstAnswer | undefined> {
    const operation = parseEstPath(url)?.operation
    if (operation === 'cacerts') return certificatesAnswer('cacerts', [this.authority.certificate.der])
    if (operation !== 'simpleenroll' && operation !== 'simplereenroll') return refusalAnswer('unknown', 'not here')
    const { der: request, subject, publicKey } = decodeEstRequest(body)
    const raw = socket.getPeerCertificate().raw as Buffer | undefined // without a certificate there is none
    const shown = raw === undefined ? undefined : Uint8Array.from(raw)
    const seen = { operation, from: socket.remoteAddress ?? '', request, subject, shown, password }
    this.seen.push(seen)
    switch (this.decide(seen)) {
      case 'pending':
        return pendingAnswer(1, 'wait')
      case 'refuse':
        return refusalAnswer('forbidden', 'no')
      case 'authenticate':
        return refusalAnswer('authenticate', 'who are you?')
      case 'hang':
        return undefined
      case 'grant': {
        const { lifeMs, ageMs } = this
        return certificatesAnswer(operation, [await issue(this.authority, publicKey, { subject, lifeMs, ageMs })])
      }
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}
