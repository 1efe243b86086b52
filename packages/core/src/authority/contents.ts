import type { Crypto, KeyKind } from '../crypto/provider.ts'
import { UsageError } from '../errors.ts'
import { type Certificate, type CertificateContents, keyIdentifier } from '../x509/certificate.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  type KeyUsage,
  keyPurposes,
  keyUsage,
  subjectAlternativeName,
  subjectKeyIdentifier,
} from '../x509/extensions.ts'
import { encodeName, type Name, type NameAttribute, nameAttribute } from '../x509/name.ts'
import { checkPublicKey } from '../x509/strict.ts'
import type { CertificateProfile, SubjectTemplate } from './authority.ts'

const minute = 60_000
const day = 24 * 60 * minute
const year = 365 * day

/**
 * How long before the moment of issue a certificate begins to be valid. Devices without a clock never look; those with
 * one may be a day behind, or in another idea of local time, and must not refuse what was just issued to them.
 */
export const backdateMs = day

/** Validity by profile, where nobody asks for another. A child never outlives its issuer. */
export const defaultValidityMs = {
  root: 20 * year,
  issuing: 10 * year,
  cross: 20 * year,
  device: 5 * year,
  client: year,
  server: year,
  provisioning: 90 * day,
} as const

/** Shortest validity that is issued: a probe needs no more, and less would end before its handshake does. */
export const minimumValidityMs = minute

/** What every certificate's contents need besides its profile. */
export interface Issuance {
  /** DER SubjectPublicKeyInfo of the subject. */
  readonly publicKey: Uint8Array
  /** Milliseconds since 1970. */
  readonly now: number
  readonly validityMs?: number
}

/** A new serial number: 16 random bytes, the first between 0x40 and 0x7f, so that it is positive and always 16 long. */
export function newSerial(crypto: Crypto): Uint8Array {
  const serial = crypto.random(16)
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f)
  return serial
}

/** The part of a subject that all of a plant share, most general first, and then its own attributes. */
export function subjectName(template: SubjectTemplate, ...own: readonly NameAttribute[]): Name {
  const shared: NameAttribute[] = []
  const { country, organization, organizationalUnit, state, locality } = template
  if (country !== undefined) {
    if (!/^[A-Za-z]{2}$/.test(country)) {
      throw new UsageError('bad-value', `expected a country as two letters, such as US, got "${country}"`)
    }
    shared.push(nameAttribute('C', country.toUpperCase()))
  }
  if (state !== undefined) shared.push(nameAttribute('ST', bounded('state', state)))
  if (locality !== undefined) shared.push(nameAttribute('L', bounded('locality', locality)))
  if (organization !== undefined) shared.push(nameAttribute('O', bounded('organization', organization)))
  if (organizationalUnit !== undefined) {
    shared.push(nameAttribute('OU', bounded('organizational unit', organizationalUnit)))
  }
  return encodeName([...shared, ...own])
}

/** The upper bounds of RFC 5280 appendix A are 64 characters for these attributes. */
function bounded(field: string, value: string): string {
  if (value.length === 0 || value.length > 64) {
    throw new UsageError('bad-value', `expected a ${field} of 1 to 64 characters, got ${value.length}`)
  }
  return value
}

function commonName(value: string): NameAttribute {
  return nameAttribute('CN', bounded('common name', value))
}

function validity(issuance: Issuance, profile: keyof typeof defaultValidityMs, issuer?: Certificate) {
  const validityMs = issuance.validityMs ?? defaultValidityMs[profile]
  if (!Number.isFinite(validityMs) || validityMs < minimumValidityMs) {
    throw new UsageError('bad-value', `expected a validity of at least a minute, got ${validityMs} ms`)
  }
  const notBefore = issuance.now - backdateMs
  const wanted = issuance.now + validityMs
  if (issuer !== undefined && issuer.notAfter < issuance.now + minimumValidityMs) {
    throw new UsageError('bad-value', 'the issuing certificate has expired; renew it first')
  }
  return { notBefore, notAfter: issuer === undefined ? wanted : Math.min(wanted, issuer.notAfter) }
}

const authorityUsage: readonly KeyUsage[] = ['keyCertSign', 'cRLSign']

