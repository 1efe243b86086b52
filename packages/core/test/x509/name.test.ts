import { MalformedMessage, UsageError } from '@cordon/core/errors'
import {
  decodeName,
  encodeName,
  formatName,
  type NameAttribute,
  nameAttribute,
  nameValue,
  parseName,
  sameName,
} from '@cordon/core/x509'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Name as NameSchema } from '@peculiar/asn1-x509'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { derEncode } from '../../src/x509/der.ts'

/** The issuer of the demonstration's plant certificates: one relative name of seven attributes, two of them blank. */
const sevenInOne = encodeName([
  [
    nameAttribute('CN', '{6b29fc40-ca47-1067-b31d-00dd010662da}'),
    nameAttribute('C', 'US'),
    nameAttribute('emailAddress', ''),
    nameAttribute('L', 'MAYFIELD HEIGHTS'),
    nameAttribute('O', 'CPWE-RA-CISCO'),
    nameAttribute('OU', ''),
    nameAttribute('ST', 'OHIO'),
  ],
])

describe('a name', () => {
  test('may be one relative name of seven attributes, two of them blank', () => {
    const read = decodeName(sevenInOne.der)
    expect(read.parts).toHaveLength(1)
    expect(read.parts[0]).toHaveLength(7)
    expect(nameValue(read, 'O')).toBe('CPWE-RA-CISCO')
    expect(nameValue(read, 'OU')).toBe('')
    expect(formatName(read).split('+')).toHaveLength(7)
    expect(parseName(formatName(read)).der).toEqual(sevenInOne.der)
  })

  test('of several parts reads most specific first', () => {
    const name = encodeName([
      nameAttribute('C', 'US'),
      nameAttribute('O', 'Example, Inc.'),
      nameAttribute('CN', '1756-L85E/B (00e17387)'),
    ])
    expect(formatName(name)).toBe('CN=1756-L85E/B (00e17387),O=Example\\, Inc.,C=US')
  })

  test('keeps the bytes it came as, also when a set is not sorted', () => {
    const cn = derEncode(0x30, Uint8Array.of(0x06, 3, 0x55, 4, 3), Uint8Array.of(0x0c, 1, 0x42))
    const c = derEncode(0x30, Uint8Array.of(0x06, 3, 0x55, 4, 6), Uint8Array.of(0x13, 2, 0x55, 0x53))
    const longer = derEncode(0x30, derEncode(0x31, c, cn))
    expect(decodeName(longer).der).toEqual(longer)
    expect(sameName(decodeName(longer), decodeName(derEncode(0x30, derEncode(0x31, cn, c))))).toBe(true)
  })

  test('with a value that is no text shows it as hex and reads it back', () => {
    const odd = derEncode(
      0x30,
      derEncode(0x31, derEncode(0x30, Uint8Array.of(0x06, 3, 0x55, 4, 3), Uint8Array.of(0x02, 1, 5))),
    )
    const name = decodeName(odd)
    expect(formatName(name)).toBe('CN=#020105')
    expect(parseName('CN=#020105').der).toEqual(odd)
  })

  test('is the same when only case, spaces and string type differ', () => {
    const printable: NameAttribute = { type: '2.5.4.10', value: 'Example  Works', encoding: 'printable' }
    expect(sameName(encodeName([printable]), parseName('O=example works'))).toBe(true)
    expect(sameName(parseName('O=a,CN=b'), parseName('CN=b,O=a'))).toBe(false)
    expect(sameName(parseName('O=a+CN=b'), parseName('CN=b+O=a'))).toBe(true)
  })

  test.each([
    ['printable', 'Plant 7'],
    ['ia5', 'a@b.example'],
    ['teletex', 'M\u00fcller'],
    ['bmp', '\u03a9mega \ud83d\ude00'],
    ['universal', '\u03a9mega'],
    ['utf8', '\u00c4\u20ac\u{1f600}'],
  ] as const)('reads %s text as the schema library does', (encoding, value) => {
    const name = encodeName([{ type: '2.5.4.10', value, encoding }])
    expect(decodeName(name.der)).toEqual(name)
    const schema = AsnConvert.parse(name.der, NameSchema)
    expect(schema[0]?.[0]?.value.toString()).toBe(value)
  })

  test('keeps a universal character that does not exist as hex', () => {
    const value = derEncode(0x1c, Uint8Array.of(0, 0x11, 0, 0))
    const odd = derEncode(0x30, derEncode(0x31, derEncode(0x30, Uint8Array.of(0x06, 3, 0x55, 4, 3), value)))
    expect(decodeName(odd).parts).toEqual([[{ type: '2.5.4.3', value: '#1c0400110000', encoding: 'other' }]])
  })

  test('whose attribute is not a type and a value is refused', () => {
    const type = Uint8Array.of(0x06, 3, 0x55, 4, 3)
    const text = Uint8Array.of(0x0c, 1, 0x42)
    for (const parts of [[], [type], [text, text], [type, text, text]]) {
      const odd = derEncode(0x30, derEncode(0x31, derEncode(0x30, ...parts)))
      expect(() => decodeName(odd)).toThrow(MalformedMessage)
    }
  })

  test('with more than 64 attributes is refused', () => {
    const one = nameAttribute('OU', 'x')
    expect(() => decodeName(encodeName(Array<NameAttribute>(65).fill(one)).der)).toThrow(/64/)
  })

  test('that is no sequence of sets is refused', () => {
    expect(() => decodeName(Uint8Array.of(0x30, 2, 0x31, 0))).toThrow(/set of attributes/)
    expect(() => decodeName(Uint8Array.of(0x02, 1, 1))).toThrow()
  })
})

describe('the text form', () => {
  test('reads back as the same name, whatever the values hold', () => {
    const label = fc.constantFrom('CN', 'O', 'OU', 'L', 'ST', 'title' as const)
    const value = fc
      .string({ unit: 'grapheme', maxLength: 40 })
      .filter((text) => !text.includes('\0') && !/\p{Surrogate}/u.test(text))
    const attribute = fc.tuple(label, value).map(([type, text]) => nameAttribute(type as 'CN', text))
    const part = fc.uniqueArray(attribute, { minLength: 1, maxLength: 3, selector: ({ type }) => type })
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const name = encodeName(parts)
        expect(parseName(formatName(name)).der).toEqual(name.der)
        expect(decodeName(name.der)).toEqual(name)
      }),
    )
  })

  test('takes common spellings of types, dotted numbers and spaces', () => {
    expect(formatName(parseName('cn = Green_EN4TR , E=a@b.example, 2.5.4.10=Example'))).toBe(
      'CN=Green_EN4TR,emailAddress=a@b.example,O=Example',
    )
  })

  test('of an edge that is a space or a hash survives', () => {
    for (const value of [' ', '  ', ' a ', '#1', 'a\\ ', '\\', '"', '#']) {
      const name = encodeName([nameAttribute('CN', value)])
      expect(nameValue(parseName(formatName(name)), 'CN'), JSON.stringify(value)).toBe(value)
    }
  })

  test.each(['CN', 'CN=a,', '=a', 'nobody=1', 'CN=a\\', 'CN=a\\ff', 'C=Österreich'])(
    'refuses %s and says where',
    (text) => {
      expect(() => parseName(text)).toThrow(UsageError)
    },
  )
})
