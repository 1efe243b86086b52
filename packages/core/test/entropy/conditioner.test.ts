import { condition, conditionedEntropy, type SourceInput } from '@cordon/core/entropy'
import { UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const samples = fc.uint8Array({ minLength: 1, maxLength: 64 })
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('the entropy of a conditioned output', () => {
  test('is that of the input while it is small, and full only with 64 bits to spare', () => {
    expect(conditionedEntropy(4096, 256, 256, 64)).toBeCloseTo(64, 9)
    // 2^-255 by hand: psi = 2^(512 - 256) 2^-512 + 2^-256.
    expect(conditionedEntropy(512, 256, 256, 256)).toBeCloseTo(255, 9)
    expect(conditionedEntropy(512, 256, 256, 320)).toBeGreaterThan(256 - 2 ** -44)
    expect(conditionedEntropy(512, 256, 256, 0)).toBe(0)
  })

  test('never exceeds the input or the output, and grows with the input', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8192 }), fc.double({ min: 0, max: 1, noNaN: true }), (bits, share) => {
        const entropy = bits * share
        const out = conditionedEntropy(bits, 256, 256, entropy)
        expect(out).toBeLessThanOrEqual(Math.min(256, entropy) + 1e-9)
        expect(out).toBeGreaterThanOrEqual(0)
        expect(conditionedEntropy(bits, 256, 256, entropy / 2)).toBeLessThanOrEqual(out + 1e-9)
      }),
    )
  })
})

describe('sources combined', () => {
  const input = (source: string, bytes: Uint8Array, entropy: number): SourceInput => ({
    source,
    samples: bytes,
    entropy,
  })

  test('one bad source, whatever it gives, lowers neither the count nor the number of outcomes of the others', () => {
    fc.assert(
      fc.property(samples, fc.uniqueArray(fc.nat(0xffff), { minLength: 2, maxLength: 20 }), (bad, good) => {
        const outcomes = (with_: readonly SourceInput[]) =>
          good.map((value) => {
            const good_ = input('good', Uint8Array.of(value >> 8, value & 0xff), 16)
            return condition(nodeCrypto, [good_, ...with_])
          })
        const alone = outcomes([])
        const together = outcomes([input('bad', bad, 0)])
        // As many outcomes as the good source has values: the hash joins none of them.
        expect(new Set(together.map(({ output }) => hex(output))).size).toBe(good.length)
        for (const [i, { entropy }] of together.entries())
          expect(entropy).toBeGreaterThanOrEqual((alone[i]?.entropy ?? 16) - 1e-6)
      }),
    )
  })

  test('a source that repeats what another gave cancels nothing', () => {
    fc.assert(
      fc.property(samples, samples, (a, b) => {
        fc.pre(hex(a) !== hex(b))
        const of = (bytes: Uint8Array) => condition(nodeCrypto, [input('a', bytes, 1), input('b', bytes, 0)])
        expect(hex(of(a).output)).not.toBe(hex(of(b).output))
      }),
    )
  })

  test('samples cannot move from one source to the next', () => {
    fc.assert(
      fc.property(samples, samples, (a, b) => {
        const joined = Uint8Array.of(...a, ...b)
        const one = condition(nodeCrypto, [input('a', a, 1), input('b', b, 1)])
        for (let cut = 0; cut <= joined.length; cut++) {
          if (cut === a.length) continue
          const other = condition(nodeCrypto, [input('a', joined.slice(0, cut), 1), input('b', joined.slice(cut), 1)])
          expect(hex(other.output)).not.toBe(hex(one.output))
        }
      }),
    )
  })

  test('count no more than a source can hold, and need one', () => {
    expect(condition(nodeCrypto, [input('a', new Uint8Array(2), 400)]).entropy).toBeLessThanOrEqual(16)
    expect(condition(nodeCrypto, [input('a', new Uint8Array(2), -5)]).entropy).toBe(0)
    expect(() => condition(nodeCrypto, [])).toThrow(UsageError)
  })
})
