import { minEntropy, upperBound } from './bounds.ts'
import { commonPrefixes, suffixArray } from './suffix-array.ts'

/** A tuple counts in the t-tuple estimate when it comes this often (SP 800-90B 6.3.5). */
const leastOccurrences = 35

/** Both estimates that look at repeated tuples, bits per sample. */
export interface TupleEstimates {
  /** t-tuple estimate (SP 800-90B 6.3.5); undefined when no value comes often enough. */
  readonly tTuple: number | undefined
  /** Longest repeated substring estimate (SP 800-90B 6.3.6); undefined when no longer tuple is repeated. */
  readonly longestRepeated: number | undefined
}

/**
 * The t-tuple and LRS estimates of samples (SP 800-90B 6.3.5 and 6.3.6), from one suffix array: the widths of its
 * intervals of common beginnings are the numbers of times that each tuple comes.
 * @param cutoff how often a tuple must come; only the worked examples of the standard have another number than 35
 */
export function tuples(samples: Uint8Array, cutoff = leastOccurrences): TupleEstimates {
  const n = samples.length
  const { most, pairs, longest } = countTuples(samples)
  let u = 1
  while (u <= longest && (most[u] ?? 0) >= cutoff) u++
  let common = 0
  for (let t = 1; t < u; t++) common = Math.max(common, ((most[t] ?? 0) / (n - t + 1)) ** (1 / t))
  let repeated = 0
  for (let w = u; w <= longest; w++) {
    repeated = Math.max(repeated, ((pairs[w] ?? 0) / (((n - w + 1) * (n - w)) / 2)) ** (1 / w))
  }
  return {
    tTuple: u === 1 ? undefined : minEntropy(upperBound(common, n)),
    longestRepeated: u > longest ? undefined : minEntropy(upperBound(repeated, n)),
  }
}

/**
 * For every length t of a repeated tuple: how often the most common one comes, and in how many pairs of places any two
 * are equal. Intervals of the suffix array are opened and closed on a stack.
 */
function countTuples(samples: Uint8Array) {
  const n = samples.length
  const array = suffixArray(samples, 255)
  const common = commonPrefixes(samples, array)
  const longest = common.reduce((a, b) => Math.max(a, b), 0)
  const most = new Int32Array(longest + 2)
  // Pairs are added to a range of lengths: at its two ends here, summed up below.
  const pairs = new Float64Array(longest + 2)
  const lengths = new Int32Array(longest + 2)
  const starts = new Int32Array(longest + 2)
  let depth = 0
  for (let i = 1; i <= n; i++) {
    const length = i < n ? (common[i] ?? 0) : 0
    let start = i - 1
    while ((lengths[depth] ?? 0) > length) {
      const closed = lengths[depth] ?? 0
      start = starts[depth] ?? 0
      depth--
      const count = i - start
      most[closed] = Math.max(most[closed] ?? 0, count)
      const outer = Math.max(length, lengths[depth] ?? 0)
      pairs[closed] = (pairs[closed] ?? 0) + (count * (count - 1)) / 2
      pairs[outer] = (pairs[outer] ?? 0) - (count * (count - 1)) / 2
    }
    if ((lengths[depth] ?? 0) < length) {
      depth++
      lengths[depth] = length
      starts[depth] = start
    }
  }
  for (let t = longest - 1; t >= 1; t--) {
    most[t] = Math.max(most[t] ?? 0, most[t + 1] ?? 0)
    pairs[t] = (pairs[t] ?? 0) + (pairs[t + 1] ?? 0)
  }
  return { most, pairs, longest }
}
