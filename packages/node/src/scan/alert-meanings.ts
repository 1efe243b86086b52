/** What an alert of TLS says, in plain words (RFC 5246 7.2, RFC 8446 6, IANA TLS Alerts). */
export interface AlertMeaning {
  readonly code: number
  readonly name: string
  /** What the sender means by it, and what is usually behind it in a plant. */
  readonly meaning: string
}

function row(code: number, name: string, meaning: string): AlertMeaning {
  return { code, name, meaning }
}

const meanings: readonly AlertMeaning[] = [
  row(0, 'close_notify', 'it ended the connection in order'),
  row(10, 'unexpected_message', 'it did not expect this message now'),
  row(20, 'bad_record_mac', 'a record does not check out: the keys differ, such as a wrong pre-shared key'),
  row(40, 'handshake_failure', 'no suite, key exchange or client certificate that it would take'),
  row(42, 'bad_certificate', 'our certificate is damaged, or was missing where one is required'),
  row(43, 'unsupported_certificate', 'our certificate has a kind of key or use that it does not take'),
  row(44, 'certificate_revoked', 'a revocation list that it holds names our certificate'),
  row(45, 'certificate_expired', 'our certificate is outside its time by its clock'),
  row(46, 'certificate_unknown', 'it does not take our certificate, for a reason that it keeps to itself'),
  row(47, 'illegal_parameter', 'a value in the handshake is out of range'),
  row(48, 'unknown_ca', 'our certificate does not lead to an authority that it trusts'),
  row(49, 'access_denied', 'our certificate is good, and its rules do not let us in'),
  row(50, 'decode_error', 'it could not read a message'),
  row(51, 'decrypt_error', 'a signature or a key does not check out'),
  row(70, 'protocol_version', 'it does not speak the version that was offered'),
  row(71, 'insufficient_security', 'what was offered is too weak for it'),
  row(80, 'internal_error', 'it failed by itself: memory, configuration or a defect'),
  row(86, 'inappropriate_fallback', 'it speaks a higher version and refuses to go below'),
  row(109, 'missing_extension', 'an extension that it needs was not sent'),
  row(115, 'unknown_psk_identity', 'it has no pre-shared key of that name'),
  row(116, 'certificate_required', 'it insists on a client certificate'),
]

/** The row of an alert by number; a name and a meaning are there for every number. */
export function alertMeaning(code: number): AlertMeaning {
  return meanings.find((each) => each.code === code) ?? row(code, `alert_${code}`, 'an alert that is seldom met')
}

/** The meaning of an alert by its IANA name, or undefined for one that is not in the table. */
export function alertMeaningOf(name: string): string | undefined {
  return meanings.find((each) => each.name === name)?.meaning
}
