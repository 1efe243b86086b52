import { NotAllowed, TransportError, UsageError } from '@cordon/core/errors'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { VersionTexts } from './models.ts'
import type { ModelReference, QuestionName, Questions, Unknown } from './questions.ts'
import type { AnswerMessage, AskMessage } from './worker.ts'

/** Bounds of a reader. */
export interface ReaderLimits {
  /** Milliseconds that one question may take; default 30 s. */
  readonly questionMs?: number
  /** Milliseconds without a question after which the thread is given up, with what it kept; default 2 min. */
  readonly idleMs?: number
  /** Questions that may wait; default 256. */
  readonly waiting?: number
  /** Memory of the thread in MB; default 1024. */
  readonly memoryMb?: number
}

interface Waiting {
  readonly message: AskMessage
  readonly resolve: (answer: never) => void
  readonly reject: (error: unknown) => void
}

/**
 * Reads plants in a thread of its own: a plant of ten thousand devices takes about a second, in which requests and
 * timers must go on. One that takes too long, or too much memory, ends the thread and not the manager: its question is
 * refused, the next ones are answered by a new thread. It needs no closing where the process ends anyway.
 */
export class PlantReader implements AsyncDisposable {
  readonly #limits: Required<ReaderLimits>
  readonly #waiting: Waiting[] = []
  #worker: Worker | undefined
  #current: Waiting | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(limits: ReaderLimits = {}) {
    this.#limits = { questionMs: 30_000, idleMs: 120_000, waiting: 256, memoryMb: 1024, ...limits }
  }

  /**
   * Asks a question.
   * @throws NotAllowed `refused` when it takes too long or too much memory, or too many wait
   * @throws TransportError `closed`
   */
  ask<Name extends QuestionName>(name: Name, input: Questions[Name]['input']): Promise<Questions[Name]['answer']> {
    if (this.#isClosed) return Promise.reject(closed())
    if (this.#waiting.length >= this.#limits.waiting) {
      const message = `more than ${this.#limits.waiting} plants wait to be read; try again in a moment`
      return Promise.reject(new NotAllowed('refused', message))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message: { name, input }, resolve, reject })
      this.#next()
    })
  }

  /** Asks about a model; `load` gives its texts when they are not kept any more. */
  async about<Name extends 'parts' | 'model' | 'device' | 'stages' | 'connections'>(
    name: Name,
    key: string,
    load: () => Promise<VersionTexts>,
    input: Omit<Questions[Name]['input'], 'model'>,
  ): Promise<Exclude<Questions[Name]['answer'], Unknown>> {
    const ask = (model: ModelReference) => this.ask(name, { ...input, model } as Questions[Name]['input']) // the input with what was left out of it
    const first = await ask({ key })
    const answer = isUnknown(first) ? await ask({ key, texts: await load() }) : first
    if (isUnknown(answer)) throw new Error(`the model ${key} was not read`)
    return answer as Exclude<Questions[Name]['answer'], Unknown> // told apart just now
  }

  /** Ends the thread; what was asked of it fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const { reject } of this.#waiting.splice(0)) reject(closed())
    this.#current?.reject(closed())
    this.#current = undefined
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #next(): void {
    if (this.#current !== undefined) return
    const next = this.#waiting.shift()
    clearTimeout(this.#timer)
    if (next === undefined) {
      // What it kept is read again when somebody asks.
      this.#timer = setTimeout(() => this.#drop(), this.#limits.idleMs).unref()
      return
    }
    this.#current = next
    const { questionMs } = this.#limits
    this.#timer = setTimeout(() => {
      this.#drop()
      this.#finish((one) => one.reject(tooMuch(`takes more than ${questionMs / 1000} s`)))
    }, questionMs)
    try {
      this.#worker ??= this.#start()
    } catch (error) {
      this.#finish((one) => one.reject(error))
      return
    }
    // While a question is open the process has something to wait for.
    this.#worker.ref()
    this.#worker.postMessage(next.message)
  }

  #finish(settle: (waiting: Waiting) => void): void {
    const current = this.#current
    this.#current = undefined
    clearTimeout(this.#timer)
    this.#worker?.unref()
    if (current !== undefined) settle(current)
    this.#next()
  }

  #drop(): void {
    const worker = this.#worker
    this.#worker = undefined
    worker?.removeAllListeners()
    // Nobody hears it any more; what it ends with is of no interest.
    worker?.on('error', () => undefined)
    void worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(entryPoint(), {
      // The conditions of the process that runs tests lead to sources, which need a compiler.
      execArgv: [],
      name: 'plants',
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.memoryMb },
    })
    worker.on('message', (message: AnswerMessage) => {
      this.#finish((one) =>
        message.ok
          ? one.resolve(message.answer as never) // the answer to this question: one is asked at a time
          : one.reject(new Error(`reading a plant failed: ${message.error}`)),
      )
    })
    worker.on('error', (cause) => {
      this.#drop()
      const isMemory = 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
      const error = isMemory
        ? tooMuch(`takes more than ${this.#limits.memoryMb} MB`)
        : new TransportError('io', `the thread that reads plants failed: ${cause.message}`, { cause })
      this.#finish((one) => one.reject(error))
    })
    return worker
  }
}

function isUnknown(answer: unknown): answer is Unknown {
  return typeof answer === 'object' && answer !== null && 'unknown' in answer
}

function closed(): TransportError {
  return new TransportError('closed', 'the manager ends, and reads no plants any more')
}

function tooMuch(what: string): NotAllowed {
  return new NotAllowed('refused', `reading the plant ${what}; split it into smaller plants`)
}

/** The built form of the thread: it runs without a compiler. */
function entryPoint(): URL {
  const here = import.meta.url
  const script = new URL(here.endsWith('.ts') ? '../../dist/plants/worker.js' : './worker.js', here)
  if (existsSync(fileURLToPath(script))) return script
  throw new UsageError('missing', `${fileURLToPath(script)} is missing: build the packages first, with "npm run build"`)
}
