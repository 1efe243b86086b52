import {
  anyExtendedKeyUsage,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_cRLNumber,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  type KeyUsageFlags,
} from '@peculiar/asn1-x509'
import { MalformedMessage, UsageError } from '../errors.ts'
import { latin1, latin1Bytes } from '../wire/text.ts'
import { addressBytes, addressText } from './address.ts'
import { derEncode, derOid, derUnsigned, hex } from './der.ts'
import { formatName, nameAt } from './name.ts'
import {
  checkDer,
  type DerElement,
  derChildren,
  derContent,
  derExpect,
  derObjectIdentifier,
  derTags,
  unsigned,
} from './strict.ts'

/** Object identifiers of the extensions Cordon reads and writes (RFC 5280 4.2, 5.2). */
export const extensionTypes = {
  subjectKeyIdentifier: id_ce_subjectKeyIdentifier,
  keyUsage: id_ce_keyUsage,
  subjectAlternativeName: id_ce_subjectAltName,
  basicConstraints: id_ce_basicConstraints,
  crlNumber: id_ce_cRLNumber,
  authorityKeyIdentifier: id_ce_authorityKeyIdentifier,
  extendedKeyUsage: id_ce_extKeyUsage,
} as const

/** Object identifiers of extended key usages (RFC 5280 4.2.1.12, RFC 6402 2.10). */
export const keyPurposes = {
  serverAuth: id_kp_serverAuth,
  clientAuth: id_kp_clientAuth,
  cmcRA: '1.3.6.1.5.5.7.3.28',
  any: anyExtendedKeyUsage,
} as const

/** One extension as it stands in a structure. */
export interface Extension {
  /** Dotted object identifier. */
  readonly type: string
  readonly critical: boolean
  /** DER of its value. */
  readonly value: Uint8Array
}

/** What a key may be used for (RFC 5280 4.2.1.3). */
export type KeyUsage = keyof typeof KeyUsageFlags

/** One entry of a subject alternative name (RFC 5280 4.2.1.6). */
export interface GeneralName {
  /** `directory` holds the text form of a name; `other` the DER of the entry in hex. */
  readonly kind: 'ip' | 'dns' | 'uri' | 'email' | 'directory' | 'other'
  readonly value: string
}

/** The extensions of a certificate, a request or a list, those Cordon knows in readable form. */
export interface Extensions {
  /** All of them, in order. */
  readonly all: readonly Extension[]
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number }
  readonly keyUsage?: readonly KeyUsage[]
  /** Dotted object identifiers. */
  readonly extendedKeyUsage?: readonly string[]
  readonly subjectAlternativeNames?: readonly GeneralName[]
  readonly subjectKeyIdentifier?: Uint8Array
  /** The key identifier in it; an entry by issuer and serial number is not read. */
  readonly authorityKeyIdentifier?: Uint8Array
  readonly crlNumber?: number
  /** Types that are critical and unknown here: whoever judges the certificate must refuse it for them. */
  readonly unknownCritical: readonly string[]
}

/** The extensions of a structure that has none. */
export const noExtensions: Extensions = { all: [], unknownCritical: [] }

const maxExtensions = 64
const maxNames = 256

/**
 * Reads a sequence of extensions.
 * @throws MalformedMessage for a type that occurs twice, an explicit `critical FALSE`, or a known value of wrong shape
 */
export function decodeExtensions(bytes: Uint8Array, list: DerElement, what: string): Extensions {
  const all: Extension[] = []
  const seen = new Set<string>()
  for (const element of derChildren(bytes, derExpect(list, derTags.sequence, what), what)) {
    const [typeElement, ...rest] = derChildren(bytes, derExpect(element, derTags.sequence, what), what)
    const type = derObjectIdentifier(bytes, derExpect(typeElement, derTags.objectIdentifier, what), what)
    const critical = rest[0]?.tag === derTags.boolean
    if (critical && bytes[rest[0]?.content ?? 0] === 0) {
      throw new MalformedMessage(
        'bad-encoding',
        `${what}: extension ${type} spells out its default critical FALSE, expected DER`,
      )
    }
    const valueElement = derExpect(rest[critical ? 1 : 0], derTags.octetString, `${what}, extension ${type}`)
    if (rest.length !== (critical ? 2 : 1)) {
      throw new MalformedMessage('trailing', `${what}: extension ${type} has more than a type, a flag and a value`)
    }
    if (seen.has(type)) throw new MalformedMessage('bad-encoding', `${what}: extension ${type} occurs twice`)
    if (all.length === maxExtensions) {
      throw new MalformedMessage('out-of-range', `${what}: more than ${maxExtensions} extensions`)
    }
    seen.add(type)
    all.push({ type, critical, value: derContent(bytes, valueElement).slice() })
  }
  return readKnown(all, what)
}

