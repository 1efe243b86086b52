import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether packets can be captured on the loopback here, and why not. */
export async function captureProblem(): Promise<string | undefined> {
  try {
    await run('tshark', ['--version'])
  } catch {
    return 'tshark is not installed (Debian: apt-get install tshark)'
  }
  try {
    await run('dumpcap', ['-i', 'lo', '-a', 'duration:1', '-c', '1', '-w', '/dev/null', '-q'])
    return undefined
  } catch (error) {
    return `this user may not capture on lo: ${error instanceof Error ? error.message.split('\n').at(-1) : ''}`
  }
}

/** A capture of the EtherNet/IP ports on the loopback that is running. */
export interface Capture {
  readonly file: string
  stop(): Promise<void>
}

/** Begins to capture what these networks have to do with; resolves when packets are being recorded. */
export async function startCapture(file: string, networks = 'net 127.0.0.0/8'): Promise<Capture> {
  const filter = `(${networks}) and (port 44818 or port 2221 or port 2222)`
  const child: ChildProcess = spawn(
    'dumpcap',
    ['-i', 'lo', '-f', filter, '-w', file, '-B', '64', '-a', 'duration:600', '-q'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  await new Promise<void>((done, fail) => {
    let text = ''
    child.stderr?.on('data', (part: Buffer) => {
      text += part.toString()
      if (text.includes('File:') || text.includes('Capturing on')) done()
    })
    child.once('exit', (code) => fail(new Error(`dumpcap ended with ${code}: ${text}`)))
  })
  return {
    file,
    stop: async () => {
      const ended = new Promise<void>((done) => child.once('exit', () => done()))
      child.kill('SIGINT')
      await ended
    },
  }
}

/** Fields of the packets that a display filter lets through, a row per packet. */
export async function fields(
  file: string,
  keyLog: string,
  filter: string,
  names: readonly string[],
): Promise<string[][]> {
  const { stdout } = await run(
    'tshark',
    [
      '-r',
      file,
      '-o',
      `tls.keylog_file:${keyLog}`,
      '-Y',
      filter,
      '-T',
      'fields',
      ...names.flatMap((name) => ['-e', name]),
      '-E',
      'separator=|',
      '-E',
      'occurrence=a',
    ],
    { maxBuffer: 256 * 1024 * 1024 },
  )
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('|'))
}
