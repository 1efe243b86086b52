import { MalformedMessage, UsageError } from '../errors.ts'
import { derEncode, derOid } from '../x509/der.ts'
import { decodeExtensions, encodeExtensions, type Extension, extensionTypes } from '../x509/extensions.ts'
import { attributeTypes, encodeName, type NameAttribute, nameAt } from '../x509/name.ts'
import {
  checkDer,
  type DerElement,
  derBytes,
  derChildren,
  derContent,
  derExpect,
  derObjectIdentifier,
  derTags,
} from '../x509/strict.ts'

/**
 * What a server wishes to find in a certification request: the list of RFC 7030 4.5.2 in the syntax of RFC 8951, and the
 * template of RFC 9908. Both may stand in one message; who understands the template uses it alone.
 * @module
 */

/** Object identifiers of attributes that matter here. */
export const requestAttributes = {
  challengePassword: '1.2.840.113549.1.9.7',
  extensionRequest: '1.2.840.113549.1.9.14',
  /** RFC 2307 ieee802Device, which RFC 7030 4.5.2 has in its example. */
  macAddress: '1.3.6.1.1.1.1.22',
  ecPublicKey: '1.2.840.10045.2.1',
  rsaEncryption: '1.2.840.113549.1.1.1',
  /** RFC 9908 section 3.4. */
  template: '1.2.840.113549.1.9.16.2.61',
  /** RFC 9908 section 3.4, inside a template. */
  extensionTemplate: '1.2.840.113549.1.9.16.2.62',
} as const

/** One wish of the older form: an object identifier alone, or an attribute with values. */
export interface AttributeWish {
  /** Dotted object identifier. */
  readonly type: string
  /** DER of each value; undefined for an object identifier alone. */
  readonly values: readonly Uint8Array[] | undefined
}

/** One attribute of the subject in a template: a value prescribed, or left to the client. */
export interface SubjectWish {
  /** Dotted object identifier. */
  readonly type: string
  /** Undefined: the client fills it in. */
  readonly value: NameAttribute | undefined
}

/** One extension in a template: a value prescribed, or left to the client. */
export interface ExtensionWish {
  readonly type: string
  readonly critical: boolean
  /** DER of its value; undefined: the client fills it in. */
  readonly value: Uint8Array | undefined
}

/** The kind of key that a server wishes for: an algorithm, with the DER of its parameters. */
export interface KeyWish {
  /** Dotted object identifier of the algorithm. */
  readonly algorithm: string
  /** DER; undefined: free. A curve for ECDSA, NULL for RSA. */
  readonly parameters: Uint8Array | undefined
}

/** A template for requests (RFC 9908 section 3.4). */
export interface RequestTemplate {
  /** Parts of the subject, most general first; undefined: no wish. */
  readonly subject: readonly (readonly SubjectWish[])[] | undefined
  readonly key: KeyWish | undefined
  readonly extensions: readonly ExtensionWish[]
}

/** What a `csrattrs` answer says. */
export interface RequestWishes {
  /** The older form, in order; a template is not among them. */
  readonly attributes: readonly AttributeWish[]
  readonly template: RequestTemplate | undefined
}

const what = 'request attributes'
const mostAttributes = 64

/** Reads a `csrattrs` message. @throws MalformedMessage for what is no list of attributes, or a broken template */
export function decodeRequestWishes(der: Uint8Array): RequestWishes {
  const items = derChildren(der, derExpect(checkDer(der, what), derTags.sequence, what), what)
  if (items.length > mostAttributes) {
    throw new MalformedMessage('out-of-range', `${what}: ${items.length}, expected at most ${mostAttributes}`)
  }
  const attributes: AttributeWish[] = []
  let template: RequestTemplate | undefined
  for (const item of items) {
    if (item.tag === derTags.objectIdentifier) {
      attributes.push({ type: derObjectIdentifier(der, item, what), values: undefined })
      continue
    }
    const { type, values } = readAttribute(der, item)
    if (type !== requestAttributes.template) {
      attributes.push({ type, values: values.map((value) => derBytes(der, value).slice()) })
      continue
    }
    if (template !== undefined || values.length !== 1) {
      throw new MalformedMessage('bad-encoding', `${what}: expected one template at most`)
    }
    template = readTemplate(der, derExpect(values[0], derTags.sequence, `${what}, template`))
  }
  return { attributes, template }
}

function readAttribute(der: Uint8Array, element: DerElement): { type: string; values: DerElement[] } {
  const [type, values, ...rest] = derChildren(der, derExpect(element, derTags.sequence, what), what)
  if (rest.length > 0) throw new MalformedMessage('trailing', `${what}: an attribute is a type and values`)
  return {
    type: derObjectIdentifier(der, derExpect(type, derTags.objectIdentifier, what), what),
    values: derChildren(der, derExpect(values, derTags.set, what), what),
  }
}

