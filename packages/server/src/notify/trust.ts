import { readFileSync } from 'node:fs'
import * as tls from 'node:tls'
import { UsageError } from '@cordon/core/errors'

/** Where Linux distributions keep the CA certificates of the system. */
const systemFiles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem']

/** CA certificates of the system; those that come with Node where it has none. */
function systemRoots(): string | readonly string[] {
  for (const file of systemFiles) {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      // Another system keeps them elsewhere.
    }
  }
  return tls.rootCertificates
}

/** What a client of TLS believes and shows. */
export interface TrustOptions {
  /** CA certificates, PEM; undefined: those of the system. */
  readonly ca: string | undefined
  /** Certificate and key that are shown, PEM. */
  readonly client?: { readonly certificate: string; readonly key: string } | undefined
}

/**
 * The context of all TLS connections of a channel: TLS 1.2 at least.
 * @throws UsageError `bad-value` for files that hold no certificate or a key that does not fit
 */
export function trustContext({ ca, client }: TrustOptions, what: string): tls.SecureContext {
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new UsageError('bad-value', `${what}: the file of CA certificates holds none; expected PEM`)
  }
  try {
    const roots = ca ?? systemRoots()
    return tls.createSecureContext({
      ca: typeof roots === 'string' ? roots : [...roots],
      minVersion: 'TLSv1.2',
      ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    })
  } catch {
    // OpenSSL's own words may quote the key.
    throw new UsageError(
      'bad-value',
      `${what}: a certificate or its key cannot be read, or they do not belong together`,
    )
  }
}
