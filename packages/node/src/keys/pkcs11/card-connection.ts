import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { formatPkcs11Uri, parsePkcs11Uri } from '@cordon/core/crypto'
import { NotAllowed, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { findModule, findPinFile } from './module.ts'
import { readPin } from './pin.ts'

/** A TLS connection whose client key lies in a card or token. */
export interface CardConnectionOptions {
  readonly host: string
  readonly port: number
  /** PKCS#11 URI of the client's private key. */
  readonly key: string
  /** PEM file with the client's certificate. */
  readonly certificateFile: string
  /** PEM file with the certificates of its issuers, where the server does not hold them. */
  readonly chainFile?: string
  /** PEM file with the CA certificates that the server's chain must end in. */
  readonly anchorsFile: string
  /** The name or address that the server's certificate must hold; default the host. */
  readonly serverName?: string
  /** How long the handshake may take, milliseconds; default 15 000: a card signs slowly. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** The OpenSSL command; default `openssl`. */
  readonly openssl?: string
}

/** The engine by which OpenSSL uses PKCS#11 (Debian: libengine-pkcs11-openssl). */
const enginePlaces: readonly string[] = [
  '/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so',
  '/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so',
  '/usr/lib64/engines-3/pkcs11.so',
  '/usr/lib/engines-3/pkcs11.so',
]

/**
 * Opens a TLS connection with the client key in a card, and gives its plaintext side as a stream: node:tls cannot use such
 * a key. The OpenSSL command does it, as a child that ends with the stream; it checks the server's chain against the
 * anchors alone and the server's name, and reads the PIN from its file itself.
 *
 * Deviation: TLS 1.2 alone is spoken, because the handshake must be over, with the server's answer to our certificate,
 * when the stream is given out.
 *
 * @throws UsageError `missing` when the engine, a file or the PIN is not there; NotTrusted `unknown-authority` or
 * `wrong-identity` for a server that is not believed; NotAllowed `refused` for a wrong PIN; PeerError `alert` when the
 * server does not take the certificate; TransportError
 */
export async function cardConnection(options: CardConnectionOptions): Promise<Duplex> {
  const uri = parsePkcs11Uri(options.key)
  const module = findModule(uri)
  const pinFile = findPinFile(uri)
  // Before the engine, which would ask a terminal: is there a PIN, in a file that nobody else reads?
  const pin = await readPin(pinFile, uri.token ?? 'card')
  for (const path of [options.certificateFile, options.anchorsFile, options.chainFile])
    if (path !== undefined) await mustRead(path)
  if (!enginePlaces.some((path) => existsSync(path))) {
    throw new UsageError(
      'missing',
      'a card as client needs the PKCS#11 engine of OpenSSL; install it (Debian: apt-get install libengine-pkcs11-openssl)',
    )
  }
  await using bare = await barePin(pin)
  const key = formatPkcs11Uri({ ...uri, modulePath: undefined, pinSource: bare.path, type: 'private' })
  const child = spawn(options.openssl ?? 'openssl', commandLine(options, key), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PKCS11_MODULE_PATH: module },
    // Without a terminal, so that nothing can be asked there. It ends with its standard input.
    detached: true,
  })
  await established(child, options)
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin })
  stream.once('close', () => child.kill('SIGKILL'))
  child.once('exit', () => stream.destroy())
  return stream
}

/** The engine takes a line's end for a part of the PIN, so it gets a file without one, for the time of the handshake. */
async function barePin(pin: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const { XDG_RUNTIME_DIR: runtime } = process.env
  const directory = await mkdtemp(join(runtime === undefined || runtime === '' ? tmpdir() : runtime, 'cordon-pin-'))
  const path = join(directory, 'pin')
  await writeFile(path, pin, { mode: 0o600 })
  return { path, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
}

async function mustRead(path: string): Promise<void> {
  await access(path).catch((cause: unknown) => {
    throw new UsageError('missing', `${path} cannot be read`, { cause })
  })
}

function commandLine(options: CardConnectionOptions, key: string): readonly string[] {
  const { host, port, certificateFile, chainFile, anchorsFile, serverName = host } = options
  const address = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
  const named =
    isIP(serverName) === 0
      ? ['-servername', serverName, '-verify_hostname', serverName]
      : ['-noservername', '-verify_ip', serverName]
  return [
    's_client',
    ...['-engine', 'pkcs11', '-keyform', 'engine', '-key', key, '-cert', certificateFile],
    ...(chainFile === undefined ? [] : ['-cert_chain', chainFile]),
    ...['-connect', address, ...named, '-tls1_2', '-alpn', 'http/1.1'],
    ...['-CAfile', anchorsFile, '-no-CApath', '-no-CAstore', '-partial_chain', '-verify_return_error'],
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
  if (
    /private key was not found|invalid engine|could not load the shared library|Could not read client certificate private key/i.test(
      report,
    )
  ) {
    return new UsageError(
      'missing',
      `${doing}: the key was not found; list what the card holds with: pkcs11-tool --list-objects --login`,
    )
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
