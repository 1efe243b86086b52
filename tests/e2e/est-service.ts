import { X509Certificate } from 'node:crypto'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { start } from './cli.ts'

const run = promisify(execFile)

/** An enrollment service in a process of its own. */
export interface RunningEst {
  /** Document that it printed when it listened. */
  readonly ready: {
    readonly plant: string
    readonly rootFingerprint: string
    readonly pid: number
    readonly labels: readonly string[]
  }
  /** What it has logged so far. */
  log(): string
  /** Ends it as Ctrl-C does and gives its exit code. */
  stop(): Promise<number | null>
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
}

/** Longest time until it listens, milliseconds. */
const patienceMs = 60_000

/** Starts `cordon est serve` and waits until it listens. */
export async function startEst(args: readonly string[], directory: string, state: string): Promise<RunningEst> {
  const line = ['est', 'serve', ...args, '--no-announce', '--no-push', '--output', 'json']
  const child = start(line, { directory, environment: { CORDON_STATE: state } })
  const ended = new Promise<number | null>((done) => child.once('close', (status) => done(status)))
  let stdout = ''
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const ready = await new Promise<RunningEst['ready']>((done, fail) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      try {
        const document = JSON.parse(stdout) as RunningEst['ready'] & { readonly ready?: boolean }
        if (document.ready === true) done(document)
      } catch {
        // The document is not whole yet.
      }
    })
    void ended.then((status) => fail(new Error(`the service did not come up (${status}):\n${stdout}${stderr}`)))
  })
  clearTimeout(timer)
  return {
    ready,
    log: () => stderr,
    stop: () => {
      child.kill('SIGINT')
      return ended
    },
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** A client as a person makes one of `openssl req` and `curl`: its files have its name. */
export class CurlClient {
  readonly #directory: string
  readonly #name: string
  readonly #base: string
  readonly #from: string

  constructor(directory: string, name: string, base: string, from: string) {
    this.#directory = directory
    this.#name = name
    this.#base = base
    this.#from = from
  }

  /** Makes key and request. */
  async ask(): Promise<this> {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', this.file('key.pem')]
    await run('openssl', [
      'req',
      '-new',
      ...key,
      '-subj',
      `/CN=${this.#name}`,
      '-outform',
      'DER',
      '-out',
      this.file('der'),
    ])
    await writeFile(this.file('b64'), (await readFile(this.file('der'))).toString('base64'))
    return this
  }

  file(suffix: string): string {
    return join(this.#directory, `${this.#name}.${suffix}`)
  }

  /** Sends the request. `trust`: PEM file with what vouches for the server. The status is 0 without an answer. */
  async enroll(label: string, trust: string, more: readonly string[] = []): Promise<Answer> {
    const body = ['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${this.file('b64')}`]
    return await this.get(label === '' ? 'simpleenroll' : `${label}/simpleenroll`, trust, [...body, ...more])
  }

  /** Calls an operation, of whoever answers where nothing is trusted yet. */
  async get(path: string, trust: string | undefined, more: readonly string[] = []): Promise<Answer> {
    const trusted = trust === undefined ? ['-k'] : ['--cacert', trust]
    const line = ['-sS', '-i', '--max-time', '30', '--interface', this.#from, ...trusted, ...more]
    const { stdout, stderr } = await run('curl', [...line, `${this.#base}/${path}`]).catch(
      (error: { stdout: string; stderr: string }) => error,
    )
    const [head = '', body = ''] = stdout.split('\r\n\r\n')
    const status = Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1] ?? 0)
    return { status, head, body, problem: stderr }
  }

  /** Writes the certificates of a certs-only answer, the client's own first, and gives the path of the file. */
  async keep({ status, body, problem }: Answer, suffix = 'cert.pem'): Promise<string> {
    if (status !== 200) throw new Error(`expected certificates, got ${status}: ${body}${problem}`)
    await writeFile(this.file('p7'), Buffer.from(body, 'base64'))
    const { stdout } = await run('openssl', ['pkcs7', '-inform', 'DER', '-in', this.file('p7'), '-print_certs'])
    const sorted = [...pemsOf(stdout)].sort(
      (a, b) => Number(new X509Certificate(a).ca) - Number(new X509Certificate(b).ca),
    )
    await writeFile(this.file(suffix), sorted.join(''))
    return this.file(suffix)
  }
}

/** What curl got. */
export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: string
  readonly problem: string
}

/** What `openssl` says, whether it is content or not. */
export async function openssl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run('openssl', args).catch((error: { stdout: string; stderr: string }) => error)
  return stdout + stderr
}

/** Writes those certificates of a PEM file that signed themselves, each into a file of its own, and gives their paths. */
export async function rootsOf(file: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const [index, pem] of pemsOf(await readFile(file, 'utf8')).entries()) {
    const path = `${file}.${index}`
    await writeFile(path, pem)
    if (/: OK/.test(await openssl('verify', '-check_ss_sig', '-CAfile', path, path))) found.push(path)
  }
  return found
}

/** The certificates in a PEM text. */
export function pemsOf(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? []
}
