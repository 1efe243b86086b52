import { MalformedMessage } from '../errors.ts'
import { utf8, utf8Bytes } from '../wire/text.ts'

/**
 * What a PKCS#11 URI says (RFC 7512): which token, which object in it, and how to get there. An absent attribute matches
 * everything.
 */
export interface Pkcs11Uri {
  /** Label of the token. */
  readonly token?: string | undefined
  readonly manufacturer?: string | undefined
  readonly model?: string | undefined
  /** Serial number of the token. */
  readonly serial?: string | undefined
  /** Slot by number, which many modules give anew with every start: `token` or `serial` is safer. */
  readonly slotId?: number | undefined
  /** Label of the object (CKA_LABEL). */
  readonly object?: string | undefined
  /** Identifier of the object (CKA_ID), 1 to 64 bytes. */
  readonly id?: Uint8Array | undefined
  /** Class of the object. */
  readonly type?: Pkcs11ObjectType | undefined
  /** Absolute path of the module, a shared library. */
  readonly modulePath?: string | undefined
  /** Absolute path of the file that holds the PIN. */
  readonly pinSource?: string | undefined
}

/** Object classes of RFC 7512 2.3. */
export type Pkcs11ObjectType = 'cert' | 'data' | 'private' | 'public' | 'secret-key'

/** Longest URI that is read, characters. */
const maximumLength = 1024

const pathAttributes = ['token', 'manufacturer', 'model', 'serial', 'slot-id', 'object', 'id', 'type'] as const
const queryAttributes = ['module-path', 'pin-source'] as const
type Attribute = (typeof pathAttributes)[number] | (typeof queryAttributes)[number]

/** Characters that stand for themselves in a path value and in a query value (RFC 7512 2.3). */
const pathCharacter = /^[A-Za-z0-9\-._~:[\]@!$'()*+,=&]$/
const queryCharacter = /^[A-Za-z0-9\-._~:[\]@!$'()*+,=/?|]$/

/**
 * Reads a PKCS#11 URI strictly: known attributes only, each once, none empty, and never a PIN.
 * @throws MalformedMessage that names the attribute; the value of `pin-value` is not repeated
 */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  if (!text.startsWith('pkcs11:')) {
    throw new MalformedMessage(
      'bad-text',
      `expected a PKCS#11 URI that begins with "pkcs11:", such as pkcs11:token=plant`,
    )
  }
  if (text.length > maximumLength) {
    throw new MalformedMessage(
      'bad-length',
      `expected a PKCS#11 URI of at most ${maximumLength} characters, got ${text.length}`,
    )
  }
  const [path = '', query, ...more] = text.slice('pkcs11:'.length).split('?')
  if (more.length > 0) throw new MalformedMessage('bad-text', 'expected at most one "?" in a PKCS#11 URI')
  const values = new Map<Attribute, Uint8Array>()
  readAttributes(path, ';', pathAttributes, pathCharacter, values)
  if (query !== undefined) readAttributes(query, '&', queryAttributes, queryCharacter, values)
  return {
    token: label(values, 'token'),
    manufacturer: label(values, 'manufacturer'),
    model: label(values, 'model'),
    serial: label(values, 'serial'),
    slotId: slotNumber(label(values, 'slot-id')),
    object: label(values, 'object'),
    id: identifier(values.get('id')),
    type: objectType(label(values, 'type')),
    modulePath: absolutePath('module-path', label(values, 'module-path')),
    pinSource: pinFile(label(values, 'pin-source')),
  }
}

function readAttributes(
  text: string,
  separator: string,
  known: readonly Attribute[],
  plain: RegExp,
  into: Map<Attribute, Uint8Array>,
): void {
  if (text === '') return
  for (const part of text.split(separator)) {
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    if (name === 'pin-value') {
      throw new MalformedMessage(
        'unknown-value',
        'a PIN does not belong in a PKCS#11 URI; write it to a file of mode 0600 and name that file: pin-source=file:/…',
      )
    }
    const attribute = known.find((candidate) => candidate === name)
    if (attribute === undefined) {
      throw new MalformedMessage(
        'unknown-value',
        `unknown attribute "${name.slice(0, 40)}" in a PKCS#11 URI, expected ${known.join(', ')} ${separator === ';' ? 'before' : 'after'} the "?"`,
      )
    }
    if (into.has(attribute)) throw new MalformedMessage('bad-text', `"${attribute}" stands twice in a PKCS#11 URI`)
    if (equals < 0 || equals === part.length - 1) {
      throw new MalformedMessage(
        'bad-text',
        `"${attribute}" has no value in a PKCS#11 URI; leave it out or give it one`,
      )
    }
    into.set(attribute, readEscaped(part.slice(equals + 1), attribute, plain))
  }
}

function readEscaped(text: string, attribute: string, plain: RegExp): Uint8Array {
  const bytes: number[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '%') {
      const digits = text.slice(at + 1, at + 3)
      if (!/^[0-9A-Fa-f]{2}$/.test(digits))
        throw new MalformedMessage('bad-text', `expected two hex digits after "%" in "${attribute}" of a PKCS#11 URI`)
      bytes.push(Number.parseInt(digits, 16))
      at += 2
    } else if (plain.test(character)) {
      bytes.push(character.charCodeAt(0))
    } else {
      throw new MalformedMessage(
        'bad-text',
        `a character of "${attribute}" must be written in percent form in a PKCS#11 URI: a space is %20`,
      )
    }
  }
  return Uint8Array.from(bytes)
}

