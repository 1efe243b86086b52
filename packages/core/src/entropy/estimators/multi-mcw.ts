import { PredictionCount, predictionEstimate } from './prediction.ts'

/** The windows of the estimate, shortest first (SP 800-90B 6.3.7). */
const windowSizes = [63, 255, 1023, 4095] as const

/**
 * Most common value in a window, that which came last among equals; undefined until the window is full.
 */
class Window {
  readonly size: number
  readonly #counts = new Int32Array(256)
  readonly #lastAt = new Int32Array(256).fill(-1)
  #mode = -1

  constructor(size: number) {
    this.size = size
  }

  /** Moves on to the sample at `i`. */
  take(samples: Uint8Array, i: number): void {
    const left = i - this.size
    if (left >= 0) {
      const gone = samples[left] ?? 0
      this.#counts[gone] = (this.#counts[gone] ?? 0) - 1
      if (gone === this.#mode) this.#search()
    }
    const sample = samples[i] ?? 0
    this.#counts[sample] = (this.#counts[sample] ?? 0) + 1
    this.#lastAt[sample] = i
    if (this.#mode < 0 || (this.#counts[sample] ?? 0) >= (this.#counts[this.#mode] ?? 0)) this.#mode = sample
  }

  /** The prediction for the sample at `i`, behind the last that was taken; -1 for none. */
  predict(i: number): number {
    return i >= this.size ? this.#mode : -1
  }

  #search(): void {
    let mode = 0
    for (let value = 1; value < 256; value++) {
      const difference = (this.#counts[value] ?? 0) - (this.#counts[mode] ?? 0)
      if (difference > 0 || (difference === 0 && (this.#lastAt[value] ?? 0) > (this.#lastAt[mode] ?? 0))) mode = value
    }
    this.#mode = mode
  }
}

/**
 * MultiMCW prediction estimate, bits per sample (SP 800-90B 6.3.7). Undefined when there are not more samples than the
 * shortest window holds.
 * @param sizes shorter windows are for the worked example of the standard only
 */
export function multiMcw(
  samples: Uint8Array,
  values: number,
  sizes: readonly number[] = windowSizes,
): number | undefined {
  const shortest = sizes[0] ?? 0
  if (samples.length < shortest + 2) return undefined
  const windows = sizes.map((size) => new Window(size))
  const scores = windows.map(() => 0)
  const count = new PredictionCount()
  let winner = 0
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i] ?? 0
    if (i >= shortest) {
      count.add(windows[winner]?.predict(i) === sample)
      for (let j = 0; j < windows.length; j++) {
        if (windows[j]?.predict(i) !== sample) continue
        const score = (scores[j] ?? 0) + 1
        scores[j] = score
        if (score >= (scores[winner] ?? 0)) winner = j
      }
    }
    for (const window of windows) window.take(samples, i)
  }
  return predictionEstimate(count.result(), values)
}
