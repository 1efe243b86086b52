import { UsageError } from '../errors.ts'

/** What the false alarms of a health test may be, as SP 800-90B 4.4 advises: 2^-20 to 2^-40 per test. */
export interface CutoffRequest {
  /** Claimed min-entropy per sample, bits; above 0 and at most the width of a sample. */
  readonly entropy: number
  /** Probability of a false alarm, as the power of two: 30 for 2^-30, the default. */
  readonly alarmBits?: number | undefined
}

/** The power of two of a false alarm where nobody says otherwise: 2^-30. */
export const defaultAlarmBits = 30

/** @throws UsageError `bad-value` outside the ranges of {@link CutoffRequest} */
function checkRequest({ entropy, alarmBits = defaultAlarmBits }: CutoffRequest): number {
  if (!(entropy > 0) || entropy > 32) {
    throw new UsageError('bad-value', `expected a min-entropy above 0 and up to 32 bits per sample, got ${entropy}`)
  }
  if (!(alarmBits >= 1) || alarmBits > 100) {
    throw new UsageError('bad-value', `expected a false alarm of 2^-1 to 2^-100, got 2^-${alarmBits}`)
  }
  return alarmBits
}

/**
 * How many equal samples in a row are an alarm (SP 800-90B 4.4.1): 1 + ceil(-log2(alpha) / H).
 * @throws UsageError `bad-value` outside the ranges of {@link CutoffRequest}
 */
export function repetitionCutoff(request: CutoffRequest): number {
  const alarmBits = checkRequest(request)
  return 1 + Math.ceil(alarmBits / request.entropy)
}

/** Samples in a window of the adaptive proportion test (SP 800-90B 4.4.2): 1024 of a binary source, else 512. */
export function proportionWindow(width: number): 1024 | 512 {
  return width === 1 ? 1024 : 512
}

/**
 * How often the first sample of a window may come in it before that is an alarm (SP 800-90B 4.4.2): 1 + the smallest x
 * for which a binomial of `window` trials at 2^-H is at most x with a probability of 1 - alpha. Exact: the upper tail is
 * summed from its small end, so nothing is lost against 1. A cutoff beyond the window never alarms; H is then too small
 * for this window to show anything.
 * @throws UsageError `bad-value` outside the ranges of {@link CutoffRequest}
 */
export function proportionCutoff(request: CutoffRequest, window: number): number {
  const alpha = 2 ** -checkRequest(request)
  const p = 2 ** -request.entropy
  const logOdds = Math.log(p) - Math.log1p(-p)
  // From x = window downwards: log P(X = x), and the tail P(X >= x).
  let log = window * Math.log(p)
  let tail = 0
  for (let x = window; x > 0; x--) {
    tail += Math.exp(log)
    // P(X > x - 1) is the tail; the first that exceeds alpha ends the search.
    if (tail > alpha) return 1 + x
    log += Math.log(x) - Math.log(window - x + 1) - logOdds
  }
  return 1
}
