import {
  id_ecdsaWithSHA256,
  id_ecdsaWithSHA384,
  id_ecdsaWithSHA512,
  id_ecPublicKey,
  id_secp256r1,
  id_secp384r1,
  id_secp521r1,
} from '@peculiar/asn1-ecc'
import {
  id_rsaEncryption,
  id_sha256WithRSAEncryption,
  id_sha384WithRSAEncryption,
  id_sha512WithRSAEncryption,
} from '@peculiar/asn1-rsa'
import type { DigestAlgorithm } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { calendarMs } from '../wire/calendar.ts'
import { utf8 } from '../wire/text.ts'

/**
 * The gate before every ASN.1 schema. Schemas read what BER permits; what arrives from a peer must be DER, small, flat
 * and free of what nobody needs, before any schema sees a byte. Everything here runs in time linear in the input and
 * throws {@link MalformedMessage} alone.
 * @module
 */

/** How large and how deep a structure may be. */
export interface DerLimits {
  /** Bytes in total. */
  readonly maxBytes: number
  /** Elements inside one another. */
  readonly maxDepth: number
}

/** Limits for certificates and requests: the largest seen in the field is under 4 KiB. */
export const certificateLimits: DerLimits = { maxBytes: 64 * 1024, maxDepth: 24 }

/** Limits for revocation lists: 1 MiB holds some 25 000 entries, more than a device could store. */
export const revocationListLimits: DerLimits = { maxBytes: 1024 * 1024, maxDepth: 24 }

/** Identifier octets of the universal types that matter here (X.690 8.1.2). */
export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** Where one element lies in its bytes. */
export interface DerElement {
  /** The identifier octet. */
  readonly tag: number
  /** Offset of the identifier octet. */
  readonly start: number
  /** Offset of the first content byte. */
  readonly content: number
  /** Offset behind the last content byte. */
  readonly end: number
}

function refuse(
  code:
    | 'truncated'
    | 'trailing'
    | 'bad-encoding'
    | 'bad-length'
    | 'too-deep'
    | 'out-of-range'
    | 'unknown-value'
    | 'bad-text',
  what: string,
  offset: number,
  message: string,
): MalformedMessage {
  return new MalformedMessage(code, `${what} at byte ${offset}: ${message}`, { details: { offset } })
}

/**
 * Reads identifier and length of the element at `start`, which must end at or before `end`. Only low tag numbers and
 * definite, minimal lengths pass (X.690 10.1).
 */
export function derElement(bytes: Uint8Array, start: number, end: number, what: string): DerElement {
  const tag = bytes[start]
  const first = bytes[start + 1]
  if (start + 2 > end || tag === undefined || first === undefined) {
    throw refuse('truncated', what, start, 'expected an element, the bytes end here')
  }
  if ((tag & 0x1f) === 0x1f) throw refuse('bad-encoding', what, start, 'tag numbers above 30 do not occur in X.509')
  if (first === 0x80) throw refuse('bad-encoding', what, start, 'indefinite length is BER, expected DER')
  let content = start + 2
  let length = first
  if (first > 0x80) {
    const count = first & 0x7f
    if (count > 4)
      throw refuse('bad-length', what, start, `a length of ${count} bytes is larger than any structure here`)
    if (content + count > end) throw refuse('truncated', what, start, 'the bytes end inside a length')
    length = 0
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[content + i] ?? 0)
    if (length < 0x80 || bytes[content] === 0) {
      throw refuse('bad-encoding', what, start, 'a length longer than it need be is BER, expected DER')
    }
    content += count
  }
  if (content + length > end) {
    throw refuse('truncated', what, start, `the element is ${length} bytes long, ${end - content} are left`)
  }
  return { tag, start, content, end: content + length }
}

/** The elements inside a constructed element, in order. */
export function derChildren(bytes: Uint8Array, parent: DerElement, what: string): DerElement[] {
  const children: DerElement[] = []
  for (let offset = parent.content; offset < parent.end; ) {
    const child = derElement(bytes, offset, parent.end, what)
    children.push(child)
    offset = child.end
  }
  return children
}

/** The bytes of an element with its header, sharing memory. */
export function derBytes(bytes: Uint8Array, element: DerElement): Uint8Array {
  return bytes.subarray(element.start, element.end)
}

