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
import { attributeTypes, type AttributeLabel, encodeName, type Name, nameAttribute } from '../x509/name.ts'
import { backdateMs, newSerial } from './contents.ts'

/** What a vendor certificate says about a device: who made it and which one it is (Identity attributes 1 and 6). */
export interface VendorFacts {
  /** CIP Vendor ID, 0 to 65535. */
  readonly vendorId: number
  /** CIP serial number, 32 bits. */
  readonly serialNumber: number
  /** The product, such as `1756-L85E/B`, where the template tells. */
  readonly product?: string
}

/**
 * Where one vendor writes these facts. Volume 8 defines the encoding and is not public, so it is data, per vendor.
 */
export interface VendorTemplate {
  /** For messages. */
  readonly name: string
  /** Subject attribute that holds the serial number. */
  readonly attribute: AttributeLabel
  /**
   * How the attribute's text is split: groups `serial` (hex) and, where the vendor writes them, `vendor` (hex) and
   * `product`.
   */
  readonly pattern: RegExp
  /** The CIP Vendor ID, for vendors that do not write it. */
  readonly vendorId?: number
}

/**
 * Deviation: the place of Vendor ID and serial number inside a vendor certificate is not public; ours is the subject's
 * serialNumber as `VVVV-SSSSSSSS`, upper-case hex (cip-security-wire 5.4).
 */
export const cordonVendorTemplate: VendorTemplate = {
  name: 'serialNumber VVVV-SSSSSSSS',
  attribute: 'serialNumber',
  pattern: /^(?<vendor>[0-9A-Fa-f]{4})-(?<serial>[0-9A-Fa-f]{8})$/,
}

/** As seen in the field: common name `1756-L85E/B (00e17387)`, the CIP serial number in hex (cip-security-wire 5.4). */
export const rockwellVendorTemplate: VendorTemplate = {
  name: 'common name PRODUCT (ssssssss)',
  attribute: 'CN',
  pattern: /^(?<product>[^()]{1,40}) \((?<serial>[0-9A-Fa-f]{8})\)$/,
  vendorId: 1,
}

/** The templates tried when nobody names one, in this order. */
export const vendorTemplates: readonly VendorTemplate[] = [cordonVendorTemplate, rockwellVendorTemplate]

/**
 * What a vendor certificate claims, by the first template that fits; undefined when none does. A claim is worth what the
 * chain of the certificate is worth: judge that first.
 */
export function vendorFacts(
  certificate: Certificate,
  templates: readonly VendorTemplate[] = vendorTemplates,
): VendorFacts | undefined {
  for (const template of templates) {
    // Two values of the attribute could be read two ways by two readers: then neither is believed.
    const values = certificate.subject.parts.flat().filter(({ type }) => type === attributeTypes[template.attribute])
    const match = values.length === 1 ? template.pattern.exec(values[0]?.value ?? '') : null
    const { serial, vendor, product } = match?.groups ?? {}
    const vendorId = vendor === undefined ? template.vendorId : Number.parseInt(vendor, 16)
    if (serial === undefined || vendorId === undefined) continue
    const serialNumber = Number.parseInt(serial, 16)
    return product === undefined ? { vendorId, serialNumber } : { vendorId, serialNumber, product }
  }
  return undefined
}

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
