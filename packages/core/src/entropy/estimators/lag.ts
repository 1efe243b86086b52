import { PredictionCount, predictionEstimate } from './prediction.ts'

/** The longest distance that is looked back (SP 800-90B 6.3.8). */
const longestLag = 128

/**
 * Lag prediction estimate, bits per sample (SP 800-90B 6.3.8). Undefined for fewer than three samples.
 * @param lags fewer than 128 are for the worked example of the standard only
 */
export function lag(samples: Uint8Array, values: number, lags = longestLag): number | undefined {
  if (samples.length < 3) return undefined
  const scores = new Int32Array(lags)
  const count = new PredictionCount()
  let winner = 0
  for (let i = 1; i < samples.length; i++) {
    const sample = samples[i] ?? 0
    count.add(winner < i && samples[i - winner - 1] === sample)
    const reach = Math.min(lags, i)
    for (let d = 0; d < reach; d++) {
      if (samples[i - d - 1] !== sample) continue
      const score = (scores[d] ?? 0) + 1
      scores[d] = score
      if (score >= (scores[winner] ?? 0)) winner = d
    }
  }
  return predictionEstimate(count.result(), values)
}
