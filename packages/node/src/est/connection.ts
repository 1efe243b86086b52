import { NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import type { EstServer } from '@cordon/core/enrollment'
import { decodeCertificate, encodePem, keyPurposes } from '@cordon/core/x509'
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { nodeCrypto } from '../crypto.ts'
import { aborted, errorCode, systemError } from '../transports/system-error.ts'
import { cardConnection } from '../keys/pkcs11/card-connection.ts'
import type { CardCredential, ClientCredential } from './pull-unit.ts'

/** How an EST server is reached, and by what it is believed. */
export interface EstConnectOptions {
  /** Authorities the server must lead to, DER; undefined: any server is let in, for its certificate to be judged later. */
  readonly anchors: readonly Uint8Array[] | undefined
  /** What this client shows; undefined: nothing. A card is not used without anchors. */
  readonly credential: ClientCredential | undefined
  /**
   * When the server's certificate must be valid, milliseconds since 1970; undefined: dates are not judged, but with a card
   * as of now.
   */
  readonly at: number | undefined
  readonly localAddress: string | undefined
  /** Ends the attempt. */
  readonly signal: AbortSignal
  /** For one address, connection and handshake together, milliseconds. Default 10000, with a card 15000. */
  readonly connectMs?: number | undefined
}

/** A connection to an EST server over which nothing was sent yet. */
export interface EstConnection {
  /** Its plaintext side. */
  readonly stream: Duplex
  /** What the server showed, leaf first, DER; empty where a card was used, as it was judged by the anchors. */
  readonly peer: readonly Uint8Array[]
  /** What ties a request to it (RFC 7030 3.5); undefined: nothing, as with a card. */
  readonly binding: (() => Uint8Array) | undefined
}

const mostAddresses = 8
const longestChain = 10

/**
 * Connects to an EST server over TLS 1.2 or 1.3 and judges it before anything is sent: its certificate must be for a TLS
 * server, lead to the anchors and name the host. Of a server that discovery found, it may name the address instead, and
 * must have id-kp-cmcRA (RFC 7030 3.6.2): who announces itself chooses its name, and each device of the plant has a
 * certificate of the same authority.
 * @throws TransportError when no address answers
 * @throws PeerError `handshake` when TLS fails, `alert` when the server does not take the certificate of a card
 * @throws NotTrusted when the server's certificate does not convince
 * @throws UsageError `bad-value` for a credential whose key and certificate do not fit, `missing` for a card that cannot
 * be used here
 * @throws NotAllowed `refused` for the wrong PIN of a card
 */
export async function connectEst(server: EstServer, options: EstConnectOptions): Promise<EstConnection> {
  const { credential, anchors } = options
  const connectAt =
    credential !== undefined && 'card' in credential && anchors !== undefined
      ? (address: string) => connectCard(server, address, { ...options, credential, anchors })
      : async (address: string) => judged(server, address, await handshake(server, address, options), options)
  let failure: unknown
  for (const address of addressesOf(server)) {
    try {
      return await connectAt(address)
    } catch (error) {
      if (!(error instanceof TransportError) || options.signal.aborted) throw error
      failure = error
    }
  }
  throw failure
}

/** What discovery saw first. A name of the link is looked up only where nothing is known of it. */
function addressesOf({ host, addresses = [] }: EstServer): readonly string[] {
  const seen = addresses.slice(0, mostAddresses)
  const isOfLink = host.replace(/\.$/, '').toLowerCase().endsWith('.local')
  return seen.length > 0 && isOfLink ? seen : [...new Set([...seen, host])]
}

/** A server as a message names it: `name:port`, `[::1]:port`. */
export function authorityOf({ host, port }: Pick<EstServer, 'host' | 'port'>): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

function tlsOptions(server: EstServer, address: string, options: EstConnectOptions): ConnectionOptions {
  const { credential, localAddress } = options
  const name = server.host.replace(/\.$/, '')
  return {
    host: address,
    port: server.port,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    // Judged below by Cordon's own rules: partial chains, dates only where there is a clock.
    rejectUnauthorized: false,
    ...(isIP(name) === 0 && { servername: name }),
    ...(localAddress !== undefined && { localAddress }),
    ...(credential !== undefined &&
      'key' in credential && {
        cert: credential.chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
        key: encodePem('PRIVATE KEY', credential.key),
      }),
  }
}

function start(server: EstServer, address: string, options: EstConnectOptions): TLSSocket {
  try {
    return connect(tlsOptions(server, address, options))
  } catch {
    // The cause is dropped on purpose: OpenSSL's text may quote a key.
    const expected = 'expected a certificate chain and the private key of its first certificate'
    throw new UsageError('bad-value', `credential for EST: ${expected}; OpenSSL could not take them together`)
  }
}

function handshake(server: EstServer, address: string, options: EstConnectOptions): Promise<TLSSocket> {
  const { signal, connectMs = 10_000 } = options
  const doing = `connecting to the EST server ${authorityOf(server)}${address === server.host ? '' : ` at ${address}`}`
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw aborted(signal, doing)
    const socket = start(server, address, options)
    let isConnected = false
    const settle = (act: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      act()
    }
    const fail = (error: unknown) =>
      settle(() => {
        reject(error)
        socket.destroy()
      })
    const onAbort = () => fail(aborted(signal, doing))
    const late = () => fail(new TransportError('timeout', `${doing}: no answer within ${connectMs / 1000} s`))
    const timer = setTimeout(late, connectMs)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => {
      isConnected = true
    })
    // Stays: an error after the handshake is told to whoever reads, and must never be unheard.
    socket.on('error', (error) => fail(isConnected ? handshakeError(error, doing) : systemError(error, doing)))
    socket.once('close', () => fail(new TransportError('closed', `${doing}: the server closed the connection`)))
    socket.once('secureConnect', () => settle(() => resolve(socket)))
  })
}

