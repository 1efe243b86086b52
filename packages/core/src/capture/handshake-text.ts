import { suiteProtection } from '../security/cipher-suites.ts'
import type { ProtectedStep } from './protected.ts'
import type { CertificateFacts } from './tls/certificates.ts'
import type { NamedSuite } from './tls/detail.ts'

/** What a step of a handshake means for whoever runs the plant, in one sentence: who does what, and what it says. */
export function describeStep({ detail, side, name }: ProtectedStep): string {
  switch (detail.kind) {
    case 'client-hello': {
      const suites = detail.suites.map(({ name: suite }) => suite)
      const first = suites.slice(0, 3).join(', ')
      const more = suites.length > 3 ? ` and ${suites.length - 3} more` : ''
      const session = detail.sessionId === '' ? 'a new session' : 'a session to go on with'
      const cookie = (detail.cookieLength ?? 0) > 0 ? ', with the cookie that it was asked for' : ''
      return `the client asks for ${session}, up to ${detail.version}${cookie}; suites in order of preference: ${first}${more}`
    }
    case 'hello-verify-request':
      return 'the server wants the client to repeat a cookie: it does no work for an address that may be made up'
    case 'server-hello':
      return `the server chooses ${detail.version} and ${suiteText(detail.suite)}${detail.resumed ? '; the session of an earlier handshake goes on' : ''}`
    case 'certificate': {
      const [own] = detail.certificates
      return own === undefined ? `the ${side} shows no certificate` : `the ${side} shows ${certificateText(own)}`
    }
    case 'server-key-exchange': {
      const how = detail.group === undefined ? detail.exchange : `${detail.exchange}, ${detail.group}`
      const hint = detail.identityHint === undefined ? '' : `; hint for the pre-shared key: ${detail.identityHint}`
      return `the server sends its half of a key for this session alone (${how})${hint}`
    }
    case 'certificate-request': {
      const { authorities } = detail
      const of = authorities.length === 0 ? 'any authority' : authorities.slice(0, 2).join('; ')
      const more = authorities.length > 2 ? ` and ${authorities.length - 2} more` : ''
      return `the server asks the client for a certificate of ${of}${more}`
    }
    case 'client-key-exchange':
      return detail.identity === undefined
        ? `the client sends its half of the key (${detail.exchange}); now both have the keys of the session`
        : `the client names its pre-shared key: ${detail.identity}`
    case 'certificate-verify':
      return 'the client proves that the private key of its certificate is its own'
    case 'change-cipher-spec':
      return `from here on what the ${side} sends is protected by the keys of the session`
    case 'finished':
      return `the ${side} ends its part: it proves that nothing of the handshake was changed on the way`
    case 'new-session-ticket':
      return 'the server gives a ticket with which the client can go on with this session later'
    case 'alert':
      return `the ${side} says (${detail.level}): ${detail.name}, ${detail.meaning}`
    case 'encrypted':
      return detail.what === 'handshake'
        ? `the ${side} ends its part of the handshake; the message is protected already and cannot be read here`
        : `the ${side} sends ${detail.what === 'alert' ? 'an alert' : 'a heartbeat'} that cannot be read here`
    case 'malformed':
      return `not readable: ${detail.problem}`
    case 'message':
      return name === 'Server Hello Done'
        ? 'the server has said its part and waits for the client'
        : `the ${side} sends ${name}, ${detail.length} bytes`
  }
}

function suiteText({ id, name }: NamedSuite): string {
  const promise = suiteProtection(id)
  const meaning =
    promise === undefined
      ? 'no suite of CIP Security'
      : promise === 'integrity'
        ? 'integrity only, the data stays readable'
        : 'integrity and confidentiality'
  return `${name} (${meaning})`
}

const origins: Readonly<Record<CertificateFacts['origin'], string>> = {
  vendor: 'the certificate of its maker',
  plant: 'its certificate of the plant',
  'self-signed': 'a certificate that it signed itself',
  unknown: 'a certificate',
}

/** A certificate in one line: whose it is, its subject and issuer, or why it cannot be read. */
export function certificateText({ origin, subject, issuer, problem }: CertificateFacts): string {
  const issued = origin === 'self-signed' || issuer === undefined ? '' : `, issued by ${issuer}`
  const text = `${origins[origin]}: ${subject ?? 'no subject can be read'}${issued}`
  return problem === undefined ? text : `${text} (${problem})`
}
