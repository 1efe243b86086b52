import { UsageError } from '@cordon/core/errors'
import { decode, encode, f32, f64, i8, i16, i32, i64, u8, u16, u16be, u32, u32be, u64 } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec } from './properties.ts'

describe('integers', () => {
  behavesAsCodec('u8', u8, { values: fc.nat({ max: 0xff }) })
  behavesAsCodec('u16', u16, { values: fc.nat({ max: 0xffff }) })
  behavesAsCodec('u16be', u16be, { values: fc.nat({ max: 0xffff }) })
  behavesAsCodec('u32', u32, { values: fc.nat({ max: 0xffff_ffff }) })
  behavesAsCodec('u32be', u32be, { values: fc.nat({ max: 0xffff_ffff }) })
  behavesAsCodec('u64', u64, { values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) })
  behavesAsCodec('i8', i8, { values: fc.integer({ min: -128, max: 127 }) })
  behavesAsCodec('i16', i16, { values: fc.integer({ min: -0x8000, max: 0x7fff }) })
  behavesAsCodec('i32', i32, { values: fc.integer() })
  behavesAsCodec('i64', i64, { values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) })

  it('are little-endian unless they say otherwise', () => {
    expect([...encode(u16, 0x1234)]).toEqual([0x34, 0x12])
    expect([...encode(u16be, 0x1234)]).toEqual([0x12, 0x34])
    expect([...encode(u32, 0x1234_5678)]).toEqual([0x78, 0x56, 0x34, 0x12])
    expect([...encode(u32be, 0x1234_5678)]).toEqual([0x12, 0x34, 0x56, 0x78])
    expect([...encode(i16, -2)]).toEqual([0xfe, 0xff])
    expect([...encode(u64, 1n)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0])
  })

  it('refuse to write what does not fit instead of cutting it', () => {
    for (const [codec, value] of [
      [u8, 256],
      [u8, -1],
      [u16, 0x1_0000],
      [u32, 2 ** 32],
      [u32, 1.5],
      [u32, Number.NaN],
      [i8, 128],
      [i16, -0x8001],
      [i32, 2 ** 31],
    ] as const) {
      expect(() => encode(codec, value)).toThrow(UsageError)
    }
    expect(() => encode(u64, -1n)).toThrow(UsageError)
    expect(() => encode(u64, 2n ** 64n)).toThrow(UsageError)
    expect(() => encode(i64, 2n ** 63n)).toThrow(UsageError)
  })
})

describe('floats', () => {
  behavesAsCodec('f32', f32, { values: fc.float() })
  behavesAsCodec('f64', f64, { values: fc.double() })

  it('are IEEE 754, little-endian', () => {
    expect([...encode(f32, 1)]).toEqual([0, 0, 0x80, 0x3f])
    expect([...encode(f64, -2)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0xc0])
    expect(decode(f32, Uint8Array.of(0, 0, 0xc0, 0x7f))).toBeNaN()
  })
})
