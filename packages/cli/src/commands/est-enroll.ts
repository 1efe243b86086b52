import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { formatPkcs11Uri, parsePkcs11Uri } from '@cordon/core/crypto'
import type { BasicCredentials, EstServer, PullTrust } from '@cordon/core/enrollment'
import { MalformedMessage, NotTrusted, TransportError, UsageError } from '@cordon/core/errors'
import { decodeCertificate, encodeName, nameAttribute, subjectAlternativeName } from '@cordon/core/x509'
import { loadStateKey, nodeCrypto } from '@cordon/node/crypto'
import { type ClientCredential, estServers, FileUnit, parseEstServer, unitFiles } from '@cordon/node/est'
import { lock, pathHash } from '@cordon/node/files'
import type { CommandContext } from '../context.ts'
import { parseNumber } from '../device-target.ts'
import {
  enrolledResult,
  failureOf,
  pendingResult,
  type PullEnd,
  pullOptions,
  PullStates,
  pullUntil,
} from '../est-enrollment.ts'
import { askAuthority, readPem, type TrustFlags, trustOf } from '../est-trust.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { mayWrite } from '../new-files.ts'
import { pairs } from '../output.ts'
import { readSecret } from '../secret.ts'

/** Options of `cordon est enroll`. */
export interface EnrollFlags extends TrustFlags {
  readonly name: string
  readonly directory: string
  readonly address?: readonly string[]
  readonly label?: string
  readonly user?: string
  readonly passwordFile?: string
  readonly certificate?: string
  readonly key?: string
  readonly pkcs11?: string
  readonly renew?: boolean
  readonly wait: string
  readonly keep?: boolean
  readonly interface?: readonly string[]
  readonly domain?: string
  readonly type?: string
  readonly subtype?: string
  readonly from?: string
  readonly force?: boolean
}

const longestWaitS = 30 * 24 * 3600
const discoveryMs = 3_000

/** `cordon est enroll [SERVER]` */
export async function run(context: CommandContext, flags: EnrollFlags, named?: string): Promise<ExitCode> {
  const waitMs = parseNumber(flags.wait, '--wait', longestWaitS) * 1000
  const server = named === undefined ? undefined : labelled(parseEstServer(named), flags.label)
  const directory = resolve(flags.directory)
  const files = unitFiles(directory, flags.name)
  const { basic, factory } = await credentials(flags)
  const given = await trustOf(flags)
  if ((await stat(files.record).catch(() => undefined)) === undefined) {
    await mayWrite([files.certificate, files.chain, files.authorities, files.key], flags.force)
  }
  const { key: sealingKey } = await loadStateKey(nodeCrypto, context.state)
  await using _held = await lock(join(context.state, `est-${pathHash(files.record)}.lock`), {
    note: 'cordon est enroll',
  })
  const states = new PullStates()
  const contents = {
    subject: encodeName([nameAttribute('CN', flags.name)]),
    extensions: flags.address === undefined ? [] : [subjectAlternativeName(flags.address)],
  }
  const { changed } = states
  const unit = await FileUnit.open({ directory, name: flags.name, sealingKey, contents, factory, changed })
  const { identity } = unit.kept
  if (flags.renew === true && identity === undefined) {
    throw new UsageError('bad-option', `${flags.name} has no certificate to renew in ${directory}; leave --renew out`)
  }
  const search = searchOf(context, flags, server)
  const trust =
    identity === undefined ? (given ?? (await refuseUnknown(context, flags, named, search))) : known(identity)
  if (basic !== undefined && trust.kind === 'provisional') throw passwordRefusal()
  const localAddress = flags.from ?? context.settings['localAddress']
  const pull = { unit, states, server, search, localAddress, basic, waitMs, signal: context.signal }
  const say = (line: string) => context.output.note(line)
  const renews = flags.renew === true ? unit.certificate : undefined
  const once = { ...pull, options: pullOptions(trust, renews !== undefined), renews, isPatient: flags.keep === true }
  const end = await pullUntil(once, say)
  if (end.kind === 'failed') throw failureOf(end.state)
  show(context, flags, named, unit, end)
  if (trust.kind === 'provisional') {
    say('nothing vouched for this server: compare the fingerprint of its authority before you rely on it')
  }
  if (end.kind === 'pending') return exitCodes.partly
  if (flags.keep === true) await keepFresh({ ...pull, options: pullOptions(trust, false) }, say)
  return exitCodes.ok
}

