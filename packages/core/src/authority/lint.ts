import type { Crypto } from '../crypto/provider.ts'
import { MalformedMessage, NotAllowed } from '../errors.ts'
import { type Certificate, decodeCertificate, keyIdentifier } from '../x509/certificate.ts'
import { derBitString, derEncode, sameBytes } from '../x509/der.ts'
import { keyPurposes } from '../x509/extensions.ts'
import { formatName } from '../x509/name.ts'
import { derBytes, derChildren, checkDer, derTags } from '../x509/strict.ts'
import type { CertificateProfile } from './authority.ts'
import { minimumValidityMs } from './contents.ts'

/** What a certificate is checked against before it is signed. */
export interface LintContext {
  readonly profile: CertificateProfile
  /** Who will sign; undefined for what signs itself. */
  readonly issuer: Certificate | undefined
  readonly now: number
}

/**
 * Reads the bytes that are about to be signed as a stranger would, and lists what is wrong with them. The list is empty
 * for everything the authority means to sign: an entry is a fault in Cordon, and the certificate is not made.
 */
export function lintTbs(crypto: Crypto, tbs: Uint8Array, context: LintContext): string[] {
  return examine(crypto, tbs, context).findings
}

/**
 * The certificate as it will be, its signature still empty.
 * @throws NotAllowed `refused` with every finding of {@link lintTbs}, when there is one
 */
export function checkTbs(crypto: Crypto, tbs: Uint8Array, context: LintContext): Certificate {
  const { certificate, findings } = examine(crypto, tbs, context)
  if (certificate === undefined || findings.length > 0) {
    throw new NotAllowed('refused', `a ${context.profile} certificate was not signed: ${findings.join('; ')}`)
  }
  return certificate
}

function examine(
  crypto: Crypto,
  tbs: Uint8Array,
  context: LintContext,
): { certificate?: Certificate; findings: string[] } {
  try {
    const certificate = decodeCertificate(asUnsigned(tbs))
    return {
      certificate,
      findings: [...lintCommon(crypto, certificate, context), ...lintProfile(certificate, context.profile)],
    }
  } catch (error) {
    if (error instanceof MalformedMessage) return { findings: [error.message] }
    throw error
  }
}

/** The bytes with their own algorithm and an empty signature, so that the one strict reader can read them. */
function asUnsigned(tbs: Uint8Array): Uint8Array {
  const what = 'certificate'
  // Version, serial number, signature algorithm.
  const algorithm = derChildren(tbs, checkDer(tbs, what), what)[2]
  if (algorithm === undefined) throw new MalformedMessage('truncated', `${what}: without a signature algorithm`)
  return derEncode(derTags.sequence, tbs, derBytes(tbs, algorithm), derBitString(new Uint8Array(1)))
}

