import { execFile, spawn } from 'node:child_process'
import { TransportError, UsageError } from '@cordon/core/errors'
import { ioError } from '../files.ts'

/** What is to be captured. */
export interface LiveCaptureOptions {
  /** Name or number of the interface, see {@link captureInterfaces}. */
  readonly interface: string
  /** In the language of libpcap, such as `tcp port 44818`; everything unless told. */
  readonly filter?: string
  /** Seconds, whole, after which it ends by itself. */
  readonly durationS?: number
  /** Packets after which it ends by itself. */
  readonly packets?: number
  /** Also packets that are not for this machine; false unless told. */
  readonly promiscuous?: boolean
  /** Ends the capture as asked: the chunks end, and nothing is thrown. */
  readonly signal?: AbortSignal
  /** The command, `dumpcap` unless told. */
  readonly dumpcap?: string
}

/** An interface that can be captured on. */
export interface CaptureDevice {
  /** From 1. */
  readonly number: number
  readonly name: string
  readonly description: string | undefined
}

/** How long dumpcap may take to end after it was asked to. */
const endingMs = 3000
/** What is kept of its words. */
const maxWords = 8192

/**
 * A capture of what passes an interface, made by Wireshark's `dumpcap`, which has the privileges for that: the bytes of a
 * pcapng file as they come. Ends when the signal says so.
 * @throws UsageError `missing` for an interface that does not exist, `bad-value` for a filter that cannot be read;
 * TransportError `io` where dumpcap is missing, may not capture, or fails
 */
export async function* liveCapture(options: LiveCaptureOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, dumpcap = 'dumpcap' } = options
  const args = commandLine(options)
  if (signal?.aborted === true) return
  const child = spawn(dumpcap, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let words = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text: string) => {
    if (words.length < maxWords) words += text
  })
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once('error', (cause) => reject(cannotRun(dumpcap, cause)))
    child.once('close', (code) => resolve(code ?? undefined))
  })
  ended.catch(() => undefined)
  let killing: NodeJS.Timeout | undefined
  let isStopped = false
  const stop = () => {
    isStopped = true
    // As Ctrl+C: it writes what it has and ends.
    child.kill('SIGINT')
    killing ??= setTimeout(() => child.kill('SIGKILL'), endingMs)
  }
  signal?.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array // no encoding was set, so it gives buffers
    const code = await ended
    if (code !== 0 && !isStopped) throw failure(options, words, code)
  } finally {
    signal?.removeEventListener('abort', stop)
    if (child.exitCode === null && child.signalCode === null) {
      stop()
      child.stdout.destroy()
      await ended.catch(() => undefined)
    }
    clearTimeout(killing)
  }
}

/** The arguments of dumpcap; no shell reads them. */
function commandLine({ interface: on, filter, durationS, packets, promiscuous }: LiveCaptureOptions): string[] {
  for (const [name, value] of Object.entries({ durationS, packets })) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    throw new UsageError('bad-value', `live capture: expected ${name} to be a whole number above 0, got ${value}`)
  }
  if (on === '') throw new UsageError('missing', 'live capture: expected the name of an interface')
  return [
    '-i',
    on,
    ...(filter === undefined ? [] : ['-f', filter]),
    ...(promiscuous === true ? [] : ['-p']),
    ...(durationS === undefined ? [] : ['-a', `duration:${durationS}`]),
    ...(packets === undefined ? [] : ['-c', String(packets)]),
    '-w',
    '-',
    '-q',
  ]
}

/** The interfaces that this user may capture on, as `dumpcap -D` lists them. @throws TransportError `io` */
export async function captureInterfaces(dumpcap = 'dumpcap'): Promise<readonly CaptureDevice[]> {
  const text = await new Promise<string>((resolve, reject) => {
    execFile(dumpcap, ['-D'], { timeout: 20_000, maxBuffer: 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else if (typeof error.code === 'string') reject(cannotRun(dumpcap, error))
      else reject(new TransportError('io', `listing interfaces: ${sentence(stderr, error.code)}`, { cause: error }))
    })
  })
  return text.split('\n').flatMap((line) => {
    const [, number, name, description] = /^(\d+)\. (\S+)(?: \((.*)\))?$/.exec(line.trim()) ?? []
    return number === undefined || name === undefined ? [] : [{ number: Number(number), name, description }]
  })
}

function cannotRun(dumpcap: string, cause: Error): TransportError {
  const code = 'code' in cause ? cause.code : undefined
  if (code === 'ENOENT') {
    return new TransportError(
      'io',
      `${dumpcap} is not installed, and live captures are made with it; install Wireshark's command line (Debian: apt-get install wireshark-common), or capture elsewhere and name the file`,
      { cause },
    )
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new TransportError('io', `this user may not run ${dumpcap}; ${permissionRemedy}`, { cause })
  }
  return ioError(`running ${dumpcap}`, cause)
}

const permissionRemedy =
  'join the group wireshark (Debian: dpkg-reconfigure wireshark-common, then usermod -aG wireshark USER and log in again), or capture as an administrator and name the file'

/** What dumpcap said, as an error of ours. */
function failure(options: LiveCaptureOptions, words: string, code: number | undefined): TransportError | UsageError {
  if (/permission|not permitted/i.test(words)) {
    return new TransportError('io', `this user may not capture on ${options.interface}; ${permissionRemedy}`)
  }
  if (/no device named|no such device|no interface|isn't a valid interface|adapter index/i.test(words)) {
    return new UsageError(
      'missing',
      `expected an interface of this machine, got ${options.interface}; dumpcap -D lists those there are`,
    )
  }
  if (/invalid capture filter/i.test(words)) {
    const reason = /\(([^()]*)\)/.exec(words)?.[1]
    return new UsageError(
      'bad-value',
      `expected a capture filter such as "tcp port 44818", got "${options.filter ?? ''}"${reason === undefined ? '' : `: ${reason}`}`,
    )
  }
  return new TransportError('io', `capturing on ${options.interface}: ${sentence(words, code)}`)
}

/** The first line of its own that dumpcap said. */
function sentence(words: string, code: number | string | null | undefined): string {
  const line = words
    .split('\n')
    .map((text) => text.trim())
    .find((text) => text !== '' && !/^(Capturing on|File:|Packets)/.test(text))
  return line?.replace(/^dumpcap: /, '').slice(0, 300) ?? `dumpcap ended with code ${code ?? 'none'}`
}
