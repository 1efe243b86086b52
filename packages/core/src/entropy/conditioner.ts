import type { Crypto } from '../crypto/provider.ts'
import { UsageError } from '../errors.ts'

/** Samples of one source on their way into the conditioner. */
export interface SourceInput {
  /** Name of the source: it goes into the hash, so that two sources never stand for each other. */
  readonly source: string
  readonly samples: Uint8Array
  /** Min-entropy that these samples are credited with, bits; 0 for a source that counts for nothing. */
  readonly entropy: number
}

/** What comes out of the conditioner. */
export interface Conditioned {
  /** 32 bytes: the SHA-256 hash of everything that went in. */
  readonly output: Uint8Array
  /** Min-entropy of the output by SP 800-90B 3.1.5.1.2, bits, at most 256. */
  readonly entropy: number
}

/** Bits that SHA-256 gives, and the width of its narrowest inner state. */
const outputBits = 256

/**
 * The min-entropy of a conditioned output (SP 800-90B 3.1.5.1.2), bits, for a vetted component with `inputBits` of input
 * that hold `inputEntropy`, `outputBits` of output and a narrowest inner width of `narrowest` bits. Computed by
 * logarithms: 2^-256 stands beside 1 in it.
 */
export function conditionedEntropy(
  inputBits: number,
  outputBits: number,
  narrowest: number,
  inputEntropy: number,
): number {
  const hIn = Math.min(inputEntropy, inputBits)
  if (hIn <= 0) return 0
  // P_high = 2^-h_in; P_low = (1 - P_high) / (2^n_in - 1), which is 2^-n_in (1 - 2^-h_in) where n_in is large.
  const logHigh = -hIn
  const logLow = inputBits === 0 ? Number.NEGATIVE_INFINITY : log2OneMinus(-hIn) - inputBits - log2OneMinus(-inputBits)
  // n = min(n_out, nw); psi = 2^(n_in - n) P_low + P_high.
  const n = Math.min(outputBits, narrowest)
  const logPsi = log2Sum(inputBits - n + logLow, logHigh)
  // U = 2^(n_in - n) + sqrt(2 n 2^(n_in - n) ln 2); omega = U P_low.
  const root = 0.5 * (Math.log2(2 * n * Math.LN2) + inputBits - n)
  const logOmega = log2Sum(inputBits - n, root) + logLow
  return Math.min(outputBits, Math.max(0, -Math.max(logPsi, logOmega)))
}

/** log2(2^a + 2^b). */
function log2Sum(a: number, b: number): number {
  const [large, small] = a > b ? [a, b] : [b, a]
  return small === Number.NEGATIVE_INFINITY ? large : large + Math.log1p(2 ** (small - large)) / Math.LN2
}

/** log2(1 - 2^a) for a below 0. */
function log2OneMinus(a: number): number {
  return Math.log1p(-(2 ** a)) / Math.LN2
}

/**
 * Combines sources by one SHA-256 hash (a vetted conditioning component, SP 800-90B 3.1.5.1.1) over all of them, each
 * with its name and length before it: no source can move into another's place, so whatever one of them gives, constant or
 * chosen by an adversary who does not see the others, the hash still holds all that the others hold. Entropy is counted
 * from sources that are credited with some, as if the rest were known.
 * @throws UsageError `missing` without any source
 */
export function condition(crypto: Pick<Crypto, 'digest'>, inputs: readonly SourceInput[]): Conditioned {
  if (inputs.length === 0) throw new UsageError('missing', 'expected at least one source to condition, got none')
  const parts = inputs.flatMap(({ source, samples }) => {
    const name = Uint8Array.from(source, (character) => character.charCodeAt(0) & 0xff)
    return [length32(name), name, length32(samples), samples]
  })
  const input = new Uint8Array(label.length + parts.reduce((total, part) => total + part.length, 0))
  input.set(label)
  let at = label.length
  for (const part of parts) {
    input.set(part, at)
    at += part.length
  }
  const entropy = inputs.reduce(
    (total, each) => total + Math.min(Math.max(0, each.entropy), each.samples.length * 8),
    0,
  )
  const bits = inputs.reduce((total, { samples }) => total + samples.length * 8, 0)
  const output = crypto.digest('SHA-256', input)
  input.fill(0)
  return { output, entropy: conditionedEntropy(bits, outputBits, outputBits, entropy) }
}

/** What the hash is for, so that no other hash of this program is ever one of these. */
const label = Uint8Array.from('cordon entropy conditioner 1', (character) => character.charCodeAt(0))

function length32(bytes: Uint8Array): Uint8Array {
  const field = new Uint8Array(4)
  new DataView(field.buffer).setUint32(0, bytes.length)
  return field
}
