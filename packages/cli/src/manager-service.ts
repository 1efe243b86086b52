import { UsageError } from '@cordon/core/errors'
import { encodePem } from '@cordon/core/x509'
import {
  type ListenCredential,
  type Log,
  type LogOptions,
  type Manager,
  type ManagerOptions,
  managerCredential,
  openLog,
  openManager,
  shownFingerprint,
  userPolicy,
} from '@cordon/server/api'
import { createFirstRunLink } from '@cordon/server/users'
import { X509Certificate } from 'node:crypto'
import { existsSync, unwatchFile, watchFile } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { judgeCapture } from './capture-judge.ts'
import type { CommandContext } from './context.ts'
import { rehearsePlants } from './plant-rehearsal.ts'
import { productVersion } from './version.ts'
import type { Workspace } from './workspace.ts'

/** Port of the manager's HTTPS (design, section 3). */
export const managerPort = 8443
const pollMs = 5000

/** How a manager of this process is started. */
export interface ServiceOptions {
  readonly listen: readonly { readonly address: string; readonly port: number }[]
  /** Names besides the host's own. */
  readonly hosts?: readonly string[]
  readonly proxies?: readonly string[]
  /** Files with a certificate chain and its key, PEM, instead of a certificate of the manager's own. */
  readonly files?: { readonly certificate: string; readonly key: string }
  readonly log?: LogOptions
  readonly virtual?: ManagerOptions['virtual']
  readonly est?: ManagerOptions['est']
}

/** A manager that runs in this process. */
export interface Service extends AsyncDisposable {
  readonly manager: Manager
  readonly log: Log
  /** Where browsers find it. */
  readonly url: string
  /** SHA-256 of its certificate as browsers show it. */
  readonly fingerprint: string
  /** The link for the first administrator, while there is nobody. The secret is in the fragment, which no browser sends. */
  readonly firstRun: { readonly url: string; readonly expiresAt: Date } | undefined
  /** Whether the web interface was built and is served. */
  readonly hasPages: boolean
}

/** Starts a manager over an open store. */
export async function startService(
  context: CommandContext,
  workspace: Workspace,
  options: ServiceOptions,
): Promise<Service> {
  const { store, authority } = workspace
  const log = openLog(options.log)
  const host = hostname().toLowerCase()
  const addresses = [...new Set(options.listen.map(({ address }) => address).filter((address) => !isAny(address)))]
  const names = {
    host,
    addresses: [...new Set([...addresses, '127.0.0.1'])],
    dnsNames: [...new Set(['localhost', host, ...(options.hosts ?? [])])].filter((name) => isIP(name) === 0),
  }
  const own = async (): Promise<ListenCredential> => {
    const { chain, key } = await managerCredential(store, names, Date.now())
    const pkcs8 = key.export()
    if (pkcs8 === undefined)
      throw new UsageError('not-supported', 'the key of the manager’s certificate cannot be read')
    return {
      certificate: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
      key: encodePem('PRIVATE KEY', pkcs8),
    }
  }
  const { files } = options
  const credential = files === undefined ? await own() : await readFiles(files)
  const web = webDirectory()
  const manager = await openManager({
    store,
    authority,
    version: productVersion(),
    log,
    listen: { addresses: options.listen, credential },
    web,
    hosts: names.dnsNames,
    proxies: options.proxies ?? [],
    judgeCapture: judgeCapture(context, store),
    rehearse: (reader) => rehearsePlants(context.state, store, reader),
    ...(options.est === undefined ? {} : { est: options.est }),
    ...(options.virtual === undefined ? {} : { virtual: options.virtual }),
  })
  const stopRenewing = files === undefined ? renewOwn(own, manager, log) : watchFiles(files, manager, log)
  try {
    const [first] = manager.listening.addresses
    if (first === undefined)
      throw new UsageError('missing', 'the manager listens nowhere; say where: --listen ADDRESS:PORT')
    const url = `https://${shownAddress(first.address)}:${first.port}`
    const policy = await userPolicy(store.db)
    const link = await createFirstRunLink(store, policy, { manager: `${host} ${url}`, now: Date.now() })
    return {
      manager,
      log,
      url,
      fingerprint: fingerprintOf(credential.certificate),
      firstRun: link === undefined ? undefined : { url: `${url}/first-run#${link.secret}`, expiresAt: link.expiresAt },
      hasPages: web !== undefined,
      [Symbol.asyncDispose]: async () => {
        stopRenewing()
        await manager[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    stopRenewing()
    await manager[Symbol.asyncDispose]()
    throw error
  }
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

function shownAddress(address: string): string {
  if (isAny(address)) return hostname()
  return address.includes(':') ? `[${address}]` : address
}

function fingerprintOf(pem: string): string {
  return shownFingerprint(new Uint8Array(new X509Certificate(pem).raw))
}

/** The web interface as it was built beside this package; undefined where it was not. */
function webDirectory(): string | undefined {
  const directory = fileURLToPath(new URL('../../web/dist', import.meta.url))
  return existsSync(`${directory}/index.html`) ? directory : undefined
}

/** @throws UsageError `bad-value` for files that are not there, or not of one another */
async function readFiles({
  certificate,
  key,
}: {
  readonly certificate: string
  readonly key: string
}): Promise<ListenCredential> {
  const read = async (path: string, flag: string) =>
    await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new UsageError('bad-value', `${flag}: ${path} cannot be read`, { cause })
    })
  const pair = { certificate: await read(certificate, '--certificate'), key: await read(key, '--key') }
  try {
    const { createPrivateKey } = await import('node:crypto')
    if (new X509Certificate(pair.certificate).checkPrivateKey(createPrivateKey(pair.key))) return pair
  } catch (cause) {
    throw new UsageError('bad-value', `--certificate, --key: expected PEM files with a certificate and its key`, {
      cause,
    })
  }
  throw new UsageError('bad-value', `--key: ${key} is not the key of ${certificate}`)
}

/** Takes files up again when they change; a pair that does not fit leaves the old one in force. */
function watchFiles(
  files: { readonly certificate: string; readonly key: string },
  { listening }: Manager,
  log: Log,
): () => void {
  const changed = () => {
    readFiles(files).then(
      (credential) => {
        listening.renew(credential)
        log.info({ fingerprint: fingerprintOf(credential.certificate) }, 'certificate taken up')
      },
      (error: unknown) => log.warn({ err: error }, 'the changed certificate is not taken up'),
    )
  }
  const paths = [files.certificate, files.key]
  // By looking, as events of directories are lost on network file systems and with renamed links.
  for (const path of paths) watchFile(path, { interval: pollMs, persistent: false }, changed)
  return () => {
    for (const path of paths) unwatchFile(path, changed)
  }
}

const renewEveryMs = 12 * 3_600_000

function renewOwn(own: () => Promise<ListenCredential>, { listening }: Manager, log: Log): () => void {
  const timer = setInterval(() => {
    own().then(
      (credential) => listening.renew(credential),
      (error: unknown) => log.warn({ err: error }, 'the certificate was not renewed'),
    )
  }, renewEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}
