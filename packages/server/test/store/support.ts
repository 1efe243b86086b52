import { destroyStore, openStore, type Store, type StoreOptions } from '@cordon/server/store'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A state directory of a test with all that belongs to it, gone at the end. */
export class TemporaryState implements AsyncDisposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'cordon-store-'))
  readonly state = join(this.#root, 'state')
  /** Where a root process keeps the cluster; removed with the rest. */
  readonly clusters = join(this.#root, 'clusters')

  readonly #durable: boolean

  /** `durable`: for tests that judge what survives; the others start faster without. */
  constructor(durable = false) {
    this.#durable = durable
    // The account of the database must be able to pass.
    chmodSync(this.#root, 0o711)
  }

  get options(): StoreOptions {
    return { state: this.state, clusters: this.clusters, env: environment(), durable: this.#durable }
  }

  async open(change: Partial<StoreOptions> = {}): Promise<Store> {
    return await openStore({ ...this.options, ...change })
  }

  path(...parts: string[]): string {
    return join(this.#root, ...parts)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await destroyStore(this.options)
    rmSync(this.#root, { recursive: true, force: true })
  }
}

/** The environment of tests: nothing of the tester's own database or state. */
export function environment(change: Record<string, string> = {}): Record<string, string | undefined> {
  return { PATH: process.env['PATH'], HOME: process.env['HOME'], ...change }
}

const here = fileURLToPath(new URL('../..', import.meta.url))

/** False where the packages were not built: child processes run the build, as users do. */
export const isBuilt = existsSync(join(here, 'dist/store/index.js'))

/** A program in a process of its own, which can be killed. It sees the built packages. */
export class Program implements Disposable {
  readonly child: ChildProcess
  readonly #lines: string[] = []
  #wake: () => void = () => undefined
  #ended = false
  errors = ''

  constructor(
    source: string,
    options: { uid?: number; gid?: number; env?: Record<string, string | undefined> } = {},
    [command, ...args]: readonly [string, ...string[]] = [process.execPath, '--input-type=module', '-e', source],
  ) {
    const { env = environment(), ...account } = options
    this.child = spawn(command, args, {
      cwd: here,
      env,
      ...account,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let rest = ''
    this.child.stdout?.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n')
      rest = parts.pop() ?? ''
      this.#lines.push(...parts)
      this.#wake()
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString()
    })
    this.child.on('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  /** Every line it wrote so far. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Waits until it wrote so many lines. */
  async line(count = 1): Promise<string> {
    while (this.#lines.length < count) {
      if (this.#ended) throw new Error(`the program ended early: ${this.errors}`)
      await new Promise<void>((resume) => {
        this.#wake = resume
      })
    }
    return this.#lines[count - 1] ?? ''
  }

  /** Waits for its end. */
  async end(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close')
    return this.child.exitCode
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.end()
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL')
  }
}