/** The content of an element, sharing memory. */
export function derContent(bytes: Uint8Array, element: DerElement): Uint8Array {
  return bytes.subarray(element.content, element.end)
}

/**
 * Checks that `bytes` are exactly one DER element within the limits, whatever it means: definite minimal lengths, no
 * trailing bytes, no constructed strings, minimal integers, well-formed object identifiers, booleans, texts and times.
 * The order inside a SET is not judged: real certificates carry multi-valued names in the order of a person's form.
 * @returns the outermost element
 */
export function checkDer(bytes: Uint8Array, what: string, limits: DerLimits = certificateLimits): DerElement {
  if (bytes.length > limits.maxBytes) {
    throw refuse('bad-length', what, 0, `${bytes.length} bytes, expected at most ${limits.maxBytes}`)
  }
  const root = derElement(bytes, 0, bytes.length, what)
  if (root.end !== bytes.length) {
    throw refuse('trailing', what, root.end, `${bytes.length - root.end} bytes follow the structure`)
  }
  // An explicit stack of ends, so that depth costs neither stack nor time.
  const ends: number[] = []
  let offset = 0
  while (offset < bytes.length) {
    while (ends.length > 0 && ends.at(-1) === offset) ends.pop()
    const element = derElement(bytes, offset, ends.at(-1) ?? bytes.length, what)
    if ((element.tag & 0x20) === 0) {
      checkPrimitive(bytes, element, what)
      offset = element.end
      continue
    }
    if ((element.tag & 0xc0) === 0 && element.tag !== derTags.sequence && element.tag !== derTags.set) {
      throw refuse('bad-encoding', what, element.start, 'a string in pieces is BER, expected DER')
    }
    if (ends.length >= limits.maxDepth) {
      throw refuse('too-deep', what, element.start, `more than ${limits.maxDepth} elements inside one another`)
    }
    if (element.end > element.content) ends.push(element.end)
    offset = element.content
  }
  return root
}

function checkPrimitive(bytes: Uint8Array, element: DerElement, what: string): void {
  const { tag, start, content, end } = element
  const length = end - content
  const first = bytes[content] ?? 0
  switch (tag) {
    case derTags.boolean:
      if (length !== 1 || (first !== 0 && first !== 0xff)) {
        throw refuse('bad-encoding', what, start, 'expected a boolean as one byte 00 or FF')
      }
      return
    case derTags.integer:
    case derTags.enumerated: {
      if (length === 0) throw refuse('bad-length', what, start, 'an integer without bytes')
      const second = bytes[content + 1] ?? 0
      if (length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
        throw refuse('bad-encoding', what, start, 'an integer longer than it need be is BER, expected DER')
      }
      return
    }
    case derTags.bitString:
      if (length === 0 || first > 7 || (length === 1 && first !== 0)) {
        throw refuse('bad-encoding', what, start, 'a bit string with an impossible count of unused bits')
      }
      if (((bytes[end - 1] ?? 0) & ((1 << first) - 1)) !== 0 && length > 1) {
        throw refuse('bad-encoding', what, start, 'unused bits of a bit string that are not zero are BER, expected DER')
      }
      return
    case derTags.null:
      if (length !== 0) throw refuse('bad-length', what, start, 'a NULL with content')
      return
    case derTags.objectIdentifier:
      derObjectIdentifier(bytes, element, what)
      return
    case derTags.utf8String: {
      const text = utf8(bytes.subarray(content, end))
      if (text === undefined) throw refuse('bad-text', what, start, 'expected UTF-8')
      if (text.includes('\0')) throw refuse('bad-text', what, start, 'a text with a zero byte')
      return
    }
    case derTags.numericString:
    case derTags.printableString:
    case derTags.ia5String:
    case derTags.visibleString:
      // `_`, `@` and `*` stand in printable strings of many vendors, so only what could hide text is refused.
      for (let i = content; i < end; i++) {
        const byte = bytes[i] ?? 0
        if (byte < 0x20 || byte > 0x7e) throw refuse('bad-text', what, i, 'expected printable ASCII')
      }
      return
    case derTags.teletexString:
      if (bytes.subarray(content, end).includes(0)) throw refuse('bad-text', what, start, 'a text with a zero byte')
      return
    case derTags.bmpString:
      if (length % 2 !== 0) throw refuse('bad-text', what, start, 'a BMP string with half a character')
      return
    case derTags.universalString:
      if (length % 4 !== 0) throw refuse('bad-text', what, start, 'a universal string with part of a character')
      return
    case derTags.utcTime:
    case derTags.generalizedTime:
      derTime(bytes, element, what)
      return
    case derTags.sequence & ~0x20:
    case derTags.set & ~0x20:
      throw refuse('bad-encoding', what, start, 'a sequence or set that is not constructed')
    case 0:
      throw refuse('bad-encoding', what, start, 'end-of-contents octets are BER, expected DER')
    default:
      return
  }
}

