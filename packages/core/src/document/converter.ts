import { durationMs } from './fields.ts'
import type { ParseProblem, SourceMap } from './read.ts'

/** Turns checked text into values and notes what no pattern can say. */
export class Converter {
  readonly problems: ParseProblem[] = []
  readonly #file: string
  readonly #positions: SourceMap

  constructor(file: string, positions: SourceMap) {
    this.#file = file
    this.#positions = positions
  }

  /** Notes a problem at a path. */
  problem(path: string, message: string, expected: string, remedy: string): void {
    this.problems.push({
      file: this.#file,
      ...this.#positions.at(path),
      path,
      message: `${path}: ${message}`,
      expected,
      remedy,
    })
  }

  /** A duration in milliseconds within bounds, both given as text. */
  duration(path: string, text: string, least: string, most: string): number {
    const value = durationMs(text)
    if (!(value >= durationMs(least) && value <= durationMs(most))) {
      this.problem(
        path,
        `found ${text}`,
        `a duration from ${least} to ${most}`,
        `choose a duration from ${least} to ${most}`,
      )
    }
    return value
  }
}