/** Renews again and again until a signal comes. */
async function keepFresh(
  pull: Omit<Parameters<typeof pullUntil>[0], 'renews' | 'isPatient'>,
  say: (line: string) => void,
): Promise<void> {
  say('staying to renew it before it ends; Ctrl-C leaves, and everything stays in force')
  try {
    for (;;) {
      const { certificate } = pull.unit
      await pullUntil({ ...pull, renews: certificate, isPatient: true }, say)
      say('renewed: the files hold the new certificate and its key')
    }
  } catch (error) {
    if (!(error instanceof TransportError) || error.code !== 'aborted') throw error
  }
}

function labelled(server: EstServer, label: string | undefined): EstServer {
  return label === undefined ? server : { ...server, label }
}

function known({ authorities }: { readonly authorities: readonly Uint8Array[] }): PullTrust {
  return { kind: 'anchors', anchors: authorities }
}

function searchOf({ output }: CommandContext, flags: EnrollFlags, server: EstServer | undefined) {
  const { interface: interfaces, domain, type, subtype, label } = flags
  return async (signal: AbortSignal): Promise<readonly EstServer[]> =>
    server === undefined
      ? await estServers({
          interfaces,
          domain,
          type,
          subtype,
          label,
          signal,
          waitMs: discoveryMs,
          problem: ({ interface: at, error }) => output.note(`${at}: ${error.message}`),
        })
      : [server]
}

/** @throws UsageError for half a credential, or one that does not fit together */
async function credentials(
  flags: EnrollFlags,
): Promise<{ readonly basic: BasicCredentials | undefined; readonly factory: ClientCredential | undefined }> {
  const { user, passwordFile, certificate, key, pkcs11 } = flags
  if ((user === undefined) !== (passwordFile === undefined)) {
    throw new UsageError('bad-option', '--user and --password-file belong together')
  }
  if (key !== undefined && pkcs11 !== undefined) {
    throw new UsageError('bad-option', 'the key is in a file or on a card: say --key or --pkcs11, not both')
  }
  if ((certificate === undefined) !== (key === undefined && pkcs11 === undefined)) {
    const which = pkcs11 === undefined ? '--key, or --pkcs11 for a key on a card,' : '--pkcs11'
    throw new UsageError('bad-option', `--certificate and ${which} belong together`)
  }
  if (pkcs11 !== undefined && flags.provisional === true) throw cardRefusal()
  if (user !== undefined && flags.provisional === true) throw passwordRefusal()
  const factory = await factoryCredential(flags)
  const basic =
    user === undefined || passwordFile === undefined
      ? undefined
      : { name: user, password: await readSecret(passwordFile, '--password-file') }
  return { basic, factory }
}

function passwordRefusal(): UsageError {
  return new UsageError(
    'bad-option',
    'a password is told to a server that something vouches for: say --trust or --fingerprint, not --provisional',
  )
}

function cardRefusal(): UsageError {
  return new UsageError(
    'bad-option',
    'a card signs for a server that something vouches for: say --trust or --fingerprint, not --provisional',
  )
}

/** What is shown before there is a certificate; its key is in a file or on a card. */
async function factoryCredential({ certificate, key, pkcs11 }: EnrollFlags): Promise<ClientCredential | undefined> {
  if (certificate === undefined) return undefined
  if (pkcs11 !== undefined) return { card: cardUri(pkcs11), chain: await readChain(certificate) }
  return key === undefined ? undefined : await credential(certificate, key)
}

function cardUri(text: string): string {
  try {
    return formatPkcs11Uri(parsePkcs11Uri(text))
  } catch (cause) {
    if (cause instanceof MalformedMessage) throw new UsageError('bad-option', `--pkcs11: ${cause.message}`, { cause })
    throw cause
  }
}

async function readChain(file: string): Promise<readonly [Uint8Array, ...Uint8Array[]]> {
  const [leaf, ...issuers] = (await readPem(file, '--certificate'))
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ bytes }) => bytes)
  if (leaf === undefined) throw new UsageError('bad-value', `--certificate: ${file} holds no PEM certificate`)
  return [leaf, ...issuers]
}

