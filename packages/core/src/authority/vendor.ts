import type { Crypto } from '../crypto/provider.ts'
import { UsageError } from '../errors.ts'
import { type Certificate, type CertificateContents, keyIdentifier } from '../x509/certificate.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyPurposes,
  keyUsage,
  subjectKeyIdentifier,
} from '../x509/extensions.ts'
import { encodeName, type Name, nameAttribute } from '../x509/name.ts'
import type { VendorFacts } from '../x509/vendor-facts.ts'
import { backdateMs, newSerial } from './contents.ts'

function hexDigits(value: number, digits: number, upper: boolean): string {
  const text = value.toString(16).padStart(digits, '0')
  return upper ? text.toUpperCase() : text
}

/**
 * The subject of a vendor certificate, in a form that both built-in templates can read.
 * @throws UsageError `bad-value` for numbers out of range
 */
export function vendorSubject(facts: VendorFacts & { readonly vendorName: string; readonly country?: string }): Name {
  const { vendorId, serialNumber } = facts
  const isInRange = (value: number, bits: number) => Number.isInteger(value) && value >= 0 && value < 2 ** bits
  if (!isInRange(vendorId, 16) || !isInRange(serialNumber, 32)) {
    throw new UsageError(
      'bad-value',
      `expected a Vendor ID of 16 and a serial number of 32 bits, got ${vendorId} and ${serialNumber}`,
    )
  }
  const serial = hexDigits(serialNumber, 8, false)
  return encodeName([
    ...(facts.country === undefined ? [] : [nameAttribute('C', facts.country)]),
    nameAttribute('O', facts.vendorName),
    nameAttribute('serialNumber', `${hexDigits(vendorId, 4, true)}-${hexDigits(serialNumber, 8, true)}`),
    nameAttribute('CN', facts.product === undefined ? serial : `${facts.product} (${serial})`),
  ])
}

/** Validity of what a vendor puts into a device at the factory. */
const vendorValidityMs = 30 * 365 * 24 * 3_600_000

/**
 * The contents of a factory-installed device certificate. Without an issuer it is self-signed: what a device without a
 * vendor PKI shows.
 */
export function vendorContents(
  crypto: Crypto,
  request: {
    readonly subject: Name
    readonly publicKey: Uint8Array
    readonly now: number
    readonly issuer?: Certificate
  },
): CertificateContents {
  const { issuer, publicKey, now } = request
  const identifier = keyIdentifier(crypto, publicKey)
  return {
    serial: newSerial(crypto),
    issuer: issuer?.subject ?? request.subject,
    subject: request.subject,
    notBefore: now - backdateMs,
    notAfter: Math.min(now + vendorValidityMs, issuer?.notAfter ?? Number.POSITIVE_INFINITY),
    publicKey,
    extensions: [
      basicConstraints(false),
      keyUsage(['digitalSignature']),
      extendedKeyUsage([keyPurposes.serverAuth, keyPurposes.clientAuth]),
      subjectKeyIdentifier(identifier),
      authorityKeyIdentifier(issuer?.extensions.subjectKeyIdentifier ?? identifier),
    ],
  }
}

/** The contents of a vendor's root or manufacturing CA. */
export function vendorAuthorityContents(
  crypto: Crypto,
  request: {
    readonly vendorName: string
    readonly commonName: string
    readonly publicKey: Uint8Array
    readonly now: number
    /** Absent for a root. */
    readonly issuer?: Certificate
  },
): CertificateContents {
  const { issuer, publicKey, now } = request
  const identifier = keyIdentifier(crypto, publicKey)
  const subject = encodeName([nameAttribute('O', request.vendorName), nameAttribute('CN', request.commonName)])
  return {
    serial: newSerial(crypto),
    issuer: issuer?.subject ?? subject,
    subject,
    notBefore: now - backdateMs,
    notAfter: Math.min(now + vendorValidityMs + 365 * 24 * 3_600_000, issuer?.notAfter ?? Number.POSITIVE_INFINITY),
    publicKey,
    extensions: [
      issuer === undefined ? basicConstraints(true) : basicConstraints(true, 0),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(identifier),
      authorityKeyIdentifier(issuer?.extensions.subjectKeyIdentifier ?? identifier),
    ],
  }
}
