import type { Crypto, KeyKind, PrivateKey } from '../crypto/provider.ts'
import { MalformedMessage, UsageError } from '../errors.ts'
import { derBitString, derEncode, derOid, derUnsigned, hex, sameBytes } from './der.ts'
import { decodeExtensions, encodeExtensions, type Extension, type Extensions, noExtensions } from './extensions.ts'
import { type Name, nameAt } from './name.ts'
import { encodeTime } from './time.ts'
import {
  certificateLimits,
  checkDer,
  checkPublicKey,
  checkSignatureAlgorithm,
  type DerElement,
  derBytes,
  derChildren,
  derContent,
  derExpect,
  derTags,
  derTime,
  type PublicKeyFacts,
  unsigned,
} from './strict.ts'

/** A certificate that passed the gate (RFC 5280 4.1). Whether it is to be believed is another question. */
export interface Certificate {
  readonly der: Uint8Array
  /** The bytes that are signed. */
  readonly tbs: Uint8Array
  readonly version: 1 | 3
  /** Lower-case hex of the number's bytes. */
  readonly serial: string
  readonly issuer: Name
  readonly subject: Name
  /** Milliseconds since 1970. */
  readonly notBefore: number
  /** Milliseconds since 1970. */
  readonly notAfter: number
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly key: PublicKeyFacts
  /** Dotted object identifier. */
  readonly signatureAlgorithm: string
  readonly signature: Uint8Array
  readonly extensions: Extensions
}

/** What a certificate is to say, before it is signed. */
export interface CertificateContents {
  /** The serial number's magnitude, big-endian, 1 to 20 bytes. */
  readonly serial: Uint8Array
  readonly issuer: Name
  readonly subject: Name
  /** Milliseconds since 1970; certificates count whole seconds. */
  readonly notBefore: number
  /** Milliseconds since 1970. {@link noExpiry}: has no well-defined end. */
  readonly notAfter: number
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly extensions: readonly Extension[]
}

/** 99991231235959Z, the date of certificates without a well-defined end (RFC 5280 4.1.2.5). */
export const noExpiry = 253_402_300_799_000

/**
 * Reads a DER certificate strictly.
 * @throws MalformedMessage for everything that is not a clean version 3 (or bare version 1) certificate with an allowed
 * key and signature algorithm
 */
export function decodeCertificate(der: Uint8Array): Certificate {
  const what = 'certificate'
  const signed = readSigned(der, checkDer(der, what, certificateLimits), what)
  return readTbs(signed, what)
}

/** The three parts that certificates, requests and revocation lists share. */
export interface SignedStructure {
  readonly der: Uint8Array
  readonly tbs: DerElement
  readonly algorithm: DerElement
  readonly signatureAlgorithm: string
  readonly signature: Uint8Array
}

/** Splits SEQUENCE { signed part, algorithm, signature } and checks the algorithm. */
export function readSigned(der: Uint8Array, root: DerElement, what: string): SignedStructure {
  const [tbs, algorithm, signature, ...rest] = derChildren(der, derExpect(root, derTags.sequence, what), what)
  const tbsElement = derExpect(tbs, derTags.sequence, what)
  const algorithmElement = derExpect(algorithm, derTags.sequence, `${what}, signature algorithm`)
  const signatureElement = derExpect(signature, derTags.bitString, `${what}, signature`)
  if (rest.length > 0) throw new MalformedMessage('trailing', `${what}: more than three parts`)
  if (der[signatureElement.content] !== 0) {
    throw new MalformedMessage('bad-encoding', `${what}, signature: expected whole bytes`)
  }
  return {
    der,
    tbs: tbsElement,
    algorithm: algorithmElement,
    signatureAlgorithm: checkSignatureAlgorithm(der, algorithmElement, `${what}, signature algorithm`),
    signature: derContent(der, signatureElement).slice(1),
  }
}