/** The plant's root: self-signed, may have CAs below it. */
export function rootContents(
  crypto: Crypto,
  request: Issuance & { readonly plant: string; readonly subject: SubjectTemplate },
): CertificateContents {
  const name = subjectName(request.subject, commonName(`${request.plant} root`))
  const identifier = keyIdentifier(crypto, request.publicKey)
  return {
    serial: newSerial(crypto),
    issuer: name,
    subject: name,
    ...validity(request, 'root'),
    publicKey: request.publicKey,
    extensions: [
      basicConstraints(true),
      keyUsage(authorityUsage),
      subjectKeyIdentifier(identifier),
      authorityKeyIdentifier(identifier),
    ],
  }
}

/**
 * A CA certified by another generation of a root, its name and key unchanged. `cross`: one generation of the root by
 * another (RFC 4210 4.4: OldWithNew, NewWithOld). `issuing`: an issuing CA by the new root.
 * @throws UsageError `bad-value` when one of the two has expired
 */
export function recertifiedContents(
  crypto: Crypto,
  request: {
    readonly profile: 'cross' | 'issuing'
    /** The CA's present certificate. */
    readonly subject: Certificate
    readonly issuer: Certificate
    /** Milliseconds since 1970. */
    readonly now: number
  },
): CertificateContents {
  const { profile, subject, issuer, now } = request
  // A cross certificate ends with the root that it speaks of; an issuing CA starts a life of its own.
  const validityMs = profile === 'cross' ? subject.notAfter - now : defaultValidityMs.issuing
  return {
    serial: newSerial(crypto),
    issuer: issuer.subject,
    subject: subject.subject,
    ...validity({ publicKey: subject.publicKey, now, validityMs }, profile, issuer),
    publicKey: subject.publicKey,
    extensions: [
      profile === 'cross' ? basicConstraints(true) : basicConstraints(true, 0),
      keyUsage(authorityUsage),
      subjectKeyIdentifier(issuerIdentifier(crypto, subject)),
      authorityKeyIdentifier(issuerIdentifier(crypto, issuer)),
    ],
  }
}

/**
 * The CA of provisioning certificates: self-signed and below no other, so that no path leads from what it signs to
 * anything that a device trusts.
 */
export function provisioningAuthorityContents(
  crypto: Crypto,
  request: Issuance & {
    readonly plant: string
    /** Tells it from the plant's other provisioning CAs. */
    readonly name?: string
    readonly subject: SubjectTemplate
  },
): CertificateContents {
  const own = request.name === undefined ? 'provisioning' : `${request.name} provisioning`
  const name = subjectName(request.subject, commonName(`${request.plant} ${own}`))
  const identifier = keyIdentifier(crypto, request.publicKey)
  return {
    serial: newSerial(crypto),
    issuer: name,
    subject: name,
    ...validity(request, 'issuing'),
    publicKey: request.publicKey,
    extensions: [
      basicConstraints(true, 0),
      keyUsage(authorityUsage),
      subjectKeyIdentifier(identifier),
      authorityKeyIdentifier(identifier),
    ],
  }
}

/** A zone's issuing CA: under the root, no CA below it (path length 0). */
export function issuingContents(
  crypto: Crypto,
  request: Issuance & {
    readonly plant: string
    readonly zone: string
    /** Default 1. Later ones have names of their own, so that nobody takes the list of one for that of another. */
    readonly generation?: number
    readonly subject: SubjectTemplate
    readonly issuer: Certificate
  },
): CertificateContents {
  const { generation = 1 } = request
  const own = `${request.plant} ${request.zone} issuing${generation === 1 ? '' : ` ${generation}`}`
  return {
    serial: newSerial(crypto),
    issuer: request.issuer.subject,
    subject: subjectName(request.subject, commonName(own)),
    ...validity(request, 'issuing', request.issuer),
    publicKey: request.publicKey,
    extensions: [
      basicConstraints(true, 0),
      keyUsage(authorityUsage),
      subjectKeyIdentifier(keyIdentifier(crypto, request.publicKey)),
      authorityKeyIdentifier(issuerIdentifier(crypto, request.issuer)),
    ],
  }
}

/** Profiles of certificates that certify no other. */
export type EndEntityProfile = Extract<CertificateProfile, 'device' | 'client' | 'server' | 'provisioning'>

