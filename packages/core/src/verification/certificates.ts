import type { Crypto } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { type Certificate, decodeCertificate, fingerprint, isSelfSigned } from '../x509/certificate.ts'
import { formatName } from '../x509/name.ts'
import { sameBytes } from '../x509/der.ts'
import type { CheckId } from './check-table.ts'
import type { Judgement } from './verdict.ts'

/** What a certificate that a device shows is judged by. DER throughout. */
export interface CertificateExpectation {
  readonly crypto: Crypto
  readonly address: string
  readonly dnsName: string | undefined
  /** The issuing authority of the device's zone. */
  readonly anchors: readonly Uint8Array[]
  readonly revocationLists: readonly Uint8Array[]
  /** Milliseconds since 1970. */
  readonly now: number
  /** The certificate of the factory, where it could be read. */
  readonly defaultCertificate: Uint8Array | undefined
  /** The certificate that 0x5E attribute 6 leads to, where it could be read. */
  readonly active: Uint8Array | undefined
}

/** Judges the certificate that a device showed, leaf first. */
export function judgeCertificate(id: CheckId, chain: readonly Uint8Array[], wanted: CertificateExpectation): Judgement {
  const [leaf, ...intermediates] = chain
  if (leaf === undefined) return fail('the device showed no certificate')
  const { crypto } = wanted
  let certificate: Certificate
  try {
    certificate = decodeCertificate(leaf)
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return fail(`the certificate cannot be read: ${error.message}`)
  }
  const shown = `${formatName(certificate.subject)}, SHA-256 ${fingerprint(crypto, leaf).slice(0, 16)}…`
  switch (id) {
    case 'certificate-chain': {
      const { anchors } = wanted
      const verdict = crypto.verifyChain({ leaf, intermediates, anchors, revocation: 'off', purpose: 'server' })
      return verdict.ok ? pass(shown) : fail(`${shown}: ${verdict.reason}`)
    }
    case 'certificate-not-revoked': {
      const { revocationLists } = wanted
      // The lists alone decide here: what else may be wrong with the chain is the other checks' matter.
      const verdict = crypto.verifyChain({
        leaf,
        intermediates,
        anchors: wanted.anchors,
        revocationLists,
        revocation: 'ifPresent',
      })
      return verdict.ok || verdict.code !== 'revoked' ? pass(shown) : fail(`${shown}: ${verdict.reason}`)
    }
    case 'certificate-name':
      return judgeName(certificate, shown, wanted)
    case 'certificate-dates':
      return judgeDates(certificate, shown, wanted.now)
    case 'certificate-not-default': {
      if (wanted.defaultCertificate !== undefined && sameBytes(leaf, wanted.defaultCertificate))
        return fail(`${shown}: the certificate that the device left the factory with`)
      return isSelfSigned(crypto, certificate) ? fail(`${shown}: self-signed`) : pass(shown)
    }
    case 'certificate-active': {
      if (wanted.active === undefined) return fail('0x5E attribute 6 leads to no certificate that can be read')
      return sameBytes(leaf, wanted.active)
        ? pass(shown)
        : fail(`${shown}: 0x5E attribute 6 leads to another certificate`)
    }
    default:
      return fail(`there is no certificate check ${id}`)
  }
}

const dayMs = 24 * 60 * 60_000

function judgeDates({ notBefore, notAfter }: Certificate, shown: string, now: number): Judgement {
  const days = (ms: number): string => `${(ms / dayMs).toFixed(1)} days`
  if (now > notAfter) return fail(`${shown} expired ${days(now - notAfter)} ago`)
  if (now < notBefore) return fail(`${shown} is not valid for another ${days(notBefore - now)}`)
  return pass(`${shown} is valid for another ${days(notAfter - now)}`)
}

function judgeName(
  { extensions }: Certificate,
  shown: string,
  { address, dnsName }: CertificateExpectation,
): Judgement {
  const names = extensions.subjectAlternativeNames ?? []
  const holds = (kind: string, wanted: string) => names.some((name) => name.kind === kind && name.value === wanted)
  const missing = [
    ...(holds('ip', address) ? [] : [address]),
    ...(dnsName === undefined || holds('dns', dnsName) ? [] : [dnsName]),
  ]
  if (missing.length === 0) return pass(`${shown} names ${address}`)
  const found = names.map(({ kind, value }) => `${kind} ${String(value)}`).join(', ')
  return fail(`${shown} does not name ${missing.join(', ')}; it names ${found === '' ? 'nothing' : found}`)
}

/** What a device trusts as peers, DER. */
export interface TrustHeld {
  readonly authorities: readonly Uint8Array[]
  readonly identities: readonly Uint8Array[]
}

/**
 * Judges whether a device would believe its own default certificate as a peer's, by the certificates that it trusts: for
 * the case that no credential of its maker is at hand.
 */
export function judgeDefaultTrust(
  crypto: Crypto,
  defaultChain: readonly Uint8Array[],
  held: TrustHeld | string,
): Judgement {
  if (typeof held === 'string') return fail(`the device could not be read: ${held}`)
  const [leaf, ...intermediates] = defaultChain
  if (leaf === undefined)
    return {
      verdict: 'not-tested',
      reason: 'no credential of the maker is at hand, and the device does not show its default certificate',
    }
  const { authorities: anchors, identities: trusted } = held
  const verdict = crypto.verifyChain({ leaf, intermediates, anchors, trusted, revocation: 'off' })
  if (verdict.ok) return fail('the device trusts its own default certificate as a peer')
  const why =
    'no credential of the maker is at hand; by what it trusts the device would refuse its own default certificate'
  return { verdict: 'not-probed', reason: `${why}: ${verdict.reason}` }
}

function pass(reason: string): Judgement {
  return { verdict: 'pass', reason }
}

function fail(reason: string): Judgement {
  return { verdict: 'fail', reason }
}
