import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { formatPkcs11Uri, parsePkcs11Uri } from '@cordon/core/crypto'
import { NotAllowed, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { encodePem } from '@cordon/core/x509'
import { findModule, findPinFile } from './module.ts'
import { readPin } from './pin.ts'

/** A TLS connection whose client key lies in a card or token. */
export interface CardConnectionOptions {
  readonly host: string
  readonly port: number
  /** PKCS#11 URI of the client's private key. */
  readonly key: string
  /** The client's certificate, then those of its issuers that the server may lack, DER. */
  readonly chain: readonly Uint8Array[]
  /** The CA certificates that the server's chain must end in, DER. */
  readonly anchors: readonly Uint8Array[]
  /** The name or address that the server's certificate must hold; default the host. */
  readonly serverName?: string | undefined
  /** When the server's certificate must be valid, milliseconds since 1970; default now. */
  readonly at?: number | undefined
  /** Address of this machine to connect from. */
  readonly localAddress?: string | undefined
  /** How long the handshake may take, milliseconds; default 15 000: a card signs slowly. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** The OpenSSL command; default `openssl`. */
  readonly openssl?: string | undefined
}

/** The engine by which OpenSSL uses PKCS#11 (Debian: libengine-pkcs11-openssl). */
const enginePlaces: readonly string[] = [
  '/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so',
  '/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so',
  '/usr/lib64/engines-3/pkcs11.so',
  '/usr/lib/engines-3/pkcs11.so',
]

const noEngine =
  'a card as client needs the PKCS#11 engine of OpenSSL; install it (Debian: apt-get install libengine-pkcs11-openssl)'

/**
 * Opens a TLS connection with the client key in a card, and gives its plaintext side as a stream: node:tls cannot use such
 * a key. The OpenSSL command does it, as a child that ends with the stream; it checks the server's chain against the
 * anchors alone and the server's name, and reads the PIN from its file itself.
 *
 * Deviation: TLS 1.2 alone is spoken, because the handshake must be over, with the server's answer to our certificate,
 * when the stream is given out.
 *
 * @throws UsageError `missing` when the engine, the key or the PIN is not there, `bad-value` when the key is not the certificate's; NotTrusted `unknown-authority` or
 * `wrong-identity` for a server that is not believed; NotAllowed `refused` for a wrong PIN; PeerError `alert` when the
 * server does not take the certificate; TransportError
 */
export async function cardConnection(options: CardConnectionOptions): Promise<Duplex> {
  const uri = parsePkcs11Uri(options.key)
  const module = findModule(uri)
  const pinFile = findPinFile(uri)
  // Before the engine, which would ask a terminal: is there a PIN, in a file that nobody else reads?
  const pin = await readPin(pinFile, uri.token ?? 'card')
  if (!enginePlaces.some((path) => existsSync(path))) {
    throw new UsageError('missing', noEngine)
  }
  await using files = await writeFiles(pin, options)
  const key = formatPkcs11Uri({ ...uri, modulePath: undefined, pinSource: files.pin, type: 'private' })
  const child = spawn(options.openssl ?? 'openssl', commandLine(options, key, files), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PKCS11_MODULE_PATH: module },
    // Without a terminal, so that nothing can be asked there. It ends with its standard input.
    detached: true,
  })
  await established(child, options)
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin })
  stream.once('close', () => child.kill('SIGKILL'))
  // Not before what it said last was read.
  child.once('close', () => stream.destroy())
  return stream
}

/** What the command reads, for the time of the handshake. */
interface CardFiles extends AsyncDisposable {
  readonly pin: string
  readonly certificate: string
  /** Undefined: the certificate stands alone. */
  readonly issuers: string | undefined
  readonly anchors: string
}

