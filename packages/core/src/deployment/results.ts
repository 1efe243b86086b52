import type { ConnectionHop } from '../policy/connection.ts'
import type { Message } from './messages.ts'

/** How a device, or a whole deployment, ended. */
export type Outcome = 'complete' | 'complete-with-warnings' | 'not-complete'

/**
 * Which configuration a device was left in: `unchanged` when there was nothing to do, `unfinished` when the new settings
 * are in force and a later step is outstanding, `unknown` when contact was lost at the one moment that decides and the
 * journal must tell by which credential to ask.
 */
export type Configuration = 'old' | 'new' | 'unchanged' | 'unfinished' | 'unknown'

/** One step as it went. Times are milliseconds of the clock that the deployment was given. */
export interface StepRecord {
  readonly step: string
  readonly startedAt: number
  readonly tookMs: number
  readonly result: 'done' | 'failed' | 'undone' | 'skipped'
}

/** How one device ended. */
export interface DeviceResult {
  readonly device: string
  readonly address: string
  readonly outcome: Outcome
  readonly configuration: Configuration
  readonly messages: readonly Message[]
  readonly steps: readonly StepRecord[]
  /** Of a release that is proven: what was seen, a sentence for each thing. */
  readonly proof?: readonly string[]
}

/** How one connection of the plant fared. */
export interface ConnectionResult {
  readonly connection: string
  readonly from: string
  readonly to: string
  readonly outcome: Outcome
  /** When it ran under its new protection; absent when that was not observed. */
  readonly movedAt?: number
  /** How long its data was interrupted; absent when that was not observed. */
  readonly gapMs?: number
  readonly before?: ConnectionProtection
  readonly after?: ConnectionProtection
  /** The stretches of its way: `after` holds on the network alone, a backplane is plain. */
  readonly hops: readonly ConnectionHop[]
  readonly messages: readonly Message[]
}

/** The transports by which a connection of a plant runs. */
export type ConnectionTransport = 'tcp' | 'tls' | 'udp' | 'dtls'

/** By what a connection runs. */
export interface ConnectionProtection {
  readonly transport: ConnectionTransport
  /** IANA number, for `tls` and `dtls` where it is known. */
  readonly suite?: number
}

/** *Not complete* with an error among the messages, *complete with warnings* with a warning, else *complete*. */
export function outcomeOf(messages: readonly Message[]): Outcome {
  if (messages.some((message) => message.severity === 'error')) return 'not-complete'
  if (messages.some((message) => message.severity === 'warning')) return 'complete-with-warnings'
  return 'complete'
}

/** The outcome of a whole: the worst of its parts. */
export function worst(outcomes: Iterable<Outcome>): Outcome {
  let total: Outcome = 'complete'
  for (const outcome of outcomes) {
    if (outcome === 'not-complete') return outcome
    if (outcome === 'complete-with-warnings') total = outcome
  }
  return total
}
