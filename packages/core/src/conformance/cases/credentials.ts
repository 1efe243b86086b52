import { type Bench, datagramMs } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases } from '../define.ts'
import { type Certificate, decodeCertificate } from '../../x509/certificate.ts'
import { decodeCertsOnly } from '../../x509/certs-only.ts'
import { nameValue } from '../../x509/name.ts'
import { pemOrDer } from '../../x509/pem.ts'
import { MalformedMessage } from '../../errors.ts'
import { epath, u16, u32 } from '../frames.ts'
import { equalBytes, hexText, type Judge } from '../judge.ts'
import type { HandshakeIdentity } from '../port.ts'
import { defaultCertificateFile, upload } from './certificate-file.ts'
import { mustAccept, usualOffer } from './tls.ts'

/** The certificate that the target shows, as it is and read. */
async function shown(bench: Bench, judge: Judge): Promise<{ readonly der: Uint8Array; readonly read: Certificate }> {
  const { certificates } = await mustAccept(bench, judge, 'tls', await usualOffer(bench))
  const [der] = certificates
  if (der === undefined) return judge.notApplicable('no certificate was shown')
  try {
    return { der, read: decodeCertificate(der) }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    judge.holds(false, 'an X.509 certificate', error.message, der)
    throw error
  }
}

/** Certificates in a file of encoding 2 (PEM) or 3 (PKCS#7). */
function certificatesIn(bytes: Uint8Array): readonly Uint8Array[] {
  try {
    return [pemOrDer(bytes, 'CERTIFICATE')]
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
  }
  try {
    return decodeCertsOnly(pemOrDer(bytes, 'PKCS7')).map((each) => each.der)
  } catch (error) {
    if (error instanceof MalformedMessage) return []
    throw error
  }
}

/** How far somebody came: CIP was spoken, the handshake was finished and nothing came after it, or a refusal. */
interface Entry {
  readonly kind: 'answered' | 'silent' | 'refused'
  readonly reason: string
  /** Of the handshake, where one was finished. */
  readonly version: string | undefined
}

/** Tries to come in as somebody. */
async function comesIn(bench: Bench, judge: Judge, carrier: 'tls' | 'dtls', as: HandshakeIdentity): Promise<Entry> {
  const opening = await bench.port.open({ carrier, as })
  if (opening.kind === 'unanswered') return judge.inconclusive(opening.reason)
  if (opening.kind === 'refused') return { kind: 'refused', reason: opening.reason, version: undefined }
  const { line } = opening
  const version = line.security?.version
  try {
    // OpenSSL tells of a refusal after the handshake only when something is read. Datagrams may be lost, either way.
    const { patienceMs: answerMs, quietMs } = bench
    const [sends, patienceMs] = carrier === 'tls' ? [1, answerMs] : [datagramSends, datagramMs({ answerMs, quietMs })]
    for (let sent = 0; sent < sends; sent++) {
      line.send(carrier === 'tls' ? listServices : dtlsAsk)
      const arrival = await line.receive(patienceMs)
      if (arrival.kind === 'bytes') return { kind: 'answered', reason: 'a handshake, and an answer', version }
      if (arrival.kind === 'closed') return { kind: 'refused', reason: arrival.reason, version }
    }
    return { kind: 'silent', reason: 'a finished handshake, then neither an answer nor an end', version }
  } finally {
    line.close()
  }
}

/**
 * Whoever must stay outside was refused. Up to version 1.2 a target's Finished, without which no handshake is finished here,
 * comes after it judged certificate and key of its peer: who has it is inside, even where nothing is answered. In 1.3 the
 * peer is finished before it is judged, and silence after that says nothing.
 */
function staysOutside(judge: Judge, { kind, reason, version }: Entry): void {
  if (kind === 'silent' && version !== 'TLSv1.2' && version !== 'DTLSv1.2') {
    judge.inconclusive(`${reason}; in ${version ?? 'an unknown version'} that tells nothing`)
  }
  judge.holds(kind === 'refused', 'a refusal', reason)
}

/** 0x5E attribute 6 of a target that shows its default certificate. */
const defaultActive = Uint8Array.of(1, 2, 0x20, 0x5f, 0x24, 0x01)

/** How often a datagram is sent before silence is taken for an answer. */
const datagramSends = 3

const listServices = new Uint8Array(24)
listServices[0] = 0x04
/** Vendor id, in item 0x8003. */
const dtlsAsk = Uint8Array.of(
  ...[1, 0, 3, 0x80, 18, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0],
  ...[0x0e, 3, ...epath(0x01, 1, 1)],
)