/** Expects an element of one tag. */
export function derExpect(element: DerElement | undefined, tag: number, what: string): DerElement {
  if (element === undefined) throw new MalformedMessage('truncated', `${what}: missing`)
  if (element.tag !== tag) {
    const hex = (n: number) => `0x${n.toString(16).padStart(2, '0')}`
    throw refuse('unknown-value', what, element.start, `expected tag ${hex(tag)}, got ${hex(element.tag)}`)
  }
  return element
}

/** The dotted form of an object identifier. Arcs above 2^53 do not occur and are refused. */
export function derObjectIdentifier(bytes: Uint8Array, element: DerElement, what: string): string {
  const { start, content, end } = element
  if (end === content || end - content > 32) {
    throw refuse('bad-length', what, start, 'expected an object identifier of 1 to 32 bytes')
  }
  if (((bytes[end - 1] ?? 0) & 0x80) !== 0)
    throw refuse('truncated', what, start, 'an object identifier ends inside an arc')
  const arcs: number[] = []
  let arc = 0
  let fresh = true
  for (let i = content; i < end; i++) {
    const byte = bytes[i] ?? 0
    if (fresh && byte === 0x80) throw refuse('bad-encoding', what, start, 'an object identifier arc with leading zeros')
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER) throw refuse('out-of-range', what, start, 'an object identifier arc above 2^53')
    fresh = (byte & 0x80) === 0
    if (!fresh) continue
    if (arcs.length === 0) {
      const root = Math.min(Math.floor(arc / 40), 2)
      arcs.push(root, arc - root * 40)
    } else arcs.push(arc)
    arc = 0
  }
  return arcs.join('.')
}

const timeShape = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/

/**
 * A UTCTime or GeneralizedTime as milliseconds since 1970. Only the forms of RFC 5280 4.1.2.5 pass: seconds present,
 * Zulu, no fraction; UTCTime means 1950 to 2049, and GeneralizedTime is for years from 2050 on.
 */
export function derTime(bytes: Uint8Array, element: DerElement, what: string): number {
  const short = element.tag === derTags.utcTime
  if (!short && element.tag !== derTags.generalizedTime) {
    throw refuse('unknown-value', what, element.start, 'expected a UTCTime or a GeneralizedTime')
  }
  let text = ''
  if (element.end - element.content <= 16) {
    for (let i = element.content; i < element.end; i++) text += String.fromCharCode(bytes[i] ?? 0)
  }
  const match = timeShape.exec(text)
  const [yearText, month, day, hour, minute, second] = (match ?? []).slice(1).map(Number)
  if (
    yearText === undefined ||
    month === undefined ||
    day === undefined ||
    hour === undefined ||
    minute === undefined ||
    second === undefined ||
    text.length !== (short ? 13 : 15)
  ) {
    const shape = short ? 'YYMMDDHHMMSSZ' : 'YYYYMMDDHHMMSSZ'
    throw refuse('bad-encoding', what, element.start, `expected a time as ${shape}`)
  }
  const year = short ? yearText + (yearText < 50 ? 2000 : 1900) : yearText
  if (!short && year < 2050) {
    throw refuse('bad-encoding', what, element.start, 'years before 2050 are written as UTCTime')
  }
  const at = calendarMs(year, month, day, hour, minute, second)
  if (at === undefined) {
    throw refuse('out-of-range', what, element.start, 'a date or time of day that does not exist')
  }
  return at
}

