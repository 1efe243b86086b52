import { describePath, type EPath, type ObjectClass } from '@cordon/core/cip'
import { MalformedMessage } from '@cordon/core/errors'
import { suiteHex, suiteName } from '@cordon/core/security'
import { type Codec, decode, type Reader } from '@cordon/core/wire'

/** An attribute as its class declares it. */
export interface ReadAttribute {
  /** `EtherNet/IP Security, allowedSuites`. */
  readonly name: string
  readonly value: unknown
  readonly text: string
}

function isObjectClass(value: unknown): value is ObjectClass {
  return (
    typeof value === 'object' && value !== null && 'attributes' in value && 'classAttributes' in value && 'id' in value
  )
}

/** The declaration of a class; of 0x5E, whose layout depends on its revision, the one that fits. */
function declarationOf(
  declared: Readonly<Record<string, unknown>>,
  classId: number,
  revision: number | undefined,
): ObjectClass | undefined {
  const { ethernetIpSecurityRevision7: older } = declared
  if (isObjectClass(older) && older.id === classId && revision !== undefined && revision < 9) return older
  return Object.values(declared)
    .filter(isObjectClass)
    .find((candidate) => candidate.id === classId && candidate !== older)
}

/** Reads an attribute's bytes by the declaration of its class, or nothing where class or attribute are not declared. */
export function readAttribute(
  declared: Readonly<Record<string, unknown>>,
  place: { readonly classId: number; readonly instance: number; readonly id: number; readonly revision?: number },
  bytes: Uint8Array,
): ReadAttribute | undefined {
  const objectClass = declarationOf(declared, place.classId, place.revision)
  if (objectClass === undefined) return undefined
  const attributes = place.instance === 0 ? objectClass.classAttributes : objectClass.attributes
  const found = Object.entries(attributes).find(([, attribute]) => attribute.id === place.id)
  if (found === undefined) return undefined
  const [name, attribute] = found
  try {
    const value: unknown = decode(attribute.codec, bytes)
    return { name: `${objectClass.name}, ${name}`, value, text: attributeText(name, value) }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return { name: `${objectClass.name}, ${name}`, value: undefined, text: `not as declared: ${error.message}` }
  }
}

/**
 * Reads the reply of Get_Attributes_All by the declaration of its class: name and value of each attribute that came, or
 * nothing where the class declares no such reply or the bytes are others.
 */
export function readAttributes(
  declared: Readonly<Record<string, unknown>>,
  place: { readonly classId: number; readonly instance: number; readonly revision?: number },
  bytes: Uint8Array,
): readonly ReadAttribute[] | undefined {
  const objectClass = declarationOf(declared, place.classId, place.revision)
  const names = place.instance === 0 ? objectClass?.classGetAll : objectClass?.getAll
  if (objectClass === undefined || names === undefined || names.length === 0) return undefined
  const attributes: Readonly<Record<string, { readonly codec: Codec<unknown> }>> =
    place.instance === 0 ? objectClass.classAttributes : objectClass.attributes
  const all: Codec<readonly ReadAttribute[]> = {
    read: (r: Reader) => {
      const values: ReadAttribute[] = []
      for (const name of names) {
        // An older device sends fewer, a newer one more.
        const codec = attributes[name]?.codec
        if (r.remaining === 0 || codec === undefined) break
        const value = codec.read(r)
        values.push({ name, value, text: attributeText(name, value) })
      }
      r.take(r.remaining)
      return values
    },
    write: () => {},
  }
  try {
    return decode(all, bytes)
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

/** The value of an attribute on one line: suites by name, paths in words, everything else as it is. */
function attributeText(name: string, value: unknown): string {
  if (/suites$/i.test(name) && Array.isArray(value) && value.every((each) => typeof each === 'number')) {
    return value.length === 0 ? 'none' : value.map((suite) => `0x${suiteHex(suite)} ${suiteName(suite)}`).join(', ')
  }
  if (isPath(value)) return describePath(value)
  if (Array.isArray(value) && value.length > 0 && value.every(isPath)) return value.map(describePath).join('; ')
  return textOf(value)
}

function isPath(value: unknown): value is EPath {
  return (
    Array.isArray(value) &&
    value.every(
      (segment: unknown) =>
        typeof segment === 'object' && segment !== null && 'kind' in segment && typeof segment.kind === 'string',
    ) &&
    value.length > 0
  )
}

/** A decoded value on one line. */
export function textOf(value: unknown): string {
  return typeof value === 'string'
    ? value
    : JSON.stringify(value, (_key, part: unknown) =>
        isPath(part)
          ? describePath(part)
          : typeof part === 'bigint'
            ? part.toString()
            : part instanceof Uint8Array
              ? Buffer.from(part).toString('hex')
              : part,
      )
}
