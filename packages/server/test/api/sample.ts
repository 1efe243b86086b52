import type { TSchema } from 'typebox'

interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly minItems?: number
  readonly minLength?: number
  readonly minimum?: number
  readonly pattern?: string
}

/** Texts for the patterns of the contract: a new pattern needs a line here, which the test then asks for. */
const byPattern: Readonly<Record<string, string>> = {
  '^[0-9a-f]{64}$': 'ab'.repeat(32),
  '^[0-9a-f]{2,40}$': '0a1b',
  '^[0-2][0-9]:[0-5][0-9]$': '06:30',
}

/** How a sample is made. */
export interface SampleOptions {
  /** Optional members and an entry in each list. */
  readonly full: boolean
  /** Adds a member that no schema declares to every object. */
  readonly extra?: string
}

/** A value that conforms to a schema of the contract. */
export function sample(schema: TSchema, options: SampleOptions): unknown {
  // TypeBox's types know less of a schema than the schema itself says.
  return sampleOf(schema as Schema, options)
}

function sampleOf(schema: Schema, options: SampleOptions): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.anyOf !== undefined) {
    // The last form of a union is null where it may be: taken for the least sample.
    const form = options.full ? schema.anyOf[0] : schema.anyOf.at(-1)
    return form === undefined ? null : sampleOf(form, options)
  }
  switch (schema.type) {
    case 'null':
      return null
    case 'boolean':
      return true
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, 1)
    case 'string':
      return text(schema)
    case 'array':
      return Array.from({ length: Math.max(schema.minItems ?? 0, options.full ? 1 : 0) }, () =>
        sampleOf(schema.items ?? {}, options),
      )
    case 'object':
      return object(schema, options)
    default:
      return { any: [1, 'thing'] }
  }
}

function text({ pattern, minLength = 0 }: Schema): string {
  if (pattern === undefined) return 'x'.repeat(Math.max(minLength, 1))
  const found = byPattern[pattern]
  if (found === undefined) throw new Error(`no sample for the pattern ${pattern}`)
  return found
}

function object({ properties = {}, patternProperties = {}, required = [] }: Schema, options: SampleOptions): unknown {
  const members = Object.entries(properties)
    .filter(([name]) => options.full || required.includes(name))
    .map(([name, schema]) => [name, sampleOf(schema, options)])
  const [record] = options.full ? Object.values(patternProperties) : []
  return {
    ...Object.fromEntries(members),
    ...(record === undefined ? {} : { any: sampleOf(record, options) }),
    // A map takes any name: nothing can be extra there.
    ...(options.extra === undefined || Object.keys(patternProperties).length > 0 ? {} : { [options.extra]: 'leak' }),
  }
}
