/**
 * The signer: a process of its own that alone loads a PKCS#11 module, because a module has one owner per process and may
 * block, crash or leak what it holds. It is asked over its standard input and answers on its standard output; it ends when
 * its input does, so that it does not outlive whoever asks.
 * @module
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parsePkcs11Uri, type Pkcs11Uri } from '@cordon/core/crypto'
import { MalformedMessage, TransportError, UsageError } from '@cordon/core/errors'
import type * as Pkcs11 from 'pkcs11js'
import { encodeFrame, frameReader, maximumFrame } from './frames.ts'
import { findPinFile } from './module.ts'
import { Pace } from './pace.ts'
import { type FoundKey, type SignerAnswers, type SignerRequest, toWire } from './protocol.ts'
import { shorten, Token, type TokenKey } from './token.ts'

/** How the process is told what to do: its arguments, as JSON. None is secret. */
export interface SignerArguments {
  readonly module: string
  /** Operations in the token at once. */
  readonly parallel: number
  readonly signaturesPerSecond: number
  /** File to which a line is added for each answer. */
  readonly log?: string | undefined
}

/** Flag of C_Initialize: the module may use the system's locks, so that operations run in parallel. */
const osLocking = 0x2

/** Keys that stay found; a plant has one for each zone. */
const maximumKeys = 1000

interface Held {
  readonly token: Token
  readonly key: TokenKey
  readonly epoch: number
}

class Signer {
  readonly #module: Pkcs11.PKCS11
  readonly #settings: SignerArguments
  readonly #pace: Pace
  readonly #log: number | undefined
  readonly #tokens = new Map<string, Token>()
  readonly #held = new Map<string, Held>()
  #changes: Promise<unknown> = Promise.resolve()

  constructor(settings: SignerArguments) {
    this.#settings = settings
    this.#pace = new Pace(settings.signaturesPerSecond)
    this.#log = settings.log === undefined ? undefined : openSync(settings.log, 'a', 0o600)
    this.#module = loadModule(settings.module)
  }

