/**
 * The 99.5 % quantile of the normal distribution. Deviation: SP 800-90B prints 2.576; unrounded, as in NIST's own
 * program, results can be compared digit by digit.
 */
export const z99 = 2.5758293035489008

/** The upper end of the 99 % confidence interval of a proportion among `n` samples, at most 1 (SP 800-90B 6.3.1). */
export function upperBound(p: number, n: number): number {
  return Math.min(1, p + z99 * Math.sqrt((p * (1 - p)) / (n - 1)))
}

/** -log2 p, and 0 rather than -0. */
export function minEntropy(p: number): number {
  return p >= 1 ? 0 : -Math.log2(p)
}

/**
 * Where a function that falls from `low` to `high` crosses `target`, to the last digit that halving can find.
 */
export function whereItFalls(low: number, high: number, target: number, value: (x: number) => number): number {
  let [from, to] = [low, high]
  for (let i = 0; i < 1100; i++) {
    const middle = (from + to) / 2
    if (middle <= from || middle >= to) break
    if (value(middle) > target) from = middle
    else to = middle
  }
  return to
}
