import { minEntropy, upperBound } from './bounds.ts'

/** How often each value comes among samples of up to 8 bits. */
function countValues(samples: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256)
  // A sample is a byte, so its counter is there.
  for (const sample of samples) counts[sample] = (counts[sample] ?? 0) + 1
  return counts
}

/** Most common value estimate, bits per sample (SP 800-90B 6.3.1). */
export function mostCommonValue(samples: Uint8Array): number {
  const most = countValues(samples).reduce((a, b) => Math.max(a, b), 0)
  return minEntropy(upperBound(most / samples.length, samples.length))
}