async function credential(certificateFile: string, keyFile: string): Promise<ClientCredential> {
  const chain = await readChain(certificateFile)
  const [key] = (await readPem(keyFile, '--key')).filter(({ label }) => label === 'PRIVATE KEY')
  if (key === undefined) {
    const remedy = 'openssl pkcs8 -topk8 -nodes writes one'
    throw new UsageError('bad-value', `--key: ${keyFile} holds no unencrypted PKCS#8 key as PEM; ${remedy}`)
  }
  if (!nodeCrypto.equal(nodeCrypto.importKey(key.bytes).publicKey, decodeCertificate(chain[0]).publicKey)) {
    throw new UsageError('bad-value', '--key is not the key of the first certificate of --certificate')
  }
  return { chain, key: key.bytes }
}

/** Without a word whom to believe, nothing is done but to say who is there. */
async function refuseUnknown(
  context: CommandContext,
  flags: EnrollFlags,
  named: string | undefined,
  search: (signal: AbortSignal) => Promise<readonly EstServer[]>,
): Promise<never> {
  const [server] = await search(context.signal)
  if (server === undefined) {
    throw new TransportError('unreachable', 'no EST server is announced; name one: cordon est enroll HOST:PORT …')
  }
  const localAddress = flags.from ?? context.settings['localAddress']
  const authority = await askAuthority(server, { localAddress, signal: context.signal })
  const next = commandLine({ ...flags, fingerprint: authority.fingerprint }, named)
  throw new NotTrusted(
    'unknown-authority',
    [
      `the authority of ${server.host}:${server.port} is not known here, and it was asked for nothing else:`,
      `  ${authority.name}`,
      `  SHA-256 ${authority.fingerprint}`,
      'Compare the fingerprint with the one that the authority’s administrator has (cordon ca show --output json). If it is the same:',
      `  ${next}`,
    ].join('\n'),
  )
}

/** The command as it was typed, for a shell. */
function commandLine(flags: EnrollFlags, named: string | undefined): string {
  const options = (
    [
      ['--name', flags.name],
      ['--fingerprint', flags.fingerprint],
      ['--directory', flags.directory === '.' ? undefined : flags.directory],
      ['--label', flags.label],
      ['--user', flags.user],
      ['--password-file', flags.passwordFile],
      ['--certificate', flags.certificate],
      ['--key', flags.key],
      ['--pkcs11', flags.pkcs11],
      ['--trust', flags.trust],
      ['--wait', flags.wait === '0' ? undefined : flags.wait],
      ['--domain', flags.domain],
      ['--type', flags.type],
      ['--subtype', flags.subtype],
      ['--from', flags.from],
      ...(flags.address ?? []).map((address) => ['--address', address] as const),
      ...(flags.interface ?? []).map((each) => ['--interface', each] as const),
    ] as const
  ).flatMap(([option, value]) => (value === undefined ? [] : [option, shellWord(value)]))
  const switches = (['provisional', 'renew', 'keep', 'force'] as const).flatMap((flag) =>
    flags[flag] === true ? [`--${flag}`] : [],
  )
  return ['cordon est enroll', ...(named === undefined ? [] : [shellWord(named)]), ...options, ...switches].join(' ')
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function show(
  { output }: CommandContext,
  flags: EnrollFlags,
  named: string | undefined,
  unit: FileUnit,
  end: Exclude<PullEnd, { kind: 'failed' }>,
): void {
  if (end.kind === 'pending') {
    const result = { ...pendingResult(flags.name, end), next: commandLine(flags, named) }
    const text = [
      pairs(output, [
        ['request', `waits for approval at ${result.server?.host ?? 'the server'}`],
        ['key', `SHA-256 ${result.key ?? 'unknown'}`],
      ]),
      '',
      'The key is kept. When somebody approved it, the same command fetches the certificate:',
      `  ${result.next}`,
    ].join('\n')
    output.document(result, () => text)
    return
  }
  const result = enrolledResult(flags.name, unit, end)
  output.document(result, () =>
    pairs(output, [
      ['certificate', result.files.certificate],
      ['chain', result.files.chain],
      ['authorities', result.files.authorities],
      ['key', `${result.files.key} (0600: whoever reads it is ${flags.name})`],
      ['subject', result.subject],
      ['issuer', result.issuer],
      ['valid until', `${result.notAfter}, serial ${result.serial}`],
      ['renew', result.renewAt],
      ...result.authorities.map(({ name, fingerprint }) => ['authority', `${name}, SHA-256 ${fingerprint}`] as const),
    ]),
  )
}
