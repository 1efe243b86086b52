import { assess, assessmentSteps, type EstimatorName } from '@cordon/core/entropy'
import { UsageError } from '@cordon/core/errors'
import { describe, expect, test } from 'vitest'
import { biased, sticky, uniform } from './generators.ts'

const count = 50_000

function estimates(samples: Uint8Array, width: number, of: 'samples' | 'bits' = 'samples') {
  const found = assess(samples, width).estimates.filter((each) => each.of === of)
  return (name: EstimatorName) => found.find(({ estimator }) => estimator === name)?.entropy ?? Number.NaN
}

/** Half the width of a 99.99994 % interval (five standard deviations) of a share p of n samples, and the 99 % bound on it. */
const margin = (p: number, n: number): number => (5 + 2.58) * Math.sqrt((p * (1 - p)) / n)

/** An estimate must lie between what p and what p with its margin would give; nothing may be above the true value by more. */
function expectShare(entropy: number, p: number, n: number): void {
  expect(entropy).toBeGreaterThanOrEqual(-Math.log2(p + margin(p, n)))
  expect(entropy).toBeLessThanOrEqual(-Math.log2(p - margin(p, n)))
}

describe('sources of known entropy', () => {
  test('biased bits: each estimator that must find the bias finds it', () => {
    const of = estimates(biased(count, 0.75), 1)
    for (const name of ['most-common-value', 'multi-mcw', 'lz78y', 'multi-mmc'] as const) {
      expectShare(of(name), 0.75, count)
    }
    // The most likely sequence of 128 is all ones: 128 times the entropy of one.
    expectShare(of('markov'), 0.75, count)
    // 2 + 2p(1 - p) has the slope 2 - 4p = -1 at 0.75; distances spread by at most 0.5 over 20,000 collisions.
    expectShare(of('collision'), 0.75, count / 4)
  })

  test('a chain that stays with 0.9: most common value is blind, those with memory see it', () => {
    const of = estimates(sticky(count, 0.9), 1)
    // 50 % ones, but neighbours depend: the share of ones spreads by (1 + 0.8) / (1 - 0.8) = 9 times the variance.
    expect(of('most-common-value')).toBeGreaterThan(-Math.log2(0.5 + margin(0.5, count / 9)))
    for (const name of ['lag', 'multi-mmc', 'lz78y', 'markov'] as const) expectShare(of(name), 0.9, count)
  })

  test('uniform bytes: close to 8 bits, and never above', () => {
    const samples = uniform(count, 8)
    const of = estimates(samples, 8)
    // The most common of 256 equally likely values lies at most five standard deviations above 1/256.
    expect(of('most-common-value')).toBeGreaterThan(-Math.log2(1 / 256 + margin(1 / 256, count)))
    for (const name of ['lag', 'multi-mmc', 'multi-mcw', 'lz78y', 't-tuple'] as const) {
      expect(of(name), name).toBeGreaterThan(7)
      expect(of(name), name).toBeLessThanOrEqual(8)
    }
    const { entropy, ofSamples, ofBits = 0, bits } = assess(samples, 8)
    expect(bits).toBe(8 * count)
    expect(entropy).toBe(Math.min(ofSamples, 8 * ofBits))
    expect(entropy).toBeGreaterThan(6)
  })

  test('a constant source has none, by every estimator that says anything', () => {
    const { entropy, estimates: all } = assess(new Uint8Array(20_000), 8)
    expect(entropy).toBe(0)
    for (const each of all) if (each.entropy !== undefined) expect(each.entropy, each.estimator).toBeLessThan(0.01)
  })

  test('a counter is as good as none: memory finds what counting values cannot', () => {
    const samples = Uint8Array.from({ length: count }, (_, i) => i & 0xff)
    const of = estimates(samples, 8)
    expect(of('most-common-value')).toBeGreaterThan(7.5)
    expect(assess(samples, 8).entropy).toBeLessThan(0.05)
  })

  test('fair bits, as far as 50,000 of them show', () => {
    const of = estimates(biased(count, 0.5), 1)
    for (const name of ['most-common-value', 'multi-mcw', 'lag', 'multi-mmc', 'lz78y'] as const) {
      expect(of(name), name).toBeGreaterThan(-Math.log2(0.5 + margin(0.5, count)))
      expect(of(name), name).toBeLessThanOrEqual(1)
    }
  })
})

describe("NIST's own program", () => {
  // Its file data.pi.bin holds the first 1,004,882 binary digits of pi in lines of 25, the first line being one digit
  // short; what is not a zero there is a one: three signs before a line and one behind. Results: data.pi.res.
  const published: Readonly<Record<EstimatorName, number>> = {
    'most-common-value': 0.81114057970407438,
    collision: 0.56953759345777466,
    markov: 0.72318078199004532,
    compression: 0.60155919063219654,
    't-tuple': 0.70186099415040004,
    'longest-repeated-substring': 0.90880365648334804,
    'multi-mcw': 0.81233323259173817,
    lag: 0.81143461261488992,
    'multi-mmc': 0.81118369680348135,
    lz78y: 0.81115864436468677,
  }

  test('says the same about the digits of pi, to ten digits, by every estimator', { timeout: 120_000 }, () => {
    const samples: number[] = []
    const digits = digitsOfPi(1_004_882)
    for (let from = -1; from < digits.length; from += 25) {
      samples.push(1, 1, 1, ...Array.from(digits.slice(Math.max(0, from), from + 25), Number), 1)
    }
    expect(samples.length).toBe(1_165_666)
    const of = estimates(Uint8Array.from(samples), 1)
    const ours = Object.fromEntries(Object.keys(published).map((name) => [name, of(name as EstimatorName)]))
    for (const [name, wanted] of Object.entries(published)) expect(ours[name], name).toBeCloseTo(wanted, 10)
  })
})

/** Binary digits of pi, by the series of the Chudnovskys. */
function digitsOfPi(count: number): string {
  const sum = (from: number, to: number): readonly [bigint, bigint, bigint] => {
    if (to - from === 1) {
      const k = BigInt(from)
      if (from === 0) return [1n, 1n, 13591409n]
      const p = (6n * k - 5n) * (2n * k - 1n) * (6n * k - 1n)
      const t = p * (13591409n + 545140134n * k)
      return [p, k ** 3n * 10939058860032000n, from % 2 === 1 ? -t : t]
    }
    const middle = (from + to) >> 1
    const [p1, q1, t1] = sum(from, middle)
    const [p2, q2, t2] = sum(middle, to)
    return [p1 * p2, q1 * q2, q2 * t1 + p1 * t2]
  }
  const [, q, t] = sum(0, Math.ceil(count / 47) + 5)
  const square = 10005n << BigInt(2 * (count + 64))
  let root = 1n << BigInt(count + 80)
  for (let next = (root + square / root) >> 1n; next < root; next = (root + square / root) >> 1n) root = next
  return ((q * 426880n * root) / t).toString(2).slice(0, count)
}

describe('what cannot be assessed', () => {
  test.each([
    ['too few samples', uniform(999, 8), 8],
    ['a width of nothing', uniform(2000, 8), 0],
    ['a width of 9', uniform(2000, 8), 9],
    ['samples wider than said', uniform(2000, 8), 4],
  ] as const)('%s are refused', (_, samples, width) => {
    expect(() => assessmentSteps(samples, width)).toThrow(UsageError)
  })
})
