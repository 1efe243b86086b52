import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { bits, decode, encode, known, oneOf, u8, u16, u32 } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, holds } from './properties.ts'

const table = { stop: 0, go: 1, wait: 7 } as const

describe('a closed set', () => {
  behavesAsCodec('oneOf', oneOf(u8, table), { values: fc.constantFrom('stop', 'go', 'wait') })

  it('has words for its numbers and refuses others by name', () => {
    expect(decode(oneOf(u8, table), Uint8Array.of(7))).toBe('wait')
    expect(() => decode(oneOf(u8, table), Uint8Array.of(2))).toThrow('expected one of 0, 1, 7, got 2')
    expect(() => decode(oneOf(u8, table), Uint8Array.of(2))).toThrow(MalformedMessage)
  })

  it('does not write a word that it does not have', () => {
    // @ts-expect-error not a word of the set
    expect(() => encode(oneOf(u8, table), 'run')).toThrow(UsageError)
    // @ts-expect-error what every object has is not a word of the set
    expect(() => encode(oneOf(u8, table), 'toString')).toThrow(UsageError)
  })
})

describe('an open set', () => {
  const open = known(u16, table)
  const values = fc.oneof(
    fc.constantFrom('stop' as const, 'go' as const),
    fc.nat({ max: 0xffff }).filter((number) => ![0, 1, 7].includes(number)),
  )
  behavesAsCodec('known', open, { values })

  it('keeps a number that is not listed', () => {
    expect(decode(open, Uint8Array.of(2, 1))).toBe(0x0102)
    expect([...encode(open, 0x0102)]).toEqual([2, 1])
  })

  it('takes a listed number as well as its word', () => {
    expect([...encode(open, 7)]).toEqual([...encode(open, 'wait')])
  })

  it('does not write a word that it does not have', () => {
    // @ts-expect-error not a word of the set
    expect(() => encode(open, 'run')).toThrow(UsageError)
  })
})

describe('named bits', () => {
  const flags = bits(u8, { a: 0, b: 3 })
  const wide = bits(u32, { low: 0, high: 31 })

  it('lose nothing, in 8 or 32 bits', () => {
    for (let byte = 0; byte < 256; byte++)
      expect([...encode(flags, decode(flags, Uint8Array.of(byte)))]).toEqual([byte])
    holds(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) =>
      expect(encode(wide, decode(wide, bytes))).toEqual(bytes),
    )
  })

  it('are true or false by name, the others under one number', () => {
    expect(decode(flags, Uint8Array.of(0b1000))).toEqual({ a: false, b: true })
    expect(decode(flags, Uint8Array.of(0b0110_0001))).toEqual({ a: true, b: false, other: 0b0110_0000 })
    expect(decode(wide, Uint8Array.of(0, 0, 0, 0x80))).toEqual({ low: false, high: true })
  })

  it('do not let the rest overrule a name', () => {
    expect([...encode(flags, { a: false, b: false, other: 0xff })]).toEqual([0b1111_0110])
  })
})
