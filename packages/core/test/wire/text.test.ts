import { UsageError } from '@cordon/core/errors'
import {
  decode,
  encode,
  fixedText,
  hexadecimal,
  latin1,
  latin1Bytes,
  longString,
  paddedString,
  shortString,
  utf8,
  utf8Bytes,
} from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, holds, latin1Text, visibleText } from './properties.ts'

describe('strings', () => {
  behavesAsCodec('shortString', shortString, { values: latin1Text({ maxLength: 255 }) })
  behavesAsCodec('longString', longString, { values: latin1Text({ maxLength: 400 }) })
  behavesAsCodec('paddedString', paddedString, { values: latin1Text({ maxLength: 80 }) })
  behavesAsCodec('fixedText', fixedText(12), { values: visibleText({ maxLength: 12 }) })

  it('carry their length in one or two bytes', () => {
    expect([...encode(shortString, 'ab')]).toEqual([2, 0x61, 0x62])
    expect([...encode(longString, 'ab')]).toEqual([2, 0, 0x61, 0x62])
    expect(() => encode(shortString, 'x'.repeat(256))).toThrow(UsageError)
  })

  it('are padded to even length where the attribute says so, and read without the last pad', () => {
    expect([...encode(paddedString, 'abc')]).toEqual([3, 0, 0x61, 0x62, 0x63, 0])
    expect(decode(paddedString, Uint8Array.of(3, 0, 0x61, 0x62, 0x63))).toBe('abc')
  })

  it('of fixed size end at the first zero', () => {
    expect(decode(fixedText(4), Uint8Array.of(0x61, 0, 0x62, 0))).toBe('a')
    expect(() => encode(fixedText(2), 'abc')).toThrow(UsageError)
  })

  it('refuse characters that do not fit in a byte', () => {
    expect(() => latin1Bytes('a€')).toThrow('got "€" at 1')
  })
})

describe('ISO 8859-1', () => {
  it('maps every byte to the character of the same number', () => {
    const all = Uint8Array.from({ length: 10_000 }, (_, i) => i % 256)
    expect(latin1Bytes(latin1(all))).toEqual(all)
  })
})

describe('UTF-8', () => {
  it('agrees with the platform on every text', () => {
    holds(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      expect(utf8Bytes(text)).toEqual(Uint8Array.from(Buffer.from(text, 'utf8')))
      expect(utf8(utf8Bytes(text))).toBe(text)
    })
  })

  it('agrees with the platform on which bytes are no text', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const read = (bytes: Uint8Array) => {
      try {
        return strict.decode(bytes)
      } catch {
        return undefined
      }
    }
    const tricky = fc.array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xa0, 0xf0, 0xf4, 0x90, 0xf5), {
      maxLength: 6,
    })
    holds(
      fc.oneof(
        tricky.map((list) => Uint8Array.from(list)),
        fc.uint8Array({ maxLength: 8 }),
      ),
      (bytes) => expect(utf8(bytes)).toBe(read(bytes)),
      2000,
    )
  })

  it('turns lone surrogates into U+FFFD', () => {
    expect([...utf8Bytes('\ud800')]).toEqual([0xef, 0xbf, 0xbd])
  })
})

describe('hexadecimal', () => {
  it('has at least the digits that were asked for', () => {
    expect(hexadecimal(0x6a, 4)).toBe('0x006A')
    expect(hexadecimal(0x12345, 2)).toBe('0x12345')
  })
})
