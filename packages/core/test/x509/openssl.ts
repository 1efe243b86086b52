import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** True where the `openssl` command of version 3 is installed; tests that need it are skipped elsewhere. */
export const hasOpenssl: boolean = /^OpenSSL 3/.test(
  spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '',
)

/** A directory to run the `openssl` command in, gone at the end. */
export class OpensslDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'cordon-x509-'))

  /** Runs a command; throws with its complaint unless it succeeds. */
  run(...args: string[]): string {
    const { status, stdout, stderr } = this.attempt(...args)
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`)
    return stdout
  }

  /** Runs a command and gives back what came of it. */
  attempt(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync('openssl', args, { cwd: this.path, encoding: 'utf8', timeout: 60_000 })
  }

  write(name: string, bytes: Uint8Array | string): string {
    writeFileSync(join(this.path, name), bytes)
    return name
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.path, name)))
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
