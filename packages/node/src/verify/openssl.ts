import { TransportError } from '@cordon/core/errors'
import { suiteHex } from '@cordon/core/security'
import type { Attempt, AttemptOutcome, CredentialChoice } from '@cordon/core/verification'
import { encodePem } from '@cordon/core/x509'
import { suites as knownSuites } from '@cordon/tls'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CredentialBook } from './credentials.ts'

/** What became of a run of the command. */
export interface CommandResult {
  /** Exit status; undefined when it was ended from outside. */
  readonly code: number | undefined
  readonly output: string
}

/**
 * What came of a repetition. `key-refused`: the target chose a suite of pre-shared keys, and then refused the key. With a
 * made-up key that is as far as anybody gets, and tells a target that answers from one that does not let the peer or the
 * suite in at all.
 */
export type RepeatOutcome =
  | AttemptOutcome
  | { readonly kind: 'key-refused'; readonly suite: number | undefined; readonly detail: string }

/** The openssl command as a second opinion: another program, with a (D)TLS client of its own. */
export class OpensslCommand {
  readonly version: string
  readonly #command: string

  private constructor(command: string, version: string) {
    this.#command = command
    this.version = version
  }

  /** Finds the command; undefined where there is none. */
  static async find(command = 'openssl'): Promise<OpensslCommand | undefined> {
    const result = await run(command, ['version'], 5_000).catch(() => undefined)
    return result?.code === 0 ? new OpensslCommand(command, result.output.trim()) : undefined
  }

