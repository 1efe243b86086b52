import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs a command to its end; undefined where it is not installed. */
export function command(name: string, args: readonly string[], input = ''): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = execFile(name, args, { timeout: 60_000, maxBuffer: 8 << 20 }, (error, stdout, stderr) => {
      if (error !== null && 'code' in error && error.code === 'ENOENT') resolve(undefined)
      else resolve(stdout + stderr)
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** A directory for keys, and servers of the openssl command that use them. */
export class OpensslServers {
  readonly directory = mkdtempSync(join(tmpdir(), 'cordon-openssl-'))
  readonly #running: ChildProcess[] = []

  /** A self-signed certificate with its key in one file, made by the openssl command. */
  async identity(name: string, key: readonly string[], more: readonly string[] = []): Promise<string> {
    const file = join(this.directory, `${name}.pem`)
    const made = ['-keyout', file, '-out', `${file}.crt`, '-nodes', '-days', '30', '-subj', `/CN=${name}`]
    await command('openssl', ['req', '-x509', ...key, ...made, ...more])
    return file
  }

  /** Starts `openssl s_server` and waits until it listens. */
  async start(address: string, args: readonly string[]): Promise<void> {
    const server = spawn('openssl', ['s_server', '-accept', `${address}:2221`, '-quiet', ...args], {
      // At the end of its input it would hang up.
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    let said = ''
    server.stderr?.on('data', (data: Buffer) => {
      said += data.toString()
    })
    this.#running.push(server)
    for (let i = 0; i < 100; i++) {
      if (server.exitCode !== null) throw new Error(`openssl s_server ended: ${said}`)
      if (await isListening(address)) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`openssl s_server does not listen: ${said}`)
  }

  close(): void {
    for (const server of this.#running.splice(0)) server.kill('SIGKILL')
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function isListening(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port: 2221 })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
