import { Type as TypeBox } from 'typebox'
import { describe, expect, it } from 'vitest'
import { Type } from '../../src/document/type.ts'

/** A schema with every word, in all the ways that files are declared. */
const declared = (by: typeof Type) =>
  by.Object(
    {
      name: by.String({ pattern: '^[a-z]+$', description: 'A name.' }),
      none: by.Object({}),
      optional: by.Optional(by.Integer({ minimum: 1, 'x-expected': 'a number' })),
      onlyOptional: by.Object({ flag: by.Optional(by.Boolean()) }, { additionalProperties: false }),
      list: by.Array(by.Number(), { minItems: 1, maxItems: 4 }),
      byName: by.Record(by.String({ pattern: '^[A-Z]' }), by.Boolean(), { description: 'By name.' }),
      byAnything: by.Record(by.String(), by.String()),
      choice: by.Optional(
        by.Union([by.Literal('off'), by.Literal(3), by.Literal(true, { title: 'yes' })], { title: 'c' }),
      ),
      other: by.Optional(by.Unsafe<1 | 2>({ $ref: '#/$defs/other' })),
    },
    { $defs: { other: by.Unsafe({ enum: [1, 2] }) }, additionalProperties: false },
  )

/** With what TypeBox keeps on a schema where JSON does not show it, in whatever order. */
function everything(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const all = Object.entries(Object.getOwnPropertyDescriptors(value))
  return Object.fromEntries(all.map(([key, { value: of, enumerable }]) => [key, { enumerable, of: everything(of) }]))
}

describe('the words that files are declared with', () => {
  it('make what TypeBox makes, to the letter and with its marks', () => {
    expect(JSON.stringify(declared(Type))).toBe(JSON.stringify(declared(TypeBox)))
    expect(everything(declared(Type))).toEqual(everything(declared(TypeBox)))
  })
})
