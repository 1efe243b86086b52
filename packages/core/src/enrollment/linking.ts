import type { Crypto } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { latin1, utf8, utf8Bytes } from '../wire/text.ts'
import { encodeBase64 } from '../x509/pem.ts'
import type { CertificateRequest } from '../x509/request.ts'
import { checkDer, derContent, derTags } from '../x509/strict.ts'
import { requestAttributes } from './csr-attributes.ts'

/** Attributes of RFC 7894, which leave the challenge password to be a password. */
const otpChallenge = '1.2.840.113549.1.9.16.2.56'
const identityLinking = '1.2.840.113549.1.9.16.2.58'

/** What a request says beside its subject and key, as text. */
export interface ChallengeTexts {
  /** PKCS#9 challengePassword (RFC 2985 5.4.1): linking in RFC 7030, else a password. Secret in the second case. */
  readonly challengePassword: string | undefined
  /** RFC 7894 section 3.1. Secret. */
  readonly otpChallenge: string | undefined
  /** RFC 7894 section 3.3. */
  readonly identityLinking: string | undefined
}

/** Reads the challenges of a request. @throws MalformedMessage for one that is no text, or has no single value */
export function readChallenges(request: CertificateRequest): ChallengeTexts {
  return {
    challengePassword: textOf(request, requestAttributes.challengePassword),
    otpChallenge: textOf(request, otpChallenge),
    identityLinking: textOf(request, identityLinking),
  }
}

function textOf(request: CertificateRequest, type: string): string | undefined {
  const values = request.attributes.get(type)
  if (values === undefined) return undefined
  const [value, ...more] = values
  const what = `certificate request, attribute ${type}`
  if (value === undefined || more.length > 0) throw new MalformedMessage('bad-encoding', `${what}: expected one value`)
  const element = checkDer(value, what)
  const content = derContent(value, element)
  switch (element.tag) {
    case derTags.utf8String:
      return utf8(content)
    case derTags.printableString:
    case derTags.ia5String:
    case derTags.teletexString:
      return latin1(content)
  }
  throw new MalformedMessage('unknown-value', `${what}: expected a text`)
}

/** What both ends of a TLS connection know and nobody else does. */
export interface ChannelBindings {
  /** tls-unique of TLS 1.2 (RFC 5929 section 3): the first Finished message. */
  readonly tlsUnique?: Uint8Array | undefined
  /** tls-exporter (RFC 9266), for TLS 1.3 and 1.2. */
  readonly tlsExporter?: Uint8Array | undefined
}

/** How a request is tied to the connection it came over. */
export interface Linking {
  /** `wrong` is always a refusal; `absent` only where linking is required. */
  readonly state: 'linked' | 'absent' | 'wrong'
  readonly reason: string
}

/**
 * Whether a request proves that who made it also holds this connection (RFC 7030 3.5). A value that is there and does not
 * fit is wrong even where linking is not required: somebody relays a request of another's.
 */
export function judgeLinking(crypto: Crypto, request: CertificateRequest, bindings: ChannelBindings): Linking {
  const { challengePassword, identityLinking: linking } = readChallenges(request)
  // RFC 7894 3.3: with the attribute of its own, the challenge password is not about linking.
  const claimed = linking ?? challengePassword
  if (claimed === undefined) return { state: 'absent', reason: 'the request has no linking attribute' }
  for (const [name, binding] of Object.entries(bindings)) {
    if (!(binding instanceof Uint8Array) || binding.length === 0) continue
    if (crypto.equal(utf8Bytes(claimed), utf8Bytes(encodeBase64(binding)))) {
      return { state: 'linked', reason: `the request carries ${name} of its connection` }
    }
  }
  return { state: 'wrong', reason: 'the request carries the binding of another connection' }
}

/** The text that a client writes into the challenge password to link its request. */
export function linkingText(binding: Uint8Array): string {
  return encodeBase64(binding)
}
