/** How a check finds out: what the device says, what it shows, what it lets in or keeps out, what runs, what the policy says. */
export type CheckKind = 'read-back' | 'certificate' | 'connects' | 'refused' | 'live' | 'policy' | 'repeat'

/** What a kind of check is about: one row of the table in the documentation. */
export interface CheckDescription {
  readonly kind: CheckKind
  /** What is expected, in general; each check states it for its subject. */
  readonly expects: string
  /** When a device, pair, connection or plant has such a check. */
  readonly made: string
  /** What proves that the check could have failed. */
  readonly control: string
}

const readBack = 'the answer is compared with the compiled setting; any other value fails'
const sameSource = 'the same handshake with what is allowed, from the same address, before and after'

function row(kind: CheckKind, expects: string, made: string, control: string): CheckDescription {
  return { kind, expects, made, control }
}

/** Every check there is, by its id. Ids are API: they change only with a major version. */
export const checkTable = {
  'session-opens': row(
    'read-back',
    "a fresh session with the verifier's own identity opens over TLS, and the device answers for all its security objects",
    'each device with settings',
    'a device that cannot be read fails this check and every check that needs the reading',
  ),
  'unit-as-expected': row(
    'read-back',
    'vendor, type, product and serial number are those of the plant file',
    'each device whose plant entry has `expect`',
    readBack,
  ),
  'state-configured': row('read-back', '0x5D attribute 1 is 2, configured', 'each device with settings', readBack),
  'state-secured': row('read-back', '0x5E attribute 1 is 2, configured', 'each device with settings', readBack),
  'allowed-suites': row('read-back', '0x5E attribute 4, in order', 'each device with settings', readBack),
  'originator-suites': row(
    'read-back',
    '0x5E attribute 19, in order',
    'each device with class 0x5E of revision 9 or later',
    readBack,
  ),
  'verify-client': row('read-back', '0x5E attribute 9', 'each device with settings', readBack),
  'send-chain': row('read-back', '0x5E attribute 10', 'each device with settings', readBack),
  'check-expiration': row('read-back', '0x5E attribute 11', 'each device with settings', readBack),
  'check-name': row('read-back', '0x5E attribute 17', 'each device with settings', readBack),
  'dtls-timeout': row('read-back', '0x5E attribute 15', 'each device with settings', readBack),
  'trusted-authorities': row(
    'read-back',
    '0x5E attribute 7 leads to the authorities of the right zones and to no other certificate',
    'each device with settings',
    readBack,
  ),
  'trusted-identities': row(
    'read-back',
    '0x5E attribute 12 leads to the certificates of the right peers and to no other certificate',
    'each device with settings',
    readBack,
  ),
  'pre-shared-keys': row('read-back', '0x5E attribute 5 names the right keys', 'each device with settings', readBack),
  'revocation-lists': row(
    'read-back',
    '0x5E attribute 8 leads to the newest lists of the zones it trusts',
    'each device that trusts a zone with a revocation list',
    readBack,
  ),
  'ingress-rules': row('read-back', 'class 0x63 ingress rules, in order', 'each device with class 0x63', readBack),
  'egress-rules': row('read-back', 'class 0x63 egress rules, in order', 'each device with class 0x63', readBack),
  'port-states': row(
    'read-back',
    '0xF5 attribute 14 says the same of every plain port',
    'each device with settings',
    readBack,
  ),
  'certificate-chain': row(
    'certificate',
    'the certificate that the device shows chains to the issuing authority of its zone, and no other',
    'each device with a certificate, over TLS and over DTLS',
    'the verifier accepts any certificate in the handshake and judges it afterwards, so a wrong one is seen',
  ),
  'certificate-name': row(
    'certificate',
    'its subject alternative names hold the address, and the DNS name where the plant file has one',
    'each device with a certificate, over TLS and over DTLS',
    'as certificate-chain',
  ),
  'certificate-dates': row(
    'certificate',
    'it is valid now, whether or not devices look at dates',
    'each device with a certificate, over TLS and over DTLS',
    'as certificate-chain',
  ),
  'certificate-not-revoked': row(
    'certificate',
    'no revocation list of its zone names it',
    'each device with a certificate in a zone with a revocation list',
    'as certificate-chain',
  ),
  'certificate-not-default': row(
    'certificate',
    'it is not the certificate that the device left the factory with, nor self-signed',
    'each device with a certificate, over TLS and over DTLS',
    'as certificate-chain',
  ),
  'certificate-active': row(
    'certificate',
    'it is the one that 0x5E attribute 6 leads to',
    'each device with a certificate, over TLS and over DTLS',
    'as certificate-chain',
  ),
  'suite-connects': row(
    'connects',
    'a suite that this source may use connects, and is the one negotiated',
    'each device, for TLS and DTLS, for each suite that its first permitted source may use',
    'a refusal fails',
  ),
  'suite-refused': row(
    'refused',
    'every other suite of CIP Security is refused to this source',
    'each device, for TLS and DTLS, for each other suite of CIP Security',
    sameSource,
  ),
  'version-refused': row(
    'refused',
    'TLS 1.0, 1.1 and 1.3 and DTLS 1.0 are refused',
    'each device, for each version',
    sameSource,
  ),
  'no-certificate-refused': row(
    'refused',
    'a peer without a certificate is refused',
    'each device that verifies its clients, for TLS and DTLS',
    sameSource,
  ),
  'foreign-certificate-refused': row(
    'refused',
    "a certificate of an authority that is not the plant's is refused",
    'each device that verifies its clients, for TLS and DTLS',
    sameSource,
  ),
  'vendor-certificate-refused': row(
    'refused',
    'a certificate of the maker, as devices have when they leave the factory, is refused as a peer',
    "each device that verifies its clients, for TLS and DTLS; without such a credential at hand the device's own default certificate is judged by what the device trusts, and the check says `not-probed`",
    sameSource,
  ),
  'revoked-certificate-refused': row(
    'refused',
    'a certificate that the revocation list names is refused',
    'each device that trusts a zone with a revocation list; `not-probed` without a revoked credential at hand',
    sameSource,
  ),
  'expired-certificate-refused': row(
    'refused',
    'a certificate whose time is over is refused',
    'each device that is told to check dates; `not-probed` without an expired credential at hand',
    sameSource,
  ),
  'misnamed-certificate-refused': row(
    'refused',
    'the certificate of another address is refused',
    'each device that is told to check names and is reached by two peers',
    sameSource,
  ),
  'unknown-psk-refused': row(
    'refused',
    'a pre-shared key identity that the device does not hold is refused',
    'each device with a pre-shared key, for TLS and DTLS',
    sameSource,
  ),
  'wrong-psk-refused': row(
    'refused',
    'the right identity with another key is refused',
    'each device with a pre-shared key, for TLS and DTLS',
    sameSource,
  ),
  'plain-port-closed': row(
    'refused',
    'a plain port that the plant file closes does not listen',
    'each device, for each closed port',
    'port 2221 of the same device answers the same source, before and after',
  ),
  'plain-port-open': row(
    'connects',
    'a plain port that must stay open listens',
    'each device, for each plain port that stays open; where nothing limits it by address it is also a risk',
    'a closed port fails; so does an open one while port 2221 of the same device does not answer the same source, before or after',
  ),
  'pair-connects': row(
    'connects',
    'a permitted peer connects from its own address with a certificate of its zone, with a suite of its conduit',
    'each permitted pair with a secured transport, for TLS and DTLS',
    'a refusal fails',
  ),
  'pair-suites-refused': row(
    'refused',
    'from the address of a permitted peer every suite but those of its conduit is refused',
    'each permitted pair with a secured transport, for TLS and DTLS',
    sameSource,
  ),
  'pair-refused': row(
    'refused',
    "a peer that may not connect is refused a handshake from its own address with a certificate of its own zone (of the target's zone where it has none)",
    'each pair that may not use a secured transport, for TLS and DTLS',
    'a handshake from a permitted address, before and after; where nobody may use this transport, one over TLS by the verifier',
  ),
  'pair-plain-connects': row(
    'connects',
    'a peer that is permitted in plain opens a session on tcp/44818 from its own address',
    'each pair that is permitted in plain with a device that has class 0x63',
    'a refusal fails',
  ),
  'pair-plain-refused': row(
    'refused',
    'a peer that may not speak plain gets no session on tcp/44818 from its own address, and so no plain I/O either',
    'each other pair with a device that has class 0x63 and keeps tcp/44818 open',
    'port 2221 of the same device answers a permitted source, before and after',
  ),
  'pair-plain-io-refused': row(
    'refused',
    'a peer that is permitted plain messages and no plain I/O is refused a Forward_Open of class 1 by a rule of class 0x63',
    'each pair of `pair-plain-connects` that may not use udp/2222 at a device that keeps it open; `not-probed` where the device refuses for a reason that would have met anybody',
    'a plain session from the same address opens, before and after; only an extended status of the rules, 0x0918 to 0x091A, counts',
  ),
  'connection-protected': row(
    'live',
    'a connection of the plant runs over the transport and a suite that its conduit promises',
    'each connection that runs after the deployment; `not-tested` without a live table',
    'a connection that does not run, or runs otherwise, fails',
  ),
  'policy-test': row(
    'policy',
    "a statement of the plant file's `tests` holds",
    'each statement',
    'a contradiction fails',
  ),
  'openssl-agrees': row(
    'repeat',
    'the openssl command, which is not ours, sees the same',
    'one check of each of suite-connects, suite-refused, version-refused, no-certificate-refused, foreign-certificate-refused, unknown-psk-refused, wrong-psk-refused, pair-connects and pair-refused, over TLS and DTLS; `not-tested` without the command, and where a true pre-shared key would have to connect',
    'the command must connect with what is allowed, or get as far as its made-up pre-shared key; an output that says neither yes nor no fails',
  ),
} as const satisfies Readonly<Record<string, CheckDescription>>

/** The id of a check, a row of {@link checkTable}. */
export type CheckId = keyof typeof checkTable

/** Every id, in the order of the table. */
// The keys of a literal object are exactly its ids.
export const checkIds = Object.keys(checkTable) as readonly CheckId[]

/** The table as Markdown, for the documentation. */
export function printChecks(): string {
  const rows = checkIds.map((id) => {
    const { expects, made, control } = checkTable[id]
    return `| \`${id}\` | ${expects} | ${made} | ${control} |`
  })
  return [
    '| check | what must hold | made for | what proves that it could have failed |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}
