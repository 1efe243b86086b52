import type { ObjectClass } from '@cordon/core/cip'
import { MalformedMessage } from '@cordon/core/errors'
import { decode } from '@cordon/core/wire'

/** An attribute as its class declares it. */
export interface ReadAttribute {
  /** `EtherNet/IP Security, allowedCipherSuites`. */
  readonly name: string
  readonly value: unknown
  readonly text: string
}

function isObjectClass(value: unknown): value is ObjectClass {
  return (
    typeof value === 'object' && value !== null && 'attributes' in value && 'classAttributes' in value && 'id' in value
  )
}

/** Reads an attribute's bytes by the declaration of its class, or nothing where class or attribute are not declared. */
export function readAttribute(
  declared: Readonly<Record<string, unknown>>,
  classId: number,
  instance: number,
  id: number,
  bytes: Uint8Array,
): ReadAttribute | undefined {
  const objectClass = Object.values(declared)
    .filter(isObjectClass)
    .find((candidate) => candidate.id === classId)
  if (objectClass === undefined) return undefined
  const attributes = instance === 0 ? objectClass.classAttributes : objectClass.attributes
  const found = Object.entries(attributes).find(([, attribute]) => attribute.id === id)
  if (found === undefined) return undefined
  const [name, attribute] = found
  try {
    const value: unknown = decode(attribute.codec, bytes)
    return { name: `${objectClass.name}, ${name}`, value, text: textOf(value) }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return { name: `${objectClass.name}, ${name}`, value: undefined, text: `not as declared: ${error.message}` }
  }
}

/** A decoded value on one line. */
export function textOf(value: unknown): string {
  return typeof value === 'string'
    ? value
    : JSON.stringify(value, (_key, part: unknown) =>
        typeof part === 'bigint'
          ? part.toString()
          : part instanceof Uint8Array
            ? Buffer.from(part).toString('hex')
            : part,
      )
}