/** A signature algorithm that may appear in what Cordon believes. */
export interface SignatureAlgorithm {
  readonly name: string
  readonly family: 'ecdsa' | 'rsa'
  readonly digest: DigestAlgorithm
}

/**
 * The allow-list, by object identifier (RFC 5758 3.2, RFC 8017 A.2.4). SHA-1 and MD5 are forgeable; RSA-PSS and Edwards
 * curves have no place in the suites of CIP Security.
 */
export const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  [id_ecdsaWithSHA256, { name: 'ecdsa-with-SHA256', family: 'ecdsa', digest: 'SHA-256' }],
  [id_ecdsaWithSHA384, { name: 'ecdsa-with-SHA384', family: 'ecdsa', digest: 'SHA-384' }],
  [id_ecdsaWithSHA512, { name: 'ecdsa-with-SHA512', family: 'ecdsa', digest: 'SHA-512' }],
  [id_sha256WithRSAEncryption, { name: 'sha256WithRSAEncryption', family: 'rsa', digest: 'SHA-256' }],
  [id_sha384WithRSAEncryption, { name: 'sha384WithRSAEncryption', family: 'rsa', digest: 'SHA-384' }],
  [id_sha512WithRSAEncryption, { name: 'sha512WithRSAEncryption', family: 'rsa', digest: 'SHA-512' }],
])

/** Algorithms that are refused by name, so that the message can say what stands there. */
const refusedAlgorithms: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.4', 'md5WithRSAEncryption'],
  ['1.2.840.113549.1.1.5', 'sha1WithRSAEncryption'],
  ['1.2.840.113549.1.1.10', 'RSASSA-PSS'],
  ['1.2.840.10045.4.1', 'ecdsa-with-SHA1'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
])

/** Checks an AlgorithmIdentifier of a signature against the allow-list and returns its object identifier. */
export function checkSignatureAlgorithm(bytes: Uint8Array, element: DerElement | undefined, what: string): string {
  const [oidElement, parameters, ...rest] = derChildren(bytes, derExpect(element, derTags.sequence, what), what)
  const oid = derObjectIdentifier(bytes, derExpect(oidElement, derTags.objectIdentifier, what), what)
  const algorithm = signatureAlgorithms.get(oid)
  if (algorithm === undefined) {
    throw refuse(
      'unknown-value',
      what,
      oidElement?.start ?? 0,
      `signature algorithm ${refusedAlgorithms.get(oid) ?? oid} is not allowed; use ECDSA or RSA PKCS#1 v1.5 with SHA-256, SHA-384 or SHA-512`,
    )
  }
  // ECDSA has none (RFC 5758 3.2); RSA has NULL or none (RFC 4055 section 5).
  const fits = algorithm.family === 'ecdsa' ? parameters === undefined : parameters === undefined || isNull(parameters)
  if (!fits || rest.length > 0) {
    throw refuse('bad-encoding', what, element?.start ?? 0, `${algorithm.name} with parameters it does not have`)
  }
  return oid
}

function isNull(element: DerElement): boolean {
  return element.tag === derTags.null
}

/** What a public key is. */
export interface PublicKeyFacts {
  /** `ecdsa-p256`, `ecdsa-p384`, `ecdsa-p521`, or `rsa-` and its bits. */
  readonly algorithm: string
  readonly family: 'ecdsa' | 'rsa'
  /** Size of field or modulus. */
  readonly bits: number
}

const namedCurves: ReadonlyMap<string, { name: string; bits: number }> = new Map([
  [id_secp256r1, { name: 'ecdsa-p256', bits: 256 }],
  [id_secp384r1, { name: 'ecdsa-p384', bits: 384 }],
  [id_secp521r1, { name: 'ecdsa-p521', bits: 521 }],
])

/**
 * Checks a DER SubjectPublicKeyInfo: P-256, P-384 or P-521 by name with an uncompressed point (RFC 5480), or RSA of 2048
 * to 4096 bits with an odd exponent from 65537 on (RFC 8017). Curves given by explicit parameters are refused: they let
 * a forger choose the curve (CVE-2020-0601). That the point lies on its curve is found by whoever uses the key.
 */