function lintCommon(crypto: Crypto, certificate: Certificate, { issuer, now, profile }: LintContext): string[] {
  const findings: string[] = []
  const { extensions } = certificate
  const expect = (holds: boolean, finding: string) => {
    if (!holds) findings.push(finding)
  }
  expect(certificate.version === 3, 'not version 3')
  expect(certificate.serial.length >= 32, 'a serial number of less than 16 bytes')
  expect(certificate.subject.parts.length > 0, 'an empty subject')
  expect(certificate.notBefore <= now, 'not valid yet')
  expect(certificate.notAfter >= now + minimumValidityMs - 1000, 'expired, or about to be')
  expect(extensions.unknownCritical.length === 0, `critical extension ${extensions.unknownCritical.join(', ')}`)
  const identifier = keyIdentifier(crypto, certificate.publicKey)
  const { subjectKeyIdentifier, authorityKeyIdentifier } = extensions
  expect(
    subjectKeyIdentifier !== undefined && sameBytes(subjectKeyIdentifier, identifier),
    'a subject key identifier that is missing or not of this key',
  )
  const issuerIdentifier = issuer === undefined ? identifier : issuer.extensions.subjectKeyIdentifier
  expect(
    authorityKeyIdentifier !== undefined &&
      issuerIdentifier !== undefined &&
      sameBytes(authorityKeyIdentifier, issuerIdentifier),
    'an authority key identifier that is missing or not of the issuer',
  )
  const issuerName = issuer?.subject ?? certificate.subject
  expect(sameBytes(certificate.issuer.der, issuerName.der), `issuer is not ${formatName(issuerName)} to the byte`)
  if (issuer !== undefined) {
    expect(issuer.extensions.basicConstraints?.ca === true, 'an issuer that is no CA')
    expect(issuer.extensions.keyUsage?.includes('keyCertSign') === true, 'an issuer that may not sign certificates')
    expect(certificate.notAfter <= issuer.notAfter, 'outlives its issuer')
    expect(!sameBytes(certificate.publicKey, issuer.publicKey), "the issuer's own key")
    const below = issuer.extensions.basicConstraints?.pathLength
    const isAuthority = profile === 'issuing' || profile === 'cross'
    expect(!isAuthority || below === undefined || below > 0, 'a CA below a CA that allows none')
    expect(
      profile !== 'cross' || sameBytes(certificate.subject.der, issuer.subject.der),
      'a cross certificate between roots of different names',
    )
  }
  return findings
}

/** Extended key usages by profile, exactly these. */
const purposesOf = {
  device: [keyPurposes.serverAuth, keyPurposes.clientAuth],
  client: [keyPurposes.clientAuth],
  server: [keyPurposes.serverAuth, keyPurposes.cmcRA],
  provisioning: [keyPurposes.clientAuth],
} as const

function lintProfile(certificate: Certificate, profile: CertificateProfile): string[] {
  const { basicConstraints, keyUsage = [], extendedKeyUsage, subjectAlternativeNames = [] } = certificate.extensions
  const findings: string[] = []
  const expect = (holds: boolean, finding: string) => {
    if (!holds) findings.push(finding)
  }
  expect(
    certificate.extensions.all.find(({ type }) => type === '2.5.29.19')?.critical === true,
    'basic constraints not critical',
  )
  expect(keyUsage.length > 0, 'no key usage')
  if (profile === 'root' || profile === 'issuing' || profile === 'cross') {
    expect(basicConstraints?.ca === true, 'a CA certificate that is none')
    expect(profile !== 'issuing' || basicConstraints?.pathLength === 0, 'an issuing CA without path length 0')
    expect(
      keyUsage.every((usage) => usage === 'keyCertSign' || usage === 'cRLSign'),
      'a CA key for more than signing',
    )
    expect(keyUsage.includes('keyCertSign'), 'a CA key that may not sign certificates')
    return findings
  }
  expect(basicConstraints?.ca === false, 'a CA flag in an end-entity certificate')
  expect(!keyUsage.includes('keyCertSign') && !keyUsage.includes('cRLSign'), 'the right to sign certificates or lists')
  expect(keyUsage.includes('digitalSignature'), 'no right to sign a handshake')
  const purposes: readonly string[] = purposesOf[profile]
  expect(
    extendedKeyUsage?.length === purposes.length && purposes.every((purpose) => extendedKeyUsage.includes(purpose)),
    'extended key usages other than those of its profile',
  )
  expect(
    subjectAlternativeNames.every(({ kind }) => kind === 'ip' || kind === 'dns'),
    'a subject alternative name that is neither IP address nor DNS name',
  )
  expect(
    profile !== 'device' || subjectAlternativeNames.some(({ kind }) => kind === 'ip'),
    'a device without IP address',
  )
  expect(profile !== 'server' || subjectAlternativeNames.length > 0, 'a server without a name')
  expect(profile !== 'provisioning' || subjectAlternativeNames.length === 0, 'a provisioning certificate with a name')
  return findings
}
