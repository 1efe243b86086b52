import { minEntropy, whereItFalls, z99 } from './bounds.ts'

/** Bits of a block, and blocks that fill the dictionary (SP 800-90B 6.3.4). */
const blockBits = 6
const dictionaryBlocks = 1000

/**
 * Compression estimate of bits, one per byte, bits per bit (SP 800-90B 6.3.4). Undefined below the blocks that it needs.
 * @param filling blocks that fill the dictionary; only the worked example of the standard has another number than 1000
 */
export function compression(bits: Uint8Array, filling = dictionaryBlocks): number | undefined {
  const blocks = Math.floor(bits.length / blockBits)
  const tested = blocks - filling
  if (tested < 2) return undefined
  const seenAt = new Int32Array(1 << blockBits)
  const logs = Float64Array.from({ length: blocks + 1 }, (_, i) => (i === 0 ? 0 : Math.log2(i)))
  let [sum, squares] = [0, 0]
  for (let block = 1; block <= blocks; block++) {
    let value = 0
    for (let i = (block - 1) * blockBits; i < block * blockBits; i++) value = (value << 1) | (bits[i] ?? 0)
    if (block > filling) {
      const log = logs[block - (seenAt[value] ?? 0)] ?? 0
      sum += log
      squares += log * log
    }
    seenAt[value] = block
  }
  const mean = sum / tested
  const deviation = 0.5907 * Math.sqrt(Math.max(0, squares / (tested - 1) - mean * mean))
  const bound = mean - (z99 * deviation) / Math.sqrt(tested)
  const least = 2 ** -blockBits
  const expected = (p: number): number =>
    part(p, filling, blocks, logs) + (1 / least - 1) * part((1 - p) / (1 / least - 1), filling, blocks, logs)
  if (expected(least) <= bound) return 1
  return minEntropy(whereItFalls(least, 1, bound, expected)) / blockBits
}

/** G(z) of step 7: the terms over u are one running sum over t. */
function part(z: number, filling: number, blocks: number, logs: Float64Array): number {
  let [inner, outer, power] = [0, 0, 1]
  for (let t = 1; t <= blocks; t++) {
    const term = (logs[t] ?? 0) * power
    if (t > filling) outer += z * z * inner + z * term
    inner += term
    power *= 1 - z
  }
  return outer / (blocks - filling)
}