export function checkPublicKey(spki: Uint8Array, what = 'public key'): PublicKeyFacts {
  const [algorithm, keyBits, ...rest] = derChildren(spki, derExpect(checkDer(spki, what), derTags.sequence, what), what)
  const [oidElement, parameters, ...more] = derChildren(spki, derExpect(algorithm, derTags.sequence, what), what)
  const oid = derObjectIdentifier(spki, derExpect(oidElement, derTags.objectIdentifier, what), what)
  const key = derExpect(keyBits, derTags.bitString, what)
  if (rest.length > 0 || more.length > 0 || spki[key.content] !== 0) {
    throw refuse('bad-encoding', what, key.start, 'expected an algorithm and a whole number of key bytes, nothing else')
  }
  if (oid === id_ecPublicKey) return checkCurve(spki, parameters, key, what)
  if (oid === id_rsaEncryption) return checkModulus(spki, parameters, key, what)
  throw refuse(
    'unknown-value',
    what,
    oidElement?.start ?? 0,
    `key algorithm ${refusedAlgorithms.get(oid) ?? oid} is not allowed; use ECDSA P-256, P-384, P-521 or RSA of 2048 to 4096 bits`,
  )
}

function checkCurve(
  spki: Uint8Array,
  parameters: DerElement | undefined,
  key: DerElement,
  what: string,
): PublicKeyFacts {
  if (parameters?.tag === derTags.sequence) {
    throw refuse('unknown-value', what, parameters.start, 'explicit curve parameters are not allowed; name the curve')
  }
  const curveOid = derObjectIdentifier(spki, derExpect(parameters, derTags.objectIdentifier, what), what)
  const curve = namedCurves.get(curveOid)
  if (curve === undefined) {
    throw refuse(
      'unknown-value',
      what,
      parameters?.start ?? 0,
      `curve ${curveOid} is not allowed; use P-256, P-384 or P-521`,
    )
  }
  const expected = 2 * Math.ceil(curve.bits / 8) + 1
  const length = key.end - key.content - 1
  if (length !== expected || spki[key.content + 1] !== 0x04) {
    throw refuse(
      'bad-encoding',
      what,
      key.start,
      `expected an uncompressed point of ${expected} bytes, got ${length} bytes`,
    )
  }
  return { algorithm: curve.name, family: 'ecdsa', bits: curve.bits }
}

function checkModulus(
  spki: Uint8Array,
  parameters: DerElement | undefined,
  key: DerElement,
  what: string,
): PublicKeyFacts {
  derExpect(parameters, derTags.null, what)
  const inner = spki.subarray(key.content + 1, key.end)
  const [modulus, exponent, ...rest] = derChildren(
    inner,
    derExpect(checkDer(inner, what), derTags.sequence, what),
    what,
  )
  const n = unsigned(inner, derExpect(modulus, derTags.integer, what), what)
  const e = unsigned(inner, derExpect(exponent, derTags.integer, what), what)
  const bits = bitLength(n)
  if (rest.length > 0)
    throw refuse('trailing', what, key.start, 'an RSA key is a modulus and an exponent, nothing else')
  if (bits < 2048 || bits > 4096) {
    throw refuse('out-of-range', what, key.start, `an RSA modulus of ${bits} bits, expected 2048 to 4096`)
  }
  const odd = (value: Uint8Array) => ((value.at(-1) ?? 0) & 1) === 1
  if (!odd(n) || !odd(e) || bitLength(e) < 17 || bitLength(e) > 64) {
    throw refuse('out-of-range', what, key.start, 'expected an odd RSA modulus and an odd exponent from 65537 on')
  }
  return { algorithm: `rsa-${bits}`, family: 'rsa', bits }
}

/** The bytes of a non-negative INTEGER without its sign byte. */
export function unsigned(bytes: Uint8Array, element: DerElement, what: string): Uint8Array {
  const content = derContent(bytes, element)
  if ((content[0] ?? 0) >= 0x80)
    throw refuse('out-of-range', what, element.start, 'expected an integer that is not negative')
  return content[0] === 0 && content.length > 1 ? content.subarray(1) : content
}

function bitLength(value: Uint8Array): number {
  const first = value[0] ?? 0
  return first === 0 ? 0 : (value.length - 1) * 8 + (32 - Math.clz32(first))
}
