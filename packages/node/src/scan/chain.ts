import type { ChainCertificate, KeyFacts } from '@cordon/core/security'
import { verifyChain } from '@cordon/tls'
import { createHash, X509Certificate } from 'node:crypto'

/** How far a chain is believed: it leads to the plant's authority or to a vendor's, or says so itself, or nobody knows it. */
export type ChainTrust = 'plant' | 'vendor' | 'self-signed' | 'unknown'

/** A certificate that a target showed, in words. Nothing of it is proven by showing it. */
export interface ShownCertificate extends ChainCertificate {
  readonly issuer: string
  /** Upper-case hex. */
  readonly serial: string
  /** ISO 8601. */
  readonly notBefore: string
  /** ISO 8601. */
  readonly notAfter: string
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  /** Subject alternative names, such as `IP Address:127.0.0.1`. */
  readonly names: readonly string[]
}

/** A chain with the suites under which it was shown. */
export interface ShownChain {
  /** IANA numbers. */
  readonly suites: readonly number[]
  /** Leaf first. */
  readonly certificates: readonly ShownCertificate[]
  readonly trust: ChainTrust
  /** Why a chain is not believed, where anchors were given and it leads to none. */
  readonly reason?: string
}

/** Whom a scan believes, DER. */
export interface ScanAnchors {
  readonly plant?: readonly Uint8Array[]
  readonly vendor?: readonly Uint8Array[]
}

/** More certificates than this are not described. */
const maximumCertificates = 16

/** Describes a chain; bytes that are no certificate end it. */
export function describeChain(
  chain: readonly Uint8Array[],
  suites: readonly number[],
  anchors: ScanAnchors,
): ShownChain {
  const certificates: ShownCertificate[] = []
  for (const der of chain.slice(0, maximumCertificates)) {
    const described = describe(der)
    if (described === undefined) break
    certificates.push(described)
  }
  return { suites, certificates, ...judge(chain, certificates, anchors) }
}

function judge(
  chain: readonly Uint8Array[],
  certificates: readonly ShownCertificate[],
  anchors: ScanAnchors,
): Pick<ShownChain, 'trust' | 'reason'> {
  const [leaf, ...intermediates] = chain.slice(0, certificates.length)
  if (leaf === undefined) return { trust: 'unknown', reason: 'it is no certificate that can be read' }
  let reason: string | undefined
  for (const trust of ['plant', 'vendor'] as const) {
    const known = anchors[trust] ?? []
    if (known.length === 0) continue
    const result = verifyChain({ leaf, intermediates, anchors: known, crl: 'off' })
    if (result.ok) return { trust }
    reason ??= result.message
  }
  if (certificates[0]?.selfSigned === true) return { trust: 'self-signed' }
  return { trust: 'unknown', ...(reason === undefined ? {} : { reason }) }
}

function describe(der: Uint8Array): ShownCertificate | undefined {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(Buffer.from(der))
  } catch {
    // The bytes come from a stranger; that they are no certificate is the finding.
    return undefined
  }
  const { subject, issuer, serialNumber, validFrom, validTo, subjectAltName } = certificate
  return {
    subject: nameText(subject),
    issuer: nameText(issuer),
    serial: serialNumber,
    key: keyOf(certificate),
    notBefore: moment(validFrom),
    notAfter: moment(validTo),
    fingerprint: createHash('sha256').update(der).digest('hex'),
    names: subjectAltName === undefined ? [] : subjectAltName.split(', ').slice(0, 64),
    selfSigned: subject === issuer && isSignedByItself(certificate),
    hash: signatureHash(der),
  }
}

function isSignedByItself(certificate: X509Certificate): boolean {
  try {
    return certificate.verify(certificate.publicKey)
  } catch {
    // A key that OpenSSL cannot use signs nothing.
    return false
  }
}

function keyOf(certificate: X509Certificate): KeyFacts {
  try {
    const { asymmetricKeyType = 'unknown', asymmetricKeyDetails } = certificate.publicKey
    const { modulusLength, namedCurve } = asymmetricKeyDetails ?? {}
    return {
      type: asymmetricKeyType,
      ...(modulusLength === undefined ? {} : { bits: modulusLength }),
      ...(namedCurve === undefined ? {} : { curve: namedCurve }),
    }
  } catch {
    return { type: 'unknown' }
  }
}

function nameText(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ')
}

function moment(text: string): string {
  const at = new Date(text)
  return Number.isNaN(at.getTime()) ? text : at.toISOString()
}

/** Object identifiers of signature algorithms (RFC 3279, RFC 4055, RFC 5758, RFC 8410) as DER content, in hex. */
const signatureHashes: Readonly<Record<string, string>> = {
  '2a864886f70d010102': 'MD2',
  '2a864886f70d010104': 'MD5',
  '2a864886f70d010105': 'SHA-1',
  '2a864886f70d01010e': 'SHA-224',
  '2a864886f70d01010b': 'SHA-256',
  '2a864886f70d01010c': 'SHA-384',
  '2a864886f70d01010d': 'SHA-512',
  '2a8648ce3d0401': 'SHA-1',
  '2a8648ce3d040301': 'SHA-224',
  '2a8648ce3d040302': 'SHA-256',
  '2a8648ce3d040303': 'SHA-384',
  '2a8648ce3d040304': 'SHA-512',
  '2b6570': 'SHA-512',
}

/** The hash of a certificate's signature: the identifier behind the signed part. */
function signatureHash(der: Uint8Array): string | undefined {
  const outer = element(der, 0)
  const signed = outer === undefined ? undefined : element(der, outer.content)
  const algorithm = signed === undefined ? undefined : element(der, signed.end)
  const identifier = algorithm === undefined ? undefined : element(der, algorithm.content)
  if (identifier === undefined || der[algorithm?.content ?? 0] !== 6) return undefined
  return signatureHashes[Buffer.from(der.subarray(identifier.content, identifier.end)).toString('hex')]
}

/** Where one DER element lies; undefined where the bytes end before it does. OpenSSL has read them before. */
function element(der: Uint8Array, start: number): { readonly content: number; readonly end: number } | undefined {
  const first = der[start + 1]
  if (first === undefined) return undefined
  const count = first < 0x80 ? 0 : first & 0x7f
  if (count > 4) return undefined
  let length = count === 0 ? first : 0
  for (let i = 0; i < count; i++) length = length * 256 + (der[start + 2 + i] ?? 0)
  const content = start + 2 + count
  return content + length > der.length ? undefined : { content, end: content + length }
}
