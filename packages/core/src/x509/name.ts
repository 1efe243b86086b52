import { MalformedMessage, UsageError } from '../errors.ts'
import { latin1, latin1Bytes, utf8, utf8Bytes } from '../wire/text.ts'
import { derEncode, derOid, hex } from './der.ts'
import {
  checkDer,
  type DerElement,
  derBytes,
  derChildren,
  derContent,
  derExpect,
  derObjectIdentifier,
  derTags,
} from './strict.ts'

/** How an attribute's text is encoded. `other`: no text; the value is `#` and the DER in hex. */
export type NameEncoding = 'utf8' | 'printable' | 'ia5' | 'teletex' | 'bmp' | 'universal' | 'other'

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** Dotted object identifier. */
  readonly type: string
  readonly value: string
  readonly encoding: NameEncoding
}

/**
 * A relative distinguished name: usually one attribute, but seven are seen in plants (cip-security-wire 5.4), so nothing
 * may assume one.
 */
export type RelativeName = readonly NameAttribute[]

/** A distinguished name (RFC 5280 4.1.2.4), with the bytes it came as: chains are matched on those. */
export interface Name {
  /** In the order of encoding: the most general part first. */
  readonly parts: readonly RelativeName[]
  readonly der: Uint8Array
}

/** Attribute types by the short names of RFC 4514 and of common use. */
export const attributeTypes = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  title: '2.5.4.12',
  GN: '2.5.4.42',
  dnQualifier: '2.5.4.46',
  DC: '0.9.2342.19200300.100.1.25',
  UID: '0.9.2342.19200300.100.1.1',
  emailAddress: '1.2.840.113549.1.9.1',
} as const

/** A short name of {@link attributeTypes}. */
export type AttributeLabel = keyof typeof attributeTypes

const labels: ReadonlyMap<string, string> = new Map(Object.entries(attributeTypes).map(([label, oid]) => [oid, label]))
const typesByLabel: ReadonlyMap<string, string> = new Map([
  ...Object.entries(attributeTypes).map(([label, oid]): [string, string] => [label.toLowerCase(), oid]),
  ['e', attributeTypes.emailAddress],
  ['email', attributeTypes.emailAddress],
  ['s', attributeTypes.ST],
])

/** Most attributes a name may have; the largest seen has seven. */
const maxAttributes = 64

/**
 * Reads a DER Name. Element by element behind the gate: a certificate has two names, and reading those by their schema
 * took half of the time that reading a certificate takes.
 * @throws MalformedMessage when it is none, or has more than 64 attributes
 */
export function decodeName(der: Uint8Array, what = 'name'): Name {
  const root = derExpect(checkDer(der, what), derTags.sequence, what)
  let count = 0
  const parts = derChildren(der, root, what).map((part) => {
    if (part.tag !== derTags.set || part.end === part.content) {
      throw new MalformedMessage('bad-encoding', `${what} at byte ${part.start}: expected a set of attributes`)
    }
    const attributes = derChildren(der, part, what)
    count += attributes.length
    if (count > maxAttributes) {
      throw new MalformedMessage('out-of-range', `${what}: expected at most ${maxAttributes} attributes`)
    }
    return attributes.map((element) => attributeAt(der, element, what))
  })
  return { parts, der: der.slice() }
}

function attributeAt(der: Uint8Array, element: DerElement, what: string): NameAttribute {
  const [type, value, ...rest] = derChildren(der, derExpect(element, derTags.sequence, what), what)
  if (value === undefined || rest.length > 0) {
    throw new MalformedMessage(
      'bad-encoding',
      `${what} at byte ${element.start}: expected an attribute of type and value`,
    )
  }
  const oid = derObjectIdentifier(der, derExpect(type, derTags.objectIdentifier, what), what)
  return { type: oid, ...textOf(der, value) }
}

function textOf(der: Uint8Array, element: DerElement): { value: string; encoding: NameEncoding } {
  const content = derContent(der, element)
  switch (element.tag) {
    case derTags.utf8String:
      // The gate has seen that it is UTF-8.
      return { value: utf8(content) ?? '', encoding: 'utf8' }
    case derTags.printableString:
      return { value: latin1(content), encoding: 'printable' }
    case derTags.ia5String:
      return { value: latin1(content), encoding: 'ia5' }
    case derTags.teletexString:
      return { value: latin1(content), encoding: 'teletex' }
    case derTags.bmpString:
      return { value: String.fromCharCode(...wideCodes(content, 2)), encoding: 'bmp' }
    case derTags.universalString: {
      const codes = wideCodes(content, 4)
      if (codes.every((code) => code <= highestCharacter)) {
        return { value: String.fromCodePoint(...codes), encoding: 'universal' }
      }
    }
  }
  return { value: `#${hex(derBytes(der, element))}`, encoding: 'other' }
}