function readTemplate(der: Uint8Array, element: DerElement): RequestTemplate {
  const where = `${what}, template`
  const fields = derChildren(der, element, where)
  const version = derContent(der, derExpect(fields.shift(), derTags.integer, where))
  if (version.length !== 1 || version[0] !== 0)
    throw new MalformedMessage('unknown-value', `${where}: expected version 0`)
  const subject = fields[0]?.tag === derTags.sequence ? fields.shift() : undefined
  const key = fields[0]?.tag === 0xa0 ? fields.shift() : undefined
  const attributes = derExpect(fields.shift(), 0xa1, `${where}, attributes`)
  if (fields.length > 0) throw new MalformedMessage('trailing', `${where}: unknown fields after the attributes`)
  return {
    subject: subject === undefined ? undefined : readSubject(der, subject, where),
    key: key === undefined ? undefined : readKey(der, key, where),
    extensions: readExtensions(der, attributes, where),
  }
}

function readSubject(der: Uint8Array, element: DerElement, where: string): readonly (readonly SubjectWish[])[] {
  const parts = derChildren(der, element, where)
  if (parts.length > mostAttributes) throw new MalformedMessage('out-of-range', `${where}: too long a subject`)
  return parts.map((part) =>
    derChildren(der, derExpect(part, derTags.set, where), where).map((single) => {
      const [type, value, ...rest] = derChildren(der, derExpect(single, derTags.sequence, where), where)
      if (rest.length > 0) throw new MalformedMessage('trailing', `${where}: a subject attribute is a type and a value`)
      const oid = derObjectIdentifier(der, derExpect(type, derTags.objectIdentifier, where), where)
      return { type: oid, value: value === undefined ? undefined : nameValueAt(der, single, where) }
    }),
  )
}

/** A single attribute that has its value is one of a name; the reader of names reads it. */
function nameValueAt(der: Uint8Array, single: DerElement, where: string): NameAttribute | undefined {
  const name = derEncode(derTags.sequence, derEncode(derTags.set, derBytes(der, single)))
  return nameAt(name, checkDer(name, where), where).parts[0]?.[0]
}

function readKey(der: Uint8Array, element: DerElement, where: string): KeyWish {
  const [algorithm] = derChildren(der, element, where)
  const [type, parameters] = derChildren(der, derExpect(algorithm, derTags.sequence, where), where)
  return {
    algorithm: derObjectIdentifier(der, derExpect(type, derTags.objectIdentifier, where), where),
    parameters: parameters === undefined ? undefined : derBytes(der, parameters).slice(),
  }
}

/** Extensions stand in a template with their values (extensionRequest) or with some left open (extensionTemplate). */
function readExtensions(der: Uint8Array, attributes: DerElement, where: string): readonly ExtensionWish[] {
  const wishes: ExtensionWish[] = []
  for (const element of derChildren(der, attributes, where)) {
    const { type, values } = readAttribute(der, element)
    if (type === requestAttributes.extensionRequest) {
      wishes.push(...decodeExtensions(der, derExpect(values[0], derTags.sequence, where), where).all)
    } else if (type === requestAttributes.extensionTemplate) {
      const list = derExpect(values[0], derTags.sequence, where)
      wishes.push(...derChildren(der, list, where).map((each) => readExtensionWish(der, each, where)))
    }
    // RFC 9908 section 3.4: what a client does not know, it passes over.
  }
  if (new Set(wishes.map(({ type }) => type)).size !== wishes.length || wishes.length > mostAttributes) {
    throw new MalformedMessage('bad-encoding', `${where}: an extension occurs twice, or there are too many`)
  }
  return wishes
}

function readExtensionWish(der: Uint8Array, element: DerElement, where: string): ExtensionWish {
  const fields = derChildren(der, derExpect(element, derTags.sequence, where), where)
  const type = derObjectIdentifier(der, derExpect(fields.shift(), derTags.objectIdentifier, where), where)
  const flag = fields[0]?.tag === derTags.boolean ? fields.shift() : undefined
  const value = fields.shift()
  if (fields.length > 0) throw new MalformedMessage('trailing', `${where}: extension ${type} has unknown fields`)
  return {
    type,
    critical: flag !== undefined && der[flag.content] !== 0,
    value: value === undefined ? undefined : derContent(der, derExpect(value, derTags.octetString, where)).slice(),
  }
}

