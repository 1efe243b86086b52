import { signVendorCertificate, vendorAuthorityContents, vendorContents, vendorSubject } from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import { type Certificate, decodeCertificate, type Extension, type Name, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'

/** The time of all tests here. */
export const now = Date.UTC(2026, 5, 1)

export interface Authority {
  readonly key: PrivateKey
  readonly certificate: Certificate
}

/** An authority: a root, or a CA below another. */
export async function authority(commonName: string, issuer?: Authority): Promise<Authority> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const contents = vendorAuthorityContents(nodeCrypto, {
    vendorName: 'Example',
    commonName,
    publicKey: key.publicKey,
    now,
    ...(issuer === undefined ? {} : { issuer: issuer.certificate }),
  })
  return { key, certificate: decodeCertificate(await signVendorCertificate(contents, issuer?.key ?? key)) }
}

/** A certificate of an end entity. */
export async function issue(
  issuer: Authority,
  publicKey: Uint8Array,
  wishes: {
    readonly subject?: Name
    readonly notBefore?: number
    readonly notAfter?: number
    readonly extensions?: readonly Extension[]
  } = {},
): Promise<Certificate> {
  const { subject = parseName('CN=device'), extensions = [], ...times } = wishes
  const contents = vendorContents(nodeCrypto, { subject, publicKey, now, issuer: issuer.certificate })
  const certificate = { ...contents, ...times, extensions: [...contents.extensions, ...extensions] }
  return decodeCertificate(await signVendorCertificate(certificate, issuer.key))
}

/** A vendor certificate that names a unit. */
export async function vendorCertificate(
  issuer: Authority,
  vendorId: number,
  serialNumber: number,
): Promise<Certificate> {
  const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
  return await issue(issuer, publicKey, { subject: vendorSubject({ vendorId, serialNumber, vendorName: 'Example' }) })
}

/** A root with an issuing CA below it. */
export async function world(): Promise<{ readonly root: Authority; readonly issuing: Authority }> {
  const root = await authority('root')
  return { root, issuing: await authority('issuing', root) }
}
