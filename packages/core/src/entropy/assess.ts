import { UsageError } from '../errors.ts'
import { collision } from './estimators/collision.ts'
import { compression } from './estimators/compression.ts'
import { lag } from './estimators/lag.ts'
import { lz78y } from './estimators/lz78y.ts'
import { markov } from './estimators/markov.ts'
import { mostCommonValue } from './estimators/most-common-value.ts'
import { multiMcw } from './estimators/multi-mcw.ts'
import { multiMmc } from './estimators/multi-mmc.ts'
import { tuples } from './estimators/tuples.ts'

/** The estimators of SP 800-90B 6.3, in its order. */
export type EstimatorName =
  | 'most-common-value'
  | 'collision'
  | 'markov'
  | 'compression'
  | 't-tuple'
  | 'longest-repeated-substring'
  | 'multi-mcw'
  | 'lag'
  | 'multi-mmc'
  | 'lz78y'

/** What one estimator says. */
export interface Estimate {
  readonly estimator: EstimatorName
  /** Section of SP 800-90B: `6.3.1` to `6.3.10`. */
  readonly clause: string
  /** Whether it looked at the samples, or at their bits one by one. */
  readonly of: 'samples' | 'bits'
  /** Min-entropy in bits per sample, or per bit where it looked at bits; undefined where it says nothing about this few. */
  readonly entropy: number | undefined
}

/** The assessment of a source that is not taken to be IID (SP 800-90B 3.1.3 and 6.2). */
export interface Assessment {
  readonly width: number
  readonly samples: number
  /** Bits that the estimators of bits looked at; 0 for a source of bits, whose samples they are. */
  readonly bits: number
  readonly estimates: readonly Estimate[]
  /** The least estimate of samples, bits per sample. */
  readonly ofSamples: number
  /** The least estimate of bits, bits per bit. */
  readonly ofBits: number | undefined
  /** min(H_original, n x H_bitstring): bits per sample. */
  readonly entropy: number
}

/** A part of an assessment that is done in one go: a few seconds for 1,000,000 samples. */
export interface AssessmentStep {
  /** What it does, for a progress line. */
  readonly title: string
  /** Does it. */
  run(): readonly Estimate[]
}

/** Samples, and bits of a bitstring, of a full assessment (SP 800-90B 3.1.1). */
export const fullAssessment = 1_000_000

/** Fewest samples that are assessed at all: below that the estimators have nothing to say. */
export const leastAssessed = 1000

/**
 * Checks samples of `width` bits, one per byte, and gives the steps of their assessment. A source of bits has the ten
 * estimators; a wider one those seven that know more than two values, and all ten on the first 1,000,000 of its bits,
 * highest bit of a sample first, as NIST's program does.
 * @throws UsageError `bad-value` for a width outside 1 to 8, too few samples, or one that does not fit the width
 */
export function assessmentSteps(samples: Uint8Array, width: number): readonly AssessmentStep[] {
  if (!Number.isInteger(width) || width < 1 || width > 8) {
    throw new UsageError('bad-value', `expected samples of 1 to 8 bits, got ${width}`)
  }
  if (samples.length < leastAssessed) {
    throw new UsageError('bad-value', `expected at least ${leastAssessed} samples to assess, got ${samples.length}`)
  }
  const tooWide = samples.findIndex((sample) => sample >= 2 ** width)
  if (tooWide >= 0) {
    throw new UsageError(
      'bad-value',
      `expected samples of ${width} bits, 0 to ${2 ** width - 1}, but sample ${tooWide} is ${samples[tooWide]}`,
    )
  }
  if (width === 1) return steps(samples, 'samples', 2, true)
  const bits = bitstring(samples, width)
  return [...steps(samples, 'samples', new Set(samples).size, false), ...steps(bits, 'bits', 2, true)]
}

/** Puts the estimates of all steps together. */
export function assessmentOf(samples: Uint8Array, width: number, estimates: readonly Estimate[]): Assessment {
  const least = (of: Estimate['of']): number =>
    Math.min(...estimates.flatMap((each) => (each.of === of && each.entropy !== undefined ? [each.entropy] : [])))
  const ofSamples = Math.min(width, least('samples'))
  const ofBits = width === 1 ? undefined : least('bits')
  return {
    width,
    samples: samples.length,
    bits: width === 1 ? 0 : bitCount(samples, width),
    estimates,
    ofSamples,
    ofBits,
    entropy: ofBits === undefined ? ofSamples : Math.min(ofSamples, width * ofBits),
  }
}

/** Assesses in one go; see {@link assessmentSteps}. */
export function assess(samples: Uint8Array, width: number): Assessment {
  const estimates = assessmentSteps(samples, width).flatMap((step) => step.run())
  return assessmentOf(samples, width, estimates)
}

function steps(samples: Uint8Array, of: Estimate['of'], values: number, isBinary: boolean): readonly AssessmentStep[] {
  // Estimators that divide by the number of values need two.
  const kinds = Math.max(2, values)
  const one = (
    estimator: EstimatorName,
    clause: string,
    title: string,
    estimate: () => number | undefined,
  ): AssessmentStep => ({ title: `${title}, ${of}`, run: () => [{ estimator, clause, of, entropy: estimate() }] })
  return [
    one('most-common-value', '6.3.1', 'most common value', () => mostCommonValue(samples)),
    ...(isBinary
      ? [
          one('collision', '6.3.2', 'collision', () => collision(samples)),
          one('markov', '6.3.3', 'Markov', () => markov(samples)),
          one('compression', '6.3.4', 'compression', () => compression(samples)),
        ]
      : []),
    {
      title: `t-tuple and longest repeated substring, ${of}`,
      run: () => {
        const { tTuple, longestRepeated } = tuples(samples)
        return [
          { estimator: 't-tuple', clause: '6.3.5', of, entropy: tTuple },
          { estimator: 'longest-repeated-substring', clause: '6.3.6', of, entropy: longestRepeated },
        ]
      },
    },
    one('multi-mcw', '6.3.7', 'MultiMCW prediction', () => multiMcw(samples, kinds)),
    one('lag', '6.3.8', 'lag prediction', () => lag(samples, kinds)),
    one('multi-mmc', '6.3.9', 'MultiMMC prediction', () => multiMmc(samples, kinds)),
    one('lz78y', '6.3.10', 'LZ78Y prediction', () => lz78y(samples, kinds)),
  ]
}

function bitCount(samples: Uint8Array, width: number): number {
  return Math.min(fullAssessment, samples.length * width)
}

/** The bits of samples, one per byte. */
function bitstring(samples: Uint8Array, width: number): Uint8Array {
  const bits = new Uint8Array(bitCount(samples, width))
  for (let i = 0; i < bits.length; i++) {
    const sample = samples[Math.floor(i / width)] ?? 0
    bits[i] = (sample >> (width - 1 - (i % width))) & 1
  }
  return bits
}
