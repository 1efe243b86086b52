import type { MessageEntry, Severity } from '@cordon/core/deployment'

/**
 * Every weak spot that a scan can find. Codes are API: they change only with a major version. `docs/messages.md` is
 * printed from this table.
 */
export const weakSpotTable = {
  'anonymous-suite': {
    severity: 'error',
    title: 'suites in which nobody proves who they are',
    cause: 'Anonymous key exchange keeps listeners out and nobody else: whoever stands in between is not noticed.',
    next: 'Take the suites that the evidence names out of the settings of {subject}.',
  },
  'broken-cipher': {
    severity: 'error',
    title: 'ciphers that are broken or far too short',
    cause: 'RC4, DES, RC2 and export ciphers give less than 112 bits (SP 800-57) or are prohibited (RFC 7465).',
    next: 'Take the suites that the evidence names out of the settings of {subject}.',
  },
  'cbc-without-encrypt-then-mac': {
    severity: 'warning',
    title: 'CBC suites whose padding is not authenticated',
    cause:
      'The target did not take up encrypt-then-MAC (RFC 7366), so that the timing of its answers may tell of the payload (Lucky Thirteen).',
    next: 'Prefer GCM or ChaCha20-Poly1305 suites for {subject}, or update its firmware.',
  },
  'certificate-expired': {
    severity: 'error',
    title: 'a certificate of the chain has expired',
    cause: 'Its time was over by the clock of this machine. Peers that check dates refuse it.',
    next: 'Issue a new one: `cordon ca renew {subject} --plant PLANT`.',
  },
  'certificate-not-yet-valid': {
    severity: 'error',
    title: 'a certificate of the chain is not valid yet',
    cause: 'Its time has not begun by the clock of this machine: the clock here or at the authority is wrong.',
    next: 'Compare the clock of this machine with a time server, then look with `cordon doctor {subject}`.',
  },
  'client-certificate-not-asked': {
    severity: 'warning',
    title: 'no client certificate is asked for',
    cause: 'Whoever reaches the port may open a session; the protocol keeps nobody out.',
    next: 'Set Verify_Client (0x5E attribute 9), which `cordon apply` does, or limit who reaches {subject} by address.',
  },
  'client-certificate-optional': {
    severity: 'warning',
    title: 'a client certificate is not insisted on',
    cause: 'A handshake without one was finished.',
    next: 'Set Verify_Client (0x5E attribute 9), which `cordon apply` does for {subject}.',
  },
  'client-order': {
    severity: 'information',
    title: "the target follows the client's order of suites",
    cause: 'A client that prefers weak suites gets them, as long as the target offers them at all.',
    next: 'Offer on {subject} only suites of which any may be chosen.',
  },
  compression: {
    severity: 'error',
    title: 'TLS compression is offered',
    cause: 'The length of compressed records tells of their content (CRIME).',
    next: 'Switch compression off at {subject}, or update its firmware.',
  },
  'disallowed-after-2030': {
    severity: 'information',
    title: 'strength of less than 128 bits, which NIST allows through 2030 only',
    cause:
      'The weakest link gives 112 bits: acceptable through 2030, disallowed from 2031 on (SP 800-57 part 1, table 4).',
    next: 'Plan RSA of 3072 bits or a curve such as P-256 for the next certificates of {subject}.',
  },
  'fallback-not-refused': {
    severity: 'warning',
    title: 'a fallback to a lower version is not refused',
    cause: 'The target ignores TLS_FALLBACK_SCSV (RFC 7507), so that somebody in between can press a client down.',
    next: 'Offer one version only on {subject}, or update its firmware.',
  },
  'integrity-only': {
    severity: 'information',
    title: 'suites without encryption',
    cause: 'Payload is protected against change and readable by everybody on the wire. CIP Security means it so.',
    next: 'Use `confidentiality` for the zones and conduits of {subject} whose content is secret.',
  },
  'name-missing': {
    severity: 'warning',
    title: 'the certificate does not name the address that was asked',
    cause: 'A peer that checks names refuses it; one that does not cannot tell two devices of one authority apart.',
    next: 'Issue a certificate with the address of {subject} in its subject alternative name, which `cordon ca renew` does.',
  },
  'no-current-version': {
    severity: 'error',
    title: 'neither version 1.2 nor 1.3 is offered',
    cause: 'Versions before 1.2 are deprecated (RFC 8996), and CIP Security asks for 1.2.',
    next: 'Update the firmware of {subject}.',
  },
  'no-extended-master-secret': {
    severity: 'warning',
    title: 'keys are not bound to their handshake',
    cause: 'The target does not know the extended master secret (RFC 7627), which resumption and channel binding need.',
    next: 'Update the firmware of {subject}; until then do not let it resume sessions.',
  },
  'no-forward-secrecy': {
    severity: 'warning',
    title: 'suites without forward secrecy',
    cause: 'Whoever records the traffic and gets the long-term key later reads all of it.',
    next: 'Prefer ECDHE suites for {subject}: an ECDSA certificate makes them possible.',
  },
  'no-secure-renegotiation': {
    severity: 'warning',
    title: 'renegotiation is not secured',
    cause: 'The target does not answer RFC 5746, so that somebody in between can put bytes before those of a client.',
    next: 'Switch renegotiation off at {subject}, or update its firmware.',
  },
  'old-version': {
    severity: 'error',
    title: 'deprecated versions are offered',
    cause: 'TLS 1.0 and 1.1 and DTLS 1.0 sign handshakes with SHA-1 and are deprecated (RFC 8996).',
    next: 'Leave only version 1.2 (and 1.3) on at {subject}.',
  },
  'outside-cip-security': {
    severity: 'information',
    title: 'suites that CIP Security does not name',
    cause:
      'The target accepts more than the thirteen suites of Volume 8; a policy cannot name them, and so not limit them.',
    next: 'See in the manual of {subject} how to limit what it offers.',
  },
  'plant-authority-unknown': {
    severity: 'warning',
    title: 'the chain leads to no authority that was given',
    cause: 'It was issued by somebody else than the plant or the vendor that this scan was told of.',
    next: 'Find out who issued it: `cordon doctor {subject} --plant PLANT` says what this plant expects.',
  },
  'self-signed': {
    severity: 'warning',
    title: 'the certificate is self-signed and proves nothing',
    cause: 'Anybody can make one that looks the same. New devices show such a one until they are commissioned.',
    next: 'Compare the fingerprint with the label of {subject}, then commission it with `cordon apply`.',
  },
  'short-tag': {
    severity: 'warning',
    title: 'suites with a tag of 8 bytes',
    cause: 'CCM_8 gives 64 bits against forgery, where others give 128 (RFC 6655).',
    next: 'Take the suites that the evidence names out of the settings of {subject}.',
  },
  'small-block-cipher': {
    severity: 'error',
    title: 'ciphers with blocks of 64 bits',
    cause:
      'After some 32 GiB under one key blocks repeat and tell of the payload (Sweet32); connections of a plant are long.',
    next: 'Take the suites that the evidence names out of the settings of {subject}.',
  },
  'strength-unknown': {
    severity: 'warning',
    title: 'strength that nobody can state',
    cause: 'An algorithm is in no table of SP 800-57, or the size of a key was not seen.',
    next: 'Prefer suites and keys of {subject} whose strength is known.',
  },
  'weak-certificate-signature': {
    severity: 'error',
    title: 'a certificate is signed over a weak hash',
    cause: 'Collisions of MD5 and SHA-1 can be made, so that a signature may stand for another certificate too.',
    next: 'Issue a new certificate for {subject} with SHA-256 or better.',
  },
  'weak-handshake-signature': {
    severity: 'warning',
    title: 'the handshake is signed over a weak hash',
    cause: 'MD5 and SHA-1 give less than 80 bits in signatures; versions before 1.2 have nothing else.',
    next: 'Leave only version 1.2 (and 1.3) on at {subject}, with signatures over SHA-256 or better.',
  },
  'weak-key': {
    severity: 'error',
    title: 'a key of the chain is too short',
    cause: 'It gives less than 112 bits, which NIST disallows today (SP 800-57 part 1, table 4).',
    next: 'Give {subject} a new key: RSA of 2048 bits at least, or a curve such as P-256.',
  },
  'weak-key-exchange': {
    severity: 'error',
    title: 'the key exchange is too short',
    cause: 'It gives less than 112 bits, which NIST disallows today (SP 800-57 part 1, table 4).',
    next: 'Set a larger group at {subject}: a prime of 2048 bits at least, or a curve such as P-256.',
  },
} as const satisfies Readonly<Record<string, MessageEntry>>

/** The code of a weak spot. */
export type WeakSpotCode = keyof typeof weakSpotTable

/** Every code, in the order of the table. */
// Object.keys widens the keys of the table to string.
export const weakSpotCodes: readonly WeakSpotCode[] = Object.keys(weakSpotTable) as WeakSpotCode[]

/** A weak spot of one target: what it is, why it matters, what was seen, what mends it. */
export interface WeakSpot {
  readonly code: WeakSpotCode
  readonly severity: Severity
  readonly text: string
  readonly cause: string
  /** What was seen: suites, certificates, versions. */
  readonly evidence: string
  readonly next: string
}

/** Makes a weak spot from the table; `subject` is the target in the words of its command line. */
export function weakSpot(code: WeakSpotCode, subject: string, evidence: string): WeakSpot {
  const { severity, title, cause, next }: MessageEntry = weakSpotTable[code]
  return { code, severity, text: title, cause, evidence, next: next.replaceAll('{subject}', subject) }
}
