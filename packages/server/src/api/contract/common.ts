import { type TProperties, type TSchema, Type } from 'typebox'

/** A schema with a name in the document and in the client. */
export function named<const S extends TSchema>(title: string, schema: S): S {
  return { ...schema, title }
}

/** An object that takes no other members. */
export function closed<const P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

/** A value or null. */
export function nullable<const S extends TSchema>(schema: S) {
  return Type.Union([schema, Type.Null()])
}

/** One of these words. */
export function words<const W extends readonly string[]>(...values: W) {
  return Type.Unsafe<W[number]>({ type: 'string', enum: [...values] })
}

/** A moment, ISO 8601 in UTC. */
export const time = Type.String({ description: 'ISO 8601, UTC' })
/** Name of a plant, zone or device as the plant file has it. */
export const name = Type.String({ minLength: 1, maxLength: 128 })
/** A sentence by a person. */
export const sentence = Type.String({ minLength: 1, maxLength: 500 })
/** Counter of the store. */
export const count = Type.Integer({ minimum: 0 })
/** Any JSON: only for documents of ours that hold no secret. */
export const anyJson = Type.Unknown()

/** Parameters of a page. */
export const paging = {
  cursor: Type.Optional(Type.String({ maxLength: 512, description: '`next` of the page before' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
}

/** A page of a list. */
export function page<const S extends TSchema>(title: string, item: S) {
  return named(title, closed({ items: Type.Array(item), next: nullable(Type.String()), total: Type.Optional(count) }))
}

/** A list that needs no pages. */
export function list<const S extends TSchema>(title: string, item: S) {
  return named(title, closed({ items: Type.Array(item) }))
}

/** A place in a text that a person wrote, with what is wrong there. */
export const textProblem = named(
  'TextProblem',
  closed({
    file: Type.String(),
    line: count,
    column: count,
    message: Type.String(),
    remedy: Type.Optional(Type.String()),
    severity: words('error', 'warning'),
  }),
)

/** Every answer that is no success. */
export const problem = named(
  'Problem',
  closed({
    /** Such as `not-allowed`, `outdated`, `bad-value`. */
    code: Type.String(),
    message: Type.String({ description: 'What is wrong, where, and what was expected' }),
    remedy: Type.Optional(Type.String({ description: 'What to do about it' })),
    /** Id of the request, to find it in the log. */
    request: Type.Optional(Type.String()),
    problems: Type.Optional(Type.Array(textProblem)),
    /** For `outdated`: the newest version, the merge, and where it conflicts. */
    outdated: Type.Optional(
      named(
        'Outdated',
        closed({
          newest: count,
          merged: nullable(Type.String()),
          conflicts: Type.Array(
            named(
              'Conflict',
              closed({
                line: count,
                mine: Type.Array(Type.String()),
                base: Type.Array(Type.String()),
                theirs: Type.Array(Type.String()),
              }),
            ),
          ),
        }),
      ),
    ),
  }),
)

/** A message of a plan or result, as docs/messages.md explains it. */
export const message = named(
  'Message',
  closed({
    code: Type.String(),
    severity: words('information', 'warning', 'error'),
    subject: Type.String(),
    text: Type.String(),
    cause: Type.String(),
    evidence: Type.String(),
    next: Type.String(),
  }),
)

/** What a connection is protected by. */
export const confidentiality = words('Encrypted', 'Authenticated', 'None')
