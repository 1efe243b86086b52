import type { Crypto, PrivateKey } from '../crypto/provider.ts'
import {
  type Certificate,
  type CertificateContents,
  encodeTbs,
  joinSigned,
  signStructure,
} from '../x509/certificate.ts'
import type { CertificateProfile } from './authority.ts'
import { checkTbs } from './lint.ts'

/** What {@link signCertificate} is told besides the contents. */
export interface SigningContext {
  readonly profile: CertificateProfile
  /** Who signs; undefined for a root. */
  readonly issuer: Certificate | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * Makes a certificate, DER: encodes its contents, checks what is about to be signed, signs.
 * @throws NotAllowed `refused` when the check finds something
 */
export async function signCertificate(
  crypto: Crypto,
  contents: CertificateContents,
  signer: PrivateKey,
  context: SigningContext,
): Promise<Uint8Array> {
  return (await makeCertificate(crypto, contents, signer, context)).der
}

/** As {@link signCertificate}, in the form it was checked in: whoever records it need not read it again. */
export async function makeCertificate(
  crypto: Crypto,
  contents: CertificateContents,
  signer: PrivateKey,
  context: SigningContext,
): Promise<Certificate> {
  const tbs = encodeTbs(contents, signer.kind)
  const unsigned = checkTbs(crypto, tbs, context)
  const signature = await signer.sign(tbs)
  return { ...unsigned, der: joinSigned(tbs, signer.kind, signature), signature }
}

/** Makes a vendor's certificate, which follows the vendor's rules, not the plant's: encoded and signed as it is. */
export async function signVendorCertificate(contents: CertificateContents, signer: PrivateKey): Promise<Uint8Array> {
  return await signStructure(encodeTbs(contents, signer.kind), signer)
}