/** Reads the known ones of a list of extensions. */
export function readKnown(all: readonly Extension[], what: string): Extensions {
  let known: Omit<Extensions, 'all' | 'unknownCritical'> = {}
  const unknownCritical: string[] = []
  for (const { type, critical, value } of all) {
    const read = readers.get(type)
    if (read === undefined) {
      if (critical) unknownCritical.push(type)
      continue
    }
    const where = `${what}, extension ${type}`
    checkDer(value, where)
    known = { ...known, ...read(value, where) }
  }
  return { ...known, all, unknownCritical }
}

type Reader = (value: Uint8Array, what: string) => Omit<Extensions, 'all' | 'unknownCritical'>

/**
 * Read element by element behind the gate: by their schemas the five of a device certificate took as long as its
 * signature takes to check, and a plant reads thousands.
 */
const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [extensionTypes.basicConstraints, readBasicConstraints],
  [
    extensionTypes.keyUsage,
    (value, what) => {
      const bits = derContent(value, derExpect(checkDer(value, what), derTags.bitString, what))
      // The first byte counts the unused bits at the end, which are zero; bit 0 is the highest of the second.
      const isSet = (bit: number) => ((bits[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0
      return { keyUsage: keyUsages.filter((_, bit) => isSet(bit)) }
    },
  ],
  [
    extensionTypes.extendedKeyUsage,
    (value, what) => {
      const purposes = derChildren(value, derExpect(checkDer(value, what), derTags.sequence, what), what)
      if (purposes.length === 0) throw new MalformedMessage('truncated', `${what}: expected at least one purpose`)
      const oid = (element: DerElement) =>
        derObjectIdentifier(value, derExpect(element, derTags.objectIdentifier, what), what)
      return { extendedKeyUsage: purposes.map(oid) }
    },
  ],
  [
    extensionTypes.subjectKeyIdentifier,
    (value, what) => {
      const identifier = derExpect(checkDer(value, what), derTags.octetString, what)
      return { subjectKeyIdentifier: derContent(value, identifier).slice() }
    },
  ],
  [extensionTypes.authorityKeyIdentifier, readAuthorityKeyIdentifier],
  [
    extensionTypes.crlNumber,
    (value, what) => {
      const element = derExpect(checkDer(value, what), derTags.integer, what)
      const number = unsigned(value, element, what).reduce((sum, byte) => sum * 256 + byte, 0)
      if (!Number.isSafeInteger(number)) {
        throw new MalformedMessage('out-of-range', `${what}: expected a number from 0 to 2^53`)
      }
      return { crlNumber: number }
    },
  ],
  [extensionTypes.subjectAlternativeName, readNames],
])

function readBasicConstraints(value: Uint8Array, what: string): Pick<Extensions, 'basicConstraints'> {
  const fields = derChildren(value, derExpect(checkDer(value, what), derTags.sequence, what), what)
  const flag = fields[0]?.tag === derTags.boolean ? fields.shift() : undefined
  const ca = flag !== undefined && value[flag.content] !== 0
  if (flag !== undefined && !ca) {
    throw new MalformedMessage('bad-encoding', `${what}: spells out its default cA FALSE, expected DER`)
  }
  const [length, ...rest] = fields
  if (rest.length > 0) throw new MalformedMessage('trailing', `${what}: has more than a flag and a path length`)
  if (length === undefined) return { basicConstraints: { ca } }
  const number = unsigned(value, derExpect(length, derTags.integer, what), what)
  if (!ca || number.length > 1) {
    const spelled = number.length > 1 ? `0x${hex(number)}` : String(number[0])
    throw new MalformedMessage('out-of-range', `${what}: a path length of ${spelled} for CA ${ca}`)
  }
  return { basicConstraints: { ca, pathLength: number[0] ?? 0 } }
}

/** The key identifier is `[0]`; issuer `[1]` and serial number `[2]` are not read. */
function readAuthorityKeyIdentifier(value: Uint8Array, what: string): Pick<Extensions, 'authorityKeyIdentifier'> {
  const fields = derChildren(value, derExpect(checkDer(value, what), derTags.sequence, what), what)
  const places = fields.map(({ tag }) => [0x80, 0xa1, 0x82].indexOf(tag))
  if (!places.every((place, i) => place > (places[i - 1] ?? -1))) {
    throw new MalformedMessage('unknown-value', `${what}: expected key identifier, issuer and serial number in order`)
  }
  const identifier = fields.find(({ tag }) => tag === 0x80)
  return identifier === undefined ? {} : { authorityKeyIdentifier: derContent(value, identifier).slice() }
}

const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const satisfies readonly KeyUsage[]

function readNames(value: Uint8Array, what: string): Pick<Extensions, 'subjectAlternativeNames'> {
  const root = derExpect(checkDer(value, what), derTags.sequence, what)
  const elements = derChildren(value, root, what)
  if (elements.length === 0 || elements.length > maxNames) {
    throw new MalformedMessage('out-of-range', `${what}: ${elements.length} names, expected 1 to ${maxNames}`)
  }
  return { subjectAlternativeNames: elements.map((element) => readGeneralName(value, element, what)) }
}

function readGeneralName(bytes: Uint8Array, element: DerElement, what: string): GeneralName {
  const content = derContent(bytes, element)
  switch (element.tag) {
    case 0x81:
      return { kind: 'email', value: ia5(content, what) }
    case 0x82:
      return { kind: 'dns', value: ia5(content, what) }
    case 0x86:
      return { kind: 'uri', value: ia5(content, what) }
    case 0x87: {
      const address = addressText(content)
      if (address === undefined) {
        throw new MalformedMessage('bad-length', `${what}: an IP address of ${content.length} bytes, expected 4 or 16`)
      }
      return { kind: 'ip', value: address }
    }
    case 0xa4: {
      const [inner] = derChildren(bytes, element, what)
      if (inner === undefined) throw new MalformedMessage('truncated', `${what}: a directory name without a name`)
      return { kind: 'directory', value: formatName(nameAt(bytes, inner, what)) }
    }
    default:
      return { kind: 'other', value: hex(bytes.subarray(element.start, element.end)) }
  }
}

function ia5(content: Uint8Array, what: string): string {
  const text = latin1(content)
  // A zero byte in a name once let one host pass for another; nothing that is not visible has a place here.
  if (!/^[\x21-\x7e]*$/.test(text)) throw new MalformedMessage('bad-text', `${what}: expected visible ASCII`)
  return text
}

const dnsName =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/

/** Subject alternative name with IP addresses and DNS names. @throws UsageError `bad-value` for one that is none */
export function subjectAlternativeName(addresses: readonly string[], dnsNames: readonly string[] = []): Extension {
  const entries = [
    ...addresses.map((address) => derEncode(0x87, addressBytes(address))),
    ...dnsNames.map((name) => {
      if (!dnsName.test(name)) throw new UsageError('bad-value', `expected a DNS name without wildcard, got "${name}"`)
      return derEncode(0x82, latin1Bytes(name))
    }),
  ]
  if (entries.length === 0)
    throw new UsageError('bad-value', 'a subject alternative name needs an address or a DNS name')
  return {
    type: extensionTypes.subjectAlternativeName,
    critical: false,
    value: derEncode(derTags.sequence, ...entries),
  }
}

/** Basic constraints, critical: whether the subject is a CA, and how many CAs may follow below it. */
export function basicConstraints(ca: boolean, pathLength?: number): Extension {
  const fields = ca ? [derEncode(derTags.boolean, Uint8Array.of(0xff))] : []
  if (pathLength !== undefined) fields.push(derUnsigned(Uint8Array.of(pathLength)))
  return { type: extensionTypes.basicConstraints, critical: true, value: derEncode(derTags.sequence, ...fields) }
}

/** Key usage, critical. */
export function keyUsage(usages: readonly KeyUsage[]): Extension {
  // Bit 0 is the highest of the first byte; DER drops zero bits at the end (X.690 11.2.2).
  const bits = usages.map((usage) => keyUsages.indexOf(usage)).sort((a, b) => a - b)
  const last = bits.at(-1) ?? -1
  const bytes = new Uint8Array(Math.ceil((last + 1) / 8))
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  const value = derEncode(derTags.bitString, Uint8Array.of(bytes.length * 8 - 1 - last), bytes)
  return { type: extensionTypes.keyUsage, critical: true, value }
}

/** Extended key usage by object identifiers, not critical. */
export function extendedKeyUsage(purposes: readonly string[]): Extension {
  return {
    type: extensionTypes.extendedKeyUsage,
    critical: false,
    value: derEncode(derTags.sequence, ...purposes.map(derOid)),
  }
}

/** Subject key identifier. */
export function subjectKeyIdentifier(identifier: Uint8Array): Extension {
  return {
    type: extensionTypes.subjectKeyIdentifier,
    critical: false,
    value: derEncode(derTags.octetString, identifier),
  }
}

/** Authority key identifier with the issuer's key identifier. */
export function authorityKeyIdentifier(identifier: Uint8Array): Extension {
  const value = derEncode(derTags.sequence, derEncode(0x80, identifier))
  return { type: extensionTypes.authorityKeyIdentifier, critical: false, value }
}

/** CRL number. Written by hand: the schema's integer loses its sign byte from 2^23 on. */
export function crlNumber(number: number): Extension {
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new UsageError('bad-value', `expected a CRL number from 0 to 2^53, got ${number}`)
  }
  const bytes: number[] = []
  for (let rest = number; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return { type: extensionTypes.crlNumber, critical: false, value: derUnsigned(Uint8Array.from(bytes)) }
}

/** Extensions as the DER sequence that certificates, requests and lists hold. */
export function encodeExtensions(extensions: readonly Extension[]): Uint8Array {
  return derEncode(
    derTags.sequence,
    ...extensions.map(({ type, critical, value }) =>
      derEncode(
        derTags.sequence,
        derOid(type),
        // The default, FALSE, is left out.
        ...(critical ? [derEncode(derTags.boolean, Uint8Array.of(0xff))] : []),
        derEncode(derTags.octetString, value),
      ),
    ),
  )
}
