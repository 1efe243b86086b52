import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a server or client of a test shows. */
export interface Shown {
  readonly cert: string
  readonly key: string
}

/** A CA of a test, made by the openssl command. */
export class TestAuthority implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'cordon-notify-'))
  readonly ca: string

  constructor(name: string) {
    const subject = ['-subj', `/CN=${name}`, '-keyout', this.#path('ca.key'), '-out', this.#path('ca.pem')]
    this.#openssl('req', '-x509', ...fresh, ...subject, '-days', '2')
    this.ca = readFileSync(this.#path('ca.pem'), 'utf8')
  }

  /** A certificate for names such as `IP:127.0.0.1` or `DNS:localhost`. */
  issue(names: string): Shown {
    const [request, key, cert, extensions] = ['leaf.csr', 'leaf.key', 'leaf.pem', 'leaf.ext'].map((each) =>
      this.#path(each),
    ) as [string, string, string, string] // as many as were named
    writeFileSync(extensions, `subjectAltName=${names}\n`)
    this.#openssl('req', '-new', ...fresh, '-subj', '/CN=leaf', '-keyout', key, '-out', request)
    const signer = ['-CA', this.#path('ca.pem'), '-CAkey', this.#path('ca.key'), '-CAcreateserial', '-days', '2']
    this.#openssl('x509', '-req', '-in', request, ...signer, '-extfile', extensions, '-out', cert)
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  }

  #path(name: string): string {
    return join(this.directory, name)
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' })
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
