import { decodeCertificate } from '../x509/certificate.ts'
import { type Extension, extensionTypes } from '../x509/extensions.ts'
import { encodeName, type Name, type NameAttribute } from '../x509/name.ts'
import type { RequestTemplate, SubjectWish } from './csr-attributes.ts'

/** Subject and extensions of a request that is still to be signed. */
export interface WishedContents {
  readonly subject: Name
  readonly extensions: readonly Extension[]
}

/** What a request may repeat from a certificate that it renews (RFC 7030 4.2.2): the rest is the authority's. */
export function renewedContents(certificate: Uint8Array): WishedContents {
  const { subject, extensions } = decodeCertificate(certificate)
  return { subject, extensions: extensions.all.filter(({ type }) => type === extensionTypes.subjectAlternativeName) }
}

/**
 * What a request holds where its server prescribed something (RFC 9908 3.4): the template's subject and extensions, with
 * this client's own values where the template leaves them open. What it leaves open and this client does not have, is
 * left out; what a template does not speak of, stays the client's own.
 */
export function templatedContents(own: WishedContents, template: RequestTemplate | undefined): WishedContents {
  if (template === undefined) return own
  return {
    subject: template.subject === undefined ? own.subject : filledSubject(own.subject, template.subject),
    extensions: filledExtensions(own.extensions, template),
  }
}

function filledSubject(own: Name, wished: readonly (readonly SubjectWish[])[]): Name {
  const mine = own.parts.flat()
  const parts = wished.map((part) =>
    part.flatMap(({ type, value }): readonly NameAttribute[] => {
      const found = value ?? mine.find((attribute) => attribute.type === type)
      return found === undefined ? [] : [found]
    }),
  )
  return encodeName(parts.filter((part) => part.length > 0))
}

function filledExtensions(own: readonly Extension[], { extensions }: RequestTemplate): readonly Extension[] {
  const wished = extensions.flatMap(({ type, critical, value }): readonly Extension[] => {
    if (value !== undefined) return [{ type, critical, value }]
    const mine = own.find((each) => each.type === type)
    return mine === undefined ? [] : [{ ...mine, critical }]
  })
  return [...wished, ...own.filter(({ type }) => !extensions.some((each) => each.type === type))]
}