/** Unicode ends here. */
const highestCharacter = 0x10_ffff

/** Where a value has only one encoding that others accept (RFC 5280 4.1.2.4, RFC 4519). */
const fixedEncodings: ReadonlyMap<string, NameEncoding> = new Map([
  [attributeTypes.C, 'printable'],
  [attributeTypes.serialNumber, 'printable'],
  [attributeTypes.dnQualifier, 'printable'],
  [attributeTypes.DC, 'ia5'],
  [attributeTypes.emailAddress, 'ia5'],
])

const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/
const ascii = /^[\x20-\x7e]*$/

/** One attribute, encoded as its type requires, else as UTF-8. */
export function nameAttribute(label: AttributeLabel, value: string): NameAttribute {
  return attribute(attributeTypes[label], value)
}

function attribute(type: string, value: string): NameAttribute {
  const encoding = fixedEncodings.get(type) ?? 'utf8'
  if (value.length > 1024 || value.includes('\0')) {
    throw new UsageError('bad-value', `a name attribute may have 1024 characters and no zero byte, got ${value.length}`)
  }
  if ((encoding === 'printable' && !printable.test(value)) || (encoding === 'ia5' && !ascii.test(value))) {
    throw new UsageError(
      'bad-value',
      `${labels.get(type) ?? type} may hold letters, digits and plain punctuation, got "${value}"`,
    )
  }
  return { type, value, encoding }
}

/** A name from its parts, most general first; a part is one attribute or several of equal rank. */
export function encodeName(parts: readonly (NameAttribute | RelativeName)[]): Name {
  const encoded = parts.map((part) => encodePart('type' in part ? [part] : part))
  return { parts: encoded.map(({ part }) => part), der: derEncode(derTags.sequence, ...encoded.map(({ der }) => der)) }
}

/** DER orders the members of a set by their encoding (X.690 11.6). */
function encodePart(part: RelativeName): { part: RelativeName; der: Uint8Array } {
  if (part.length === 0) throw new UsageError('bad-value', 'a part of a name needs at least one attribute')
  const members = part.map((item) => ({ item, der: encodeAttribute(item) }))
  if (members.length > 1) members.sort((a, b) => (hex(a.der) < hex(b.der) ? -1 : 1))
  return { part: members.map(({ item }) => item), der: derEncode(derTags.set, ...members.map(({ der }) => der)) }
}

function encodeAttribute({ type, value, encoding }: NameAttribute): Uint8Array {
  return derEncode(derTags.sequence, derOid(type), encodeText(value, encoding))
}

function encodeText(value: string, encoding: NameEncoding): Uint8Array {
  switch (encoding) {
    case 'utf8':
      return derEncode(derTags.utf8String, utf8Bytes(value))
    case 'printable':
      return derEncode(derTags.printableString, latin1Bytes(value))
    case 'ia5':
      return derEncode(derTags.ia5String, latin1Bytes(value))
    case 'teletex':
      return derEncode(derTags.teletexString, latin1Bytes(value))
    case 'bmp':
      return derEncode(
        derTags.bmpString,
        wideBytes(
          value.split('').map((c) => c.charCodeAt(0)),
          2,
        ),
      )
    case 'universal':
      return derEncode(
        derTags.universalString,
        wideBytes(
          Array.from(value, (c) => c.codePointAt(0) ?? 0),
          4,
        ),
      )
    case 'other':
      return fromHex(value.slice(1))
  }
}

function wideBytes(codes: readonly number[], width: number): Uint8Array {
  const bytes = new Uint8Array(codes.length * width)
  codes.forEach((code, i) => {
    for (let k = 0; k < width; k++) bytes[i * width + k] = (code >>> (8 * (width - 1 - k))) & 0xff
  })
  return bytes
}

