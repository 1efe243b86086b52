/**
 * What a deployment was asked for. Plan and choices are of people; what is absent is as `cordon apply` does it.
 */
export interface DeployParameters {
  /** Id of the plan job that people looked at; without one the plan is made and followed at once. */
  readonly plan?: string
  /** Id of the deployment whose devices are done again. */
  readonly retry?: string
  readonly onlyDevices?: readonly string[]
  /** Only devices of these zones, besides those that are named. */
  readonly zones?: readonly string[]
  /** SHA-256 of default certificates that a person compared, lower-case hex, by device. */
  readonly fingerprints?: Readonly<Record<string, string>>
  /** Why it is done, in the words of who asked. */
  readonly message?: string
  /** Associations of the old settings are closed when the new ones apply. */
  readonly closeConnections?: boolean
  /** Whether plain ports close in this deployment; default `now`. */
  readonly closePorts?: 'now' | 'later'
  /** Devices that get a new certificate although theirs is not due. */
  readonly renew?: readonly string[]
  /** Devices whose default certificate proves nothing and that may be used all the same; `all` for every one. */
  readonly acceptSelfSigned?: readonly string[] | 'all'
}

/** What a plan was asked for: as the deployment that may follow it. */
export type PlanParameters = Omit<DeployParameters, 'plan' | 'retry' | 'message'>

/** Which devices a release takes the policy off. */
export interface ReleaseParameters {
  readonly devices: readonly string[]
  /** Why it is done, in the words of who asked. */
  readonly message?: string
}

/** What a verification looks at. */
export interface VerifyParameters {
  /** Only these devices. */
  readonly only?: readonly string[]
  readonly verifierAddress?: string
}

/** What a comparison with the model looks at. */
export interface DriftParameters {
  readonly only?: readonly string[]
  /** How devices are looked for that the model does not know; default `broadcast`. */
  readonly search?: 'broadcast' | 'sweep' | 'none'
  /** A certificate that ends within so many milliseconds is a warning. */
  readonly nearMs?: number
}

/** Whom a discovery asks: addresses, ranges such as `192.0.2.1-192.0.2.40`, networks such as `192.0.2.0/24`; by broadcast. */
export interface DiscoverParameters {
  readonly targets?: readonly string[]
  readonly broadcast?: readonly string[]
  readonly localAddress?: string
  /** How long answers are waited for, milliseconds; default 2000. */
  readonly waitMs?: number
}

/** Which devices a renewal brings new certificates. */
export interface RenewParameters {
  /** These; undefined: all whose certificate is due. */
  readonly devices?: readonly string[]
  /** Certificates that end within so many milliseconds are due; default 30 days. */
  readonly withinMs?: number
}

/** How often the live tables of the devices are read. */
export interface ObserveParameters {
  /** Readings; default 1. */
  readonly rounds?: number
  /** From the beginning of one to that of the next, milliseconds; default 5000. */
  readonly intervalMs?: number
}

/** Kinds of jobs. Those that change devices run one at a time per plant. */
export const jobKinds = {
  plan: { changes: false },
  deploy: { changes: true },
  release: { changes: true },
  renew: { changes: true },
  verify: { changes: false },
  drift: { changes: false },
  discover: { changes: false },
  observe: { changes: false },
  rehearse: { changes: false },
} as const

/** Name of a kind. */
export type JobKindName = keyof typeof jobKinds

/** Whether jobs of a kind change devices. */
export function isKindThatChanges(kind: JobKindName): boolean {
  return jobKinds[kind].changes
}
