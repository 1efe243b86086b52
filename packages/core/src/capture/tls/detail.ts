import type { CertificateFacts } from './certificates.ts'
import type { KeyExchange } from './suites.ts'

/**
 * What the steps of a TLS or DTLS conversation carry: plain data, made from a stranger's bytes. Text in it holds no
 * control characters.
 * @module
 */

/** A cipher suite as somebody offered or chose it. */
export interface NamedSuite {
  /** IANA number. */
  readonly id: number
  /** IANA name, `GREASE`, or the number in hex. */
  readonly name: string
}

/** The extensions of a hello (RFC 5246 7.4.1.4), as far as they are read. */
export interface HelloExtensions {
  /** Every extension by name, or by number where it is not known, in order. */
  readonly names: readonly string[]
  /** RFC 6066 3. */
  readonly serverName?: string
  /** Supported groups, RFC 8422 5.1.1. */
  readonly groups?: readonly string[]
  /** RFC 5246 7.4.1.4.1, by the names of RFC 8446 4.2.3. */
  readonly signatureAlgorithms?: readonly string[]
  /** RFC 7627. */
  readonly extendedMasterSecret: boolean
  /** RFC 7366. */
  readonly encryptThenMac: boolean
  /** RFC 5077: whether tickets are spoken of. */
  readonly sessionTicket: boolean
  /** Bytes of the ticket that a client brings; 0 without one. */
  readonly ticketLength: number
  /** RFC 8446 4.2.1; in a Server Hello the one version chosen. */
  readonly supportedVersions?: readonly string[]
  /** ALPN, RFC 7301. */
  readonly applicationProtocols?: readonly string[]
  /** RFC 5746. */
  readonly renegotiationInfo: boolean
  /** RFC 9146: bytes of the connection id that this side wants to receive. */
  readonly connectionIdLength?: number
  /** Extensions that could not be read, each with the reason. */
  readonly problems: readonly string[]
}

/** RFC 5246 7.4.1.2; with `cookie` RFC 6347 4.2.1. */
export interface ClientHelloDetail {
  readonly kind: 'client-hello'
  /** The highest version the client speaks, TLS 1.3 apart, which stands among the extensions. */
  readonly version: string
  /** 32 bytes in hex: by them a key log names its secrets. */
  readonly random: string
  /** Hex; empty for a new session. */
  readonly sessionId: string
  readonly suites: readonly NamedSuite[]
  /** Compression methods by number; 0 is none. */
  readonly compression: readonly number[]
  /** DTLS: bytes of the cookie that the client returns. */
  readonly cookieLength?: number
  readonly extensions: HelloExtensions
}

/** RFC 5246 7.4.1.3. */
export interface ServerHelloDetail {
  readonly kind: 'server-hello'
  readonly version: string
  /** 32 bytes in hex. */
  readonly random: string
  /** Hex. */
  readonly sessionId: string
  readonly suite: NamedSuite
  readonly compression: number
  /** The server repeats the session id of the client: both go on with the keys of an earlier handshake. */
  readonly resumed: boolean
  /** TLS 1.3: this hello only asks for another Client Hello (RFC 8446 4.1.4). */
  readonly retryRequest: boolean
  readonly extensions: HelloExtensions
}

/** RFC 6347 4.2.1. */
export interface HelloVerifyRequestDetail {
  readonly kind: 'hello-verify-request'
  readonly version: string
  readonly cookieLength: number
}

/** RFC 5246 7.4.2. */
export interface CertificateDetail {
  readonly kind: 'certificate'
  /** As sent, the sender's own first; empty when a client has none to show. */
  readonly certificates: readonly CertificateFacts[]
  /** What was wrong with the list itself. */
  readonly problem?: string
}

/** RFC 5246 7.4.3, RFC 8422 5.4, RFC 4279 2. */
export interface ServerKeyExchangeDetail {
  readonly kind: 'server-key-exchange'
  readonly exchange: KeyExchange | 'unknown'
  /** The group of an ephemeral elliptic key. */
  readonly group?: string
  /** Bits of an ephemeral Diffie-Hellman prime. */
  readonly primeBits?: number
  /** How the server signs it. */
  readonly signatureAlgorithm?: string
  /** The hint that leads the client to its pre-shared key. */
  readonly identityHint?: string
}

/** RFC 5246 7.4.4. */
export interface CertificateRequestDetail {
  readonly kind: 'certificate-request'
  /** Kinds of certificates that would do: `ecdsa_sign`, `rsa_sign`. */
  readonly types: readonly string[]
  readonly signatureAlgorithms: readonly string[]
  /** Names of the authorities whose certificates would do, in the text form of RFC 4514; empty: any. */
  readonly authorities: readonly string[]
}

/** RFC 5246 7.4.7, RFC 8422 5.7, RFC 4279 2. */
export interface ClientKeyExchangeDetail {
  readonly kind: 'client-key-exchange'
  readonly exchange: KeyExchange | 'unknown'
  /** The name of the client's pre-shared key. */
  readonly identity?: string
}

/** RFC 5246 7.4.8. */
export interface CertificateVerifyDetail {
  readonly kind: 'certificate-verify'
  readonly signatureAlgorithm?: string
}

/** RFC 5246 7.4.9: readable only where its record is. */
export interface FinishedDetail {
  readonly kind: 'finished'
  readonly verifyDataLength: number
}

/** RFC 5077 3.3. */
export interface NewSessionTicketDetail {
  readonly kind: 'new-session-ticket'
  /** Seconds; 0: the server does not say. */
  readonly lifetimeSeconds: number
  readonly ticketLength: number
}

/** A message that carries nothing to tell: Hello Request, Server Hello Done, and what TLS 1.3 adds. */
export interface OtherMessageDetail {
  readonly kind: 'message'
  /** Handshake message type. */
  readonly type: number
  readonly length: number
}

/** RFC 5246 7.1: what this side sends from here on is under the new keys. */
export interface ChangeCipherSpecDetail {
  readonly kind: 'change-cipher-spec'
}

/** RFC 5246 7.2. */
export interface AlertDetail {
  readonly kind: 'alert'
  readonly level: 'warning' | 'fatal'
  readonly code: number
  /** IANA name. */
  readonly name: string
  /** One sentence for whoever runs the plant. */
  readonly meaning: string
}

/** A handshake message or an alert that cannot be read. */
export interface EncryptedDetail {
  readonly kind: 'encrypted'
  readonly what: 'handshake' | 'alert' | 'heartbeat'
  /** Bytes of the record's fragment. */
  readonly length: number
}

/** A message or a record that is not what it claims to be. Reading goes on behind it. */
export interface MalformedDetail {
  readonly kind: 'malformed'
  readonly problem: string
}

/** What a step carries. */
export type StepDetail =
  | ClientHelloDetail
  | ServerHelloDetail
  | HelloVerifyRequestDetail
  | CertificateDetail
  | ServerKeyExchangeDetail
  | CertificateRequestDetail
  | ClientKeyExchangeDetail
  | CertificateVerifyDetail
  | FinishedDetail
  | NewSessionTicketDetail
  | OtherMessageDetail
  | ChangeCipherSpecDetail
  | AlertDetail
  | EncryptedDetail
  | MalformedDetail