  /**
   * Repeats an attempt with `openssl s_client`. Private keys lie in files of mode 0600 for as long as it runs. A pre-shared
   * key it takes as an argument only, so a made-up key stands in for a true one.
   */
  async attempt(
    attempt: Attempt,
    book: CredentialBook,
    byCertificateAlone: boolean,
    signal?: AbortSignal,
  ): Promise<RepeatOutcome> {
    if (attempt.kind === 'port' || attempt.kind === 'plain-session' || attempt.kind === 'plain-io')
      return { kind: 'no-means', detail: 'the command speaks no plain EtherNet/IP' }
    const { credential } = attempt.source
    const proof = book.find(withoutTrueKey(credential), byCertificateAlone)
    if (proof === undefined) return { kind: 'no-means', detail: `no credential is at hand for: ${credential.kind}` }
    const directory = await mkdtemp(join(tmpdir(), `cordon-openssl-${process.pid}-`))
    try {
      const args = ['s_client', '-connect', `${attempt.target}:2221`, '-verify_quiet', '-state']
      if (attempt.source.address !== undefined) args.push('-bind', `${attempt.source.address}:0`)
      args.push(...protocolArguments(attempt))
      const [madeUp] = proof.psk ?? []
      if (madeUp !== undefined) {
        const identity = new TextDecoder().decode(madeUp.identity)
        // Identities are sent in the clear, so this is no secret; but not every one can be an argument.
        if (identity.includes('\0') || !Buffer.from(identity).equals(madeUp.identity))
          return { kind: 'no-means', detail: 'the identity of the key is no text, which the command cannot take' }
        args.push('-psk_identity', identity, '-psk', Buffer.from(madeUp.key).toString('hex'))
      }
      const [leaf, ...others] = proof.chain ?? []
      if (leaf !== undefined && proof.key !== undefined) {
        const write = async (name: string, text: string) => {
          const path = join(directory, name)
          await writeFile(path, text, { mode: 0o600 })
          return path
        }
        args.push('-cert', await write('certificate.pem', encodePem('CERTIFICATE', leaf)))
        args.push('-key', await write('key.pem', encodePem('PRIVATE KEY', proof.key)))
        if (others.length > 0)
          args.push(
            '-cert_chain',
            await write('chain.pem', others.map((der) => encodePem('CERTIFICATE', der)).join('')),
          )
      }
      const isDatagram = attempt.transport === 'dtls'
      // Silence has no end of its own: three ClientHellos go out in this time (after 1 and 2 s more).
      const result = await run(this.#command, args, isDatagram ? 4_000 : 10_000, signal)
      return readResult(result, isDatagram)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** Why the openssl command cannot show that a true pre-shared key is accepted. */
export const trueKeyReason =
  'the openssl command takes a pre-shared key as an argument only, where every user of this machine can read it: the true key is not given to it'

/** Arguments can be read by everybody on the machine, so a true key never becomes one: the same identity with a made-up key does. */
function withoutTrueKey(credential: CredentialChoice): CredentialChoice {
  return credential.kind === 'psk' ? { kind: 'wrong-psk', name: credential.name } : credential
}

function protocolArguments(attempt: Extract<Attempt, { kind: 'handshake' | 'hello' | 'version' }>): readonly string[] {
  if (attempt.kind === 'version') {
    const flags = { TLSv1: '-tls1', 'TLSv1.1': '-tls1_1', 'TLSv1.3': '-tls1_3', DTLSv1: '-dtls1' } as const
    return [flags[attempt.version], '-cipher', 'ALL:eNULL:@SECLEVEL=0']
  }
  const names = attempt.suites.flatMap((id) => knownSuites.find((suite) => suite.id === id)?.openssl ?? [])
  return [attempt.transport === 'tls' ? '-tls1_2' : '-dtls1_2', '-cipher', [...names, '@SECLEVEL=0'].join(':')]
}

/** Reads what `s_client -state` printed. */
export function readResult({ code, output }: CommandResult, isDatagram: boolean): RepeatOutcome {
  const cipher = /Cipher is ([A-Z0-9-]+)/.exec(output)?.[1]
  // As -state tells it, and as the error stack does. A warning, such as close_notify, is no refusal.
  const alert = /SSL3 alert read:fatal:([a-z0-9 ]+)|SSL alert number ([0-9]+)/.exec(output)
  const suite = knownSuites.find(({ openssl }) => openssl === cipher)?.id
  // The key is looked at after the client's last flight; who shows no certificate goes by the key.
  const isAboutKey = /write finished/.test(output) && !/read server certificate/.test(output)
  // The suite is printed after a handshake that failed, too, as soon as the target chose one; before that it is (NONE).
  if (cipher !== undefined && alert === null && /Verif|New, /.test(output)) {
    const version = /Protocol\s*:\s*(\S+)/.exec(output)?.[1]
    return { kind: 'accepted', suite, version }
  }
  if (alert !== null) {
    const detail = `openssl s_client: alert ${alert[1] ?? alert[2] ?? ''}`
    return isAboutKey ? { kind: 'key-refused', suite, detail } : { kind: 'refused', form: 'alert', detail }
  }
  if (/BIO_bind|Cannot assign requested address/i.test(output))
    return { kind: 'no-address', detail: 'openssl s_client cannot bind that address' }
  if (/Connection refused|connect:errno=111/i.test(output))
    return { kind: 'refused', form: 'port-closed', detail: 'openssl s_client: connection refused' }
  // DTLS drops without a word what does not decrypt; who fell silent before that did not refuse.
  if (code === undefined && isDatagram && isAboutKey)
    return { kind: 'key-refused', suite, detail: 'openssl s_client: no record made with it was taken' }
  if (code === undefined && isDatagram && /read (?:hello verify|server hello)/.test(output))
    return { kind: 'error', detail: 'openssl s_client: it began a handshake and did not finish it' }
  if (code === undefined && isDatagram && !/Cipher is/.test(output))
    return { kind: 'refused', form: 'silence', detail: 'openssl s_client got no answer' }
  if (/unexpected eof|write:errno|read:errno|Connection reset|no peer certificate available/i.test(output))
    return { kind: 'refused', form: 'closed', detail: 'openssl s_client: the connection was closed' }
  return {
    kind: 'error',
    detail: `openssl s_client says neither yes nor no: ${output.replace(/\s+/g, ' ').slice(0, 200)}`,
  }
}

/** A suite and a version as a person compares them. */
export function spellOutcome(outcome: RepeatOutcome): string {
  if (outcome.kind === 'accepted')
    return `connects${outcome.suite === undefined ? '' : ` with ${suiteHex(outcome.suite)}`}`
  if (outcome.kind === 'key-refused')
    return `answers${outcome.suite === undefined ? '' : ` with ${suiteHex(outcome.suite)}`} and refuses the made-up key: ${outcome.detail}`
  return outcome.detail
}

function run(
  command: string,
  args: readonly string[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    let isEnded = false
    const take = (chunk: Buffer) => {
      if (output.length < 256 * 1024) output += chunk.toString('utf8')
    }
    const timer = setTimeout(() => {
      isEnded = true
      child.kill('SIGKILL')
    }, timeoutMs)
    const onAbort = () => {
      isEnded = true
      child.kill('SIGKILL')
    }
    if (signal?.aborted === true) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const settled = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', (error) => {
      settled()
      reject(new TransportError('io', `${command} cannot be run: ${error.message}`, { cause: error }))
    })
    child.on('close', (code) => {
      settled()
      resolve({ code: isEnded ? undefined : (code ?? undefined), output })
    })
    // End of input ends s_client after the handshake.
    child.stdin.on('error', () => {})
    child.stdin.end()
  })
}
