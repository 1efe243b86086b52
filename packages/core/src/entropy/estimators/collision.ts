import { minEntropy, z99 } from './bounds.ts'

/**
 * Collision estimate of bits, one per byte, bits per bit (SP 800-90B 6.3.2). Undefined when there are fewer than two
 * collisions. Of two values the third draw is a collision at the latest, so the expected distance is 2 + 2p(1 - p), and
 * step 7 of the standard is solved in closed form.
 */
export function collision(bits: Uint8Array): number | undefined {
  let [two, three, at] = [0, 0, 0]
  while (at + 1 < bits.length) {
    if (bits[at] === bits[at + 1]) {
      two++
      at += 2
    } else if (at + 2 < bits.length) {
      three++
      at += 3
    } else break
  }
  const v = two + three
  if (v < 2) return undefined
  const mean = (2 * two + 3 * three) / v
  const deviation = Math.sqrt((two * (2 - mean) ** 2 + three * (3 - mean) ** 2) / (v - 1))
  const bound = mean - (z99 * deviation) / Math.sqrt(v)
  // 2 + 2p(1 - p) = bound has no solution above 2.5: full entropy then; a bound below 2 is p = 1.
  if (bound >= 2.5) return 1
  return minEntropy(Math.min(1, 0.5 + Math.sqrt(1.25 - bound / 2)))
}
