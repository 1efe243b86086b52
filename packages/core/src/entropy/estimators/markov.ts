/** How many steps the most likely sequence of the Markov estimate is long (SP 800-90B 6.3.3). */
const steps = 128

/** Markov estimate of bits, one per byte, bits per bit (SP 800-90B 6.3.3). In logarithms, as 2^-128 is soon passed. */
export function markov(bits: Uint8Array): number {
  const pairs = [0, 0, 0, 0]
  let ones = 0
  for (let i = 0; i < bits.length; i++) {
    const bit = bits[i] ?? 0
    ones += bit
    if (i > 0) {
      const pair = 2 * (bits[i - 1] ?? 0) + bit
      pairs[pair] = (pairs[pair] ?? 0) + 1
    }
  }
  const [zeroZero = 0, zeroOne = 0, oneZero = 0, oneOne = 0] = pairs
  const first = [Math.log2(1 - ones / bits.length), Math.log2(ones / bits.length)]
  const [p0 = 0, p1 = 0] = first
  const fromZero = zeroZero + zeroOne
  const fromOne = oneZero + oneOne
  const p00 = part(zeroZero, fromZero)
  const p01 = part(zeroOne, fromZero)
  const p10 = part(oneZero, fromOne)
  const p11 = part(oneOne, fromOne)
  const likeliest = Math.max(
    p0 + 127 * p00,
    p0 + 64 * p01 + 63 * p10,
    p0 + p01 + 126 * p11,
    p1 + p10 + 126 * p00,
    p1 + 64 * p10 + 63 * p01,
    p1 + 127 * p11,
  )
  return Math.min(1, Math.abs(likeliest) / steps)
}

/** log2 of a share; of a state that never was, no way leads on. */
function part(count: number, of: number): number {
  return of === 0 ? Number.NEGATIVE_INFINITY : Math.log2(count / of)
}
