import { collision } from '../../src/entropy/estimators/collision.ts'
import { compression } from '../../src/entropy/estimators/compression.ts'
import { lag } from '../../src/entropy/estimators/lag.ts'
import { lz78y } from '../../src/entropy/estimators/lz78y.ts'
import { markov } from '../../src/entropy/estimators/markov.ts'
import { mostCommonValue } from '../../src/entropy/estimators/most-common-value.ts'
import { multiMcw } from '../../src/entropy/estimators/multi-mcw.ts'
import { multiMmc } from '../../src/entropy/estimators/multi-mmc.ts'
import { commonPrefixes, suffixArray } from '../../src/entropy/estimators/suffix-array.ts'
import { tuples } from '../../src/entropy/estimators/tuples.ts'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const bytes = (text: string): Uint8Array => Uint8Array.from(text, Number)

// The standard rounds the quantile to 2.576 in its examples, which moves a result in its fourth digit.
describe('the worked examples of SP 800-90B', () => {
  const bits = bytes('1000111001010101110011000111001010101110')

  test('6.3.1 most common value', () => {
    expect(mostCommonValue(bytes('01120122010110221021'))).toBeCloseTo(0.5363, 3)
  })

  test('6.3.2 collision', () => {
    expect(collision(bits)).toBeCloseTo(0.4483, 3)
  })

  test('6.3.3 Markov', () => {
    expect(markov(bits)).toBeCloseTo(0.761, 3)
  })

  test('6.3.4 compression', () => {
    expect(compression(bytes('100011100101010111001100011100101010111011100011'), 4)).toBeCloseTo(0.1345, 3)
  })

  test('6.3.5 t-tuple and 6.3.6 longest repeated substring', () => {
    const { tTuple, longestRepeated } = tuples(bytes('220102012120121001000'), 3)
    expect(tTuple).toBeCloseTo(0.273, 3)
    expect(longestRepeated).toBeCloseTo(0.6146, 3)
  })

  test('6.3.7 MultiMCW', () => {
    expect(multiMcw(bytes('121021122000'), 3, [3, 5, 7, 9])).toBeCloseTo(0.3908, 3)
  })

  test('6.3.8 lag', () => {
    expect(lag(bytes('2132131312'), 3, 3)).toBeCloseTo(0.735, 3)
  })

  test('6.3.9 MultiMMC', () => {
    expect(multiMmc(bytes('213213131'), 3, 3)).toBeCloseTo(0.0755, 3)
  })

  test('6.3.10 LZ78Y', () => {
    expect(lz78y(bytes('2132131312132'), 3, 4)).toBeCloseTo(0.0191, 3)
  })
})

describe('a suffix array', () => {
  test('is the order of all suffixes, with the lengths of their common beginnings', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(fc.nat(1), { maxLength: 80 }),
          fc.array(fc.nat(3), { maxLength: 60 }),
          fc.array(fc.nat(255), { maxLength: 60 }),
        ),
        (values) => {
          const text = Uint8Array.from(values)
          const key = (from: number) => String.fromCharCode(...text.subarray(from))
          const wanted = values.map((_, i) => i).sort((a, b) => (key(a) < key(b) ? -1 : 1))
          const array = suffixArray(text, 255)
          expect([...array]).toEqual(wanted)
          const common = wanted.map((position, i) => {
            const [a, b] = [key(position), key(wanted[i - 1] ?? position)]
            let length = 0
            if (i > 0) while (length < Math.min(a.length, b.length) && a[length] === b[length]) length++
            return length
          })
          expect([...commonPrefixes(text, array)]).toEqual(common)
        },
      ),
    )
  })
})
