import { decodeCertificates, estPath, type EstServer, type PullTrust } from '@cordon/core/enrollment'
import { NotTrusted, PeerError, UsageError } from '@cordon/core/errors'
import {
  type Certificate,
  decodeCertificate,
  decodePem,
  fingerprint,
  formatName,
  isSelfSigned,
} from '@cordon/core/x509'
import { latin1 } from '@cordon/core/wire'
import { nodeCrypto } from '@cordon/node/crypto'
import { exchange } from '@cordon/node/est'
import { readBounded } from './input-file.ts'

/** How a person said whom to believe. */
export interface TrustFlags {
  readonly trust?: string
  readonly fingerprint?: string
  readonly provisional?: boolean
}

const longestFile = 1024 * 1024

/** Whom to believe, by the flags; undefined: nothing was said. @throws UsageError for what is no fingerprint or anchor */
export async function trustOf(flags: TrustFlags): Promise<PullTrust | undefined> {
  if (flags.provisional === true) return { kind: 'provisional' }
  if (flags.fingerprint !== undefined) {
    const sha256 = flags.fingerprint.replaceAll(':', '').toLowerCase()
    if (/^[0-9a-f]{64}$/.test(sha256)) return { kind: 'fingerprint', sha256 }
    throw new UsageError('bad-option', '--fingerprint expects a SHA-256 fingerprint: 64 hex digits, colons allowed')
  }
  if (flags.trust === undefined) return undefined
  return { kind: 'anchors', anchors: await readAnchors(flags.trust) }
}

async function readAnchors(file: string): Promise<readonly Uint8Array[]> {
  const anchors = (await readPem(file, '--trust'))
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ bytes }) => decodeCertificate(bytes))
  if (anchors.length === 0 || anchors.some(({ extensions }) => extensions.basicConstraints?.ca !== true)) {
    throw new UsageError('bad-value', `--trust: ${file} must hold certificates of authorities as PEM, and nothing else`)
  }
  return anchors.map(({ der }) => der)
}

/** The PEM blocks of a file that a person named. @throws UsageError `missing`, `bad-value` */
export async function readPem(file: string, what: string): Promise<ReturnType<typeof decodePem>> {
  const bytes = await readBounded(file, longestFile + 1).catch((cause: unknown) => {
    throw new UsageError('missing', `${what}: cannot read ${file}`, { cause })
  })
  if (bytes.length > longestFile)
    throw new UsageError('bad-value', `${what}: ${file} is longer than ${longestFile} bytes`)
  return decodePem(latin1(bytes))
}

/** An authority that a server names and that it belongs to; not believed yet. */
export interface NamedAuthority {
  readonly name: string
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
}

/** Asks a server, provisionally, for its authority: the root where it names one. @throws NotTrusted when it has none */
export async function askAuthority(
  server: EstServer,
  options: { readonly localAddress?: string | undefined; readonly signal: AbortSignal },
): Promise<NamedAuthority> {
  const path = estPath('cacerts', server.label, server.prefix)
  const reply = await exchange({ server, method: 'GET', path, anchors: undefined }, options)
  if (reply.status !== 200) {
    throw new PeerError('unexpected-reply', `${server.host} answered ${reply.status} to the question for its authority`)
  }
  const [leaf, ...intermediates] = reply.peer ?? []
  const authorities = decodeCertificates(reply.contentType, reply.body)
    .filter(({ extensions }) => extensions.basicConstraints?.ca === true)
    .sort((a, b) => Number(isRoot(b)) - Number(isRoot(a)))
  const all = [...intermediates, ...authorities.map(({ der }) => der)]
  const own = authorities.find(
    ({ der }) =>
      leaf !== undefined &&
      nodeCrypto.verifyChain({ leaf, intermediates: all, anchors: [der], revocation: 'off', purpose: 'server' }).ok,
  )
  if (own === undefined) {
    throw new NotTrusted('unknown-authority', `${server.host} does not belong to any authority that it names`)
  }
  return { name: formatName(own.subject), fingerprint: fingerprint(nodeCrypto, own.der) }
}

function isRoot(certificate: Certificate): boolean {
  return isSelfSigned(nodeCrypto, certificate)
}