  async answer(request: SignerRequest): Promise<SignerAnswers[keyof SignerAnswers]> {
    const uri = parsePkcs11Uri(request.uri)
    switch (request.ask) {
      case 'find':
        return tell((await this.#hold(request.uri, uri)).key)
      case 'sign':
        return await this.#sign(request.uri, uri, request.digest)
      case 'list':
        return await (await this.#token(uri)).labels()
      case 'generate':
        return await this.#change(uri, async (token) => tell(await token.generate(uri, request.kind)))
      case 'import':
        return await this.#change(uri, async (token) => tell(await token.import(uri, request.kind, request.key)))
      case 'remove':
        return await this.#change(uri, async (token) => await token.remove(uri))
    }
  }

  /** One line for each question that was answered, and how: no PIN, no key, no digest. */
  note(request: SignerRequest, failure: string | undefined): void {
    if (this.#log === undefined) return
    const { ask, uri } = request
    const line = { at: new Date().toISOString(), ask, uri, outcome: failure ?? 'done' }
    writeSync(this.#log, `${JSON.stringify(line)}\n`)
  }

  async #sign(text: string, uri: Pkcs11Uri, digest: string): Promise<string> {
    await this.#pace.turn()
    const { token, key } = await this.#hold(text, uri)
    const bytes = Buffer.from(digest, 'base64')
    if (![32, 48, 64].includes(bytes.length)) {
      throw new UsageError('bad-value', `expected a digest of 32, 48 or 64 bytes, got ${bytes.length}`)
    }
    return (await token.sign(key, bytes)).toString('base64')
  }

  async #hold(text: string, uri: Pkcs11Uri): Promise<Held> {
    const token = await this.#token(uri)
    const known = this.#held.get(text)
    if (known?.epoch === token.epoch) return known
    const held = { token, key: await token.find(uri), epoch: token.epoch }
    if (this.#held.size >= maximumKeys) this.#held.clear()
    this.#held.set(text, held)
    return held
  }

  /** What makes or destroys keys runs one at a time, so that a label is given once. */
  async #change<Result>(uri: Pkcs11Uri, work: (token: Token) => Promise<Result>): Promise<Result> {
    const token = await this.#token(uri)
    const run = this.#changes.then(async () => {
      this.#held.clear()
      return await work(token)
    })
    this.#changes = run.catch(() => {})
    return await run
  }

  async #token(uri: Pkcs11Uri): Promise<Token> {
    const found = this.#matching(uri)
    const [first, ...others] = found
    if (first === undefined) throw this.#noToken()
    if (others.length > 0) {
      const serials = found.map(({ info }) => `serial=${info.serialNumber.trim()}`)
      throw new UsageError(
        'bad-value',
        `${found.length} tokens fit the URI; say which by adding one of these: ${shorten(serials)}`,
      )
    }
    const { slot, info } = first
    const id = `${slot.toString('hex')} ${info.serialNumber}`
    let token = this.#tokens.get(id)
    if (token === undefined) {
      token = new Token(this.#module, slot, info.label.trim(), this.#settings.parallel)
      this.#tokens.set(id, token)
    }
    await token.ready(findPinFile(uri))
    return token
  }

  #matching(uri: Pkcs11Uri): readonly { slot: Buffer; info: Pkcs11.TokenInfo }[] {
    return this.#module
      .C_GetSlotList(true)
      .filter((slot) => uri.slotId === undefined || slot.readUInt32LE() === uri.slotId)
      .map((slot) => ({ slot, info: this.#module.C_GetTokenInfo(slot) }))
      .filter(({ info }) => fits(uri, info))
  }

  #noToken(): UsageError {
    const labels = this.#module.C_GetSlotList(true).map((slot) => `"${this.#module.C_GetTokenInfo(slot).label.trim()}"`)
    return new UsageError(
      'missing',
      `no token fits the URI; ${this.#settings.module} offers ${labels.length === 0 ? 'none' : shorten(labels)}: correct token=… in the URI, or set the token up (pkcs11-tool --init-token, softhsm2-util --init-token)`,
    )
  }

  close(): void {
    if (this.#log !== undefined) closeSync(this.#log)
    this.#module.C_Finalize()
  }
}

const initialized = 0x400

function fits(uri: Pkcs11Uri, info: Pkcs11.TokenInfo): boolean {
  const same = (wanted: string | undefined, found: string) => wanted === undefined || wanted === found.trim()
  return (
    (info.flags & initialized) !== 0 &&
    same(uri.token, info.label) &&
    same(uri.serial, info.serialNumber) &&
    same(uri.manufacturer, info.manufacturerID) &&
    same(uri.model, info.model)
  )
}

function tell({ kind, spki }: TokenKey): FoundKey {
  return { kind, publicKey: spki.toString('base64') }
}

function loadModule(path: string): Pkcs11.PKCS11 {
  // The addon lies in a package that is CommonJS and optional: an import would fail before a word could be said.
  const { PKCS11 } = createRequire(import.meta.url)('pkcs11js') as typeof Pkcs11
  const module = new PKCS11()
  try {
    module.load(path)
    module.C_Initialize({ flags: osLocking })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TransportError('io', `the PKCS#11 module ${path} cannot be used: ${reason}`, { cause })
  }
  return module
}

/** Answers until standard input ends. */
function serve(settings: SignerArguments): void {
  let signer: Signer | undefined
  let active = 0
  const reply = (value: unknown) => process.stdout.write(encodeFrame(value))
  const handle = async (request: SignerRequest) => {
    active++
    const { number } = request
    try {
      signer ??= new Signer(settings)
      const answer = await signer.answer(request)
      signer.note(request, undefined)
      reply({ number, answer })
    } catch (error) {
      signer?.note(request, error instanceof Error ? error.message : String(error))
      reply({ number, error: toWire(error) })
    } finally {
      active--
    }
  }
  // Written by this package at the other end of the pipe.
  const read = frameReader(maximumFrame, (value) => void handle(value as SignerRequest))
  const end = () => {
    // Who asked is gone. An operation that is under way may hold a thread for as long as the token likes.
    if (active > 0) process.kill(process.pid, 'SIGKILL')
    try {
      signer?.close()
    } finally {
      process.exit(0)
    }
  }
  process.stdin.on('data', (bytes: Buffer) => {
    try {
      read(bytes)
    } catch (error) {
      process.stderr.write(`${error instanceof MalformedMessage ? error.message : 'unreadable request'}\n`)
      process.exit(1)
    }
  })
  process.stdin.on('end', end)
  process.stdout.on('error', end)
  process.on('SIGTERM', end)
}

// Written by startSigner.
serve(JSON.parse(process.argv[2] ?? '') as SignerArguments)
