import { ContextTree } from './context-tree.ts'
import { PredictionCount, predictionEstimate } from './prediction.ts'

/** Longest context, and the most contexts in the dictionary (SP 800-90B 6.3.10). */
const longestContext = 16
const maxDictionary = 65_536

/**
 * LZ78Y prediction estimate, bits per sample (SP 800-90B 6.3.10). Undefined when there are too few samples.
 * @param depth shorter contexts than 16 are for the worked example of the standard only
 */
export function lz78y(samples: Uint8Array, values: number, depth = longestContext): number | undefined {
  if (samples.length < depth + 3) return undefined
  // While the dictionary fills up, a long context may get the last place and its beginnings none: they are in the tree
  // then, but count as absent.
  const nodes = maxDictionary + depth + 1
  const tree = new ContextTree(nodes)
  const isEntry = new Uint8Array(nodes + 1)
  let size = 0
  const path = new Int32Array(depth)
  let found = 0
  const count = new PredictionCount()
  for (let i = depth + 1; i < samples.length; i++) {
    const last = samples[i - 1] ?? 0
    if (size < maxDictionary) {
      for (; found < depth; found++) {
        path[found] = tree.add(found === 0 ? 0 : (path[found - 1] ?? 0), samples[i - 2 - found] ?? 0)
      }
    }
    for (let d = found - 1; d >= 0; d--) {
      const node = path[d] ?? 0
      if (isEntry[node] !== 1) {
        if (size >= maxDictionary) continue
        isEntry[node] = 1
        size++
      }
      tree.increment(node, last)
    }
    found = 0
    let prediction = -1
    let strongest = 0
    for (let node = 0; found < depth; found++) {
      node = tree.child(node, samples[i - 1 - found] ?? 0)
      if (node < 0) break
      path[found] = node
      // Of equally strong contexts the longest predicts.
      if (isEntry[node] === 1 && tree.strength(node) >= strongest) {
        prediction = tree.prediction(node)
        strongest = tree.strength(node)
      }
    }
    count.add(prediction === samples[i])
  }
  return predictionEstimate(count.result(), values)
}
