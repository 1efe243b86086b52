import {
  dataTypes,
  describeTagType,
  encodeTagValues,
  logixString,
  paddedEPath,
  path,
  readTagFragmentedRequest,
  readTagRequest,
  stringTagType,
  symbolType,
  tagData,
  tagElementSize,
  tagFragment,
  tagListReply,
  tagListRequest,
  tagPath,
  tagReferenceOf,
  type TagType,
  type TagValue,
  tagType,
  tagValues,
  writeTagFragmentedRequest,
  writeTagRequest,
} from '@cordon/core/cip'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, holds, latin1Text, unsigned } from '../wire/properties.ts'

const types: fc.Arbitrary<TagType> = fc.oneof(
  fc.record({ kind: fc.constant('elementary' as const), code: unsigned(16).filter((code) => code !== 0x02a0) }),
  fc.record({ kind: fc.constant('structure' as const), handle: unsigned(16) }),
)
const data = fc.uint8Array({ maxLength: 30 })
const symbols = fc.record({
  code: fc.nat({ max: 0xfff }),
  structure: fc.boolean(),
  dimensions: fc.nat({ max: 3 }),
  system: fc.boolean(),
})
const dint: TagType = { kind: 'elementary', code: dataTypes.DINT.code }

describe('the messages of tags', () => {
  behavesAsCodec('tagType', tagType, { values: types })
  behavesAsCodec('readTagRequest', readTagRequest, { values: fc.record({ elements: unsigned(16) }) })
  behavesAsCodec('readTagFragmentedRequest', readTagFragmentedRequest, {
    values: fc.record({ elements: unsigned(16), offset: unsigned(32) }),
  })
  behavesAsCodec('tagData', tagData, { values: fc.record({ type: types, data }) })
  behavesAsCodec('writeTagRequest', writeTagRequest, {
    values: fc.record({ type: types, elements: unsigned(16), data }),
  })
  behavesAsCodec('writeTagFragmentedRequest', writeTagFragmentedRequest, {
    values: fc.record({ type: types, elements: unsigned(16), offset: unsigned(32), data }),
  })
  behavesAsCodec('logixString', logixString, { values: latin1Text({ maxLength: 82 }) })
  behavesAsCodec('symbolType', symbolType, { values: symbols })
  behavesAsCodec('tagListRequest', tagListRequest, { values: fc.array(unsigned(16), { maxLength: 5 }) })
  behavesAsCodec('tagListReply', tagListReply, {
    values: fc.array(fc.record({ instance: unsigned(32), name: latin1Text({ maxLength: 20 }), type: symbols }), {
      maxLength: 4,
    }),
    growing: (n) => new Uint8Array(n * 8),
  })

  it('announce a structure by 0x02A0 and its handle', () => {
    expect([...encode(tagType, stringTagType)]).toEqual([0xa0, 0x02, 0xce, 0x0f])
    expect(() => encode(tagType, { kind: 'elementary', code: 0x02a0 })).toThrow(UsageError)
  })
})

describe('values of a tag', () => {
  const cases: readonly [TagType, fc.Arbitrary<TagValue>][] = [
    [{ kind: 'elementary', code: dataTypes.BOOL.code }, fc.boolean()],
    [{ kind: 'elementary', code: dataTypes.SINT.code }, fc.integer({ min: -128, max: 127 })],
    [dint, fc.integer()],
    [{ kind: 'elementary', code: dataTypes.REAL.code }, fc.float()],
    [{ kind: 'elementary', code: dataTypes.LINT.code }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
    [stringTagType, latin1Text({ maxLength: 82 })],
  ]
  for (const [type, arbitrary] of cases) {
    it(`of type ${describeTagType(type)} come back as they went in`, () => {
      holds(fc.array(arbitrary, { maxLength: 10 }), (values) => {
        const bytes = encodeTagValues(type, values)
        expect(bytes).toHaveLength(values.length * (tagElementSize(type) ?? 0))
        expect(tagValues({ type, data: bytes })).toEqual(values)
      })
    })
  }

  it('are a value or MalformedMessage for any data', () => {
    holds(fc.record({ type: types, data: fc.uint8Array({ maxLength: 200 }) }), (tag) => {
      try {
        expect(Array.isArray(tagValues(tag))).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage)
      }
    })
  })

  it('of a structure that is not STRING stay bytes', () => {
    const type: TagType = { kind: 'structure', handle: 0x1234 }
    expect(tagValues({ type, data: Uint8Array.of(1, 2) })).toEqual([Uint8Array.of(1, 2)])
    expect([...encodeTagValues(type, [Uint8Array.of(1, 2)])]).toEqual([1, 2])
    expect(() => encodeTagValues(type, [1])).toThrow('expected bytes for structure 0x1234')
    expect(() => encodeTagValues(type, [])).toThrow(UsageError)
  })

  it('are refused where they do not fit the type', () => {
    expect(() => encodeTagValues(dint, ['1'])).toThrow('expected a number for DINT, got a string')
    expect(() => encodeTagValues(dint, [2 ** 31])).toThrow(UsageError)
    expect(() => encodeTagValues(stringTagType, [1])).toThrow(UsageError)
    expect(() => encodeTagValues(stringTagType, ['x'.repeat(83)])).toThrow('expected at most 82 characters, got 83')
    expect(() => encodeTagValues({ kind: 'elementary', code: dataTypes.LINT.code }, [1])).toThrow(UsageError)
  })

  it('of a string are refused where its length is a lie', () => {
    const bytes = new Uint8Array(88)
    for (const length of [
      [83, 0, 0, 0],
      [255, 255, 255, 255],
    ]) {
      bytes.set(length)
      expect(() => decode(logixString, bytes)).toThrow(MalformedMessage)
    }
  })
})

