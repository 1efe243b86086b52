import type { TSchema } from 'typebox'

/** What a validator of JSON Schema says is wrong. */
export interface ErrorObject {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
}

const longest = 200

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

const expectations: Readonly<Record<string, (params: Readonly<Record<string, unknown>>) => string>> = {
  additionalProperties: ({ additionalProperty }) => `has "${shown(additionalProperty)}", which is not known here`,
  required: ({ missingProperty }) => `lacks "${shown(missingProperty)}"`,
  type: ({ type }) => `must be ${Array.isArray(type) ? type.join(' or ') : shown(type)}`,
  enum: ({ allowedValues }) =>
    `must be one of ${Array.isArray(allowedValues) ? shown(allowedValues.map(String).join(', ')) : ''}`,
  const: ({ allowedValue }) => `must be ${shown(allowedValue)}`,
  minLength: ({ limit }) => `must have at least ${shown(limit)} characters`,
  maxLength: ({ limit }) => `must have at most ${shown(limit)} characters`,
  minItems: ({ limit }) => `must have at least ${shown(limit)} entries`,
  maxItems: ({ limit }) => `must have at most ${shown(limit)} entries`,
  minimum: ({ limit }) => `must be at least ${shown(limit)}`,
  maximum: ({ limit }) => `must be at most ${shown(limit)}`,
  pattern: ({ pattern }) => `must match ${shown(pattern)}`,
  anyOf: () => 'is none of the forms that are expected here',
}

/** The first fault of a request: where it is, and what was expected there. */
export function validationText(place: string, errors: readonly ErrorObject[]): string {
  const [first] = errors
  if (first === undefined) return `${place} is not as expected`
  const where = `${place}${shown(first.instancePath)}`
  const told = Object.hasOwn(expectations, first.keyword) ? expectations[first.keyword]?.(first.params) : undefined
  return `${where} ${told ?? first.message ?? 'is not as expected'}`
}

/**
 * Members of a query or path, which are all text, as the types of their schema. What does not look like its type stays
 * text, and the validator says what was expected. JSON bodies are never converted: they have types of their own.
 */
export function typed(schema: TSchema | undefined, texts: unknown): unknown {
  if (schema === undefined || typeof texts !== 'object' || texts === null) return texts
  const { properties = {} } = schema as { properties?: Readonly<Record<string, { readonly type?: unknown }>> }
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [
      name,
      typeof text === 'string' && Object.hasOwn(properties, name) ? meantBy(properties[name]?.type, text) : text,
    ]),
  )
}

function meantBy(type: unknown, text: string): unknown {
  if ((type === 'integer' || type === 'number') && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/**
 * A schema for what leaves. Objects are closed in the contract; the serializer writes declared members only, and must
 * choose between the forms of a union by what they declare, not fail over what else a handler returned.
 */
export function leaving(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(leaving)
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !(key === 'additionalProperties' && value === false))
      .map(([key, value]) => [key, leaving(value)]),
  )
}
