import type { Crypto, PrivateKey } from '../crypto/provider.ts'
import { type Certificate, type CertificateContents, encodeTbs, signStructure } from '../x509/certificate.ts'
import type { CertificateProfile } from './authority.ts'
import { checkTbs } from './lint.ts'

/**
 * Makes a certificate: encodes its contents, checks what is about to be signed, signs.
 * @throws NotAllowed `refused` when the check finds something
 */
export async function signCertificate(
  crypto: Crypto,
  contents: CertificateContents,
  signer: PrivateKey,
  context: { readonly profile: CertificateProfile; readonly issuer: Certificate | undefined; readonly now: number },
): Promise<Uint8Array> {
  const tbs = encodeTbs(contents, signer.kind)
  checkTbs(crypto, tbs, context)
  return await signStructure(tbs, signer)
}

/** Makes a vendor's certificate, which follows the vendor's rules, not the plant's: encoded and signed as it is. */
export async function signVendorCertificate(contents: CertificateContents, signer: PrivateKey): Promise<Uint8Array> {
  return await signStructure(encodeTbs(contents, signer.kind), signer)
}
