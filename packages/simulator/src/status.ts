import type { DevicePull } from '@cordon/core/device'
import type { PullStatus } from '@cordon/core/objects'

/** The pull model of a device in a word. `stopped`: a push has configured it, or is about to. */
export type PullWord =
  | 'none'
  | 'off'
  | 'stopped'
  | 'enrolled'
  | 'idle'
  | 'searching'
  | 'server-found'
  | 'fetching-authorities'
  | 'request-sent'
  | 'waiting-for-approval'
  | 'no-server'
  | 'tls-failure'
  | 'server-refused'
  | 'http-error'
  | 'request-rejected'
  | 'certificate-invalid'

const words: Readonly<Record<PullStatus, PullWord>> = {
  idle: 'idle',
  searching: 'searching',
  serverFound: 'server-found',
  fetchingAuthorities: 'fetching-authorities',
  enrollmentSent: 'request-sent',
  waitingForApproval: 'waiting-for-approval',
  noServer: 'no-server',
  tlsFailure: 'tls-failure',
  serverRefused: 'server-refused',
  httpError: 'http-error',
  requestRejected: 'request-rejected',
  certificateInvalid: 'certificate-invalid',
  disabled: 'off',
}

/** The word for where a device stands that has the pull model. */
export function pullWord(pull: DevicePull): PullWord {
  if (!pull.isEnabled) return 'off'
  if (!pull.isOpen) return 'stopped'
  const { status, state } = pull.report()
  return status === 'idle' && state === 'pullModelCompleted' ? 'enrolled' : words[status]
}

/** A virtual device, for tables and tests. */
export interface DeviceStatus {
  readonly name: string
  readonly address: string
  /** Its ports are open. */
  readonly running: boolean
  /** 0x5D attribute 1 as a word; `none` for a device without CIP Security. */
  readonly security: 'none' | 'factory-default' | 'configuring' | 'configured' | 'incomplete'
  /** How far the pull model is; `none` for a device without it. */
  readonly pull: PullWord
  /** Faults in force, by kind. */
  readonly faults: readonly string[]
  /** Nothing reaches it and nothing leaves it. */
  readonly cablePulled: boolean
  /** Port at which it serves its pages; undefined while it serves none. */
  readonly pages: number | undefined
}

/** How a connection is protected on the network; behind a module its data is plain. */
export type ConnectionProtection = 'Encrypted' | 'Authenticated' | 'None'

/** A connection of the virtual plant as it stands, seen from its originator. */
export interface ConnectionStatus {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly class: 0 | 1 | 3
  readonly state: 'connecting' | 'open' | 'refused-by-policy' | 'waiting' | 'stopped'
  /** `tcp`: Forward_Open over TCP 44818, data of class 0/1 over UDP 2222. */
  readonly transport: 'tcp' | 'tls' | 'dtls' | undefined
  /** IANA number of the negotiated suite. */
  readonly suite: number | undefined
  readonly protection: ConnectionProtection | undefined
  readonly serial: number | undefined
  /** O->T and T->O connection sizes as Forward_Open carries them. */
  readonly sizes: readonly [number, number]
  readonly rpiMs: number
  /** Data packets or replies received. */
  readonly received: number
  /** Sequence numbers that never came. */
  readonly missed: number
  /** Times it was opened, and times it ended unasked. */
  readonly opens: number
  readonly losses: number
  /** When the last data or reply came, ISO 8601. */
  readonly lastDataAt: string | undefined
  /** When it changed its transport, ISO 8601. */
  readonly movedAt: string | undefined
  readonly movedFrom: 'tcp' | 'tls' | 'dtls' | undefined
  /** Time without data around the move, milliseconds. */
  readonly gapMs: number | undefined
  /** How often data comes anyway, milliseconds: a gap of about this is no interruption. */
  readonly intervalMs: number | undefined
  readonly longestGapMs: number
  /** Why it is not running. */
  readonly problem: string | undefined
}
