import { MalformedMessage } from '../errors.ts'
import { addressBytes, addressText } from '../x509/address.ts'
import type { Certificate } from '../x509/certificate.ts'
import { derEncode } from '../x509/der.ts'
import { extensionTypes, type GeneralName, readKnown } from '../x509/extensions.ts'
import { formatName, type Name, nameAt, sameName } from '../x509/name.ts'
import type { CertificateRequest } from '../x509/request.ts'
import { checkDer, derBytes, derChildren, derExpect, derTags } from '../x509/strict.ts'

/** RFC 6402 2.8. */
const changeSubjectName = '1.3.6.1.5.5.7.7.36'

/** The identity that a renewal asks for in place of the present one. */
export interface ChangedName {
  readonly subject: Name | undefined
  readonly alternativeNames: readonly GeneralName[] | undefined
}

/** Whether a renewal keeps the identity it renews. */
export interface RenewalVerdict {
  /** Subject and alternative names are those of the certificate in use. */
  readonly same: boolean
  /** What differs, for people. */
  readonly differences: readonly string[]
  /** The identity asked for through ChangeSubjectName; whether it is granted is a matter of policy. */
  readonly change: ChangedName | undefined
}

/**
 * Compares a request for renewal with the certificate that its sender proved to hold (RFC 7030 4.2.2): subject and
 * subject alternative name must be the same in meaning. Names are compared by RFC 5280 section 7, whatever string types
 * they are written in; alternative names without regard to order.
 * @throws MalformedMessage for a ChangeSubjectName attribute that is none
 */
export function judgeRenewal(
  request: CertificateRequest,
  certificate: Pick<Certificate, 'subject' | 'extensions'>,
): RenewalVerdict {
  const differences: string[] = []
  if (!sameName(request.subject, certificate.subject)) {
    differences.push(`subject ${formatName(request.subject)}, expected ${formatName(certificate.subject)}`)
  }
  const wished = normalised(request.extensions.subjectAlternativeNames)
  const present = normalised(certificate.extensions.subjectAlternativeNames)
  const added = wished.filter((each) => !present.includes(each))
  const missing = present.filter((each) => !wished.includes(each))
  if (added.length > 0) differences.push(`alternative names that the certificate does not have: ${listed(added)}`)
  if (missing.length > 0) differences.push(`alternative names missing: ${listed(missing)}`)
  return { same: differences.length === 0, differences, change: readChange(request) }
}

function listed(names: readonly string[]): string {
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`
}

function normalised(names: readonly GeneralName[] | undefined): readonly string[] {
  return [...new Set((names ?? []).map(spell))].sort()
}

/** A name in one spelling: case plays no part in DNS names and hosts, and addresses are compared as bytes. */
function spell({ kind, value }: GeneralName): string {
  switch (kind) {
    case 'ip':
      return `ip:${addressText(addressBytes(value))}`
    case 'dns':
      return `dns:${value.toLowerCase().replace(/\.$/, '')}`
    case 'email':
      return `email:${value.replace(/@.*$/, (host) => host.toLowerCase())}`
    case 'directory':
      return `directory:${value.trim().replace(/\s+/g, ' ').toLowerCase()}`
    case 'uri':
    case 'other':
      return `${kind}:${value}`
  }
}

function readChange(request: CertificateRequest): ChangedName | undefined {
  const values = request.attributes.get(changeSubjectName)
  if (values === undefined) return undefined
  const what = 'certificate request, ChangeSubjectName'
  const [value, ...more] = values
  if (value === undefined || more.length > 0) throw new MalformedMessage('bad-encoding', `${what}: expected one value`)
  const fields = derChildren(value, derExpect(checkDer(value, what), derTags.sequence, what), what)
  let subject: Name | undefined
  let alternativeNames: readonly GeneralName[] | undefined
  for (const field of fields) {
    // Both fields are sequences: the parts of a name are sets, general names are tagged.
    const [first] = derChildren(value, field, what)
    if (field.tag === derTags.sequence && first?.tag === derTags.set && subject === undefined) {
      subject = nameAt(value, field, what)
    } else if (first !== undefined && (first.tag & 0xc0) === 0x80 && alternativeNames === undefined) {
      // Some tag the field [1].
      const der =
        field.tag === derTags.sequence
          ? derBytes(value, field)
          : derEncode(derTags.sequence, value.subarray(field.content, field.end))
      const extension = { type: extensionTypes.subjectAlternativeName, critical: false, value: der }
      alternativeNames = readKnown([extension], what).subjectAlternativeNames
    } else throw new MalformedMessage('unknown-value', `${what}: expected a name and alternative names, each once`)
  }
  if (subject === undefined && alternativeNames === undefined) {
    throw new MalformedMessage('truncated', `${what}: expected a name or alternative names`)
  }
  return { subject, alternativeNames }
}
