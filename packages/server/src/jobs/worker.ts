import { randomUUID } from 'node:crypto'
import {
  type AnyError,
  MalformedMessage,
  NotAllowed,
  NotTrusted,
  PeerError,
  TransportError,
  UsageError,
} from '@cordon/core/errors'
import { leaseOwner } from '../store/lease-owner.ts'
import type { Store } from '../store/store.ts'
import {
  type ClaimedJob,
  claimJob,
  endJob,
  giveBack,
  jobLeaseMs,
  noteDeployment,
  renewJobs,
  writeProgress,
} from './claim.ts'
import type { JobError } from './job.ts'
import type { JobRunner, JobRunners, RunnerEnd } from './kind.ts'
import { heartbeat, leave } from './managers.ts'
import { progressWriter } from './progress.ts'
import { makeDueJobs } from './schedules.ts'
import { findWindow } from './window-records.ts'
import { windowState } from './windows.ts'

/** How a manager takes part in the work. */
export interface WorkerOptions {
  readonly store: Store
  readonly runners: JobRunners
  /** Where this manager is reached, and its version, for the page of managers. */
  readonly address?: string
  readonly version?: string
  /** Jobs that only read, at a time; default 4. Those that change devices are bounded by their plants. */
  readonly readers?: number
  /** How often jobs are looked for when nobody wakes this manager, milliseconds; default 10 s. */
  readonly pollMs?: number
  /** How long a claim on a job holds without being renewed, milliseconds; default 30 s. */
  readonly leaseMs?: number
  /** Hears of what hinders the work; it goes on. */
  readonly problem?: (error: Error) => void
}

/** Takes part in the work until it is closed. */
export interface JobWorker extends AsyncDisposable {
  /** Of this manager, for its lists. */
  readonly id: string
  /** Looks for jobs now. */
  wake(): void
}

/** Share of a lease after which it is renewed. */
const renewAt = 1 / 3
const defaultPollMs = 10_000
const defaultReaders = 4
/** A manager that may have lost its claim stops this share of a lease before another may take the job. */
const safety = 1 / 4

interface Running {
  readonly claimed: ClaimedJob
  readonly abort: AbortController
  readonly finished: Promise<void>
  /** By this process's monotonic clock. */
  until: number
  isCancelled: boolean
  /** The claim is gone, or the manager ends: nothing more is written. */
  isLost: boolean
}

/**
 * Runs jobs beside other managers on the same store. It renews its claims while they run; when it cannot, the work is
 * stopped before another manager may take it over. Closing it stops what runs, and other managers go on with that.
 */
export function startJobWorker(options: WorkerOptions): JobWorker {
  return new Worker(options)
}

