import { createHash } from 'node:crypto'
import { condition, describeAlarm, leastStartSamples, type SourceHealth, SourceTests } from '@cordon/core/entropy'
import { TransportError, UsageError } from '@cordon/core/errors'
import { addRandomness } from '@cordon/tls'
import { machineSources, type NoiseSource } from './sources.ts'

/** Where the entropy of a process stands: `degraded` has lost a source and goes on, `failed` has none left. */
export type EntropyState = 'starting' | 'healthy' | 'degraded' | 'failed'

/** A source, for a status page. */
export interface SourceStatus {
  readonly name: string
  readonly width: number
  /** Claimed min-entropy per sample, bits. */
  readonly entropy: number
  readonly health: SourceHealth['kind']
  /** Why it failed, in words. */
  readonly problem: string | undefined
}

/** The entropy of a process, for a status page. */
export interface EntropyStatus {
  readonly state: EntropyState
  readonly sources: readonly SourceStatus[]
  /** How often conditioned entropy has been mixed into OpenSSL's generator. */
  readonly mixed: number
}

/** Something that happened to a source. */
export interface EntropyEvent {
  readonly severity: 'warning' | 'error'
  readonly state: EntropyState
  readonly message: string
}

/** What a pool is made of. */
export interface EntropyPoolOptions {
  /** Default {@link machineSources}. */
  readonly sources?: readonly NoiseSource[]
  /** Takes the conditioned bytes; default OpenSSL's generator, by `addRandomness` of `@cordon/tls`. */
  readonly mix?: (bytes: Uint8Array) => void
  /** Milliseconds; default `Date.now`. */
  readonly now?: () => number
  /** Milliseconds between two draws; default 60000. */
  readonly everyMs?: number
}

/** Deviation: a false alarm of 2^-40, the rarest that SP 800-90B advises: a plant runs for years, and a failed source stays failed. */
const alarmBits = 40
/** What each source gives at the start, so that any single one is enough: 256 bits and 64 to spare (SP 800-90B 3.1.5.1). */
const startEntropy = 320
/** Samples of a later draw: a few hundred microseconds of jitter. */
const drawSamples = 256
const defaultEveryMs = 60_000

/**
 * The noise sources of a process under their health tests. They are conditioned by one hash and mixed into OpenSSL's
 * generator, from which every key and session comes, at the start and then once a minute. A source that fails a test is
 * dropped for good; when none is left, nothing may be made any more that must not be guessed.
 */
