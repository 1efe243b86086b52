import { constants, createPrivateKey } from 'node:crypto'
import type { TlsOptions, TLSSocket } from 'node:tls'
import type { ChannelBindings } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import { encodePem } from '@cordon/core/x509'

/** What the listener proves itself with. */
export interface EstCredential {
  /** Leaf first, DER. */
  readonly chain: readonly Uint8Array[]
  /** DER PKCS#8. */
  readonly key: Uint8Array
}

/**
 * Suites with forward secrecy; those with CBC, last, are for old devices. Without static RSA and finite-field groups no
 * man in the middle can bring about the same master secret on two connections, on which linking would fail.
 */
const suites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
]

/**
 * TLS of the EST port (RFC 7030 3.3): 1.2 and 1.3, a client certificate asked for and not required, HTTP/1.1. Nothing is
 * resumed and nothing renegotiated, so that the first Finished of a connection is its client's, which linking rests on
 * (RFC 5929 3.1). OpenSSL uses the extended master secret with every client that knows it.
 * @throws UsageError `bad-value` for a key that is no PKCS#8, or does not belong to the certificate
 */
export function tlsOptions({ chain, key }: EstCredential): TlsOptions {
  if (chain.length === 0) throw new UsageError('missing', 'the EST listener needs a certificate')
  return {
    cert: chain.map((certificate) => encodePem('CERTIFICATE', certificate)).join(''),
    key: keyPem(key),
    // No authority is named: devices bring certificates of vendors that are judged by label, after the handshake.
    ca: [],
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: suites.join(':'),
    honorCipherOrder: true,
    ecdhCurve: 'X25519:P-256:P-384:P-521',
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    ALPNProtocols: ['http/1.1'],
  }
}

function keyPem(pkcs8: Uint8Array): string {
  try {
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
    return key.export({ format: 'pem', type: 'pkcs8' }).toString()
  } catch {
    // The cause is dropped on purpose: OpenSSL's text may quote the input.
    throw new UsageError('bad-value', 'the key of the EST listener: expected DER PKCS#8')
  }
}

/** Most certificates that are taken from a client; OpenSSL stops at 100 KiB of them. */
const mostShown = 10

/** The certificates that a client sent, leaf first, DER, whatever they are. */
export function shownCertificates(socket: TLSSocket): readonly Uint8Array[] {
  const shown: Uint8Array[] = []
  // `getPeerCertificate(true)` would leave out what does not fit the chain, and goes in circles at a self-signed end.
  let certificate = socket.getPeerX509Certificate()
  for (; certificate !== undefined && shown.length < mostShown; certificate = certificate.issuerCertificate) {
    shown.push(new Uint8Array(certificate.raw))
  }
  return shown
}

/** Label of RFC 9266 section 2. */
const exporterLabel = 'EXPORTER-Channel-Binding'

/**
 * What ties a request to its connection: tls-unique of TLS 1.2, the client's Finished (RFC 5929 3.1); tls-exporter of
 * TLS 1.3 (RFC 9266 section 2). In TLS 1.2 the exporter is left out, as it is unique only with the extended master
 * secret, of which Node does not tell.
 */
export function channelBindings(socket: TLSSocket): ChannelBindings {
  if (socket.isSessionReused()) return {}
  if (socket.getProtocol() === 'TLSv1.3') {
    return { tlsExporter: new Uint8Array(socket.exportKeyingMaterial(32, exporterLabel, Buffer.alloc(0))) }
  }
  const finished = socket.getPeerFinished()
  return finished === undefined ? {} : { tlsUnique: new Uint8Array(finished) }
}
