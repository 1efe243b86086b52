/** One measured figure beside what it is judged against, as `npm run bench -- --json` prints it. */
export interface Figure {
  /** Kebab-case words; stays the same from run to run. */
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Measured in the same run; in the same unit unless the name says otherwise. */
  readonly baseline?: number
  /** Value over baseline. */
  readonly ratio?: number
  /** What is to be reached, in words. */
  readonly target: string
  /** Undefined for figures that are only reported. */
  readonly met?: boolean
}

/** The middle of an odd number of values, the mean of the middle two of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2
}

/** Three significant digits: more would be noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
