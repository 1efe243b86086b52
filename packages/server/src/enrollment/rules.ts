import type { VendorTemplate } from '@cordon/core/authority'
import type { ParseProblem } from '@cordon/core/policy'
import { type EnrollmentFiles, loadEnrollmentFiles, stampOf } from './files.ts'
import { type PreparedLabel, prepareLabels, templatesOf } from './gather.ts'

/** How long files are believed not to have changed, milliseconds. */
const lookEveryMs = 2000

/** The rules in force, prepared for requests. */
export interface RulesInForce {
  readonly files: EnrollmentFiles
  readonly labels: ReadonlyMap<string | undefined, PreparedLabel>
  readonly templates: readonly VendorTemplate[]
}

function prepared(files: EnrollmentFiles): RulesInForce {
  return { files, labels: prepareLabels(files), templates: templatesOf(files) }
}

/** The rules of an enrollment file, read again when it or what it names changes. A broken edit changes nothing. */
export class RuleKeeper {
  current: RulesInForce
  /** What is wrong with the files as they are now; empty: the rules in force are theirs. */
  problems: readonly ParseProblem[] = []
  readonly #path: string | undefined
  readonly #zones: readonly string[]
  readonly #onRefused: (problems: readonly ParseProblem[]) => void
  #stamp: string | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor(
    files: EnrollmentFiles,
    path: string | undefined,
    zones: readonly string[],
    onRefused: (problems: readonly ParseProblem[]) => void,
  ) {
    this.current = prepared(files)
    this.#path = path
    this.#zones = zones
    this.#onRefused = onRefused
  }

  /** Looks for changes, if that was not done just now. `now` is in milliseconds. */
  async look(now: number): Promise<void> {
    if (this.#path === undefined || Math.abs(now - this.#lookedAt) < lookEveryMs) return
    this.#looking ??= this.#readChanges(this.#path).finally(() => {
      this.#looking = undefined
      this.#lookedAt = now
    })
    await this.#looking
  }

  /** Reads the files again, changed or not. */
  async reload(): Promise<void> {
    if (this.#path === undefined) return
    await this.#looking
    this.#stamp = undefined
    await this.#readChanges(this.#path)
  }

  async #readChanges(path: string): Promise<void> {
    const stamp = await stampOf(path)
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    const { files, problems } = await loadEnrollmentFiles(path, this.#zones)
    this.problems = problems
    if (files === undefined) this.#onRefused(problems)
    else this.current = prepared(files)
  }
}
