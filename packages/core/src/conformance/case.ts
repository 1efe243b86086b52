import type { Bench } from './bench.ts'
import type { Judge } from './judge.ts'
import type { Need } from './needs.ts'

/**
 * What a case rests on: `public`, a public source states it; `inferred`, it follows from public sources and was never seen
 * stated; `ours`, Volume 8 is not public and the expectation is our choice: a conforming product need not agree with it.
 */
export type Basis = 'public' | 'inferred' | 'ours'

/** What a case does to the target: only asks, changes something and puts it back, or resets. */
export type CaseKind = 'read' | 'write' | 'reset'

/** The subjects, in the order in which they are run. */
export const caseGroups = {
  listing: 'ListIdentity and its items',
  encapsulation: 'Encapsulation over a stream',
  datagrams: 'Encapsulation over UDP',
  packets: 'Common Packet Format',
  router: 'Message Router and general status',
  attributes: 'Attributes: type and range',
  consistency: 'Attributes against each other',
  access: 'Attributes that must not be settable now',
  files: 'File Object',
  services: 'Services and states of the security objects',
  connections: 'Forward_Open and Forward_Close',
  io: 'Class 1 connections',
  tls: 'TLS on 2221/tcp',
  dtls: 'DTLS on 2221/udp',
  suites: 'Cipher suites',
  credentials: 'Certificates and keys',
  ports: 'Ports',
} as const

/** One of {@link caseGroups}. */
export type CaseGroup = keyof typeof caseGroups

/** One rule of the reference, as something that a target can be asked. */
export interface ConformanceCase {
  /** `tls.version-1-0`: stable, so that results can be compared over time. */
  readonly id: string
  readonly group: CaseGroup
  /** What a target that passes does. */
  readonly title: string
  /** Section of the reference, with the public sources that it names. */
  readonly source: string
  readonly basis: Basis
  readonly kind: CaseKind
  readonly needs: readonly Need[]
  /** Longer than a few seconds, because the rule is about time: milliseconds that it takes. */
  readonly slowMs?: number
  /** Asks, and judges what came. */
  readonly run: (bench: Bench, judge: Judge) => Promise<void>
}