function label(values: ReadonlyMap<Attribute, Uint8Array>, attribute: Attribute): string | undefined {
  const bytes = values.get(attribute)
  if (bytes === undefined) return undefined
  const text = utf8(bytes)
  if (text === undefined) throw new MalformedMessage('bad-text', `"${attribute}" of a PKCS#11 URI is not UTF-8`)
  if (/\p{Cc}/u.test(text))
    throw new MalformedMessage('bad-text', `"${attribute}" of a PKCS#11 URI holds a control character`)
  return text
}

function slotNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const slot = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(slot <= 0xffff_ffff))
    throw new MalformedMessage('out-of-range', 'expected slot-id of a PKCS#11 URI to be a number of 32 bits')
  return slot
}

function identifier(bytes: Uint8Array | undefined): Uint8Array | undefined {
  if (bytes !== undefined && bytes.length > 64) {
    throw new MalformedMessage('bad-length', `expected id of a PKCS#11 URI to be 1 to 64 bytes, got ${bytes.length}`)
  }
  return bytes
}

const objectTypes: readonly Pkcs11ObjectType[] = ['cert', 'data', 'private', 'public', 'secret-key']

function objectType(text: string | undefined): Pkcs11ObjectType | undefined {
  if (text === undefined) return undefined
  const type = objectTypes.find((candidate) => candidate === text)
  if (type === undefined) {
    throw new MalformedMessage(
      'unknown-value',
      `expected type of a PKCS#11 URI to be ${objectTypes.join(', ')}, got "${text.slice(0, 40)}"`,
    )
  }
  return type
}

/** RFC 7512 2.4 lets a source also be a command (`|…`): that would be run on the word of whoever wrote the URI. */
function pinFile(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  return absolutePath('pin-source', text.replace(/^file:(?:\/\/(?=\/))?/, ''))
}

function absolutePath(attribute: string, text: string | undefined): string | undefined {
  if (text === undefined || /^(?:\/(?!\/)|[A-Za-z]:[\\/])/.test(text)) return text
  throw new MalformedMessage('bad-text', `expected ${attribute} of a PKCS#11 URI to name a file by its absolute path`)
}

/** Writes a PKCS#11 URI, attributes in a fixed order, so that equal ones are equal texts. */
export function formatPkcs11Uri(uri: Pkcs11Uri): string {
  const path = [
    attribute('token', uri.token),
    attribute('manufacturer', uri.manufacturer),
    attribute('model', uri.model),
    attribute('serial', uri.serial),
    attribute('slot-id', uri.slotId?.toString()),
    attribute('object', uri.object),
    uri.id === undefined ? undefined : `id=${[...uri.id].map(percent).join('')}`,
    attribute('type', uri.type),
  ].filter((part) => part !== undefined)
  const query = [
    attribute('module-path', uri.modulePath, true),
    attribute('pin-source', uri.pinSource === undefined ? undefined : `file:${uri.pinSource}`, true),
  ].filter((part) => part !== undefined)
  return `pkcs11:${path.join(';')}${query.length === 0 ? '' : `?${query.join('&')}`}`
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

function attribute(name: Attribute, value: string | undefined, inQuery = false): string | undefined {
  if (value === undefined) return undefined
  const plain = inQuery ? queryCharacter : pathCharacter
  const bytes = [...utf8Bytes(value)]
  const text = bytes.map((byte) => {
    const character = String.fromCharCode(byte)
    return byte < 0x80 && plain.test(character) ? character : percent(byte)
  })
  return `${name}=${text.join('')}`
}

/** Why a URI is not that of a token for keys which get their own names; undefined when it is. */
export function tokenProblem(uri: Pkcs11Uri): string | undefined {
  if (uri.object !== undefined || uri.id !== undefined || uri.type !== undefined) {
    return 'expected the PKCS#11 URI of a token, without object, id and type: the keys get names of their own in it'
  }
  if (uri.token === undefined && uri.serial === undefined) {
    return 'expected a PKCS#11 URI that names its token, by token=LABEL or serial=NUMBER'
  }
  return undefined
}
