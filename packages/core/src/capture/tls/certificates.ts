import type { Crypto } from '../../crypto/provider.ts'
import { MalformedMessage } from '../../errors.ts'
import { decodeCertificate, isSelfSigned } from '../../x509/certificate.ts'
import { hex } from '../../x509/der.ts'
import { decodeName, formatName } from '../../x509/name.ts'
import {
  certificateLimits,
  checkDer,
  derBytes,
  derChildren,
  derContent,
  type DerElement,
  derExpect,
  derTags,
  derTime,
} from '../../x509/strict.ts'
import { visible } from './text.ts'

/**
 * Whose certificate it is: it chains to a vendor's anchor (a device as it left the factory), to an anchor of the plant,
 * it signed itself, or none of these as far as the anchors at hand tell.
 */
export type CertificateOrigin = 'vendor' | 'plant' | 'self-signed' | 'unknown'

/** What a certificate on the wire says about itself, and whose it is. */
export interface CertificateFacts {
  /** Bytes of its DER. */
  readonly length: number
  /** SHA-256 over its DER, lower-case hex. */
  readonly fingerprint: string
  readonly origin: CertificateOrigin
  /** RFC 4514 text. */
  readonly subject?: string
  /** RFC 4514 text. */
  readonly issuer?: string
  /** Lower-case hex. */
  readonly serial?: string
  /** Milliseconds since 1970. */
  readonly notBefore?: number
  /** Milliseconds since 1970. */
  readonly notAfter?: number
  /** `ecdsa-p256`, `rsa-2048`. */
  readonly key?: string
  /** Its alternative names, as `ip:10.1.2.3`. */
  readonly names?: readonly string[]
  /** Why it is not a certificate that Cordon would accept; what could be read of it stands beside. */
  readonly problem?: string
}

/** What certificates are judged with. */
export interface CertificateJudge {
  readonly crypto: Crypto
  /** CA certificates of device vendors, DER. */
  readonly vendorAnchors: readonly Uint8Array[]
  /** CA certificates of the plant, DER. */
  readonly plantAnchors: readonly Uint8Array[]
}

/** Most certificates that are remembered: a plant shows the same few over and over. */
const mostRemembered = 4096

/** Longest name that is kept of a certificate: the remembered ones are many. */
const longestName = 1024

/** Most alternative names that are kept of a certificate. */
const mostNames = 32

function cut(text: string): string {
  return visible(text.length > longestName ? `${text.slice(0, longestName)}…` : text)
}

/** Reads certificates as they pass, and remembers those it has judged. */
export class CertificateReader {
  readonly #judge: CertificateJudge
  readonly #known = new Map<string, CertificateFacts>()

  constructor(judge: CertificateJudge) {
    this.#judge = judge
  }

  /** The facts of one certificate; `others` came along with it and may complete its chain. Never throws. */
  read(der: Uint8Array, others: readonly Uint8Array[] = []): CertificateFacts {
    const { crypto } = this.#judge
    const name = hex(crypto.digest('SHA-256', der))
    const known = this.#known.get(name)
    // With another chain an unknown certificate may find its origin.
    if (known !== undefined && (known.origin !== 'unknown' || known.problem !== undefined)) return known
    const facts: CertificateFacts = { length: der.length, fingerprint: name, ...this.#inspect(der, others) }
    if (this.#known.size >= mostRemembered) this.#known.clear()
    this.#known.set(name, facts)
    return facts
  }

  #inspect(der: Uint8Array, others: readonly Uint8Array[]): Omit<CertificateFacts, 'length' | 'fingerprint'> {
    try {
      const certificate = decodeCertificate(der)
      const names = certificate.extensions.subjectAlternativeNames
        ?.slice(0, mostNames)
        .map(({ kind, value }) => cut(`${kind}:${value}`))
      return {
        origin: this.#origin(der, others, () => isSelfSigned(this.#judge.crypto, certificate)),
        subject: cut(formatName(certificate.subject)),
        issuer: cut(formatName(certificate.issuer)),
        serial: certificate.serial,
        notBefore: certificate.notBefore,
        notAfter: certificate.notAfter,
        key: certificate.key.algorithm,
        ...(names === undefined ? {} : { names }),
      }
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      return { origin: 'unknown', ...readLoosely(der), problem: error.message }
    }
  }

  #origin(der: Uint8Array, others: readonly Uint8Array[], selfSigned: () => boolean): CertificateOrigin {
    if (this.#chains(der, others, this.#judge.plantAnchors)) return 'plant'
    if (this.#chains(der, others, this.#judge.vendorAnchors)) return 'vendor'
    return selfSigned() ? 'self-signed' : 'unknown'
  }

  #chains(leaf: Uint8Array, intermediates: readonly Uint8Array[], anchors: readonly Uint8Array[]): boolean {
    if (anchors.length === 0) return false
    try {
      // Whose it is, not whether it may be used: neither dates nor revocation matter here.
      return this.#judge.crypto.verifyChain({ leaf, intermediates, anchors, revocation: 'off' }).ok
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      // One of the others is no certificate: the leaf may still come from an anchor itself.
      return intermediates.length > 0 && this.#chains(leaf, [], anchors)
    }
  }
}

/** The parts of a certificate that can be read although the whole would not be accepted. */
function readLoosely(der: Uint8Array): Partial<CertificateFacts> {
  const what = 'certificate'
  const fields = attempt((): DerElement[] => {
    const [tbs] = derChildren(der, derExpect(checkDer(der, what, certificateLimits), derTags.sequence, what), what)
    return derChildren(der, derExpect(tbs, derTags.sequence, what), what)
  })
  if (fields === undefined) return {}
  if (fields[0]?.tag === 0xa0) fields.shift()
  const [serial, , issuer, validity, subject] = fields
  const name = (element: DerElement | undefined) =>
    element === undefined ? undefined : attempt(() => cut(formatName(decodeName(derBytes(der, element)))))
  const times =
    validity === undefined
      ? []
      : (attempt(() => derChildren(der, validity, what).map((time) => derTime(der, time, what))) ?? [])
  return present({
    issuer: name(issuer),
    subject: name(subject),
    serial: serial?.tag === derTags.integer ? hex(derContent(der, serial).subarray(0, 32)) : undefined,
    notBefore: times[0],
    notAfter: times[1],
  })
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return undefined
  }
}

/** Without the fields that are undefined. */
function present(
  facts: { readonly [K in keyof CertificateFacts]?: CertificateFacts[K] | undefined },
): Partial<CertificateFacts> {
  // What is left has no undefined value, which the compiler cannot see.
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined),
  ) as Partial<CertificateFacts>
}
