import type { Transaction } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { JobEnd } from './claim.ts'
import type { Job, JobProgress } from './job.ts'

/** What a runner has of the job that it runs. */
export interface JobWork {
  readonly job: Job
  /**
   * Fires when somebody cancels the job, when the manager ends, or when the claim could not be renewed: the work stops in
   * a state that is whole.
   */
  readonly signal: AbortSignal
  /** True when somebody asked for the end of the job, now or before this manager took it over. */
  isCancelled(): boolean
  /** True while the window of the job is open, or where it has none. */
  mayBegin(): boolean
  /** Tells how far it is. */
  progress(progress: JobProgress): void
  /** Notes the deployment of the job in the transaction that makes it. */
  begun(trx: Transaction<Schema>, deployment: string): Promise<void>
}

/**
 * What a runner ends with: how the job ended, or that it goes on later. Whether a job was cancelled is seen by whoever
 * runs it: a runner that was stopped gives what was done until then.
 */
export type RunnerEnd = Pick<JobEnd, 'result'> & {
  readonly state: 'complete' | 'complete-with-warnings' | 'not-complete' | 'later'
}

/**
 * Runs jobs of a kind. It may be called for a job that another manager began: then it goes on from what that one left in
 * the store. What it throws fails the job; a store that is away does not, the job is taken up again.
 */
export type JobRunner = (work: JobWork) => Promise<RunnerEnd>

/** Runners by the name of their kind. */
export type JobRunners = Readonly<Record<string, JobRunner>>