/** Does the target ask for client certificates: 0x5E attribute 9? */
async function verifies(bench: Bench): Promise<boolean> {
  return (await bench.value(0x5e, 1, 9))[0] !== 0
}

/** Must this stranger stay outside? */
function outside(carrier: 'tls' | 'dtls', as: HandshakeIdentity, who: string, source: string) {
  return {
    id: `${carrier}-${as}`,
    title: `${who} stays outside over ${carrier.toUpperCase()} where 0x5E attribute 9 is TRUE`,
    source,
    needs: [carrier, { class: 0x5e }],
    run: async (bench: Bench, judge: Judge) => {
      if (!(await verifies(bench))) judge.notApplicable('attribute 9 is FALSE')
      staysOutside(judge, await comesIn(bench, judge, carrier, as))
    },
  }
}

/** Certificates, and who is let in by them (cip-security-wire 4.2, 5.3, 5.4). */
export const credentialCases: readonly ConformanceCase[] = cases(
  'credentials',
  [],
  [
    {
      id: 'certificate',
      title: 'the certificate shown is X.509 version 3',
      source: '5.4 [CPwE]',
      needs: ['tls'],
      run: async (bench, judge) => {
        const { read, der } = await shown(bench, judge)
        judge.equal('version', 3, read.version, der)
      },
    },
    {
      id: 'key-usage',
      title: 'its key usage, where it has one, allows digitalSignature',
      source: '5.3; RFC 5280 4.2.1.3',
      basis: 'inferred',
      needs: ['tls'],
      run: async (bench, judge) => {
        const { read, der } = await shown(bench, judge)
        const usage = read.extensions.keyUsage
        if (usage === undefined) return judge.notApplicable('no key usage')
        judge.holds(usage.includes('digitalSignature'), 'digitalSignature', usage.join(', '), der)
      },
    },
    {
      id: 'extended-key-usage',
      title: 'its extended key usage, where it has one, contains serverAuth',
      source: '5.3; RFC 5280 4.2.1.12',
      basis: 'inferred',
      needs: ['tls'],
      run: async (bench, judge) => {
        const { read, der } = await shown(bench, judge)
        const usage = read.extensions.extendedKeyUsage
        if (usage === undefined) return judge.notApplicable('no extended key usage')
        // serverAuth by its object identifier (RFC 5280).
        const allowed = usage.some((each) => each === 'serverAuth' || each === '1.3.6.1.5.5.7.3.1')
        judge.holds(allowed, 'serverAuth', usage.join(', '), der)
      },
    },
    {
      id: 'key-strength',
      title: 'its key is ECDSA of 256 bits or more, or RSA of 2048 bits or more',
      source: '5.1',
      basis: 'ours',
      needs: ['tls'],
      run: async (bench, judge) => {
        const { read, der } = await shown(bench, judge)
        const { family, bits } = read.key
        judge.holds(bits >= (family === 'rsa' ? 2048 : 256), 'ECDSA 256 or RSA 2048', `${family} ${bits}`, der)
      },
    },
    {
      id: 'default-shown',
      title: 'a factory-new target shows the certificate of 0x5F instance 1',
      source: '4.3, 5.4, 6.1 [G17][CPwE]',
      needs: ['tls', 'factory', { class: 0x5f }, { class: 0x37 }],
      run: async (bench, judge) => {
        const { der } = await shown(bench, judge)
        const { data } = await upload(bench, judge, await defaultCertificateFile(bench))
        const found = certificatesIn(data)
        const same = found.some((each) => equalBytes(each, der))
        judge.holds(
          same,
          `the certificate shown, ${der.length} bytes`,
          `${found.length} others: ${hexText(data, 16)}`,
          der,
        )
      },
    },
    {
      id: 'default-names-device',
      title: 'the default certificate names vendor and serial number of the Identity object: VVVV-SSSSSSSS',
      source: '5.4 [PULL]; the place is ours',
      basis: 'ours',
      needs: ['tls', 'factory'],
      run: async (bench, judge) => {
        const { read } = await shown(bench, judge)
        const vendor = u16(await bench.value(0x01, 1, 1), 0)
          .toString(16)
          .padStart(4, '0')
        const serial = u32(await bench.value(0x01, 1, 6), 0)
          .toString(16)
          .padStart(8, '0')
        const found = (nameValue(read.subject, 'serialNumber') ?? 'none').toLowerCase()
        judge.equal('serialNumber', `${vendor}-${serial}`, found)
      },
    },
    {
      id: 'factory-no-request',
      title: 'a factory-new target asks for no client certificate',
      source: '5.1, 6.1 [CPwE]',
      needs: ['tls', 'factory'],
      run: async (bench, judge) => {
        const flight = await mustAccept(bench, judge, 'tls', await usualOffer(bench))
        judge.equal('CertificateRequest', false, flight.certificateRequest, flight.bytes)
      },
    },
    {
      id: 'request',
      title: 'a target asks for a client certificate exactly where 0x5E attribute 9 is TRUE',
      source: '4.2 attribute 9, 5.1 [O][CPwE]',
      needs: ['tls', { class: 0x5e }],
      run: async (bench, judge) => {
        const flight = await mustAccept(bench, judge, 'tls', await usualOffer(bench))
        if (flight.certificates.length === 0) judge.notApplicable('a PSK suite was chosen')
        judge.equal('CertificateRequest', await verifies(bench), flight.certificateRequest, flight.bytes)
      },
    },
    {
      id: 'request-dtls',
      title: 'so does it over DTLS',
      source: '4.2 attribute 9, 5.1 [O][CPwE]',
      needs: ['dtls', { class: 0x5e }],
      run: async (bench, judge) => {
        const flight = await mustAccept(bench, judge, 'dtls', await usualOffer(bench))
        if (flight.certificates.length === 0) judge.notApplicable('a PSK suite was chosen')
        judge.equal('CertificateRequest', await verifies(bench), flight.certificateRequest, flight.bytes)
      },
    },
    {
      id: 'leaf-only',
      title: 'a target sends its leaf alone where 0x5E attribute 10 is FALSE',
      source: '4.2 attribute 10 [O]',
      needs: ['tls', { class: 0x5e }],
      run: async (bench, judge) => {
        const [chain] = await bench.value(0x5e, 1, 10)
        if (chain !== 0) judge.notApplicable('attribute 10 is TRUE')
        // Whether the attribute speaks of the default certificate too is not public, and a first contact needs the maker's CA.
        if (equalBytes(await bench.value(0x5e, 1, 6), defaultActive)) {
          judge.notApplicable('the default certificate is shown: its maker’s intermediate may go along')
        }
        const flight = await mustAccept(bench, judge, 'tls', await usualOffer(bench))
        if (flight.certificates.length === 0) judge.notApplicable('a PSK suite was chosen')
        judge.equal('certificates', 1, flight.certificates.length, flight.bytes)
      },
    },
    {
      id: 'default-not-used',
      title: 'a configured target does not show its default certificate any more',
      source: '5.4 [CPwE]',
      needs: ['tls', 'configured', { class: 0x5f }, { class: 0x37 }],
      run: async (bench, judge) => {
        const active = await bench.value(0x5e, 1, 6)
        if (equalBytes(active, defaultActive)) {
          judge.notApplicable('instance 1 is the active certificate')
        }
        const { der } = await shown(bench, judge)
        const { data } = await upload(bench, judge, await defaultCertificateFile(bench))
        judge.holds(
          !certificatesIn(data).some((each) => equalBytes(each, der)),
          'another certificate',
          'the default one',
          der,
        )
      },
    },
    outside('tls', 'nobody', 'a peer without certificate', '5.1, 5.3 [W][CPwE]'),
    outside('tls', 'stranger', 'a peer of an unknown authority', '5.3 [W][CPwE]'),
    outside('dtls', 'nobody', 'a peer without certificate', '5.1, 5.3 [W][CPwE]'),
    outside('dtls', 'stranger', 'a peer of an unknown authority', '5.3 [W][CPwE]'),
    {
      id: 'tls-own',
      title: 'whoever the target knows comes in over TLS',
      source: '5.3 [W][CPwE]',
      needs: ['tls', 'secure-session'],
      run: async (bench, judge) => {
        const { kind, reason } = await comesIn(bench, judge, 'tls', 'own')
        judge.holds(kind === 'answered', 'a handshake, and an answer', reason)
      },
    },
    {
      id: 'dtls-own',
      title: 'whoever the target knows comes in over DTLS',
      source: '5.3 [W][CPwE]',
      needs: ['dtls', 'secure-session'],
      run: async (bench, judge) => {
        const { kind, reason } = await comesIn(bench, judge, 'dtls', 'own')
        judge.holds(kind === 'answered', 'a handshake, and an answer', reason)
      },
    },
    ...(['tls', 'dtls'] as const).map((carrier) => ({
      id: `${carrier}-psk`,
      title: `a pre-shared key that the target does not hold opens nothing over ${carrier.toUpperCase()}`,
      source: '4.2 attribute 5, 5.2 [G17]',
      needs: [carrier],
      run: async (bench: Bench, judge: Judge) => {
        staysOutside(judge, await comesIn(bench, judge, carrier, 'unknown-psk'))
      },
    })),
  ],
)
