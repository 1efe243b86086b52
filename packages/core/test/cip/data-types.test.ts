import {
  array,
  bool,
  characterSets,
  dataType,
  dataTypes,
  dateAndTime,
  describeDataType,
  type InternationalString,
  internationalText,
  string2,
  stringI,
  stringN,
  textOf,
} from '@cordon/core/cip'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { decode, encode, u16 } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, latin1Text, unsigned } from '../wire/properties.ts'
import { paths } from './arbitraries.ts'

const signed = (bits: 8 | 16 | 32) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
const signed64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const unsigned64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const units = fc.array(unsigned(16), { maxLength: 30 }).map((codes) => String.fromCharCode(...codes))

const language = fc.constantFrom('eng', 'deu', 'fra')
const strings: fc.Arbitrary<InternationalString> = fc.oneof(
  fc.record({
    language,
    type: fc.constantFrom('string' as const, 'shortString' as const, 'stringN' as const),
    charset: fc.constant(characterSets.iso88591),
    text: latin1Text({ maxLength: 40 }),
  }),
  fc.record({
    language,
    type: fc.constantFrom('string' as const, 'shortString' as const, 'stringN' as const),
    charset: fc.constant(characterSets.utf8),
    text: fc.string({ unit: 'binary', maxLength: 20 }),
  }),
  fc.record({
    language,
    type: fc.constantFrom('string2' as const, 'stringN' as const),
    charset: fc.constantFrom(characterSets.ucs2, 12345),
    text: units,
  }),
)

const english = { language: 'eng', type: 'shortString', charset: characterSets.iso88591 } as const

const stringNs = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.nat({ max: 8 }))
  .chain(([characterSize, count]) =>
    fc
      .uint8Array({ minLength: characterSize * count, maxLength: characterSize * count })
      .map((characters) => ({ characterSize, characters })),
  )

/** Values of every type by its name. */
const values: Readonly<Record<keyof typeof dataTypes, fc.Arbitrary<unknown>>> = {
  UTIME: unsigned64,
  BOOL: fc.boolean(),
  SINT: signed(8),
  INT: signed(16),
  DINT: signed(32),
  LINT: signed64,
  USINT: unsigned(8),
  UINT: unsigned(16),
  UDINT: unsigned(32),
  ULINT: unsigned64,
  REAL: fc.float(),
  LREAL: fc.double(),
  STIME: signed64,
  DATE: unsigned(16),
  TIME_OF_DAY: unsigned(32),
  DATE_AND_TIME: fc.record({ milliseconds: unsigned(32), days: unsigned(16) }),
  STRING: latin1Text({ maxLength: 60 }),
  BYTE: unsigned(8),
  WORD: unsigned(16),
  DWORD: unsigned(32),
  LWORD: unsigned64,
  STRING2: units,
  FTIME: signed(32),
  LTIME: signed64,
  ITIME: signed(16),
  STRINGN: stringNs,
  SHORT_STRING: latin1Text({ maxLength: 60 }),
  TIME: signed(32),
  EPATH: paths,
  ENGUNIT: unsigned(16),
  STRINGI: fc.array(strings, { maxLength: 4 }),
  NTIME: signed64,
}

describe('data types', () => {
  for (const [name, arbitrary] of Object.entries(values)) {
    // The keys of the record above are names of types.
    const type = dataType(name as keyof typeof dataTypes)
    if (type === undefined) throw new Error(`no type ${name}`)
    behavesAsCodec(name, type.codec, { values: arbitrary })

    it(`${name} has its size, and its name by its code`, () => {
      expect(dataType(type.code)).toBe(type)
      expect(type.name).toBe(name)
      const [value] = fc.sample(arbitrary, { numRuns: 1, seed: 1 })
      if (type.size !== undefined) expect(encode(type.codec, value)).toHaveLength(type.size)
    })
  }

  it('have the codes of the specification, 0xC0 to 0xDF without a gap', () => {
    const codes = Object.values(dataTypes).map(({ code }) => code)
    expect([...codes].sort((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, i) => 0xc0 + i))
    expect(dataTypes.BOOL.code).toBe(0xc1)
    expect(dataTypes.REAL.code).toBe(0xca)
    expect(dataTypes.SHORT_STRING.code).toBe(0xda)
    expect(dataTypes.STRINGI.code).toBe(0xde)
  })

  it('are unknown by other codes', () => {
    expect(dataType(0xbf)).toBeUndefined()
    expect(describeDataType(0xc4)).toBe('DINT (0xC4)')
    expect(describeDataType(0x02a0)).toBe('unlisted type 0x2A0')
  })
})

