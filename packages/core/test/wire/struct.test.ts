import { MalformedMessage } from '@cordon/core/errors'
import { decode, empty, encode, optional, reserved, rest, struct, u8, u16 } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { attempt, behavesAsCodec } from './properties.ts'

const sample = struct({
  kind: u8,
  gap: reserved(u16, 0),
  inner: struct({ low: u8, high: u8 }),
  tail: optional(u16),
  more: optional(rest),
})

describe('a struct', () => {
  const values = fc.record(
    {
      kind: fc.nat({ max: 255 }),
      inner: fc.record({ low: fc.nat({ max: 255 }), high: fc.nat({ max: 255 }) }),
      tail: fc.nat({ max: 0xffff }),
    },
    { requiredKeys: ['kind', 'inner'] },
  )
  behavesAsCodec('a struct with a reserved and an optional field', sample, { values })

  it('has the fields of its declaration, without the reserved ones', () => {
    expect(decode(sample, Uint8Array.of(1, 9, 9, 2, 3))).toEqual({ kind: 1, inner: { low: 2, high: 3 } })
    expectTypeOf(decode(sample, Uint8Array.of(1, 9, 9, 2, 3))).toMatchTypeOf<{
      readonly kind: number
      readonly inner: { readonly low: number; readonly high: number }
      readonly tail?: number
    }>()
  })

  it('writes reserved fields as zero, whatever was read', () => {
    expect([...encode(sample, { kind: 1, inner: { low: 2, high: 3 }, tail: 4 })]).toEqual([1, 0, 0, 2, 3, 4, 0])
  })

  it('names the field in the error', () => {
    const result = attempt(sample, Uint8Array.of(1, 0, 0, 2))
    expect('error' in result ? result.error.message : '').toBe('inner.high at byte 4: expected 1 bytes, 0 left')
  })

  it('refuses bytes behind its last field', () => {
    expect(() => decode(struct({ a: u8 }), Uint8Array.of(1, 2))).toThrow(MalformedMessage)
  })

  it('does not compile without a required field', () => {
    // @ts-expect-error inner is missing
    expect(() => encode(sample, { kind: 1 })).toThrow()
  })
})

describe('empty', () => {
  it('is no bytes at all', () => {
    expect(encode(empty, undefined)).toHaveLength(0)
    expect(decode(empty, new Uint8Array(0))).toBeUndefined()
    expect(() => decode(empty, Uint8Array.of(0))).toThrow(MalformedMessage)
  })
})
