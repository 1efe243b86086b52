import { minEntropy, upperBound, whereItFalls } from './bounds.ts'

/** What came of predicting the samples one by one. */
export interface Predictions {
  /** How many were predicted. */
  readonly tried: number
  readonly correct: number
  /** The longest run of correct ones. */
  readonly longestRun: number
}

/** Counts predictions while they are made. */
export class PredictionCount {
  #tried = 0
  #correct = 0
  #run = 0
  #longestRun = 0

  /** Takes the outcome of one prediction; one that could not be made is a wrong one. */
  add(isCorrect: boolean): void {
    this.#tried++
    this.#run = isCorrect ? this.#run + 1 : 0
    if (isCorrect) this.#correct++
    if (this.#run > this.#longestRun) this.#longestRun = this.#run
  }

  /** What has been counted. */
  result(): Predictions {
    return { tried: this.#tried, correct: this.#correct, longestRun: this.#longestRun }
  }
}

/** The least probability that a run of the observed length, or a longer one, is no surprise at. */
const logSurprise = Math.log(0.99)

/**
 * What predictions say about the min-entropy, bits per sample (the last steps of SP 800-90B 6.3.7 to 6.3.10): the share of
 * correct ones, and the longest run of them.
 * @param values how many different values the samples have; nothing is above log2 of that
 */
export function predictionEstimate({ tried, correct, longestRun }: Predictions, values: number): number {
  const global = correct === 0 ? 1 - 0.01 ** (1 / tried) : upperBound(correct / tried, tried)
  const least = Math.max(1 / values, global)
  if (least >= 1) return 0
  const chance = (p: number): number => logOfNoRun(p, longestRun + 1, tried)
  const local = chance(least) > logSurprise ? whereItFalls(least, 1, logSurprise, chance) : least
  return minEntropy(Math.max(least, local))
}

/** log of the probability that `n` predictions, each correct with probability p, hold no run of r correct ones (Feller). */
function logOfNoRun(p: number, r: number, n: number): number {
  const q = 1 - p
  let x = 1
  // The root of 1 - x + q p^r x^(r+1) nearest 1; the sequence rises to it and settles quickly.
  for (let i = 0; i < 65; i++) {
    const next = 1 + q * p ** r * x ** (r + 1)
    if (!(next - x > Number.EPSILON * x)) break
    x = next
  }
  return Math.log(1 - p * x) - Math.log((r + 1 - r * x) * q) - (n + 1) * Math.log(x)
}