/** The engine takes a line's end for a part of the PIN, so it gets a file without one. */
async function writeFiles(pin: string, { chain, anchors }: CardConnectionOptions): Promise<CardFiles> {
  const { XDG_RUNTIME_DIR: runtime } = process.env
  const directory = await mkdtemp(join(runtime === undefined || runtime === '' ? tmpdir() : runtime, 'cordon-card-'))
  const write = async (name: string, text: string) => {
    const path = join(directory, name)
    await writeFile(path, text, { mode: 0o600 })
    return path
  }
  const pem = (certificates: readonly Uint8Array[]) => certificates.map((der) => encodePem('CERTIFICATE', der)).join('')
  return {
    pin: await write('pin', pin),
    certificate: await write('certificate.pem', pem(chain.slice(0, 1))),
    issuers: chain.length > 1 ? await write('issuers.pem', pem(chain.slice(1))) : undefined,
    anchors: await write('anchors.pem', pem(anchors)),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

function place(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

function commandLine(options: CardConnectionOptions, key: string, files: CardFiles): readonly string[] {
  const { host, port, serverName = host, at, localAddress } = options
  const named =
    isIP(serverName) === 0
      ? ['-servername', serverName, '-verify_hostname', serverName]
      : ['-noservername', '-verify_ip', serverName]
  return [
    's_client',
    ...['-engine', 'pkcs11', '-keyform', 'engine', '-key', key, '-cert', files.certificate],
    ...(files.issuers === undefined ? [] : ['-cert_chain', files.issuers]),
    ...['-connect', place(host, port), ...named, '-tls1_2', '-alpn', 'http/1.1'],
    ...(localAddress === undefined ? [] : ['-bind', place(localAddress, 0)]),
    ...['-CAfile', files.anchors, '-no-CApath', '-no-CAstore', '-partial_chain', '-verify_return_error'],
    ...(at === undefined ? [] : ['-attime', String(Math.floor(at / 1000))]),
    // Bytes pass as they are: no letter is a command, and nothing but plaintext comes out.
    ...['-nocommands', '-brief'],
  ]
}

/** Longest report of the command that is kept, characters. */
const longestReport = 16_384

async function established(child: ChildProcessWithoutNullStreams, options: CardConnectionOptions): Promise<void> {
  const { host, port, signal, timeoutMs = 15_000 } = options
  const doing = `connecting to ${host}:${port} with a card`
  await new Promise<void>((resolve, reject) => {
    let report = ''
    const settle = (error?: Error) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      if (error === undefined) return resolve()
      child.kill('SIGKILL')
      reject(error)
    }
    const abort = () => settle(new TransportError('aborted', `${doing}: cancelled`))
    const timer = setTimeout(
      () => settle(new TransportError('timeout', `${doing}: no handshake within ${timeoutMs / 1000} s`)),
      timeoutMs,
    )
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort, { once: true })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (report.length < longestReport) report += text
      if (report.includes('CONNECTION ESTABLISHED')) settle()
    })
    // That it is gone is said by its end.
    child.stdin.on('error', () => {})
    child.once('error', (cause) =>
      settle(new UsageError('missing', `${doing}: openssl cannot be started: ${cause.message}`, { cause })),
    )
    child.once('close', () => settle(explain(report, doing)))
  })
}

/** What the command's report means. The report itself is not shown: it is long, and names the key by engine and URI. */
function explain(report: string, doing: string): Error {
  if (/PIN (?:incorrect|invalid|locked)/i.test(report)) {
    return new NotAllowed(
      'refused',
      `${doing}: the PIN is wrong or locked; it was tried once: correct the PIN file before the next try`,
    )
  }
  if (/invalid engine|could not load the shared library/i.test(report)) return new UsageError('missing', noEngine)
  if (/private key was not found|Could not read client certificate private key/i.test(report)) {
    return new UsageError(
      'missing',
      `${doing}: the key was not found; list what the card holds with: pkcs11-tool --list-objects --login`,
    )
  }
  if (/key values? mismatch|key type mismatch/i.test(report)) {
    return new UsageError('bad-value', `${doing}: the key in the card is not the key of the certificate`)
  }
  const verify = /verify error:num=(\d+):([^\n]{1,200})/.exec(report)
  if (verify !== null) {
    const isName = verify[1] === '62' || verify[1] === '64'
    return new NotTrusted(
      isName ? 'wrong-identity' : 'unknown-authority',
      `${doing}: the server is not believed: ${verify[2]}`,
    )
  }
  const alert = /alert ([a-z ]{1,60}):/.exec(report)
  if (alert !== null) return new PeerError('alert', `${doing}: the server answered with the alert "${alert[1]}"`)
  if (/connect:errno|Connection refused/.test(report))
    return new TransportError('refused', `${doing}: nobody listens there`)
  return new TransportError('closed', `${doing}: the connection ended before the handshake did`)
}
