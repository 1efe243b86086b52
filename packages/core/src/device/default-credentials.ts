import { signVendorCertificate } from '../authority/sign.ts'
import { vendorAuthorityContents, vendorContents, vendorSubject } from '../authority/vendor.ts'
import type { Crypto, KeyKind, PrivateKey } from '../crypto/provider.ts'
import { UsageError } from '../errors.ts'
import { type Certificate, decodeCertificate } from '../x509/certificate.ts'
import { encodeName, nameAttribute } from '../x509/name.ts'
import { decodeBase64, encodeBase64 } from '../x509/pem.ts'
import type { DefaultCredentials, DeviceIdentity } from './options.ts'

/** A maker's certificate authority: what signs the default certificates of its devices. */
export interface VendorPki {
  readonly vendorName: string
  readonly country: string | undefined
  /** Self-signed, DER: what a plant trusts when it believes this maker. */
  readonly root: Uint8Array
  /** Signs device certificates; devices send it along. */
  readonly issuer: Certificate
  readonly key: PrivateKey
}

/** A {@link VendorPki} as plain JSON: `key` is a secret. */
export interface StoredVendorPki {
  readonly vendorName: string
  readonly country?: string
  readonly root: string
  readonly issuer: string
  readonly key: string
}

/** {@link DefaultCredentials} as plain JSON: `key` is a secret. */
export interface StoredCredentials {
  readonly chain: readonly string[]
  readonly key: string
}

/**
 * Makes a maker's authority: a root, and one intermediate whose kind of key decides the signature on device
 * certificates (P-521 gives ecdsa-with-SHA512, as seen in the field).
 */
export async function createVendorPki(
  crypto: Crypto,
  request: {
    readonly vendorName: string
    readonly country?: string
    readonly issuerKey?: KeyKind
    readonly now: number
  },
): Promise<VendorPki> {
  const { vendorName, country, now } = request
  const rootKey = await crypto.generateKey('ecdsa-p384')
  const rootContents = vendorAuthorityContents(crypto, {
    vendorName,
    commonName: `${vendorName} Device Root`,
    publicKey: rootKey.publicKey,
    now,
  })
  const root = await signVendorCertificate(rootContents, rootKey)
  const key = await crypto.generateKey(request.issuerKey ?? 'ecdsa-p256')
  const issuerContents = vendorAuthorityContents(crypto, {
    vendorName,
    commonName: `${vendorName} Manufacturing CA`,
    publicKey: key.publicKey,
    now,
    issuer: decodeCertificate(root),
  })
  const issuer = decodeCertificate(await signVendorCertificate(issuerContents, rootKey))
  return { vendorName, country, root, issuer, key }
}

/** What a default certificate is made for. */
export interface CredentialsRequest {
  readonly identity: DeviceIdentity
  /** Default ECDSA P-256. */
  readonly keyKind?: KeyKind
  /** Milliseconds since 1970. */
  readonly now: number
  /** Without it the certificate is self-signed. */
  readonly vendor?: VendorPki
  /** Common name with `{name}` and `{serial}` (8 hex digits) filled in; `{name} ({serial})` when missing. */
  readonly commonName?: string
  /** Organization of a self-signed certificate. */
  readonly vendorName?: string
}

/** Makes the key pair and certificate a device leaves the factory with. */
export async function createDefaultCredentials(
  crypto: Crypto,
  request: CredentialsRequest,
): Promise<DefaultCredentials> {
  const { vendor, now } = request
  const key = await crypto.generateKey(request.keyKind ?? 'ecdsa-p256')
  const contents = vendorContents(crypto, {
    subject: subjectOf(request),
    publicKey: key.publicKey,
    now,
    ...(vendor === undefined ? {} : { issuer: vendor.issuer }),
  })
  const certificate = await signVendorCertificate(contents, vendor?.key ?? key)
  return { key, chain: vendor === undefined ? [certificate] : [certificate, vendor.issuer.der] }
}

function subjectOf(request: CredentialsRequest): ReturnType<typeof vendorSubject> {
  const { identity, vendor } = request
  const { vendorId, serialNumber, productName } = identity
  const vendorName = vendor?.vendorName ?? request.vendorName ?? `Vendor ${vendorId}`
  const country = vendor?.country === undefined ? {} : { country: vendor.country }
  const product = productName.slice(0, 40)
  if (request.commonName === undefined)
    return vendorSubject({ vendorId, serialNumber, vendorName, product, ...country })
  const serial = serialNumber.toString(16).padStart(8, '0')
  const commonName = request.commonName.replaceAll('{name}', product).replaceAll('{serial}', serial)
  const [head, ...rest] = vendorSubject({ vendorId, serialNumber, vendorName, ...country }).parts.toReversed()
  if (head === undefined) throw new UsageError('bad-value', 'expected a subject with a common name')
  return encodeName([...rest.toReversed(), nameAttribute('CN', commonName)])
}

/** Default credentials as plain JSON. @throws UsageError `not-supported` for a key that cannot leave its hardware */
export function storeCredentials(credentials: DefaultCredentials): StoredCredentials {
  return { chain: credentials.chain.map(encodeBase64), key: exported(credentials.key) }
}

/** Default credentials from plain JSON. @throws MalformedMessage for what is none */
export function restoreCredentials(crypto: Crypto, stored: StoredCredentials): DefaultCredentials {
  return {
    chain: stored.chain.map((text) => decodeBase64(text, 'a default certificate')),
    key: crypto.importKey(decodeBase64(stored.key, 'the key of a default certificate')),
  }
}

/** A maker's authority as plain JSON. @throws UsageError `not-supported` for a key that cannot leave its hardware */
export function storeVendorPki(pki: VendorPki): StoredVendorPki {
  return {
    vendorName: pki.vendorName,
    ...(pki.country === undefined ? {} : { country: pki.country }),
    root: encodeBase64(pki.root),
    issuer: encodeBase64(pki.issuer.der),
    key: exported(pki.key),
  }
}

/** A maker's authority from plain JSON. @throws MalformedMessage for what is none */
export function restoreVendorPki(crypto: Crypto, stored: StoredVendorPki): VendorPki {
  return {
    vendorName: stored.vendorName,
    country: stored.country,
    root: decodeBase64(stored.root, 'a vendor root'),
    issuer: decodeCertificate(decodeBase64(stored.issuer, 'a vendor issuer')),
    key: crypto.importKey(decodeBase64(stored.key, 'the key of a vendor issuer')),
  }
}

function exported(key: PrivateKey): string {
  const pkcs8 = key.export()
  if (pkcs8 === undefined)
    throw new UsageError('not-supported', 'expected a key that can be stored, got a hardware key')
  return encodeBase64(pkcs8)
}
