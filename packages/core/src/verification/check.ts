import type { ConnectionHop } from '../policy/connection.ts'
import type { Attempt, SecureTransport } from './attempt.ts'
import type { CheckId, CheckKind } from './check-table.ts'

interface CheckFacts {
  readonly id: CheckId
  readonly kind: CheckKind
  /** The device, pair or connection that it is about; unique among the checks of one id. */
  readonly subject: string
  /** The device that is asked; undefined where none is. */
  readonly device: string | undefined
  /** What must hold, in words. */
  readonly expectation: string
}

/** What is read back, judged by what a device answered. */
export interface ReadBackCheck extends CheckFacts {
  readonly method: 'read-back'
}

/** What a certificate shown on a transport must be like. */
export interface CertificateCheck extends CheckFacts {
  readonly method: 'certificate'
  readonly transport: SecureTransport
  /** The handshake in which it is shown. */
  readonly attempt: Attempt
}

/** Something is tried from outside and must succeed. */
export interface ConnectCheck extends CheckFacts {
  readonly method: 'connect'
  readonly attempt: Attempt
  /** What else must succeed before and after, where success alone may be no doing of the device: a port without answers. */
  readonly control?: Attempt | undefined
  /** What the rules of the device must say where the attempt cannot be made from that address. */
  readonly fallback?: RuleFallback | undefined
}

/** Something is tried from outside and must be refused. */
export interface RefusalCheck extends CheckFacts {
  readonly method: 'refusal'
  readonly attempt: Attempt
  /** What must succeed before and after, so that the refusal means something. */
  readonly control: Attempt
  readonly fallback?: RuleFallback | undefined
  /** Why success would be a risk and no failure of this device: the promise rests on the peer, or nobody can keep it. */
  readonly tolerated?: string | undefined
}

/** Traffic whose fate is read from a device's rules when it cannot be tried. */
export interface RuleFallback {
  readonly from: string
  /** Dotted address of the peer. */
  readonly ip: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
}

/** A connection of the plant that runs. */
export interface ConnectionCheck extends CheckFacts {
  readonly method: 'connection'
  readonly connection: string
  readonly transport: 'tcp' | 'tls' | 'dtls'
  /** Suites that are as promised; empty in plain. */
  readonly suites: readonly number[]
  readonly hops: readonly ConnectionHop[]
}

/** The answer is known without asking any device. */
export interface SettledCheck extends CheckFacts {
  readonly method: 'settled'
  readonly verdict: Verdict
  readonly reason: string
}

/** What a device trusts, judged by the certificates that it holds: for a credential that is not at hand. */
export interface TrustCheck extends CheckFacts {
  readonly method: 'trust'
}

/** Another program repeats a check. */
export interface RepeatCheck extends CheckFacts {
  readonly method: 'repeat'
  readonly of: ConnectCheck | RefusalCheck
}

/** One thing that is verified. Plain data: deriving it sends nothing. */
export type Check =
  | ReadBackCheck
  | CertificateCheck
  | ConnectCheck
  | RefusalCheck
  | ConnectionCheck
  | SettledCheck
  | TrustCheck
  | RepeatCheck

/**
 * How a check came out. `not-probed`: it could not be tried from outside, and what was read back says what it must.
 * `not-tested`: nothing at all is known. `risk`: this device does not keep it and cannot, and at best its peer does.
 */
export type Verdict = 'pass' | 'fail' | 'not-probed' | 'not-tested' | 'risk'

/** A check with its verdict. */
export interface CheckResult {
  readonly id: CheckId
  readonly kind: CheckKind
  readonly subject: string
  readonly device: string | undefined
  readonly expectation: string
  readonly verdict: Verdict
  /** What was seen, and what it means. */
  readonly reason: string
  /** Of a connection: the stretches of its way. What was seen holds on the network alone; a backplane is plain. */
  readonly hops?: readonly ConnectionHop[]
}

/** What a verification cannot say about a plant: checks of one id that were not made. Never counted as passed. */
export interface Limit {
  readonly id: CheckId
  readonly verdict: 'not-probed' | 'not-tested'
  /** Checks of this id with this verdict, and checks of this id in all. */
  readonly count: number
  readonly of: number
  /** Why, each once. */
  readonly reasons: readonly string[]
}

/** A promise of the policy that nobody can keep, or something else that a person must know. */
export interface Risk {
  readonly subject: string
  readonly reason: string
}

/** A live connection as its originator reports it. */
export interface LiveConnection {
  readonly name: string
  /** `open` when it runs. */
  readonly state: string
  readonly transport?: 'tcp' | 'tls' | 'dtls' | undefined
  /** IANA number. */
  readonly suite?: number | undefined
  readonly problem?: string | undefined
}

/** Everything that a verification found. JSON as it is. */
export interface VerificationResult {
  readonly version: 1
  readonly plant: string
  /** `pass` when nothing failed. */
  readonly verdict: 'pass' | 'fail'
  /** True when each check was really made: none is `not-probed` or `not-tested`. */
  readonly complete: boolean
  readonly counts: Readonly<Record<Verdict, number>>
  /** What was not made, by check: empty when {@link VerificationResult.complete}. */
  readonly limits: readonly Limit[]
  /** ISO 8601. */
  readonly startedAt: string
  readonly durationMs: number
  readonly checks: readonly CheckResult[]
  readonly risks: readonly Risk[]
}
