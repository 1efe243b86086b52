import { MalformedMessage, TransportError, UsageError } from '@cordon/core/errors'
import type { VerificationResult } from '@cordon/core/verification'
import { spawn } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isOurs } from '../transports/system-error.ts'
import { maximumRequest, parseRequest, type VerificationRequest } from './request.ts'
import { type VerificationEvent, type VerifyOptions, verifyPlant } from './verify.ts'

/** What a verifying process prints: one line of JSON on its standard output at the end, one per event on its standard error. */
export type VerifierOutput =
  | { readonly kind: 'result'; readonly result: VerificationResult }
  | { readonly kind: 'error'; readonly name: string; readonly code: string; readonly message: string }

/** Options of a verification that travel with the request. */
interface Envelope {
  readonly request: VerificationRequest
  readonly openssl?: string | false
  readonly limits?: VerifyOptions['limits']
  readonly events?: boolean
}

/**
 * A process of its own that verifies: reads a request from the file named as the only argument, or from its standard
 * input, and prints the result as JSON. Secrets come in that way alone. Exit status 0 when the plant is as it should be,
 * 3 when it is not, 1 for an error, 2 for a wrong call.
 */
export async function verifyMain(argv: readonly string[] = process.argv.slice(2)): Promise<number> {
  const controller = new AbortController()
  const stop = () => controller.abort(new Error('the process was asked to end'))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    const [path, ...more] = argv
    if (more.length > 0)
      throw new UsageError('bad-option', `expected the path of a request or nothing, got ${argv.length} arguments`)
    const text = path === undefined ? await readInput() : await readRequestFile(path)
    const { request, openssl, limits, events } = openEnvelope(text)
    const result = await verifyPlant(request, {
      signal: controller.signal,
      ...(openssl === undefined ? {} : { openssl }),
      ...(limits === undefined ? {} : { limits }),
      ...(events === true ? { onEvent: (event) => process.stderr.write(`${JSON.stringify(event)}\n`) } : {}),
    })
    await print({ kind: 'result', result })
    return result.verdict === 'pass' ? 0 : 3
  } catch (error) {
    const known = isOurs(error)
    const message = error instanceof Error ? error.message : String(error)
    await print({ kind: 'error', name: known ? error.name : 'Error', code: known ? error.code : 'unexpected', message })
    return error instanceof UsageError || error instanceof MalformedMessage ? 2 : 1
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

function openEnvelope(text: string): Envelope {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || !('request' in value)) return { request: parseRequest(text) }
  const request = parseRequest(JSON.stringify(value.request))
  // Written by runVerifier of the same version; a wrong type here ends in an error that names it.
  const { openssl, limits, events } = value as Envelope
  return {
    request,
    ...(openssl === undefined ? {} : { openssl }),
    ...(limits === undefined ? {} : { limits }),
    ...(events === undefined ? {} : { events }),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MalformedMessage('bad-encoding', 'verification request: expected JSON', { cause })
  }
}

/** A file with secrets that others may read is not used. */
async function readRequestFile(path: string): Promise<string> {
  const { mode, size } = await stat(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw new UsageError('bad-value', `${path} holds keys and can be read by others: run "chmod 600 ${path}"`)
  if (size > maximumRequest)
    throw new MalformedMessage('out-of-range', `${path}: a request has at most ${maximumRequest} bytes`)
  return readFile(path, 'utf8')
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > maximumRequest)
      throw new MalformedMessage('out-of-range', `a request has at most ${maximumRequest} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function print(output: VerifierOutput): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(output)}\n`, () => resolve()))
}

/** How {@link runVerifier} runs. */
export interface RunVerifierOptions extends Pick<VerifyOptions, 'onEvent' | 'signal' | 'openssl' | 'limits'> {
  /** Node, when it is not the one that runs this process. */
  readonly execPath?: string
}

/** Longest output that is taken from a verifier, bytes. */
const maximumOutput = 512 * 1024 * 1024

/**
 * Verifies in a process of its own, which gets the request through a pipe.
 *
 * @throws TransportError `aborted`, `io` when the process cannot be run or dies; MalformedMessage, UsageError for a bad
 * request
 */
export async function runVerifier(
  request: VerificationRequest,
  options: RunVerifierOptions = {},
): Promise<VerificationResult> {
  const { onEvent, signal, openssl, limits, execPath } = options
  const envelope: Envelope = {
    request,
    ...(openssl === undefined ? {} : { openssl }),
    ...(limits === undefined ? {} : { limits }),
    events: onEvent !== undefined,
  }
  const script = `import { verifyMain } from ${JSON.stringify(entryPoint())}; process.exit(await verifyMain([]))`
  const child = spawn(execPath ?? process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const stop = () => child.kill('SIGTERM')
  signal?.addEventListener('abort', stop, { once: true })
  const output: Buffer[] = []
  let size = 0
  let complaint = ''
  const events = lines((line) => {
    const event = readEvent(line)
    if (event === undefined) complaint = `${complaint}${line}\n`.slice(-4_000)
    else onEvent?.(event)
  })
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maximumOutput) child.kill('SIGKILL')
    else output.push(chunk)
  })
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', events)
  // A verifier that dies early closes its end; why it died is said by its exit.
  child.stdin.on('error', () => {})
  try {
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', (cause) =>
        reject(new TransportError('io', `the verifier cannot be started: ${cause.message}`, { cause })),
      )
      child.on('close', () => resolve())
    })
    if (signal?.aborted === true) stop()
    child.stdin.end(JSON.stringify(envelope))
    await ended
  } finally {
    signal?.removeEventListener('abort', stop)
  }
  if (signal?.aborted === true)
    throw new TransportError('aborted', 'the verification was cancelled', { cause: signal.reason })
  return readOutput(Buffer.concat(output).toString('utf8'), complaint)
}

/** The built form of this module: the process runs without a compiler. */
function entryPoint(): string {
  const here = new URL(import.meta.url)
  if (!here.pathname.endsWith('.ts')) return here.href
  const built = new URL('../../dist/verify/main.js', here)
  if (!existsSync(fileURLToPath(built))) {
    throw new UsageError(
      'missing',
      `${fileURLToPath(built)} is missing: build the packages first, with "npm run build"`,
    )
  }
  return built.href
}

function lines(take: (line: string) => void): (chunk: string) => void {
  let rest = ''
  return (chunk) => {
    const parts = (rest + chunk).split('\n')
    rest = (parts.pop() ?? '').slice(-1_000_000)
    for (const part of parts) take(part)
  }
}

function readEvent(line: string): VerificationEvent | undefined {
  try {
    const value: unknown = JSON.parse(line)
    const isEvent = typeof value === 'object' && value !== null && 'kind' in value
    // Events come from this product of the same version.
    return isEvent ? (value as VerificationEvent) : undefined
  } catch {
    return undefined
  }
}

function readOutput(text: string, complaint: string): VerificationResult {
  let output: VerifierOutput
  try {
    // One line from this product of the same version.
    output = JSON.parse(text) as VerifierOutput
  } catch (cause) {
    throw new TransportError('io', `the verifier ended without a result: ${complaint.trim() || 'it said nothing'}`, {
      cause,
    })
  }
  if (output.kind === 'result') return output.result
  const { name, code, message } = output
  throw new TransportError('io', `the verifier failed (${name} ${code}): ${message}`, { details: { name, code } })
}
