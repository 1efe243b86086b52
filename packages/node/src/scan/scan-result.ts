import type { StrengthReport } from '@cordon/core/security'
import type { ProbeVersion } from '@cordon/tls'
import type { ShownChain } from './chain.ts'
import type { SuiteOrder } from './offers.ts'
import type { WeakSpot } from './weak-spots.ts'

/** `not-tested`: the question did not get through, or could not be asked; it never counts as refused. */
export type ScanVerdict = 'offered' | 'refused' | 'not-tested'

/** Whether a target speaks a version. */
export interface VersionRow {
  readonly version: ProbeVersion
  readonly verdict: ScanVerdict
  readonly reason: string
}

/** Whether a target accepts a suite of CIP Security, with version 1.2. */
export interface SuiteRow {
  /** IANA number. */
  readonly suite: number
  /** IANA name. */
  readonly name: string
  readonly encrypts: boolean
  readonly authentication: 'rsa' | 'ecdsa' | 'psk'
  readonly verdict: ScanVerdict
  readonly reason: string
}

/** A suite that a target accepts, and how strong a connection with it would be. */
export interface OfferedSuite {
  /** IANA number. */
  readonly suite: number
  /** IANA name. */
  readonly name: string
  /** Group of the ephemeral key exchange: a curve, or `DHE` with the bits of its prime. */
  readonly group?: string
  readonly strength: StrengthReport
}

/** What a target accepts with one version. */
export interface OfferedVersion {
  readonly version: ProbeVersion
  /** Whose order decides; where it is the server's, `suites` has it. */
  readonly order: SuiteOrder
  /** The list is complete: the target refused everything else. */
  readonly complete: boolean
  readonly suites: readonly OfferedSuite[]
}

/** Whether a target wants a certificate of its clients. */
export interface ClientCertificateFindings {
  readonly asked: boolean | 'not-tested'
  /** Whether a handshake without one fails. */
  readonly required: boolean | 'not-tested'
  readonly reason: string
  /** Names of the authorities whose certificates it says it takes; empty where it names none. */
  readonly authorities: readonly string[]
}

/** What a target does besides suites; undefined where it was not seen. */
export interface ScanFeatures {
  /** RFC 7627. */
  readonly extendedMasterSecret?: boolean
  /** RFC 7366; seen with CBC suites only. */
  readonly encryptThenMac?: boolean
  /** RFC 5746. Whether a client may renegotiate is not tried. */
  readonly secureRenegotiation?: boolean
  /** RFC 3749. */
  readonly compression?: boolean
  /** It answers the extension for tickets (RFC 5077). */
  readonly sessionTicket?: boolean
  /** It gives sessions an id. */
  readonly sessionId?: boolean
  /** A second handshake took up the session of the first. */
  readonly resumes?: boolean
  /** It refuses a fallback to a lower version (RFC 7507); undefined with one version. */
  readonly refusesFallback?: boolean
}

/** What a target offers on 2221. Nothing of it is authenticated. */
export interface ScanResult {
  readonly address: string
  readonly port: number
  readonly transport: 'tls' | 'dtls'
  /** At least one ClientHello was answered: refusals below are the target's own. */
  readonly answered: boolean
  readonly versions: readonly VersionRow[]
  /** The thirteen suites of CIP Security. */
  readonly suites: readonly SuiteRow[]
  /** Every suite that it accepts, by version, the highest version first. */
  readonly offers: readonly OfferedVersion[]
  /** Groups of ephemeral key exchange in the order in which it chose them. */
  readonly groups: readonly string[]
  readonly clientCertificate: ClientCertificateFindings
  /** Chains that it showed, each once. */
  readonly chains: readonly ShownChain[]
  readonly features: ScanFeatures
  readonly weakSpots: readonly WeakSpot[]
  /** ClientHellos and handshakes that were made. */
  readonly probes: number
}