/** Big-endian numbers of `width` bytes. */
function wideCodes(content: Uint8Array, width: 2 | 4): number[] {
  const codes: number[] = []
  for (let i = 0; i < content.length; i += width) {
    let code = 0
    for (let k = 0; k < width; k++) code = code * 256 + (content[i + k] ?? 0)
    codes.push(code)
  }
  return codes
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** The first value of an attribute type in a name, from its most specific part. */
export function nameValue(name: Name, label: AttributeLabel): string | undefined {
  for (const part of name.parts.toReversed()) {
    const found = part.find(({ type }) => type === attributeTypes[label])
    if (found !== undefined) return found.value
  }
  return undefined
}

/**
 * The text form of RFC 4514: the most specific part first, parts joined by `,`, attributes of one part by `+`. Types
 * without a short name are dotted numbers.
 */
export function formatName(name: Name): string {
  return name.parts
    .toReversed()
    .map((part) =>
      part.map(({ type, value, encoding }) => `${labels.get(type) ?? type}=${escapeText(value, encoding)}`).join('+'),
    )
    .join(',')
}

function escapeText(value: string, encoding: NameEncoding): string {
  if (encoding === 'other') return value
  const characters = Array.from(value)
  const escaped = characters.map((c, i) => {
    if (c < ' ' || c === '\u007f') return `\\${c.charCodeAt(0).toString(16).padStart(2, '0')}`
    const atEdge = (i === 0 && (c === '#' || c === ' ')) || (i === characters.length - 1 && c === ' ')
    return atEdge || '"+,;<>\\'.includes(c) ? `\\${c}` : c
  })
  return escaped.join('')
}

/**
 * Reads the text form of RFC 4514, with spaces allowed around separators. Types are short names in any case or dotted
 * numbers.
 * @throws UsageError `bad-value` saying where and what was expected
 */
export function parseName(text: string): Name {
  const parts: RelativeName[] = []
  let part: NameAttribute[] = []
  let offset = 0
  const fail = (message: string) => new UsageError('bad-value', `name "${text}" at character ${offset}: ${message}`)
  if (text.trim() === '') return encodeName([])
  for (;;) {
    const head = /^ *([A-Za-z][A-Za-z0-9-]*|[0-2](?:\.\d{1,15})+) *= */.exec(text.slice(offset))
    const label = head?.[1]
    if (head === null || label === undefined) throw fail('expected a type and "=", such as CN=')
    const type = /^\d/.test(label) ? label : typesByLabel.get(label.toLowerCase())
    if (type === undefined) throw fail(`unknown type ${label}; known are ${Object.keys(attributeTypes).join(', ')}`)
    offset += head[0].length
    const { value, length, isHex } = readValue(text, offset, fail)
    part.push(isHex ? { type, value, encoding: 'other' } : attribute(type, value))
    offset += length
    const separator = text[offset]
    if (separator === '+') {
      offset++
      continue
    }
    parts.unshift(part)
    part = []
    if (separator === undefined) return encodeName(parts)
    offset++
  }
}

function readValue(
  text: string,
  start: number,
  fail: (message: string) => UsageError,
): { value: string; length: number; isHex: boolean } {
  const binary = /^#((?:[0-9a-fA-F]{2})+) *(?=[,;+]|$)/.exec(text.slice(start))
  if (binary?.[1] !== undefined) return { value: `#${binary[1].toLowerCase()}`, length: binary[0].length, isHex: true }
  let value = ''
  // How much of the value must stay when trailing spaces are cut: escaped ones count.
  let kept = 0
  let offset = start
  for (; offset < text.length; offset++) {
    const character = text[offset] ?? ''
    if (character === ',' || character === ';' || character === '+') break
    if (character !== '\\') {
      value += character
      if (character !== ' ') kept = value.length
      continue
    }
    const next = text[offset + 1]
    const pair = /^[0-9a-fA-F]{2}/.exec(text.slice(offset + 1))
    if (next === undefined) throw fail('a backslash at the end')
    if (pair === null) {
      value += next
      offset++
    } else {
      const code = Number.parseInt(pair[0], 16)
      if (code > 0x7f) throw fail('write characters beyond ASCII as they are, not as escaped bytes')
      value += String.fromCharCode(code)
      offset += 2
    }
    kept = value.length
  }
  return { value: value.slice(0, kept), length: offset - start, isHex: false }
}

/**
 * Whether two names mean the same: equal parts in order, attributes of a part in any order, text compared without regard
 * to case, encoding and runs of spaces (RFC 5280 7.1).
 */
export function sameName(a: Name, b: Name): boolean {
  return canonical(a) === canonical(b)
}

function canonical(name: Name): string {
  return JSON.stringify(
    name.parts.map((part) =>
      part.map(({ type, value }) => `${type}=${value.trim().replace(/\s+/g, ' ').toLowerCase()}`).sort(),
    ),
  )
}

/** The bytes of the element `derBytes` cut out of its parent, as a name. */
export function nameAt(bytes: Uint8Array, element: Parameters<typeof derBytes>[1], what: string): Name {
  return decodeName(derBytes(bytes, element), what)
}
