import { NotAllowed } from '../errors.ts'
import type { Clock } from './device-port.ts'
import type { Journal, JournalDetail, JournalEntry, JournalPhase, StepName } from './journal.ts'
import type { Message } from './messages.ts'
import type { DeviceResult, StepRecord } from './results.ts'

/** Progress of a deployment, as it happens. `at` is milliseconds of the deployment's clock. */
export type DeploymentEvent =
  | { readonly kind: 'phase'; readonly phase: string; readonly devices: number; readonly at: number }
  | {
      readonly kind: 'step'
      readonly device: string
      readonly step: StepName
      readonly state: JournalPhase
      readonly at: number
    }
  | { readonly kind: 'message'; readonly message: Message; readonly at: number }
  | { readonly kind: 'device'; readonly result: DeviceResult; readonly at: number }
  | {
      readonly kind: 'connection'
      readonly connection: string
      /** It runs under its new protection. */
      readonly moved: boolean
      /** Milliseconds without data; undefined where it did not move, or did not run before. */
      readonly gapMs: number | undefined
      readonly at: number
    }

/** Another process has the device now: nothing more may be sent to it, not even to undo something. */
export class TakenOver extends Error {
  constructor(cause: NotAllowed) {
    super(cause.message, { cause })
    this.name = 'TakenOver'
  }
}

/** What a log of steps needs. */
export interface StepLogMeans {
  readonly journal: Journal
  readonly clock: Clock
  /** Hears of progress. */
  readonly emit: (event: DeploymentEvent) => void
}

/** What a step gives when it has more than a detail for the journal. */
export interface StepValue<T> {
  readonly detail: JournalDetail
  readonly value: T
}

/** Steps that only read, or that the authority records itself. */
const harmless: readonly StepName[] = ['read', 'certificate', 'review', 'identity', 'read-back']

/**
 * The steps of one device as they are taken: journaled before, told to whoever listens, kept for the result. The
 * beginning of a step that changes the device is durable before the step is taken; its end travels with the next write.
 */
export class StepLog {
  readonly device: string
  readonly messages: Message[] = []
  readonly steps: StepRecord[] = []
  /** The step that failed last. */
  failed: StepName | undefined
  readonly #means: StepLogMeans
  #unwritten: JournalEntry[] = []

  constructor(device: string, means: StepLogMeans) {
    this.device = device
    this.#means = means
  }

  /** Takes a step. @throws what the step or the journal throws */
  async run(step: StepName, detail: JournalDetail, work: () => Promise<JournalDetail>): Promise<void> {
    await this.take(step, detail, async () => ({ detail: await work(), value: undefined }))
  }

  /** Takes a step that gives something. @throws what the step or the journal throws */
  async take<T>(step: StepName, detail: JournalDetail, work: () => Promise<StepValue<T>>): Promise<T> {
    const { clock } = this.#means
    const startedAt = clock.now()
    this.write(step, 'begin', detail)
    if (!harmless.includes(step)) await this.flush()
    this.#tell(step, 'begin')
    try {
      const done = await work()
      this.write(step, 'done', done.detail)
      this.steps.push({ step, startedAt, tookMs: clock.now() - startedAt, result: 'done' })
      this.#tell(step, 'done')
      return done.value
    } catch (error) {
      this.write(step, 'failed', { reason: error instanceof Error ? error.message : String(error) })
      this.steps.push({ step, startedAt, tookMs: clock.now() - startedAt, result: 'failed' })
      this.#tell(step, 'failed')
      this.failed = step
      throw error
    }
  }

  /** Keeps an entry for the next write. */
  write(step: StepName, phase: JournalPhase, detail: JournalDetail): void {
    this.#unwritten.push({ device: this.device, step, phase, detail })
  }

  /** Writes what waits. @throws TakenOver, and what the journal throws */
  async flush(): Promise<void> {
    const entries = this.#unwritten
    this.#unwritten = []
    if (entries.length === 0) return
    try {
      await this.#means.journal.record(entries)
    } catch (error) {
      throw error instanceof NotAllowed ? new TakenOver(error) : error
    }
  }

  /** Adds a message to the result. */
  note(added: Message): void {
    this.messages.push(added)
    this.#means.emit({ kind: 'message', message: added, at: this.#means.clock.now() })
  }

  #tell(step: StepName, state: JournalPhase): void {
    this.#means.emit({ kind: 'step', device: this.device, step, state, at: this.#means.clock.now() })
  }
}
