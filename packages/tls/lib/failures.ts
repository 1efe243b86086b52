/**
 * Codes of failures, of sessions and of `verifyChain`, each with what it means. They are the codes that src/verify.c and
 * src/session.c give.
 */
const meanings: Readonly<Record<string, string>> = {
  'unknown-authority': 'the certificate does not lead to a trusted authority or identity',
  'certificate-expired': 'a certificate has expired',
  'certificate-not-yet-valid': 'a certificate is not valid yet',
  'certificate-revoked': 'a certificate was revoked',
  'certificate-required': 'the peer sent no certificate',
  'certificate-invalid': 'a certificate is not valid',
  'bad-signature': 'a certificate is not signed by its issuer',
  'invalid-ca': 'a certificate was issued by one that is no authority',
  'path-too-long': 'the chain is longer than an authority in it allows',
  'wrong-purpose': 'the certificate may not be used in this role',
  'weak-key': 'a key or signature in the chain is too weak',
  'name-mismatch': "the certificate does not name the peer's address or name",
  'crl-missing': 'no revocation list for an issuer, and policy requires one',
  'crl-expired': 'a revocation list is out of date',
  'crl-invalid': 'a revocation list is not valid',
  'no-shared-suite': 'no cipher suite that both ends may use',
  'wrong-version': 'no protocol version that both ends may use',
  'psk-unknown': 'the peer named an unknown pre-shared key identity',
  'handshake-timeout': 'the handshake did not finish in time',
  'peer-alert': 'the peer gave up with an alert',
  protocol: 'the peer broke the protocol, or the keys differ',
  internal: 'OpenSSL failed',
}

/** A sentence for a failure: its meaning, and OpenSSL's own words. */
export function failureMessage(code: string, reason: string): string {
  const meaning = meanings[code] ?? code
  return reason === '' ? meaning : `${meaning} (${reason})`
}
