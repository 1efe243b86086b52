import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parsePkcs11Uri } from '@cordon/core/crypto'
import { type AnyError, TransportError, UsageError } from '@cordon/core/errors'
import { readyAddon } from './addon.ts'
import { encodeFrame, frameReader, maximumFrame, maximumReply } from './frames.ts'
import { findModule } from './module.ts'
import { fromWire, type SignerAnswers, type SignerQuestion, type SignerReply } from './protocol.ts'
import type { SignerArguments } from './signer-main.ts'

/** How signer processes work. */
export interface SignerOptions {
  /** Operations in a token at once, 1 to 16; default 4. */
  readonly parallel?: number
  /** Most signatures in a second, over all keys of a module; default 2000. */
  readonly signaturesPerSecond?: number
  /** File to which the signer adds a line for each question; default `CORDON_PKCS11_LOG`, else none. */
  readonly log?: string
}

/** Questions that may wait for an answer at once. */
const maximumPending = 20_000

/** How long a token may take to answer, and to make a key, milliseconds. */
const answerMs = 30_000
const generateMs = 180_000

/** A signer that dies twice within this time is not started again until it has passed, milliseconds. */
const restartMs = 60_000

/** How long it may take to end when asked, before it is killed, milliseconds. */
const stopMs = 5_000

interface Pending {
  readonly resolve: (answer: SignerAnswers[keyof SignerAnswers]) => void
  readonly reject: (error: AnyError) => void
  readonly timer: NodeJS.Timeout
}

/**
 * The signer processes of this process, one for each PKCS#11 module. They start with the first question, and do not keep
 * this process running.
 */
export class Signers implements AsyncDisposable {
  readonly #options: SignerOptions
  readonly #byModule = new Map<string, SignerProcess>()

  constructor(options: SignerOptions = {}) {
    this.#options = options
  }

  /**
   * Asks the signer of the URI's module.
   * @throws UsageError, NotAllowed `refused` for a PIN that is wrong, TransportError `closed` when the signer or the token
   * went away, `timeout`, `refused` when too much is asked at once
   */
  async ask<Question extends SignerQuestion>(question: Question): Promise<SignerAnswers[Question['ask']]> {
    const module = findModule(parsePkcs11Uri(question.uri))
    let signer = this.#byModule.get(module)
    if (signer === undefined) {
      signer = new SignerProcess(module, this.#options)
      this.#byModule.set(module, signer)
    }
    // The answer to a question has the type that the table of answers gives.
    return (await signer.ask(question)) as SignerAnswers[Question['ask']]
  }

  /** Process ids of the signers that run. */
  get pids(): readonly number[] {
    return [...this.#byModule.values()].map(({ pid }) => pid).filter((pid) => pid !== undefined)
  }

  /** Ends the signers; what they were asked fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#byModule.values()].map((signer) => signer[Symbol.asyncDispose]()))
    this.#byModule.clear()
  }
}

class SignerProcess implements AsyncDisposable {
  readonly #module: string
  readonly #options: SignerOptions
  readonly #pending = new Map<number, Pending>()
  #child: Promise<ChildProcess> | undefined
  #running: ChildProcess | undefined
  #deaths: number[] = []
  #number = 0
  #complaint = ''

  constructor(module: string, options: SignerOptions) {
    this.#module = module
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#running?.pid
  }

  async ask(question: SignerQuestion): Promise<SignerAnswers[keyof SignerAnswers]> {
    if (this.#pending.size >= maximumPending) {
      throw new TransportError(
        'refused',
        `${maximumPending} questions already wait for the signer of ${this.#module}; ask again later`,
      )
    }
    this.#child ??= this.#start()
    const child = await this.#child
    if (this.#running !== child)
      throw new TransportError('closed', `the signer of ${this.#module} ended${this.#said()}`)
    const number = ++this.#number
    const frame = encodeFrame({ number, ...question })
    if (frame.length > maximumFrame)
      throw new UsageError('bad-value', `a question of ${frame.length} bytes is too long for a signer`)
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(child), question.ask === 'generate' ? generateMs : answerMs)
      this.#pending.set(number, { resolve, reject, timer })
      child.stdin?.write(frame)
    })
  }

  /** A token that does not answer holds its thread: the process is of no more use. */
  #giveUp(child: ChildProcess): void {
    this.#failAll(
      new TransportError('timeout', `the token behind ${this.#module} did not answer in time; its signer is ended`),
    )
    child.kill('SIGKILL')
  }

