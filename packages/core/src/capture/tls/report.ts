import type { Side } from '../conversation.ts'
import type { CertificateFacts } from './certificates.ts'
import type { NamedSuite } from './detail.ts'
import type { ProtectionWord } from './suites.ts'

/** What opened a conversation: its suite hides nothing, a key log, or the private key of the server. */
export type ReadableBy = 'NULL suite' | 'key log' | 'private key'

/** Whether what a conversation carried could be read, and by what, or exactly why not. */
export type Readability =
  | { readonly yes: true; readonly by: ReadableBy }
  | { readonly yes: false; readonly reason: string }

/** An alert that could be read. */
export interface AlertReport {
  /** Who sent it. */
  readonly side: Side
  readonly packet: number
  readonly level: 'warning' | 'fatal'
  /** IANA name. */
  readonly name: string
  readonly meaning: string
}

/** Application data of one side. */
export interface ApplicationCount {
  readonly records: number
  /** What the records held where they could be read, else the length of their fragments. */
  readonly bytes: number
  /** How many of the records could be read. */
  readonly read: number
}

/** What one handshake of a conversation agreed on, and what came of it. */
export interface AgreementReport {
  /** Who opened it; undefined where neither hello was seen. */
  readonly client: Side | undefined
  /** Undefined where its Server Hello is not in the capture. */
  readonly suite: NamedSuite | undefined
  /** What the suite promises; `None` where nobody can tell. */
  readonly protection: ProtectionWord
  readonly established: boolean
  readonly resumed: boolean
  readonly clientCertificateRequested: boolean
  readonly clientCertificateGiven: boolean
  /** By side of the conversation, each sender's own first. */
  readonly certificates: Readonly<Record<Side, readonly CertificateFacts[]>>
  /** Records of application data under it. */
  readonly records: number
  /** Bytes or messages were missing while it went on: what was not seen may have been said. */
  readonly incomplete: boolean
}

/**
 * A TLS or DTLS conversation in summary. Of several handshakes `suite` and `protection` are those of the weakest that
 * carried application data; the rest is the last one's, and `agreements` has them all.
 */
export interface TlsReport {
  readonly protocol: 'TLS' | 'DTLS'
  /** Who opened the handshake; undefined when none was seen. Usually the `client` of the conversation. */
  readonly client: Side | undefined
  /** The version agreed on: `TLSv1.2`. */
  readonly version: string | undefined
  readonly offered: readonly NamedSuite[]
  readonly suite: NamedSuite | undefined
  /** What the suite promises, in the words of a device's own pages; `None` before one is chosen. */
  readonly protection: ProtectionWord
  /** Handshakes that were begun. */
  readonly handshakes: number
  /** Both sides went on under new keys, at least once. */
  readonly established: boolean
  /** Those that carried data or were established, the weakest first, alike ones once; else the last. `agreementLimit` at most. */
  readonly agreements: readonly AgreementReport[]
  /** Handshakes beyond the limit. */
  readonly moreAgreements: number
  readonly resumed: boolean
  readonly extendedMasterSecret: boolean
  readonly encryptThenMac: boolean
  readonly clientCertificateRequested: boolean
  readonly clientCertificateGiven: boolean
  /** The name of the client's pre-shared key. */
  readonly pskIdentity: string | undefined
  /** By side of the conversation, each sender's own first. */
  readonly certificates: Readonly<Record<Side, readonly CertificateFacts[]>>
  readonly readable: Readability
  /** The first of them, `alertLimit` at most. */
  readonly alerts: readonly AlertReport[]
  /** Microseconds from the first Client Hello to the second Change Cipher Spec with its Finished. */
  readonly handshakeUs: number | undefined
  readonly application: Readonly<Record<Side, ApplicationCount>>
  /** Records of a NULL suite whose keys are known and whose MAC does not fit. */
  readonly wrongMacs: number
  /** DTLS: handshake messages that came again. */
  readonly retransmissions: number
  /** DTLS: records that came again and are not handed on. */
  readonly repeatedRecords: number
  /** What was odd, in order, `problemLimit` at most. */
  readonly problems: readonly string[]
}

/** Most handshakes of a conversation, each unlike the others, that a report lists. */
export const agreementLimit = 8

/** Most alerts of a conversation that a report lists. */
export const alertLimit = 16

/** Most problems of a conversation that a report lists. */
export const problemLimit = 16

/** One line for a table: `yes: key log`, `no: suite 0x1234 is not known`. */
export function readabilityText(readable: Readability): string {
  return readable.yes ? `yes: ${readable.by}` : `no: ${readable.reason}`
}
