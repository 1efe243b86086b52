import { MalformedMessage, UsageError } from '@cordon/core/errors'
import {
  bytes,
  counted,
  countedBytes,
  decode,
  decodeFirst,
  empty,
  encode,
  exactly,
  map,
  rest,
  restView,
  shortString,
  sized,
  toEnd,
  u8,
  u16,
  u32,
} from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, stepsOf, unsigned } from './properties.ts'

describe('lists', () => {
  behavesAsCodec('counted', counted(u16, u16), {
    values: fc.array(unsigned(16), { maxLength: 40 }),
    growing: (n) => encode(counted(u16, u16), new Array<number>(n).fill(1)),
  })
  behavesAsCodec('toEnd', toEnd(u16), {
    values: fc.array(unsigned(16), { maxLength: 40 }),
    growing: (n) => new Uint8Array(n * 2),
  })
  behavesAsCodec('exactly', exactly(3, u16), { values: fc.array(unsigned(16), { minLength: 3, maxLength: 3 }) })
  behavesAsCodec('sized', sized(u8, toEnd(u16), 2), { values: fc.array(unsigned(16), { maxLength: 100 }) })

  it('with a huge count over few bytes end at once', () => {
    const steps = stepsOf(counted(u32, u8), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3))
    expect(steps).toBeLessThan(8)
  })

  it('of entries without bytes end as well', () => {
    expect(() => decode(counted(u32, empty), Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toThrow(MalformedMessage)
    expect(() => decode(toEnd(empty), Uint8Array.of(1))).toThrow('an entry without bytes')
  })

  it('keep to their maximum in both directions', () => {
    const few = counted(u8, u8, 2)
    expect(() => decode(few, Uint8Array.of(3, 1, 1, 1))).toThrow('expected at most 2 entries, got 3')
    expect(() => encode(few, [1, 1, 1])).toThrow(UsageError)
    expect(() => encode(exactly(2, u8), [1])).toThrow(UsageError)
  })

  it('in a sized section must fill it', () => {
    expect(() => decode(sized(u8, u8), Uint8Array.of(2, 1, 1))).toThrow('1 bytes too many')
    expect(() => encode(sized(u8, u8, 2), 1)).toThrow('expected a multiple of 2 bytes, got 1')
  })

  it('name the entry in the error', () => {
    expect(() => decode(counted(u8, u16), Uint8Array.of(2, 1, 1, 1))).toThrow('1 at byte 3')
  })
})

describe('bytes', () => {
  behavesAsCodec('bytes', bytes(4), { values: fc.uint8Array({ minLength: 4, maxLength: 4 }) })
  behavesAsCodec('rest', rest, { values: fc.uint8Array({ maxLength: 50 }) })
  behavesAsCodec('restView', restView, { values: fc.uint8Array({ maxLength: 50 }) })
  behavesAsCodec('countedBytes', countedBytes(u8), { values: fc.uint8Array({ maxLength: 255 }) })

  it('are copied where they are kept and shared where they are passed on', () => {
    const message = Uint8Array.of(1, 2)
    const kept = decode(rest, message)
    const shared = decode(restView, message)
    message.fill(9)
    expect([...kept]).toEqual([1, 2])
    expect([...shared]).toEqual([9, 9])
  })

  it('keep to their length and maximum', () => {
    expect(() => encode(bytes(2), new Uint8Array(3))).toThrow(UsageError)
    expect(() => encode(countedBytes(u8, 2), new Uint8Array(3))).toThrow(UsageError)
    expect(() => decode(countedBytes(u8, 2), Uint8Array.of(3, 0, 0, 0))).toThrow('expected at most 2 bytes, got 3')
  })
})

describe('messages', () => {
  it('are read whole, or up to where they end', () => {
    expect(() => decode(u8, Uint8Array.of(1, 2))).toThrow(MalformedMessage)
    expect(decodeFirst(shortString, Uint8Array.of(1, 0x61, 7))).toEqual({ value: 'a', rest: Uint8Array.of(7) })
  })

  it('can mean something else by a map', () => {
    const seconds = map(
      u16,
      (ms) => ms / 1000,
      (s: number) => s * 1000,
    )
    expect(decode(seconds, Uint8Array.of(0xe8, 3))).toBe(1)
    expect([...encode(seconds, 1)]).toEqual([0xe8, 3])
  })
})
