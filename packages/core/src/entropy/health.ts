import { UsageError } from '../errors.ts'
import { defaultAlarmBits, proportionCutoff, proportionWindow, repetitionCutoff } from './cutoffs.ts'

/** The tests of SP 800-90B 4.4, and the source that gives nothing at all. */
export type HealthTest = 'repetition-count' | 'adaptive-proportion' | 'no-samples'

/** What is claimed of a source, and how sure an alarm must be. */
export interface HealthOptions {
  /** Bits of a sample, 1 to 8. */
  readonly width: number
  /** Claimed min-entropy per sample, bits: above 0, at most `width`. */
  readonly entropy: number
  /** A false alarm has the probability 2^-alarmBits per test; default 30. */
  readonly alarmBits?: number
  /** Samples of the start-up tests; at least 1024, the default (SP 800-90B 4.3). */
  readonly startSamples?: number
}

/** An alarm of a health test. */
export interface HealthAlarm {
  readonly test: HealthTest
  /** Which sample since the start gave the alarm, counted from 1. */
  readonly sample: number
  /** Milliseconds of the clock that the samples came with. */
  readonly at: number
  /** What was counted, and what would have been too much. */
  readonly count: number
  readonly cutoff: number
}

/**
 * A source under its health tests (SP 800-90B 4.3). It counts for nothing while it is starting; an alarm ends it:
 * `failed` stays until somebody restarts it on purpose. Deviation: a first alarm of a source that had passed its start is taken for
 * intermittent: it may be restarted. One in the start-up tests, or a second one, is persistent: no restart is allowed.
 */
export type SourceHealth =
  | { readonly kind: 'starting'; readonly remaining: number; readonly alarms: number }
  | { readonly kind: 'healthy'; readonly samples: number; readonly alarms: number }
  | { readonly kind: 'failed'; readonly failure: 'intermittent' | 'persistent'; readonly alarm: HealthAlarm }

/** Least samples of the start-up tests (SP 800-90B 4.3). */
export const leastStartSamples = 1024

/**
 * The repetition count test and the adaptive proportion test on the samples of one source, from its start on. Samples
 * are fed in the order in which they were drawn, all of them, before any is used.
 */
export class SourceTests {
  readonly width: number
  readonly entropy: number
  readonly repetitionCutoff: number
  readonly proportionCutoff: number
  readonly window: number
  readonly #startSamples: number
  /** Alarms before the last restart. */
  #earlier = 0
  #failed: Extract<SourceHealth, { readonly kind: 'failed' }> | undefined
  #samples = 0
  #last = -1
  #run = 0
  #first = -1
  #inWindow = 0
  #seen = 0

  /** @throws UsageError `bad-value` for a width, entropy, false alarm or number of samples outside the ranges */
  constructor({ width, entropy, alarmBits = defaultAlarmBits, startSamples = leastStartSamples }: HealthOptions) {
    if (!Number.isInteger(width) || width < 1 || width > 8) {
      throw new UsageError('bad-value', `expected samples of 1 to 8 bits, got ${width}`)
    }
    if (entropy > width) {
      throw new UsageError(
        'bad-value',
        `expected at most ${width} bits of min-entropy in ${width} bits, got ${entropy}`,
      )
    }
    if (!Number.isInteger(startSamples) || startSamples < leastStartSamples) {
      throw new UsageError(
        'bad-value',
        `expected at least ${leastStartSamples} samples for the start-up tests, got ${startSamples}`,
      )
    }
    this.width = width
    this.entropy = entropy
    this.window = proportionWindow(width)
    this.repetitionCutoff = repetitionCutoff({ entropy, alarmBits })
    this.proportionCutoff = proportionCutoff({ entropy, alarmBits }, this.window)
    this.#startSamples = startSamples
  }

  /** Where the source stands. */
  get health(): SourceHealth {
    if (this.#failed !== undefined) return this.#failed
    const remaining = this.#startSamples - this.#samples
    if (remaining > 0) return { kind: 'starting', remaining, alarms: this.#earlier }
    return { kind: 'healthy', samples: this.#samples, alarms: this.#earlier }
  }

  /** Tests samples that came at `now`, milliseconds; after an alarm nothing is looked at any more. */
  feed(samples: Uint8Array, now: number): SourceHealth {
    for (const sample of samples) {
      if (this.#failed !== undefined) break
      this.#samples++
      this.#repetition(sample, now)
      this.#proportion(sample, now)
    }
    return this.health
  }

  /** The source gave nothing, or threw, at `now`: that is as good as an alarm. */
  silent(now: number): SourceHealth {
    this.#alarm('no-samples', 0, 1, now)
    return this.health
  }

  /**
   * Starts a source anew whose failure was intermittent; it has to pass the start-up tests again.
   * @throws UsageError `not-supported` after a persistent failure, `not-open` for a source that has not failed
   */
  restart(): void {
    if (this.#failed === undefined) throw new UsageError('not-open', 'only a failed source is restarted')
    if (this.#failed.failure === 'persistent') {
      throw new UsageError('not-supported', 'a source with a persistent failure is not restarted; replace it')
    }
    this.#failed = undefined
    this.#earlier++
    this.#samples = 0
    this.#last = -1
    this.#run = 0
    this.#seen = 0
  }

  /** SP 800-90B 4.4.1. */
  #repetition(sample: number, now: number): void {
    if (sample !== this.#last) {
      this.#last = sample
      this.#run = 1
      return
    }
    this.#run++
    if (this.#run >= this.repetitionCutoff) this.#alarm('repetition-count', this.#run, this.repetitionCutoff, now)
  }

  /** SP 800-90B 4.4.2: windows do not overlap; each looks for its own first sample. */
  #proportion(sample: number, now: number): void {
    if (this.#seen === 0) {
      this.#first = sample
      this.#inWindow = 1
    } else if (sample === this.#first) {
      this.#inWindow++
      if (this.#inWindow >= this.proportionCutoff) {
        this.#alarm('adaptive-proportion', this.#inWindow, this.proportionCutoff, now)
      }
    }
    this.#seen = (this.#seen + 1) % this.window
  }

  #alarm(test: HealthTest, count: number, cutoff: number, now: number): void {
    if (this.#failed !== undefined) return
    const failure = this.#samples > this.#startSamples && this.#earlier === 0 ? 'intermittent' : 'persistent'
    this.#failed = { kind: 'failed', failure, alarm: { test, sample: this.#samples, at: now, count, cutoff } }
  }
}

/** An alarm in words, for a log or a person. */
export function describeAlarm({ test, sample, count, cutoff }: HealthAlarm): string {
  switch (test) {
    case 'repetition-count':
      return `repetition count test: ${count} equal samples in a row up to sample ${sample}, ${cutoff} are an alarm (SP 800-90B 4.4.1)`
    case 'adaptive-proportion':
      return `adaptive proportion test: one value came ${count} times in its window up to sample ${sample}, ${cutoff} are an alarm (SP 800-90B 4.4.2)`
    case 'no-samples':
      return `it gave no samples after sample ${sample}`
  }
}