function readTbs(signed: SignedStructure, what: string): Certificate {
  const { der, tbs } = signed
  const fields = derChildren(der, tbs, what)
  const version = readVersion(der, fields, what)
  const [serial, algorithm, issuer, validity, subject, publicKey, ...tail] = fields
  if (!sameBytes(derBytes(der, derExpect(algorithm, derTags.sequence, what)), derBytes(der, signed.algorithm))) {
    throw new MalformedMessage('bad-encoding', `${what}: the signature algorithm inside and outside differ`)
  }
  const [from, until, ...moreTimes] = derChildren(der, derExpect(validity, derTags.sequence, `${what}, validity`), what)
  if (from === undefined || until === undefined || moreTimes.length > 0) {
    throw new MalformedMessage('bad-encoding', `${what}, validity: expected two times`)
  }
  const notBefore = derTime(der, from, `${what}, start of validity`)
  const notAfter = derTime(der, until, `${what}, end of validity`)
  if (notBefore > notAfter) throw new MalformedMessage('out-of-range', `${what}, validity: ends before it begins`)
  const spki = derBytes(der, derExpect(publicKey, derTags.sequence, `${what}, public key`)).slice()
  return {
    der: der.slice(),
    tbs: derBytes(der, tbs).slice(),
    version,
    serial: readSerial(der, serial, what),
    issuer: nameAt(der, derExpect(issuer, derTags.sequence, `${what}, issuer`), `${what}, issuer`),
    subject: nameAt(der, derExpect(subject, derTags.sequence, `${what}, subject`), `${what}, subject`),
    notBefore,
    notAfter,
    publicKey: spki,
    key: checkPublicKey(spki, `${what}, public key`),
    signatureAlgorithm: signed.signatureAlgorithm,
    signature: signed.signature,
    extensions: readTail(der, tail, version, what),
  }
}

function readVersion(der: Uint8Array, fields: DerElement[], what: string): 1 | 3 {
  if (fields[0]?.tag !== 0xa0) return 1
  const wrapper = fields.shift()
  const [number] = wrapper === undefined ? [] : derChildren(der, wrapper, what)
  const value = hex(derContent(der, derExpect(number, derTags.integer, `${what}, version`)))
  if (value !== '02') {
    throw new MalformedMessage('unknown-value', `${what}: expected version 3, written as 02, got ${value.slice(0, 16)}`)
  }
  return 3
}

/** Reads a certificate serial number: positive, at most 20 bytes (RFC 5280 4.1.2.2). */
export function readSerial(der: Uint8Array, element: DerElement | undefined, what: string): string {
  const magnitude = unsigned(
    der,
    derExpect(element, derTags.integer, `${what}, serial number`),
    `${what}, serial number`,
  )
  if (magnitude.length > 20) {
    throw new MalformedMessage(
      'bad-length',
      `${what}: a serial number of ${magnitude.length} bytes, expected at most 20`,
    )
  }
  return hex(magnitude)
}

function readTail(der: Uint8Array, tail: readonly DerElement[], version: 1 | 3, what: string): Extensions {
  const [wrapper, ...rest] = tail
  if (wrapper === undefined) return noExtensions
  if (wrapper.tag !== 0xa3 || rest.length > 0) {
    throw new MalformedMessage('unknown-value', `${what}: unique identifiers and unknown fields are not allowed`)
  }
  if (version !== 3) throw new MalformedMessage('bad-encoding', `${what}: extensions in a version 1 certificate`)
  const [list, ...more] = derChildren(der, wrapper, what)
  if (list === undefined || more.length > 0 || list.end === list.content) {
    throw new MalformedMessage('bad-encoding', `${what}: expected one list of extensions that is not empty`)
  }
  return decodeExtensions(der, list, what)
}