export class EntropyPool implements AsyncDisposable {
  readonly #sources: readonly {
    readonly source: NoiseSource
    readonly tests: SourceTests
    problem: string | undefined
  }[]
  readonly #mix: (bytes: Uint8Array) => void
  readonly #now: () => number
  readonly #everyMs: number
  readonly #listeners = new Set<(event: EntropyEvent) => void>()
  readonly #past: EntropyEvent[] = []
  #started: Promise<void> | undefined
  #isStarted = false
  #drawing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #mixed = 0
  /** Why OpenSSL's generator does not work. */
  #broken: string | undefined

  /** @throws UsageError `missing` without a source, `bad-value` for a claim that cannot be */
  constructor(options: EntropyPoolOptions = {}) {
    const sources = options.sources ?? machineSources()
    if (sources.length === 0) throw new UsageError('missing', 'expected at least one source of entropy, got none')
    this.#sources = sources.map((source) => ({
      source,
      tests: new SourceTests({ width: source.width, entropy: source.entropy, alarmBits }),
      problem: undefined,
    }))
    this.#mix = options.mix ?? addRandomness
    this.#now = options.now ?? Date.now
    this.#everyMs = options.everyMs ?? defaultEveryMs
  }

  /** Runs the start-up tests and mixes the first entropy in; once, however often it is called. Never rejects for a source. */
  async start(): Promise<void> {
    this.#started ??= this.#begin()
    await this.#started
  }

  async #begin(): Promise<void> {
    await this.#draw(({ entropy }) => Math.max(leastStartSamples, Math.ceil(startEntropy / entropy)))
    this.#isStarted = true
    for (const event of this.#past.splice(0)) this.#tell({ ...event, state: this.#state() })
    this.#timer = setInterval(() => void this.refresh(), this.#everyMs)
    // Entropy must not keep a process alive.
    this.#timer.unref()
  }

  /** Draws, tests and mixes in once more, beside what the clock does. */
  async refresh(): Promise<void> {
    await this.start()
    this.#drawing ??= this.#draw(() => drawSamples).finally(() => {
      this.#drawing = undefined
    })
    await this.#drawing
  }

  /** Where the sources stand. */
  status(): EntropyStatus {
    return {
      state: this.#state(),
      sources: this.#sources.map(({ source: { name, width, entropy }, tests, problem }) => ({
        name,
        width,
        entropy,
        health: tests.health.kind,
        problem,
      })),
      mixed: this.#mixed,
    }
  }

  /** Why no key and no session may be made now; undefined while they may. */
  refusal(): string | undefined {
    switch (this.#state()) {
      case 'starting':
        return 'the start-up tests of the entropy sources are not done'
      case 'failed':
        if (this.#broken !== undefined) return this.#broken
        return `no entropy source is left: ${this.#sources.map(({ source, problem }) => `${source.name}: ${problem}`).join('; ')}`
      case 'healthy':
      case 'degraded':
        return undefined
    }
  }

  /** @throws TransportError `io` when no key and no session may be made now */
  require(): void {
    const refusal = this.refusal()
    if (refusal === undefined) return
    throw new TransportError('io', `keys are refused: ${refusal}; look at the machine, then start this process again`)
  }

  /** Tells of each source that fails, until the returned function is called. */
  onEvent(listener: (event: EntropyEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Stops drawing. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#started
    clearInterval(this.#timer)
    await this.#drawing
    for (const { source } of this.#sources) await source.close?.()
  }

  #state(): EntropyState {
    if (!this.#isStarted) return 'starting'
    if (this.#broken !== undefined) return 'failed'
    const healthy = this.#sources.filter(({ tests }) => tests.health.kind === 'healthy').length
    return healthy === 0 ? 'failed' : healthy < this.#sources.length ? 'degraded' : 'healthy'
  }

  async #draw(wanted: (source: NoiseSource) => number): Promise<void> {
    const drawn = await Promise.all(
      this.#sources.map(async (each) => {
        const { source, tests } = each
        if (tests.health.kind === 'failed') return undefined
        const samples = await this.#read(source, wanted(source))
        const now = this.#now()
        const health = typeof samples === 'string' ? tests.silent(now) : tests.feed(samples, now)
        if (health.kind === 'failed') {
          each.problem = typeof samples === 'string' ? samples : describeAlarm(health.alarm)
          this.#failed(source, each.problem)
          return undefined
        }
        if (typeof samples === 'string') return undefined
        return { source: source.name, samples, entropy: samples.length * source.entropy }
      }),
    )
    const inputs = drawn.filter((each) => each !== undefined)
    if (inputs.length === 0) return
    const { output } = condition(sha256, inputs)
    try {
      this.#mix(output)
      this.#mixed++
    } catch (error) {
      this.#broken = error instanceof Error ? error.message : String(error)
      this.#say({ severity: 'error', state: 'failed', message: `${this.#broken}: no keys and no sessions any more` })
    }
    output.fill(0)
    for (const { samples } of inputs) samples.fill(0)
  }

  /** Samples, or in words why there are none. */
  async #read(source: NoiseSource, count: number): Promise<Uint8Array | string> {
    try {
      const samples = await source.read(count)
      return samples.length < count ? `it gave ${samples.length} of ${count} samples` : samples
    } catch (error) {
      return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  #failed(source: NoiseSource, problem: string): void {
    const left = this.#sources.filter(({ tests }) => tests.health.kind !== 'failed').map(({ source: { name } }) => name)
    const rest =
      left.length === 0 ? 'no source is left: no keys and no sessions any more' : `going on with ${left.join(' and ')}`
    this.#say({
      severity: left.length === 0 ? 'error' : 'warning',
      state: this.#state(),
      message: `the entropy source ${source.name} failed: ${problem}; ${rest}`,
    })
  }

  /** Until the start is over the state is not known. */
  #say(event: EntropyEvent): void {
    if (this.#isStarted) this.#tell(event)
    else this.#past.push(event)
  }

  #tell(event: EntropyEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

const sha256 = {
  digest: (_algorithm: 'SHA-256' | 'SHA-1' | 'SHA-384' | 'SHA-512', data: Uint8Array) =>
    new Uint8Array(createHash('sha256').update(data).digest()),
}

let shared: EntropyPool | undefined

/** The pool of this process, with the sources of the machine; all targets in it share it. */
export function processEntropy(): EntropyPool {
  shared ??= new EntropyPool()
  return shared
}
