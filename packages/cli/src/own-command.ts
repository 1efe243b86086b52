import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../bin/cordon.mjs', import.meta.url))

/** Largest document that is taken, bytes. */
const longestDocument = 64 * 1024 * 1024

/** How a command of ours is run in a process of its own. */
export interface OwnCommandOptions {
  /** Longest that it may take, milliseconds. */
  readonly timeoutMs: number
  /** Memory of its JavaScript, MB; default Node's own. */
  readonly memoryMb?: number
  /** What ends it early. */
  readonly signal: AbortSignal
  /** Hears each line of standard error. */
  readonly heard?: (line: string) => void
}

/** What a command printed. */
export interface OwnCommandOutput {
  /** Its JSON document; undefined where it printed none, or too much. */
  readonly document: unknown
  /** Its last lines on standard error. */
  readonly said: readonly string[]
}

const linesKept = 40

/**
 * Runs a command of ours with `--output json` in a process of its own, and with nothing of this one's secrets: neither the
 * database nor the key of the state is in its environment. Whoever ends it early sends one SIGTERM, so that it clears up.
 * @throws the signal's reason when that ended it
 */
export async function runOwnCommand(
  args: readonly string[],
  { timeoutMs, memoryMb, signal, heard }: OwnCommandOptions,
): Promise<OwnCommandOutput> {
  const memory = memoryMb === undefined ? [] : [`--max-old-space-size=${memoryMb}`]
  const child = spawn(process.execPath, [...memory, command, ...args, '--output', 'json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1' },
  })
  const ended = once(child, 'close')
  const parts: Buffer[] = []
  let length = 0
  child.stdout.on('data', (part: Buffer) => {
    length += part.length
    if (length > longestDocument) child.kill('SIGKILL')
    else parts.push(part)
  })
  const said: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.trim() === '') return
    said.push(line)
    if (said.length > linesKept) said.shift()
    heard?.(line)
  })
  const stop = () => void child.kill('SIGTERM')
  const timer = setTimeout(stop, timeoutMs)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    await ended
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
  signal.throwIfAborted()
  return { document: length > longestDocument ? undefined : parsed(Buffer.concat(parts).toString()), said }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // What it refuses is told on standard error.
    return undefined
  }
}