function handshakeError(cause: Error, doing: string): PeerError {
  return new PeerError('handshake', `${doing}: the TLS handshake failed: ${cause.message}`, {
    cause,
    details: { code: errorCode(cause) },
  })
}

function judged(
  server: EstServer,
  address: string,
  socket: TLSSocket,
  { anchors, at }: EstConnectOptions,
): EstConnection {
  try {
    const peer = peerChain(socket)
    if (anchors !== undefined) judgeServer(server, address, peer, anchors, at)
    return { stream: socket, peer, binding: () => channelBinding(socket) }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function judgeServer(
  server: EstServer,
  address: string,
  peer: readonly Uint8Array[],
  anchors: readonly Uint8Array[],
  at: number | undefined,
): void {
  const where = `the EST server ${authorityOf(server)}`
  const [leaf, ...intermediates] = peer
  if (leaf === undefined) throw new NotTrusted('unknown-authority', `${where} showed no certificate`)
  const verdict = nodeCrypto.verifyChain({
    leaf,
    intermediates,
    anchors,
    revocation: 'off',
    purpose: 'server',
    ...(at !== undefined && { at }),
  })
  if (!verdict.ok) throw new NotTrusted(verdict.code, `${where} is not believed: ${verdict.reason}`)
  const isFound = server.addresses !== undefined
  if (isFound && decodeCertificate(leaf).extensions.extendedKeyUsage?.includes(keyPurposes.cmcRA) !== true) {
    const remedy = 'if it is one all the same, name it instead of searching'
    throw new NotTrusted('wrong-purpose', `${where} is not believed: its certificate is not for EST servers; ${remedy}`)
  }
  const certificate = new X509Certificate(leaf)
  if (!namesAt(server, address).some((name) => isFor(certificate, name))) {
    const named = certificate.subjectAltName?.slice(0, 200) ?? 'no host'
    throw new NotTrusted('wrong-identity', `${where} is not believed: its certificate is for ${named}`)
  }
}

/** What the server's certificate may name: its host, and where discovery saw it. */
function namesAt({ host, addresses }: EstServer, address: string): readonly string[] {
  const name = host.replace(/\.$/, '')
  return addresses?.includes(address) === true && address !== name ? [name, address] : [name]
}

/** Whether a certificate names a host, in its subject alternative names alone (RFC 9525). */
function isFor(certificate: X509Certificate, name: string): boolean {
  return isIP(name) === 0
    ? certificate.checkHost(name, { subject: 'never' }) !== undefined
    : certificate.checkIP(name) !== undefined
}

function peerChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  let next: ReturnType<typeof socket.getPeerX509Certificate> = socket.getPeerX509Certificate()
  while (next !== undefined && chain.length < longestChain) {
    chain.push(new Uint8Array(next.raw))
    next = next.issuerCertificate?.fingerprint256 === next.fingerprint256 ? undefined : next.issuerCertificate
  }
  return chain
}

/** tls-unique in TLS 1.2 (RFC 5929 3), the exporter after it (RFC 9266). No session is resumed, so our Finished is first. */
function channelBinding(socket: TLSSocket): Uint8Array {
  if (socket.getProtocol() === 'TLSv1.3') {
    return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  }
  const finished = socket.getFinished()
  if (finished === undefined) throw new UsageError('not-supported', 'linking: this TLS connection has no binding')
  return finished
}

interface CardConnectOptions extends EstConnectOptions {
  readonly credential: CardCredential
  readonly anchors: readonly Uint8Array[]
}

async function connectCard(server: EstServer, address: string, options: CardConnectOptions): Promise<EstConnection> {
  const { credential, anchors, at, localAddress, signal, connectMs } = options
  const { port } = server
  const { chain, card: key } = credential
  const given = { host: address, port, key, chain, anchors, at, localAddress, signal, timeoutMs: connectMs }
  let failure: unknown
  for (const serverName of namesAt(server, address)) {
    try {
      return { stream: await cardConnection({ ...given, serverName }), peer: [], binding: undefined }
    } catch (error) {
      if (!(error instanceof NotTrusted && error.code === 'wrong-identity')) throw error
      failure = error
    }
  }
  throw failure
}