/** What the contents of a certificate for a device or a client are built from. Nothing here comes from a CSR but the key. */
export interface EndEntityIssuance extends Issuance {
  readonly subject: SubjectTemplate
  readonly issuer: Certificate
  readonly zone: string
  /** Becomes the common name. */
  readonly name: string
  readonly addresses: readonly string[]
  readonly dnsNames?: readonly string[]
}

/**
 * A device's certificate: its name, its addresses, server and client at once, because every device of a plant may be
 * target and originator.
 */
export function deviceContents(crypto: Crypto, request: EndEntityIssuance): CertificateContents {
  if (request.addresses.length === 0) {
    throw new UsageError('bad-value', `the certificate of ${request.name} needs at least one IP address`)
  }
  return endEntityContents(crypto, request, 'device', [keyPurposes.serverAuth, keyPurposes.clientAuth])
}

/** A client's certificate: the manager, a verifier, a probe. Client only: it can never stand in for a device. */
export function clientContents(crypto: Crypto, request: EndEntityIssuance): CertificateContents {
  return endEntityContents(crypto, request, 'client', [keyPurposes.clientAuth])
}

/**
 * An EST server's certificate: its names, server only, with the purpose by which clients know that it may answer for
 * the authority (id-kp-cmcRA, RFC 6402 2.10, RFC 7030 3.6.1).
 * @throws UsageError `bad-value` without an address and a DNS name: a client could not tell that it is the right server
 */
export function serverContents(crypto: Crypto, request: EndEntityIssuance): CertificateContents {
  if (request.addresses.length + (request.dnsNames ?? []).length === 0) {
    throw new UsageError('bad-value', `the certificate of server ${request.name} needs an IP address or a DNS name`)
  }
  return endEntityContents(crypto, request, 'server', [keyPurposes.serverAuth, keyPurposes.cmcRA])
}

/** A provisioning certificate: client only, and without addresses: it may be carried to any device. */
export function provisioningContents(crypto: Crypto, request: EndEntityIssuance): CertificateContents {
  const anywhere = { ...request, zone: 'provisioning', addresses: [], dnsNames: [] }
  return endEntityContents(crypto, anywhere, 'provisioning', [keyPurposes.clientAuth])
}

function endEntityContents(
  crypto: Crypto,
  request: EndEntityIssuance,
  profile: EndEntityProfile,
  purposes: readonly string[],
): CertificateContents {
  const dnsNames = request.dnsNames ?? []
  const { family } = checkPublicKey(request.publicKey)
  // A suite with RSA key transport encrypts to the key; ECDSA keys only ever sign (RFC 8422 5.1, cip-security-wire 5.3).
  const usages: readonly KeyUsage[] = family === 'rsa' ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature']
  const names: Extension[] =
    request.addresses.length + dnsNames.length === 0 ? [] : [subjectAlternativeName(request.addresses, dnsNames)]
  return {
    serial: newSerial(crypto),
    issuer: request.issuer.subject,
    subject: subjectName(
      { ...request.subject, organizationalUnit: request.subject.organizationalUnit ?? request.zone },
      commonName(request.name),
    ),
    ...validity(request, profile, request.issuer),
    publicKey: request.publicKey,
    extensions: [
      basicConstraints(false),
      keyUsage(usages),
      extendedKeyUsage(purposes),
      subjectKeyIdentifier(keyIdentifier(crypto, request.publicKey)),
      authorityKeyIdentifier(issuerIdentifier(crypto, request.issuer)),
      ...names,
    ],
  }
}

function issuerIdentifier(crypto: Crypto, issuer: Certificate): Uint8Array {
  return issuer.extensions.subjectKeyIdentifier ?? keyIdentifier(crypto, issuer.publicKey)
}

/**
 * How long a revocation list says it holds. Lists reach devices by push, and most devices cannot fetch the next one, so
 * this is the time a plant keeps running without its manager where expiry is checked at all.
 */
export const revocationListValidityMs = 30 * day

/** Kinds of key an authority may have: what devices in the field verify. */
export const authorityKeyKinds: readonly KeyKind[] = ['ecdsa-p256', 'ecdsa-p384', 'rsa-3072']
