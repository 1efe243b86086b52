import type { CertificateFacts } from './certificates.ts'
import type { HelloExtensions, NamedSuite, StepDetail } from './detail.ts'

/** Most entries of a list that are written out. */
const mostShown = 16

function listed(entries: readonly string[]): string {
  const more = entries.length - mostShown
  return more > 0 ? `${entries.slice(0, mostShown).join(', ')} and ${more} more` : entries.join(', ')
}

function suites(offered: readonly NamedSuite[]): string {
  return listed(offered.filter(({ name }) => !name.endsWith('_SCSV') && name !== 'GREASE').map(({ name }) => name))
}

function extensionText(extensions: HelloExtensions): string[] {
  return [
    ...(extensions.serverName === undefined ? [] : [`for ${extensions.serverName}`]),
    ...(extensions.supportedVersions === undefined ? [] : [`versions ${listed(extensions.supportedVersions)}`]),
    ...(extensions.extendedMasterSecret ? ['extended master secret'] : []),
    ...(extensions.encryptThenMac ? ['encrypt-then-MAC'] : []),
    ...(extensions.ticketLength > 0 ? [`a session ticket of ${extensions.ticketLength} bytes`] : []),
    ...(extensions.problems.length > 0 ? [`unreadable extensions: ${listed(extensions.problems)}`] : []),
  ]
}

function certificateText(certificate: CertificateFacts): string {
  const { subject = 'a subject that cannot be read', issuer, origin, problem } = certificate
  const by = origin === 'self-signed' || issuer === undefined ? '' : ` issued by ${issuer}`
  return `${subject} (${origin}${problem === undefined ? '' : `, ${problem}`})${by}`
}

function bytesText(length: number): string {
  return length === 1 ? '1 byte' : `${length} bytes`
}

/** What a step carries, as one line for a table. */
export function stepText(detail: StepDetail): string {
  switch (detail.kind) {
    case 'client-hello':
      return [
        detail.version,
        ...(detail.cookieLength === undefined || detail.cookieLength === 0 ? [] : ['with the cookie']),
        ...(detail.sessionId === '' ? [] : ['a session to resume, or a made-up one']),
        ...extensionText(detail.extensions),
        `offers ${suites(detail.suites)}`,
      ].join('; ')
    case 'server-hello':
      return [
        detail.extensions.supportedVersions?.[0] ?? detail.version,
        `chose ${detail.suite.name}`,
        ...(detail.resumed ? ['resumes an earlier session'] : []),
        ...extensionText(detail.extensions).filter((text) => !text.startsWith('versions ')),
      ].join('; ')
    case 'hello-verify-request':
      return `asks the client to come back with a cookie of ${bytesText(detail.cookieLength)}`
    case 'certificate': {
      const shown = detail.certificates.map(certificateText)
      const text = shown.length === 0 ? 'none' : listed(shown)
      return detail.problem === undefined ? text : `${text}; ${detail.problem}`
    }
    case 'server-key-exchange':
      return [
        detail.exchange.toUpperCase(),
        ...(detail.group === undefined ? [] : [detail.group]),
        ...(detail.primeBits === undefined ? [] : [`${detail.primeBits} bits`]),
        ...(detail.signatureAlgorithm === undefined ? [] : [`signed by ${detail.signatureAlgorithm}`]),
        ...(detail.identityHint === undefined ? [] : [`hint ${detail.identityHint}`]),
      ].join(', ')
    case 'certificate-request': {
      const from = detail.authorities.length === 0 ? 'any authority' : listed(detail.authorities)
      return `${listed(detail.types)}; from ${from}`
    }
    case 'client-key-exchange':
      return [
        detail.exchange.toUpperCase(),
        ...(detail.identity === undefined ? [] : [`identity ${detail.identity}`]),
      ].join(', ')
    case 'certificate-verify':
      return detail.signatureAlgorithm === undefined ? '' : `signed by ${detail.signatureAlgorithm}`
    case 'finished':
      return ''
    case 'new-session-ticket':
      return `${bytesText(detail.ticketLength)}, good for ${detail.lifetimeSeconds} s`
    case 'message':
      return detail.length === 0 ? '' : bytesText(detail.length)
    case 'change-cipher-spec':
      return ''
    case 'alert':
      return `${detail.level} ${detail.name}: ${detail.meaning}`
    case 'encrypted':
      return bytesText(detail.length)
    case 'malformed':
      return detail.problem
  }
}