describe('fragments of a tag', () => {
  it('put together by their offsets are the tag', () => {
    const cases = fc.record({
      length: fc.nat({ max: 40 }),
      room: fc.integer({ min: 4, max: 60 }),
      type: fc.constantFrom<TagType>(dint, stringTagType, { kind: 'structure', handle: 1 }),
    })
    holds(cases, ({ length, room, type }) => {
      const whole = Uint8Array.from({ length: length * 4 }, (_, i) => i)
      const parts: number[] = []
      for (let rounds = 0; rounds < 100; rounds++) {
        const fragment = tagFragment(type, whole, parts.length, room)
        if (fragment === undefined) throw new Error('no fragment')
        expect(fragment.data.length).toBeLessThanOrEqual(room)
        parts.push(...fragment.data)
        if (!fragment.more) break
        expect(fragment.data.length).toBeGreaterThan(0)
      }
      expect(Uint8Array.from(parts)).toEqual(whole)
    })
  })

  it('hold whole elements', () => {
    expect(tagFragment(dint, new Uint8Array(12), 0, 7)).toEqual({ data: new Uint8Array(4), more: true })
    expect(tagFragment(dint, new Uint8Array(12), 8, 7)).toEqual({ data: new Uint8Array(4), more: false })
  })

  it('do not begin behind the data', () => {
    expect(tagFragment(dint, new Uint8Array(4), 4, 8)).toBeUndefined()
    expect(tagFragment(dint, new Uint8Array(4), 5, 8)).toBeUndefined()
    expect(tagFragment(dint, new Uint8Array(0), 0, 8)).toEqual({ data: new Uint8Array(0), more: false })
  })
})

describe('a tag name', () => {
  it('is a symbol per name and a member per index', () => {
    expect(tagPath('Program:Main.Motor[3].Grid[1,300].Speed')).toEqual([
      { kind: 'symbol', name: 'Program:Main' },
      { kind: 'symbol', name: 'Motor' },
      { kind: 'member', value: 3 },
      { kind: 'symbol', name: 'Grid' },
      { kind: 'member', value: 1 },
      { kind: 'member', value: 300 },
      { kind: 'symbol', name: 'Speed' },
    ])
  })

  it('is read back from its path', () => {
    const word = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)
    const part = fc.tuple(word, fc.array(fc.nat({ max: 70_000 }), { maxLength: 3 }))
    holds(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      const spell = ([name, indices]: readonly [string, readonly number[]]) =>
        indices.length === 0 ? name : `${name}[${indices.join(',')}]`
      const reference = tagReferenceOf(decode(paddedEPath, encode(paddedEPath, tagPath(parts.map(spell).join('.')))))
      const last = parts.at(-1)
      if (last === undefined) return
      expect(reference).toEqual({
        name: [...parts.slice(0, -1).map(spell), last[0]].join('.'),
        indices: last[1],
      })
    })
  })

  it('is not found in a path of other segments', () => {
    expect(tagReferenceOf(path({ class: 0x6b, instance: 1 }))).toBeUndefined()
    expect(tagReferenceOf([])).toBeUndefined()
    expect(tagReferenceOf([{ kind: 'member', value: 1 }])).toBeUndefined()
  })

  it('is refused where it is none', () => {
    for (const name of ['', '.', 'a.', '1a', 'a[', 'a[]', 'a[1,2,3,4]', 'a b', 'a[-1]', 'Motor.5']) {
      expect(() => tagPath(name), name).toThrow(UsageError)
    }
  })
})

describe('types of tags', () => {
  it('read as words', () => {
    expect(describeTagType(dint)).toBe('DINT')
    expect(describeTagType(stringTagType)).toBe('STRING')
    expect(describeTagType({ kind: 'elementary', code: 0x123 })).toBe('type 0x123')
  })

  it('of symbols refuse what does not fit', () => {
    const symbol = { code: 1, structure: false, dimensions: 0, system: false }
    expect(() => encode(symbolType, { ...symbol, code: 0x1000 })).toThrow(UsageError)
    expect(() => encode(symbolType, { ...symbol, dimensions: 4 })).toThrow(UsageError)
    expect([...encode(symbolType, { code: 0xfce, structure: true, dimensions: 1, system: true })]).toEqual([0xce, 0xbf])
  })
})