/** Writes a `csrattrs` message: the older form first, for clients that do not know the template. */
export function encodeRequestWishes(wishes: RequestWishes): Uint8Array {
  return derEncode(
    derTags.sequence,
    ...wishes.attributes.map(({ type, values }) =>
      values === undefined ? derOid(type) : encodeAttribute(type, ...values),
    ),
    ...(wishes.template === undefined
      ? []
      : [encodeAttribute(requestAttributes.template, encodeTemplate(wishes.template))]),
  )
}

function encodeAttribute(type: string, ...values: readonly Uint8Array[]): Uint8Array {
  return derEncode(derTags.sequence, derOid(type), derEncode(derTags.set, ...values))
}

function encodeTemplate({ subject, key, extensions }: RequestTemplate): Uint8Array {
  const open = extensions.some(({ value }) => value === undefined)
  const attributes =
    extensions.length === 0
      ? []
      : open
        ? [
            encodeAttribute(
              requestAttributes.extensionTemplate,
              derEncode(derTags.sequence, ...extensions.map(encodeWish)),
            ),
          ]
        : [encodeAttribute(requestAttributes.extensionRequest, encodeExtensions(extensions.map(prescribed)))]
  return derEncode(
    derTags.sequence,
    derEncode(derTags.integer, Uint8Array.of(0)),
    ...(subject === undefined ? [] : [encodeSubject(subject)]),
    ...(key === undefined
      ? []
      : [derEncode(0xa0, derEncode(derTags.sequence, derOid(key.algorithm), key.parameters ?? new Uint8Array()))]),
    derEncode(0xa1, ...attributes),
  )
}

function encodeSubject(subject: readonly (readonly SubjectWish[])[]): Uint8Array {
  return derEncode(
    derTags.sequence,
    ...subject.map((part) =>
      derEncode(
        derTags.set,
        ...part.map(({ type, value }) =>
          value === undefined ? derEncode(derTags.sequence, derOid(type)) : singleAttribute({ ...value, type }),
        ),
      ),
    ),
  )
}

/** The attribute out of a name that has no other. */
function singleAttribute(attribute: NameAttribute): Uint8Array {
  const { der } = encodeName([attribute])
  const [part] = derChildren(der, checkDer(der, 'name'), 'name')
  return part === undefined ? der : derContent(der, part)
}

function encodeWish({ type, critical, value }: ExtensionWish): Uint8Array {
  return derEncode(
    derTags.sequence,
    derOid(type),
    ...(critical ? [derEncode(derTags.boolean, Uint8Array.of(0xff))] : []),
    ...(value === undefined ? [] : [derEncode(derTags.octetString, value)]),
  )
}

function prescribed({ type, critical, value }: ExtensionWish): Extension {
  if (value === undefined) throw new UsageError('missing', `extension ${type}: a value`)
  return { type, critical, value }
}

/** Curves by their object identifiers (RFC 5480 2.1.1.1), in DER. */
const curves = {
  'ecdsa-p256': '1.2.840.10045.3.1.7',
  'ecdsa-p384': '1.3.132.0.34',
  'ecdsa-p521': '1.3.132.0.35',
} as const

/**
 * What a server of ours asks CIP devices for, in both forms: an ECDSA key of a curve, a subject with serial number and
 * common name of the device's choice, and its addresses as subject alternative name.
 */
export function deviceWishes(curve: keyof typeof curves): RequestWishes {
  const parameters = derOid(curves[curve])
  const { serialNumber, CN } = attributeTypes
  return {
    attributes: [
      { type: requestAttributes.ecPublicKey, values: [parameters] },
      { type: requestAttributes.extensionRequest, values: [derOid(extensionTypes.subjectAlternativeName)] },
    ],
    template: {
      subject: [[{ type: serialNumber, value: undefined }], [{ type: CN, value: undefined }]],
      key: { algorithm: requestAttributes.ecPublicKey, parameters },
      extensions: [{ type: extensionTypes.subjectAlternativeName, critical: false, value: undefined }],
    },
  }
}

/** The kind of key that the wishes ask for; undefined when they leave it free or ask for what Cordon does not make. */
export function wishedKey({ attributes, template }: RequestWishes): keyof typeof curves | 'rsa' | undefined {
  const old = attributes.find(
    ({ type }) => type === requestAttributes.ecPublicKey || type === requestAttributes.rsaEncryption,
  )
  const key = template === undefined ? old && { algorithm: old.type, parameters: old.values?.[0] } : template.key
  if (key === undefined) return undefined
  if (key.algorithm === requestAttributes.rsaEncryption) return 'rsa'
  const { parameters } = key
  if (key.algorithm !== requestAttributes.ecPublicKey || parameters?.[0] !== derTags.objectIdentifier) return undefined
  const oid = derObjectIdentifier(parameters, checkDer(parameters, what), what)
  return (['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521'] as const).find((kind) => curves[kind] === oid)
}