class Worker implements JobWorker {
  readonly id = randomUUID()
  readonly #options: WorkerOptions
  readonly #owner = leaseOwner()
  readonly #leaseMs: number
  readonly #running = new Map<string, Running>()
  readonly #listening: AsyncDisposable
  readonly #timers: readonly NodeJS.Timeout[]
  #dueTimer: NodeJS.Timeout | undefined
  #isOver = false
  #isLooking = false
  #lookAgain = false
  #look: Promise<void> = Promise.resolve()
  #renewal: Promise<void> = Promise.resolve()

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#leaseMs = options.leaseMs ?? jobLeaseMs
    this.#listening = options.store.listen('cordon_jobs', () => this.#hear())
    this.#timers = [
      setInterval(() => this.wake(), options.pollMs ?? defaultPollMs),
      this.#renewing(),
      setInterval(() => this.#stopLate(), this.#leaseMs / 30),
    ]
    this.#renewal = this.#beat()
    this.wake()
  }

  wake(): void {
    if (this.#isOver) return
    if (this.#isLooking) {
      this.#lookAgain = true
      return
    }
    this.#isLooking = true
    this.#look = this.#lookForWork().finally(() => {
      this.#isLooking = false
      if (this.#lookAgain) {
        this.#lookAgain = false
        this.wake()
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#dueTimer)
    await this.#listening[Symbol.asyncDispose]()
    await this.#look
    for (const running of this.#running.values()) running.abort.abort(new Error('the manager ends'))
    // What is stopped leaves its devices whole, which may take a while; the claims hold until then.
    const renewing = this.#renewing()
    await Promise.all([...this.#running.values()].map(({ finished }) => finished))
    clearInterval(renewing)
    await this.#renewal
    await leave(this.#options.store, this.id).catch((error: unknown) => this.#tell(error))
  }

  #renewing(): NodeJS.Timeout {
    return setInterval(() => {
      this.#renewal = this.#renewal.then(() => this.#renew())
    }, this.#leaseMs * renewAt)
  }

  /** Somebody made, changed or cancelled a job. */
  #hear(): void {
    this.wake()
    if (this.#running.size > 0) this.#renewal = this.#renewal.then(() => this.#renew())
  }

  async #lookForWork(): Promise<void> {
    const { store, runners, readers = defaultReaders } = this.#options
    try {
      this.#wakeAtDue(await makeDueJobs(store))
      while (!this.#isOver) {
        const reading = [...this.#running.values()].filter(({ claimed }) => !claimed.job.changes).length
        const until = performance.now() + this.#leaseMs
        const mayRead = reading < readers
        const wish = { owner: this.#owner, kinds: Object.keys(runners), mayRead, leaseMs: this.#leaseMs }
        const claimed = await claimJob(store, wish)
        if (claimed === undefined) return
        const runner = runners[claimed.job.kind]
        if (runner !== undefined) this.#begin(claimed, runner, until)
      }
    } catch (error) {
      this.#tell(error)
    }
  }

  /** What is due before the next look is not waited for until then. */
  #wakeAtDue(inMs: number | undefined): void {
    clearTimeout(this.#dueTimer)
    if (inMs === undefined || inMs > (this.#options.pollMs ?? defaultPollMs)) return
    this.#dueTimer = setTimeout(() => this.wake(), Math.max(50, inMs))
  }

  #begin(claimed: ClaimedJob, runner: JobRunner, until: number): void {
    const abort = new AbortController()
    const running: Running = {
      claimed,
      abort,
      until,
      isCancelled: claimed.job.cancelledBy !== undefined,
      isLost: false,
      // Begins in a later turn, when it is in the list of what runs.
      finished: Promise.resolve()
        .then(() => this.#run(running, runner))
        .finally(() => {
          this.#running.delete(claimed.job.id)
          this.wake()
        }),
    }
    this.#running.set(claimed.job.id, running)
  }

  async #run(running: Running, runner: JobRunner): Promise<void> {
    const { store } = this.#options
    const { claimed, abort } = running
    const window = await this.#windowOf(claimed)
    const progress = progressWriter((newest) => writeProgress(store, claimed, newest))
    let end: RunnerEnd | undefined
    let failure: unknown
    try {
      end = await runner({
        job: claimed.job,
        signal: abort.signal,
        isCancelled: () => running.isCancelled,
        mayBegin: () => window === undefined || windowState(window, Date.now()).isOpen,
        progress: (newest) => {
          if (!running.isLost) progress.tell(newest)
        },
        begun: (trx, deployment) => noteDeployment(trx, claimed, deployment),
      })
    } catch (error) {
      failure = error
    }
    await progress.end()
    if (running.isLost) return
    await this.#conclude(running, end, failure).catch((error: unknown) => {
      // Another manager has it, or takes it up when the claim has run out.
      this.#tell(error)
    })
  }

  async #windowOf({ job }: ClaimedJob) {
    if (job.window === undefined) return undefined
    // Without the store the runner fails as well, and says so.
    const held = await findWindow(this.#options.store.db, job.window).catch(() => undefined)
    return held?.rule
  }

  /** Writes how it ended; while the store is away, again and again until the claim has run out. */
  async #conclude(running: Running, end: RunnerEnd | undefined, failure: unknown): Promise<void> {
    const { store } = this.#options
    const { claimed } = running
    const isStopped = running.abort.signal.aborted
    for (;;) {
      try {
        if (end === undefined && isStopped && running.isCancelled)
          return await endJob(store, claimed, { state: 'cancelled' })
        if (end === undefined && (isStopped || isStoreAway(failure))) return await giveBack(store, claimed)
        if (end === undefined) {
          this.#tell(failure)
          return await endJob(store, claimed, { state: 'failed', error: errorOf(failure) })
        }
        const { state, result } = end
        if (running.isCancelled && (isStopped || state === 'later'))
          return await endJob(store, claimed, { state: 'cancelled', result })
        if (isStopped || state === 'later') return await giveBack(store, claimed, result)
        return await endJob(store, claimed, { state, result })
      } catch (error) {
        if (!isStoreAway(error) || performance.now() > running.until) throw error
        await new Promise((resume) => setTimeout(resume, 500))
      }
    }
  }

  async #beat(): Promise<void> {
    const { store, address, version } = this.#options
    await heartbeat(store, { id: this.id, address, version }).catch((error: unknown) => this.#tell(error))
  }

  async #renew(): Promise<void> {
    await this.#beat()
    const held = [...this.#running.values()].filter(({ isLost }) => !isLost)
    const until = performance.now() + this.#leaseMs
    try {
      const renewal = await renewJobs(
        this.#options.store,
        held.map(({ claimed }) => claimed),
        this.#leaseMs,
      )
      for (const running of held) {
        const { id } = running.claimed.job
        if (renewal.held.has(id)) running.until = until
        else if (this.#running.has(id)) this.#lose(running)
        if (renewal.cancelled.has(id)) this.#cancel(running)
      }
    } catch (error) {
      this.#tell(error)
    }
  }

  /** Work whose claim could not be renewed ends before another manager may begin with it. */
  #stopLate(): void {
    for (const running of this.#running.values())
      if (performance.now() > running.until - this.#leaseMs * safety) this.#lose(running)
  }

  #lose(running: Running): void {
    if (running.isLost) return
    running.isLost = true
    running.abort.abort(new Error('the claim on the job could not be renewed'))
  }

  #cancel(running: Running): void {
    // One that was cancelled before it was taken over is only brought to its end.
    if (running.isCancelled) return
    running.isCancelled = true
    running.abort.abort(new Error('the job was cancelled'))
  }

  #tell(error: unknown): void {
    this.#options.problem?.(error instanceof Error ? error : new Error(String(error)))
  }
}

const classes = [MalformedMessage, PeerError, NotTrusted, NotAllowed, TransportError, UsageError]

function isOurs(error: unknown): error is AnyError {
  return classes.some((one) => error instanceof one)
}

/** Whether the store could not be reached, or broke off: what was under way is taken up again. */
function isStoreAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof TransportError && error.message.startsWith('the store: ')) return true
  if (error instanceof TransportError && error.message.startsWith('the database ')) return true
  if (isOurs(error)) return false
  const code = 'code' in error ? String(error.code) : ''
  // Class 08 of PostgreSQL's appendix A, its shutdowns, and a socket that nobody listens at.
  return /^(?:08...|57P0[123]|ECONNREFUSED|ECONNRESET|EPIPE)$/.test(code)
}

function errorOf(error: unknown): JobError {
  const message = error instanceof Error ? error.message : String(error)
  if (!isOurs(error))
    return { code: 'unexpected', message, next: 'This is a fault of Cordon: report it with the log of the manager.' }
  const next =
    error instanceof NotAllowed
      ? 'Do what the message asks for, then ask for the job again.'
      : 'Mend what the message names, then ask for the job again.'
  return { code: error.code, message, next }
}