/** Object identifiers of the signature each kind of key makes. */
const signatureOf: Readonly<Record<KeyKind, string>> = {
  'ecdsa-p256': '1.2.840.10045.4.3.2',
  'ecdsa-p384': '1.2.840.10045.4.3.3',
  'ecdsa-p521': '1.2.840.10045.4.3.4',
  'rsa-2048': '1.2.840.113549.1.1.11',
  'rsa-3072': '1.2.840.113549.1.1.11',
  'rsa-4096': '1.2.840.113549.1.1.11',
}

/** The AlgorithmIdentifier of what a kind of key signs, DER: without parameters for ECDSA, with NULL for RSA. */
export function signatureIdentifier(kind: KeyKind): Uint8Array {
  const parameters = kind.startsWith('rsa') ? [derEncode(derTags.null)] : []
  return derEncode(derTags.sequence, derOid(signatureOf[kind]), ...parameters)
}

/**
 * The bytes to be signed for a certificate. Put together by hand from parts that are DER already: the schema took ten
 * times as long, and wrote the issuer's name anew instead of copying it.
 * @throws UsageError `bad-value` for a serial number of 0 or more than 20 bytes
 */
export function encodeTbs(contents: CertificateContents, signer: KeyKind): Uint8Array {
  if (contents.serial.every((byte) => byte === 0) || contents.serial.length > 20) {
    throw new UsageError(
      'bad-value',
      `expected a serial number of 1 to 20 bytes that is not zero, got ${contents.serial.length} bytes`,
    )
  }
  return derEncode(
    derTags.sequence,
    derEncode(0xa0, derUnsigned(Uint8Array.of(2))),
    derUnsigned(contents.serial),
    signatureIdentifier(signer),
    contents.issuer.der,
    derEncode(derTags.sequence, encodeTime(contents.notBefore), encodeTime(contents.notAfter)),
    contents.subject.der,
    contents.publicKey,
    ...(contents.extensions.length === 0 ? [] : [derEncode(0xa3, encodeExtensions(contents.extensions))]),
  )
}

/** Signs the bytes of a certificate, request or list and puts the three parts together. */
export async function signStructure(tbs: Uint8Array, signer: PrivateKey): Promise<Uint8Array> {
  return joinSigned(tbs, signer.kind, await signer.sign(tbs))
}

/** Puts signed bytes, algorithm and signature together. */
export function joinSigned(tbs: Uint8Array, signer: KeyKind, signature: Uint8Array): Uint8Array {
  return derEncode(derTags.sequence, tbs, signatureIdentifier(signer), derBitString(signature))
}

/** Whether `publicKey` (SubjectPublicKeyInfo) made the signature of a structure. */
export function isSignedBy(
  crypto: Crypto,
  signed: { readonly tbs: Uint8Array; readonly signatureAlgorithm: string; readonly signature: Uint8Array },
  publicKey: Uint8Array,
): boolean {
  return crypto.verify(publicKey, signed.signatureAlgorithm, signed.tbs, signed.signature)
}

/** Whether a certificate is signed by its own key: a root, or a device's self-signed default certificate. */
export function isSelfSigned(crypto: Crypto, certificate: Certificate): boolean {
  return (
    sameBytes(certificate.issuer.der, certificate.subject.der) && isSignedBy(crypto, certificate, certificate.publicKey)
  )
}

/** The key identifier of a public key: SHA-1 over its bits (RFC 5280 4.2.1.2, method 1). A name, not a protection. */
export function keyIdentifier(crypto: Crypto, publicKey: Uint8Array): Uint8Array {
  const what = 'public key'
  const [, bits] = derChildren(publicKey, checkDer(publicKey, what), what)
  return crypto.digest('SHA-1', derContent(publicKey, derExpect(bits, derTags.bitString, what)).subarray(1))
}

/** SHA-256 over a DER certificate as 64 lower-case hex digits: what a person compares and what is pinned. */
export function fingerprint(crypto: Crypto, certificate: Uint8Array): string {
  return hex(crypto.digest('SHA-256', certificate))
}
