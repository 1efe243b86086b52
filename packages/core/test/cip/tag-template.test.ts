import {
  readTemplateRequest,
  stringTemplate,
  type Template,
  templateDefinition,
  templateDefinitionWords,
} from '@cordon/core/cip'
import { MalformedMessage } from '@cordon/core/errors'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attempt, behavesAsCodec, damaged, holds, stepsOf, unsigned } from '../wire/properties.ts'

const names = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,10}$/)
const templates: fc.Arbitrary<Template> = fc.record({
  name: names,
  members: fc.array(
    fc.record({
      name: names,
      info: unsigned(16),
      type: fc.record({
        code: fc.nat({ max: 0xfff }),
        structure: fc.boolean(),
        dimensions: fc.nat({ max: 3 }),
        system: fc.boolean(),
      }),
      offset: unsigned(32),
    }),
    { maxLength: 5 },
  ),
})

describe('a template', () => {
  behavesAsCodec('readTemplateRequest', readTemplateRequest, {
    values: fc.record({ offset: unsigned(32), length: unsigned(16) }),
  })

  it('reads back what it wrote, also when the controller filled it up', () => {
    holds(fc.tuple(templates, fc.nat({ max: 5 })), ([template, fill]) => {
      const codec = templateDefinition(template.members.length)
      const bytes = encode(codec, template)
      expect(decode(codec, bytes)).toEqual(template)
      expect(decode(codec, Uint8Array.of(...bytes, ...new Uint8Array(fill)))).toEqual(template)
    })
  })

  it('makes a value or MalformedMessage of any bytes and any count of members', () => {
    const near = damaged(templates.map((template) => encode(templateDefinition(template.members.length), template)))
    holds(fc.tuple(fc.oneof(fc.uint8Array({ maxLength: 80 }), near), fc.nat({ max: 6 })), ([bytes, count]) => {
      const result = attempt(templateDefinition(count), bytes)
      if ('value' in result) expect(result.value.members).toHaveLength(count)
    })
  })

  it('with a count that its bytes cannot hold ends at once', () => {
    const codec = templateDefinition(0xffff)
    expect(() => decode(codec, new Uint8Array(100))).toThrow(MalformedMessage)
    expect(stepsOf(codec, new Uint8Array(100))).toBeLessThan(50)
  })

  it('reads twice the input in at most twice the steps', () => {
    const steps = (n: number) => stepsOf(templateDefinition(n), new Uint8Array(n * 9 + 1))
    expect(steps(400)).toBeLessThanOrEqual(2 * steps(200) + 8)
  })

  it('is announced with room for the 23 bytes that clients take off', () => {
    holds(fc.nat({ max: 10_000 }), (bytes) => {
      const asked = templateDefinitionWords(bytes) * 4 - 23
      expect(asked).toBeGreaterThanOrEqual(bytes)
      expect(asked).toBeLessThan(bytes + 4)
    })
  })

  it('of STRING has a length and 82 characters in 88 bytes', () => {
    expect(stringTemplate.members.map(({ name, offset, info }) => [name, offset, info])).toEqual([
      ['LEN', 0, 0],
      ['DATA', 4, 82],
    ])
    expect([stringTemplate.size, stringTemplate.handle]).toEqual([88, 0x0fce])
  })
})
