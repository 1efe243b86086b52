import { ContextTree } from './context-tree.ts'
import { PredictionCount, predictionEstimate } from './prediction.ts'

/** Longest context, and the most pairs counted for each length (SP 800-90B 6.3.9). */
const longestContext = 16
const maxEntries = 100_000

/**
 * MultiMMC prediction estimate, bits per sample (SP 800-90B 6.3.9). Undefined for fewer than four samples.
 * @param depth shorter contexts than 16 are for the worked example of the standard only
 */
export function multiMmc(samples: Uint8Array, values: number, depth = longestContext): number | undefined {
  if (samples.length < 4) return undefined
  const tree = new ContextTree(depth * Math.min(maxEntries, samples.length))
  const entries = new Int32Array(depth)
  const scores = new Int32Array(depth)
  // Contexts before the sample at hand, shortest first. A longer one is in the tree only if the shorter ones are.
  const path = new Int32Array(depth)
  let found = 0
  let winner = 0
  const count = new PredictionCount()
  for (let i = 2; i < samples.length; i++) {
    const last = samples[i - 1] ?? 0
    const reach = Math.min(depth, i - 1)
    for (let d = 0; d < reach; d++) {
      const isFull = (entries[d] ?? 0) >= maxEntries
      if (d >= found) {
        if (isFull) break
        path[d] = tree.add(d === 0 ? 0 : (path[d - 1] ?? 0), samples[i - 2 - d] ?? 0)
      }
      const node = path[d] ?? 0
      if (tree.count(node, last) === 0) {
        if (isFull) continue
        entries[d] = (entries[d] ?? 0) + 1
      }
      tree.increment(node, last)
    }
    found = 0
    for (let node = 0; found < depth && found < i; found++) {
      node = tree.child(node, samples[i - 1 - found] ?? 0)
      if (node < 0) break
      path[found] = node
    }
    const sample = samples[i] ?? 0
    count.add(winner < found && tree.prediction(path[winner] ?? 0) === sample)
    for (let d = 0; d < found; d++) {
      if (tree.prediction(path[d] ?? 0) !== sample) continue
      const score = (scores[d] ?? 0) + 1
      scores[d] = score
      if (score >= (scores[winner] ?? 0)) winner = d
    }
  }
  return predictionEstimate(count.result(), values)
}