describe('BOOL', () => {
  it('is true for anything but zero and written as one', () => {
    expect(decode(bool, Uint8Array.of(0xff))).toBe(true)
    expect([...encode(bool, true), ...encode(bool, false)]).toEqual([1, 0])
  })
})

describe('DATE_AND_TIME', () => {
  it('has the milliseconds before the days', () => {
    expect([...encode(dateAndTime, { milliseconds: 1, days: 2 })]).toEqual([1, 0, 0, 0, 2, 0])
  })
})

describe('STRING2', () => {
  behavesAsCodec('string2 as it grows', string2, {
    values: units,
    growing: (n) => encode(string2, 'x'.repeat(n)),
  })

  it('counts characters, not bytes', () => {
    expect([...encode(string2, 'Aé€')]).toEqual([3, 0, 0x41, 0, 0xe9, 0, 0xac, 0x20])
  })
})

describe('STRINGN', () => {
  it('refuses characters without bytes and broken characters', () => {
    expect(() => decode(stringN, Uint8Array.of(0, 0, 5, 0))).toThrow(MalformedMessage)
    expect(() => encode(stringN, { characterSize: 2, characters: new Uint8Array(3) })).toThrow(UsageError)
    expect(() => encode(stringN, { characterSize: 0, characters: new Uint8Array(0) })).toThrow(UsageError)
  })
})

describe('STRINGI', () => {
  behavesAsCodec('stringI as it grows', stringI, {
    values: fc.array(strings, { maxLength: 3 }),
    growing: (n) => encode(stringI, new Array<InternationalString>(n / 4).fill({ ...english, text: '' })),
  })

  it('has three letters, a type, a character set and a string per language', () => {
    expect([...encode(stringI, internationalText('ab'))]).toEqual([1, 0x65, 0x6e, 0x67, 0xda, 4, 0, 2, 0x61, 0x62])
  })

  it('decodes UTF-8 and refuses what is not', () => {
    const text = internationalText('Grün €', 'deu').map((entry) => ({ ...entry, charset: characterSets.utf8 }))
    const bytes = encode(stringI, text)
    expect(decode(stringI, bytes)).toEqual(text)
    bytes[bytes.length - 1] = 0xff
    expect(() => decode(stringI, bytes)).toThrow('expected UTF-8')
  })

  it('refuses another string type or character size', () => {
    expect(() => decode(stringI, Uint8Array.of(1, 0x65, 0x6e, 0x67, 0xc1, 4, 0, 0))).toThrow(MalformedMessage)
    expect(() => decode(stringI, Uint8Array.of(1, 0x65, 0x6e, 0x67, 0xd9, 4, 0, 3, 0, 0, 0))).toThrow(MalformedMessage)
  })

  it('gives the text of a language, else of its first one', () => {
    const value = [...internationalText('hello'), ...internationalText('hallo', 'deu')]
    expect([textOf(value), textOf(value, 'deu'), textOf(value, 'fra'), textOf([])]).toEqual([
      'hello',
      'hallo',
      'hello',
      '',
    ])
  })
})

describe('ARRAY', () => {
  behavesAsCodec('array', array('UINT', u16), { values: fc.array(unsigned(16), { maxLength: 20 }) })

  it('counts its elements in one or two bytes', () => {
    expect([...encode(array('USINT', u16), [5])]).toEqual([1, 5, 0])
    expect([...encode(array('UINT', u16), [5])]).toEqual([1, 0, 5, 0])
  })
})
