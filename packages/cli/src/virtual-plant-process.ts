import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { TransportError } from '@cordon/core/errors'
import { PlantControl } from '@cordon/simulator/control'

/** A virtual plant in a process of its own, as devices are in theirs. */
export interface PlantProcess extends AsyncDisposable {
  readonly pid: number
  readonly control: PlantControl
  /** PEM file with the makers' roots. */
  readonly vendorRoots: string
  /** Resolves when the process has ended, with its exit code. */
  readonly ended: Promise<number>
}

/** How the plant's process is started. */
export interface PlantProcessOptions {
  readonly plantFile: string
  readonly directory: string
  readonly state: string
  readonly keyLog?: string | undefined
  /** False: discovery by broadcast is left to another plant. */
  readonly broadcast?: boolean
  readonly signal: AbortSignal
  /** Lines of the plant's log. */
  readonly note: (line: string) => void
}

interface Ready {
  readonly ready: true
  readonly vendorRoots: string
}

const command = fileURLToPath(new URL('../bin/cordon.mjs', import.meta.url))

/** How long a plant may take to come up, milliseconds. */
const startTimeoutMs = 60_000

/** How long it may take to end when asked, before it is killed. */
const stopTimeoutMs = 10_000

/**
 * Starts `cordon simulate` as a child that ends with this process, however this process ends.
 * @throws TransportError `closed` when it does not come up; its own message was on standard error
 */
export async function startPlantProcess(options: PlantProcessOptions): Promise<PlantProcess> {
  const args = [
    'simulate',
    options.plantFile,
    '--state',
    options.state,
    '--directory',
    options.directory,
    '--output',
    'json',
  ]
  if (options.broadcast === false) args.push('--no-broadcast')
  if (options.keyLog !== undefined) args.push('--key-log', options.keyLog)
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  })
  const ended = new Promise<number>((done) =>
    child.once('exit', (code, signal) => done(code ?? (signal === null ? 1 : 128))),
  )
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) if (line !== '') options.note(line)
  })
  try {
    const { vendorRoots } = await ready(child, ended, options.signal)
    const control = await PlantControl.connect(options.directory)
    return {
      pid: child.pid ?? 0,
      control,
      vendorRoots,
      ended,
      [Symbol.asyncDispose]: async () => {
        await control[Symbol.asyncDispose]()
        await stop(child, ended)
      },
    }
  } catch (error) {
    await stop(child, ended)
    throw error
  }
}

function ready(child: ChildProcess, ended: Promise<number>, signal: AbortSignal): Promise<Ready> {
  return new Promise((done, fail) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part
      try {
        // One document from this product of the same version.
        const document = JSON.parse(text) as Partial<Ready>
        if (document.ready === true && document.vendorRoots !== undefined) done(document as Ready)
      } catch {
        // The document is not whole yet.
      }
    })
    const timer = setTimeout(
      () => fail(new TransportError('timeout', `the virtual plant did not come up within ${startTimeoutMs / 1000} s`)),
      startTimeoutMs,
    )
    signal.addEventListener('abort', () => fail(new TransportError('aborted', 'cancelled')), { once: true })
    void ended.then((code) => {
      clearTimeout(timer)
      fail(new TransportError('closed', `the virtual plant did not come up (exit code ${code}); its message is above`))
    })
    child.once('error', (cause) => fail(new TransportError('io', 'the virtual plant could not be started', { cause })))
  })
}

async function stop(child: ChildProcess, ended: Promise<number>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await ended
  clearTimeout(timer)
}
