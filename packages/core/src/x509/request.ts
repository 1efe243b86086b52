import { Attributes, CertificationRequestInfo } from '@peculiar/asn1-csr'
import { Attribute, Name as NameSchema, SubjectPublicKeyInfo } from '@peculiar/asn1-x509'
import type { Crypto, PrivateKey } from '../crypto/provider.ts'
import { MalformedMessage, UsageError } from '../errors.ts'
import { utf8Bytes } from '../wire/text.ts'
import { derEncode, hex, schemaDecode, schemaEncode } from './der.ts'
import { isSignedBy, readSigned, signStructure } from './certificate.ts'
import { decodeExtensions, encodeExtensions, type Extension, type Extensions, noExtensions } from './extensions.ts'
import { type Name, nameAt } from './name.ts'
import {
  certificateLimits,
  checkDer,
  checkPublicKey,
  type DerElement,
  derBytes,
  derChildren,
  derContent,
  derExpect,
  derObjectIdentifier,
  derTags,
  type PublicKeyFacts,
} from './strict.ts'

/** RFC 2985 5.4.1. */
const challengePassword = '1.2.840.113549.1.9.7'
/** The attribute that carries wished-for extensions (RFC 2985 5.4.2). */
const extensionRequest = '1.2.840.113549.1.9.14'

/**
 * A certification request (RFC 2986) that passed the gate. All in it is a claim by whoever sent it; a verified signature
 * proves possession of the key and nothing else.
 */
export interface CertificateRequest {
  readonly der: Uint8Array
  readonly tbs: Uint8Array
  readonly subject: Name
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly key: PublicKeyFacts
  readonly signatureAlgorithm: string
  readonly signature: Uint8Array
  /** What the requester wishes. */
  readonly extensions: Extensions
  /** Attributes by object identifier, the wished-for extensions left out: DER of each value. */
  readonly attributes: ReadonlyMap<string, readonly Uint8Array[]>
}

/**
 * Reads a DER PKCS#10 request strictly.
 * @throws MalformedMessage for BER, trailing bytes, another version, a key or algorithm that is not allowed, an
 * attribute that occurs twice
 */
export function decodeRequest(der: Uint8Array): CertificateRequest {
  const what = 'certificate request'
  const signed = readSigned(der, checkDer(der, what, certificateLimits), what)
  const [version, subject, publicKey, attributes, ...rest] = derChildren(der, signed.tbs, what)
  const number = hex(derContent(der, derExpect(version, derTags.integer, `${what}, version`)))
  if (number !== '00')
    throw new MalformedMessage('unknown-value', `${what}: expected version 0, got ${number.slice(0, 16)}`)
  if (rest.length > 0) throw new MalformedMessage('trailing', `${what}: unknown fields after the attributes`)
  const spki = derBytes(der, derExpect(publicKey, derTags.sequence, `${what}, public key`)).slice()
  const read = readAttributes(der, attributes, what)
  return {
    der: der.slice(),
    tbs: derBytes(der, signed.tbs).slice(),
    subject: nameAt(der, derExpect(subject, derTags.sequence, `${what}, subject`), `${what}, subject`),
    publicKey: spki,
    key: checkPublicKey(spki, `${what}, public key`),
    signatureAlgorithm: signed.signatureAlgorithm,
    signature: signed.signature,
    ...read,
  }
}

function readAttributes(
  der: Uint8Array,
  list: DerElement | undefined,
  what: string,
): Pick<CertificateRequest, 'extensions' | 'attributes'> {
  const attributes = new Map<string, readonly Uint8Array[]>()
  let extensions = noExtensions
  // Some generators leave the empty set out although RFC 2986 has no OPTIONAL there.
  if (list === undefined) return { extensions, attributes }
  const seen = new Set<string>()
  for (const element of derChildren(der, derExpect(list, 0xa0, `${what}, attributes`), what)) {
    const [typeElement, values, ...rest] = derChildren(der, derExpect(element, derTags.sequence, what), what)
    const type = derObjectIdentifier(der, derExpect(typeElement, derTags.objectIdentifier, what), what)
    const items = derChildren(der, derExpect(values, derTags.set, `${what}, attribute ${type}`), what)
    if (rest.length > 0 || seen.has(type) || seen.size === 32) {
      throw new MalformedMessage(
        'bad-encoding',
        `${what}: attribute ${type} occurs twice, is malformed or is one too many`,
      )
    }
    seen.add(type)
    if (type === extensionRequest) {
      if (items.length !== 1) throw new MalformedMessage('bad-encoding', `${what}: expected one list of extensions`)
      extensions = decodeExtensions(der, derExpect(items[0], derTags.sequence, what), what)
    } else {
      attributes.set(
        type,
        items.map((item) => derBytes(der, item).slice()),
      )
    }
  }
  return { extensions, attributes }
}

/** Requests that were proven, each by whom: they do not change, and every step on the way to a certificate asks. */
const proven = new WeakMap<CertificateRequest, Crypto>()

/** Whether the request is signed by the key it is for: proof of possession. */
export function isProven(crypto: Crypto, request: CertificateRequest): boolean {
  if (proven.get(request) === crypto) return true
  const holds = isSignedBy(crypto, request, request.publicKey)
  if (holds) proven.set(request, crypto)
  return holds
}

/** What a request is made of. */
export interface RequestContents {
  readonly subject: Name
  readonly extensions?: readonly Extension[] | undefined
  /** Printable characters (RFC 2985 5.4.1); secret where it is a password. */
  readonly challengePassword?: string | undefined
}

/** Makes a request, signed by its key. */
export async function buildRequest(key: PrivateKey, contents: RequestContents): Promise<Uint8Array> {
  const wished = contents.extensions ?? []
  const { challengePassword: challenge } = contents
  const info = new CertificationRequestInfo({
    version: 0,
    subject: schemaDecode(contents.subject.der, NameSchema, 'subject'),
    subjectPKInfo: schemaDecode(key.publicKey, SubjectPublicKeyInfo, 'public key'),
    attributes: new Attributes([
      ...(wished.length === 0 ? [] : [attribute(extensionRequest, encodeExtensions(wished))]),
      ...(challenge === undefined ? [] : [attribute(challengePassword, printable(challenge))]),
    ]),
  })
  return await signStructure(schemaEncode(info), key)
}

function attribute(type: string, value: Uint8Array): Attribute {
  return new Attribute({ type, values: [value.slice().buffer] })
}

function printable(text: string): Uint8Array {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]+$/.test(text)) {
    throw new UsageError('bad-value', 'challenge password: expected characters of a PrintableString')
  }
  return derEncode(derTags.printableString, utf8Bytes(text))
}
