import { join } from 'node:path'
import { start } from './cli.ts'

/** A manager in a process of its own. */
export interface RunningManager {
  /** `https://127.0.0.1:PORT` */
  readonly origin: string
  /** SHA-256 of its certificate, lower-case hex. */
  readonly fingerprint: string
  /** The one-time link, while there is no user. */
  readonly firstRun: string | undefined
  readonly pid: number
  /** What it logged so far. */
  log(): string
  /** Ends it in order. */
  stop(): Promise<number | null>
  /** Ends it at once. */
  kill(): Promise<number | null>
}

const patienceMs = 90_000

/** Starts `cordon server` over the state in a directory. */
export async function startManager(directory: string, args: readonly string[] = []): Promise<RunningManager> {
  const child = start(
    ['server', '--listen', '127.0.0.1:0', '--state', join(directory, 'state'), '--output', 'json', ...args],
    { directory },
  )
  const ended = new Promise<number | null>((done) => child.once('close', (status) => done(status)))
  let stdout = ''
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const ready = await new Promise<{ url: string; fingerprint: string; firstRun: { url: string } | null; pid: number }>(
    (done, fail) => {
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        stdout += text
        try {
          done(JSON.parse(stdout))
        } catch {
          // The document is not whole yet.
        }
      })
      void ended.then((status) => fail(new Error(`the manager did not come up (${status}):\n${stderr}`)))
    },
  )
  clearTimeout(timer)
  const end = (signal: NodeJS.Signals) => async () => {
    child.kill(signal)
    return await ended
  }
  return {
    origin: ready.url,
    fingerprint: ready.fingerprint.replaceAll(':', '').toLowerCase(),
    firstRun: ready.firstRun?.url,
    pid: ready.pid,
    log: () => stderr,
    stop: end('SIGINT'),
    kill: end('SIGKILL'),
  }
}
