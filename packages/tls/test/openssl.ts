import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Protocol } from '../lib/index.ts'
import type { Issued } from './pki.ts'

/** Where `openssl` is missing, what needs it is skipped and says so by its title. */
export const opensslVersion: string | undefined = (() => {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
})()

/** A folder of PEM files that `openssl` can read. */
export class Files {
  readonly folder = mkdtempSync(join(tmpdir(), 'cordon-tls-'))
  #count = 0

  write(content: string | Uint8Array, extension = 'pem'): string {
    const path = join(this.folder, `${++this.#count}.${extension}`)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }

  /** `-cert`, `-key` and, where there are more, `-cert_chain`. */
  identity(issued: Issued, ...chain: readonly Issued[]): string[] {
    const more = chain.length === 0 ? [] : ['-cert_chain', this.write(chain.map(({ pem }) => pem).join('\n'))]
    return ['-cert', this.write(issued.pem), '-key', this.write(issued.keyPem), ...more]
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A running `openssl s_server` or `s_client`. */
export class OpensslProcess {
  readonly #child: ChildProcess
  #output = ''
  #waiting: (() => void)[] = []

  constructor(args: readonly string[]) {
    this.#child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const keep = (chunk: Buffer) => {
      this.#output += chunk.toString('latin1')
      this.#wake()
    }
    this.#child.stdout?.on('data', keep)
    this.#child.stderr?.on('data', keep)
    this.#child.on('exit', () => this.#wake())
    this.#child.stdin?.on('error', () => {})
  }

  get output(): string {
    return this.#output
  }

  write(line: string): void {
    this.#child.stdin?.write(line)
  }

  /** Waits until the output matches, for ten seconds at most. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + 10_000
    for (;;) {
      const match = pattern.exec(this.#output)
      if (match !== null) return match
      const left = deadline - Date.now()
      if (this.#child.exitCode !== null || left <= 0) {
        throw new Error(`openssl did not say ${pattern}:\n${this.#output}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}

const versionFlag: Readonly<Record<Protocol, string>> = { tls: '-tls1_2', dtls: '-dtls1_2' }

/** Starts `openssl s_server` on a port that the system chooses. */
export async function startServer(
  protocol: Protocol,
  args: readonly string[],
  version: string = versionFlag[protocol],
): Promise<{ process: OpensslProcess; port: number }> {
  const process = new OpensslProcess(['s_server', '-accept', '127.0.0.1:0', version, ...args])
  const match = await process.until(/ACCEPT 127\.0\.0\.1:(\d+)/)
  return { process, port: Number(match[1]) }
}

/** Starts `openssl s_client`. */
export function startClient(
  protocol: Protocol,
  port: number,
  args: readonly string[],
  version: string = versionFlag[protocol],
): OpensslProcess {
  return new OpensslProcess(['s_client', '-connect', `127.0.0.1:${port}`, version, ...args])
}
