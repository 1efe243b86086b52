import type { Selectable } from 'kysely'
import type { JobState, JobTable } from '../store/jobs-tables.ts'

/** The ends of a job. */
export const jobEnds = ['complete', 'complete-with-warnings', 'not-complete', 'cancelled', 'failed'] as const

/** How far a job is. Small: it is written up to five times in a second. */
export interface JobProgress {
  /** What is being done, in a few words. */
  readonly current?: string
  /** Of `total` things this many are done; both absent where nothing is counted. */
  readonly done?: number
  readonly total?: number
  /** Devices that are being changed now, with the step each is at. How those that are done went: the deployment says. */
  readonly devices?: Readonly<Record<string, string>>
}

/** Why a job failed. */
export interface JobError {
  /** Literal of an error of Cordon, or `unexpected`. */
  readonly code: string
  readonly message: string
  /** What a person does now. */
  readonly next: string
}

/** Work that a manager does for people. Plain data that survives JSON. */
export interface Job {
  readonly id: string
  /** In the order in which jobs were asked for. */
  readonly number: number
  readonly kind: string
  /** It changes devices: of these one runs per plant, in order. */
  readonly changes: boolean
  readonly plant: string | undefined
  /** Number of the plant's version; undefined: the newest when it runs. */
  readonly version: number | undefined
  /** What was asked for; its shape follows from the kind. */
  readonly parameters: unknown
  readonly requestedBy: string
  /** Times are ISO 8601. */
  readonly requestedAt: string
  readonly notBefore: string
  /** Maintenance window that it waits for. */
  readonly window: string | undefined
  readonly state: JobState
  /** How often a manager began or took over this job. */
  readonly attempts: number
  /** Host, process and a random part of the manager that runs it. */
  readonly manager: string | undefined
  readonly cancelledBy: string | undefined
  readonly progress: JobProgress | undefined
  readonly result: unknown
  readonly error: JobError | undefined
  /** The deployment that it runs, as soon as there is one. */
  readonly deployment: string | undefined
  readonly startedAt: string | undefined
  readonly finishedAt: string | undefined
}

/** A row as what it stands for. */
export function jobOf(row: Selectable<JobTable>): Job {
  return {
    id: row.id,
    number: row.number,
    kind: row.kind,
    changes: row.changes,
    plant: row.plant ?? undefined,
    version: row.version ?? undefined,
    parameters: row.parameters,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at.toISOString(),
    notBefore: row.not_before.toISOString(),
    window: row.window_id ?? undefined,
    state: row.state,
    attempts: row.attempts,
    manager: row.lease_owner ?? undefined,
    cancelledBy: row.cancel_by ?? undefined,
    // Written by this unit alone.
    progress: (row.progress ?? undefined) as JobProgress | undefined,
    result: row.result ?? undefined,
    error: (row.error ?? undefined) as JobError | undefined,
    deployment: row.deployment ?? undefined,
    startedAt: row.started_at?.toISOString(),
    finishedAt: row.finished_at?.toISOString(),
  }
}
