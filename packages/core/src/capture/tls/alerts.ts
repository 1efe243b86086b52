/** What an alert says (RFC 5246 7.2). */
export interface AlertFacts {
  readonly code: number
  /** IANA name: `bad_certificate`. */
  readonly name: string
  /** One sentence for whoever runs the plant. */
  readonly meaning: string
}

const meanings: Readonly<Record<number, readonly [name: string, meaning: string]>> = {
  0: ['close_notify', 'This side ends the association in order; nothing is wrong.'],
  10: ['unexpected_message', 'This side got a message out of order: the two ends disagree about the protocol.'],
  20: ['bad_record_mac', 'A record does not fit its keys: it was altered on the way, or the pre-shared keys differ.'],
  21: ['decryption_failed', 'A record could not be decrypted: it was altered on the way, or the keys differ.'],
  22: ['record_overflow', 'A record is longer than the protocol permits.'],
  30: ['decompression_failure', 'A record could not be unpacked.'],
  40: [
    'handshake_failure',
    'The two ends found nothing in common: compare the cipher suites, the versions, the curves, and whether a certificate was expected.',
  ],
  41: ['no_certificate', 'This side has no certificate to show (SSL 3.0).'],
  42: [
    'bad_certificate',
    "The peer's certificate is damaged, or this side refuses it: compare it with its trust anchors.",
  ],
  43: ['unsupported_certificate', "The peer's certificate is of a kind or for a use that this side does not accept."],
  44: ['certificate_revoked', "The peer's certificate is on a revocation list that this side holds."],
  45: [
    'certificate_expired',
    "The peer's certificate has expired, or is not valid yet, by the clock of this side: check both clock and certificate.",
  ],
  46: ['certificate_unknown', "This side refuses the peer's certificate for a reason that it does not tell."],
  47: ['illegal_parameter', 'A value in the handshake is not allowed.'],
  48: [
    'unknown_ca',
    "The peer's certificate comes from an authority that this side does not trust: one of the two was not provisioned, or by another authority.",
  ],
  49: ['access_denied', 'The certificate is good, and this side refuses the peer by its access rules.'],
  50: ['decode_error', 'This side could not read a message: it is damaged, or of a form it does not know.'],
  51: [
    'decrypt_error',
    'A signature or a Finished message does not fit: wrong key, or the handshake was altered on the way.',
  ],
  60: ['export_restriction', 'A key length is refused (obsolete).'],
  70: [
    'protocol_version',
    'This side does not speak the version that the peer offers: CIP Security needs version 1.2.',
  ],
  71: ['insufficient_security', 'This side demands stronger cipher suites than the peer offers.'],
  80: ['internal_error', 'This side failed for a reason of its own, not by the fault of the peer.'],
  86: ['inappropriate_fallback', 'The peer came back with an older version than it needs to: a sign of meddling.'],
  90: ['user_canceled', 'This side gave the handshake up.'],
  100: ['no_renegotiation', 'This side does not negotiate again within an association.'],
  109: ['missing_extension', 'The handshake lacks an extension that this side needs.'],
  110: ['unsupported_extension', 'The answer holds an extension that was not asked for.'],
  111: ['certificate_unobtainable', 'This side could not fetch a certificate.'],
  112: ['unrecognized_name', 'This side does not answer to the name that the peer asked for.'],
  113: ['bad_certificate_status_response', 'The proof that the certificate is not revoked is bad.'],
  114: ['bad_certificate_hash_value', 'A certificate does not fit its hash.'],
  115: ['unknown_psk_identity', 'This side knows no pre-shared key by the identity that the peer gave.'],
  116: ['certificate_required', 'This side demands a certificate, and the peer sent none.'],
  120: ['no_application_protocol', 'The two ends share no application protocol.'],
}

/** Name and meaning of an alert description (IANA TLS Alerts). */
export function alertFacts(code: number): AlertFacts {
  const [name, meaning] = meanings[code] ?? [`alert_${code}`, 'An alert that is not registered.']
  return { code, name, meaning }
}
