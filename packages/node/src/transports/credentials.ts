import { UsageError } from '@cordon/core/errors'
import {
  Context,
  type ContextOptions,
  type Protocol,
  type Role,
  suites as knownSuites,
  type VerifyPolicy,
} from '@cordon/tls'
import { errorCode } from './system-error.ts'

/** A pre-shared key with its name. */
export interface Psk {
  /** At most 128 bytes. */
  readonly identity: Uint8Array
  /** At most 64 bytes. Secret. */
  readonly key: Uint8Array
  readonly usage?: 'server' | 'client' | 'any'
}

/** What one end of a (D)TLS association proves itself with, and whom it believes. */
export interface Credentials {
  /** IANA numbers in preference order; without them every suite that OpenSSL has and these credentials can serve, encrypting ones first. */
  readonly suites?: readonly number[]
  /** DER certificates, end entity first. */
  readonly chain?: readonly Uint8Array[]
  /** PKCS#8 DER. Secret. */
  readonly key?: Uint8Array
  /** False sends the end-entity certificate alone. Default true. */
  readonly sendChain?: boolean
  readonly psk?: readonly Psk[]
  /** DER CA certificates; a chain may end at any of them. */
  readonly anchors?: readonly Uint8Array[]
  /** DER end-entity certificates that are accepted as they are. */
  readonly trusted?: readonly Uint8Array[]
  /** DER. */
  readonly crls?: readonly Uint8Array[]
  /** Deviations from: peer required, no time check, CRLs where present, no name check. */
  readonly verify?: Partial<VerifyPolicy>
}

/** What belongs to an association besides the credentials. */
export interface ContextSettings {
  readonly keyLog?: boolean
  readonly handshakeTimeoutMs?: number
  /** DTLS payload bytes per datagram while shaking hands. */
  readonly mtu?: number
  /** Client: accept any server certificate, because nothing is known about a new device yet. Only for commissioning. */
  readonly anyServer?: boolean
  readonly resumption?: boolean
}

/** The suites that these credentials can serve, encrypting before integrity-only, in the order of the suite table. */
export function usableSuites(role: Role, credentials: Credentials, anyServer = false): readonly number[] {
  const hasPsk = (credentials.psk ?? []).length > 0
  // A client that has no certificate of its own still speaks the certificate suites: the server may not ask for one.
  const hasCertificate =
    role === 'server' ? credentials.chain !== undefined : anyServer || !hasPsk || trustsAnybody(credentials)
  const usable = knownSuites.filter(
    (suite) => suite.available && (suite.authentication === 'psk' ? hasPsk : hasCertificate),
  )
  return [...usable.filter((suite) => suite.encrypts), ...usable.filter((suite) => !suite.encrypts)].map(
    (suite) => suite.id,
  )
}

function trustsAnybody(credentials: Credentials): boolean {
  return (credentials.anchors ?? []).length > 0 || (credentials.trusted ?? []).length > 0
}

/**
 * The native context for one role and protocol.
 *
 * @throws UsageError `bad-option` for credentials that cannot work, `not-supported` for a suite OpenSSL lacks
 */
export function makeContext(
  role: Role,
  protocol: Protocol,
  credentials: Credentials,
  settings: ContextSettings = {},
): Context {
  if ((credentials.chain === undefined) !== (credentials.key === undefined)) {
    throw new UsageError('bad-option', 'expected a certificate chain and its key together, got one of them')
  }
  const anyServer = settings.anyServer === true
  const identity =
    credentials.chain !== undefined && credentials.key !== undefined
      ? { chain: credentials.chain, key: credentials.key }
      : undefined
  const options: ContextOptions = {
    role,
    protocol,
    suites: credentials.suites ?? usableSuites(role, credentials, anyServer),
    ...(identity === undefined ? {} : { identity }),
    ...(credentials.sendChain === undefined ? {} : { sendChain: credentials.sendChain }),
    ...(credentials.psk === undefined ? {} : { psk: credentials.psk }),
    ...(credentials.anchors === undefined ? {} : { anchors: credentials.anchors }),
    ...(credentials.trusted === undefined ? {} : { trusted: credentials.trusted }),
    ...(credentials.crls === undefined ? {} : { crls: credentials.crls }),
    verify: {
      ...credentials.verify,
      ...(anyServer ? { peer: 'none' as const } : { peer: credentials.verify?.peer ?? 'require' }),
    },
    ...(settings.keyLog === undefined ? {} : { keyLog: settings.keyLog }),
    ...(settings.handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs: settings.handshakeTimeoutMs }),
    ...(settings.mtu === undefined ? {} : { mtu: settings.mtu }),
    ...(settings.resumption === undefined ? {} : { resumption: settings.resumption }),
  }
  try {
    return new Context(options)
  } catch (error) {
    const code = errorCode(error)
    const message = error instanceof Error ? error.message : String(error)
    throw new UsageError(code === 'suite-unavailable' ? 'not-supported' : 'bad-option', message, { cause: error })
  }
}