  async #start(): Promise<ChildProcess> {
    try {
      this.#refuseAfterDeaths()
      await readyAddon()
      const child = spawn(process.execPath, [entryPoint(), JSON.stringify(this.#arguments())], {
        stdio: ['pipe', 'pipe', 'pipe'],
        // Ctrl-C reaches this process alone, which may still have something to sign on its way out.
        detached: true,
      })
      this.#attach(child)
      return child
    } catch (error) {
      this.#child = undefined
      throw error
    }
  }

  #arguments(): SignerArguments {
    const { parallel = 4, signaturesPerSecond = 2000, log = process.env['CORDON_PKCS11_LOG'] } = this.#options
    if (!(parallel >= 1 && parallel <= 16))
      throw new UsageError('bad-option', `expected parallel to be 1 to 16, got ${parallel}`)
    if (!(signaturesPerSecond > 0))
      throw new UsageError('bad-option', `expected signaturesPerSecond above 0, got ${signaturesPerSecond}`)
    return { module: this.#module, parallel, signaturesPerSecond, log }
  }

  #refuseAfterDeaths(): void {
    const now = performance.now()
    this.#deaths = this.#deaths.filter((at) => now - at < restartMs)
    if (this.#deaths.length < 2) return
    throw new TransportError(
      'closed',
      `the signer of ${this.#module} died twice within a minute and is not started again for now${this.#said()}`,
    )
  }

  #said(): string {
    return this.#complaint === '' ? '' : `; it said: ${this.#complaint.trim()}`
  }

  #attach(child: ChildProcess): void {
    this.#running = child
    this.#complaint = ''
    const read = frameReader(maximumReply, (value) => this.#take(value as SignerReply)) // written by signer-main.ts
    child.stdout?.on('data', (bytes: Buffer) => {
      try {
        read(bytes)
      } catch {
        child.kill('SIGKILL')
      }
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = `${this.#complaint}${text}`.slice(-2000)
    })
    // A signer that dies closes its end; that it died is said by its exit.
    child.stdin?.on('error', () => {})
    child.once('error', (cause) => this.#ended(child, `cannot be started: ${cause.message}`))
    child.once('exit', (code, signal) => this.#ended(child, `ended (${signal ?? `exit code ${code}`})`))
    child.unref()
    // The pipes of a child are sockets. What waits for an answer keeps this process running by its timer.
    for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket | null)?.unref()
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#running !== child) return
    this.#running = undefined
    this.#child = undefined
    this.#deaths.push(performance.now())
    this.#failAll(new TransportError('closed', `the signer of ${this.#module} ${how}${this.#said()}`))
  }

  #failAll(error: AnyError): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(error)
    }
    this.#pending.clear()
  }

  #take(reply: SignerReply): void {
    const pending = this.#pending.get(reply.number)
    if (pending === undefined) return
    this.#pending.delete(reply.number)
    clearTimeout(pending.timer)
    if ('error' in reply) pending.reject(fromWire(reply.error))
    else pending.resolve(reply.answer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = await this.#child?.catch(() => undefined)
    this.#running = undefined
    this.#child = undefined
    this.#failAll(new TransportError('closed', `the signer of ${this.#module} was closed`))
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((done) => child.once('exit', done))
    child.stdin?.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
    child.ref()
    await ended
    clearTimeout(timer)
  }
}

/** The built form of the process: it runs without a compiler. */
function entryPoint(): string {
  const here = import.meta.url
  const script = new URL(here.endsWith('.ts') ? '../../../dist/keys/pkcs11/signer-main.js' : './signer-main.js', here)
  const path = fileURLToPath(script)
  if (existsSync(path)) return path
  throw new UsageError('missing', `${path} is missing: build the packages first, with "npm run build"`)
}
