import type { Type as TypeBox } from 'typebox'

/**
 * The few words of TypeBox that files are declared with, making the same schemas, and typed by it. TypeBox itself loads
 * hundreds of modules to make them, which each start of a command would wait for.
 * @module
 */

type Options = Readonly<Record<string, unknown>>

/** What TypeBox marks a schema with, where no document shows it. */
function marked(schema: object, marks: Options): object {
  for (const [name, value] of Object.entries(marks)) {
    Object.defineProperty(schema, name, { value, writable: true, enumerable: false, configurable: true })
  }
  return schema
}

const plain =
  (kind: string, type: string) =>
  (options: Options = {}) =>
    marked({ type, ...options }, { '~kind': kind })

function optional(schema: object): object {
  return marked(Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema)), { '~optional': true })
}

function objectOf(properties: Readonly<Record<string, object>>, options: Options = {}): object {
  const required = Object.keys(properties).filter((name) => !('~optional' in (properties[name] ?? {})))
  const shape = required.length === 0 ? { type: 'object', properties } : { type: 'object', required, properties }
  return marked({ ...shape, ...options }, { '~kind': 'Object' })
}

function recordOf(key: { readonly pattern?: string }, value: object, options: Options = {}): object {
  const patternProperties = { [key.pattern ?? '^.*$']: value }
  return marked({ type: 'object', patternProperties, ...options }, { '~kind': 'Record' })
}

const made = {
  Array: (items: object, options: Options = {}) => marked({ type: 'array', items, ...options }, { '~kind': 'Array' }),
  Boolean: plain('Boolean', 'boolean'),
  Integer: plain('Integer', 'integer'),
  Literal: (value: string | number | boolean, options: Options = {}) =>
    marked({ type: typeof value, const: value, ...options }, { '~kind': 'Literal' }),
  Number: plain('Number', 'number'),
  Object: objectOf,
  Optional: optional,
  Record: recordOf,
  String: plain('String', 'string'),
  Union: (anyOf: readonly object[], options: Options = {}) => marked({ anyOf, ...options }, { '~kind': 'Union' }),
  Unsafe: (schema: object) => marked({ ...schema }, { '~unsafe': null }),
}

/** As TypeBox's own, whose types say what each makes; a test holds them against each other. */
export const Type = made as unknown as Pick<typeof TypeBox, keyof typeof made>
