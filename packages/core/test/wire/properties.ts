import { MalformedMessage } from '@cordon/core/errors'
import { type Codec, decode, encode, Reader } from '@cordon/core/wire'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'

/** Every property runs on the same examples each time; change it to look at others. */
const seed = 20_260_301

/** Runs a property on a fixed seed; a failure prints the smallest example. */
export function holds<T>(arbitrary: fc.Arbitrary<T>, predicate: (value: T) => void, numRuns = 200): void {
  fc.assert(
    fc.property(arbitrary, (value) => {
      predicate(value)
    }),
    { seed, numRuns },
  )
}

/** What a decoder gives for any bytes: a value, or the one error it may throw. Anything else fails the test. */
export function attempt<T>(codec: Codec<T>, bytes: Uint8Array): { value: T } | { error: MalformedMessage } {
  try {
    return { value: decode(codec, bytes) }
  } catch (error) {
    if (error instanceof MalformedMessage) return { error }
    throw error
  }
}

/** Bytes that are near a valid message: cut, lengthened, or with a few bytes changed. */
export function damaged(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      bytes: valid,
      cut: fc.nat({ max: 8 }),
      tail: fc.uint8Array({ maxLength: 4 }),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
    })
    .map(({ bytes, cut, tail, changes }) => {
      const copy = Uint8Array.from([...bytes.subarray(0, Math.max(0, bytes.length - cut)), ...tail])
      for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value
      return copy
    })
}

/** Reads of a decoder: how often it moved its cursor, whatever became of it. */
export function stepsOf<T>(codec: Codec<T>, bytes: Uint8Array): number {
  const take = vi.spyOn(Reader.prototype, 'take')
  try {
    attempt(codec, bytes)
    return take.mock.calls.length
  } finally {
    take.mockRestore()
  }
}

/** What a codec must hold to, beyond the meaning of single messages. */
export interface CodecProperties<T> {
  /** Values that the codec can carry. */
  readonly values: fc.Arbitrary<T>
  /** A message that grows with `n`; left out for formats of fixed size. */
  readonly growing?: (n: number) => Uint8Array
}

/** Declares the tests that every codec passes: round trip, any bytes, canonical writing, linear work. */
export function behavesAsCodec<T>(name: string, codec: Codec<T>, { values, growing }: CodecProperties<T>): void {
  it(`${name} reads back what it wrote`, () => {
    holds(values, (value) => expect(decode(codec, encode(codec, value))).toEqual(value))
  })

  it(`${name} makes a value or MalformedMessage of any bytes, and writes that value so that it reads the same`, () => {
    const near = damaged(values.map((value) => encode(codec, value)))
    holds(
      fc.oneof(fc.uint8Array({ maxLength: 96 }), near),
      (bytes) => {
        const result = attempt(codec, bytes)
        if ('value' in result) expect(decode(codec, encode(codec, result.value))).toEqual(result.value)
        else expect(result.error.message).toMatch(/at byte \d+: /)
      },
      600,
    )
  })

  it(`${name} refuses every truncation of what it wrote, or reads it as something else that it can write`, () => {
    holds(
      values,
      (value) => {
        const bytes = encode(codec, value)
        for (let end = 0; end < Math.min(bytes.length, 40); end++) {
          const result = attempt(codec, bytes.subarray(0, end))
          if ('value' in result) expect(decode(codec, encode(codec, result.value))).toEqual(result.value)
        }
      },
      40,
    )
  })

  if (growing === undefined) return
  it(`${name} reads twice the input in at most twice the steps`, () => {
    const small = growing(200)
    const large = growing(400)
    expect(large.length).toBeGreaterThan(small.length * 1.9)
    expect(large.length).toBeLessThan(small.length * 2.1)
    const steps = stepsOf(codec, small)
    expect(steps).toBeGreaterThan(0)
    // A few steps stand before the part that grows.
    expect(stepsOf(codec, large)).toBeLessThanOrEqual(steps * 2 + 8)
  })
}

/** Whole numbers of `bits` bits without sign. */
export const unsigned = (bits: 8 | 16 | 32): fc.Arbitrary<number> => fc.nat({ max: 2 ** bits - 1 })

/** Text of one byte per character. */
export const latin1Text = (constraints: { minLength?: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.uint8Array(constraints).map((bytes) => String.fromCharCode(...bytes))

/** Text of one byte per character without zeros. */
export const visibleText = (constraints: { minLength?: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 1, max: 255 }), constraints).map((codes) => String.fromCharCode(...codes))

/** An even number of bytes. */
export const wholeWords = (maxWords: number): fc.Arbitrary<Uint8Array> =>
  fc.nat({ max: maxWords }).chain((words) => fc.uint8Array({ minLength: words * 2, maxLength: words * 2 }))
