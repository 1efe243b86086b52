import type { SourceMap, SourcePosition } from '../document/read.ts'

/** Every reason for which a plant is refused. */
export type ErrorCode =
  | 'name-twice'
  | 'unknown-name'
  | 'duplicate-address'
  | 'overlapping-range'
  | 'empty-zone'
  | 'slot-twice'
  | 'no-address'
  | 'manager-missing'
  | 'manager-unfit'
  | 'psk-missing'
  | 'psk-unused'
  | 'psk-unique-identity'
  | 'psk-slots'
  | 'protection-without-identity'
  | 'plain-denied'
  | 'plain-io-without-messages'
  | 'looser-device'
  | 'looser-conduit'
  | 'not-capable'
  | 'incapable-without-conduit'
  | 'duplicate-conduit'
  | 'conduit-to-itself'
  | 'conduit-opens'
  | 'no-common-suite'
  | 'null-suite-one-end'
  | 'conduit-not-holdable'
  | 'certificate-size'
  | 'connection-capacity'
  | 'close-plain-io'
  | 'close-plain-clients'
  | 'close-secure-port'
  | 'redundant-secured-io'
  | 'multicast-secured'
  | 'connection-twice'
  | 'connection-route'
  | 'connection-without-conduit'
  | 'simulation-mismatch'

/** What a plant's owner should know although it is not refused. */
export type WarningCode =
  | 'assumed-capabilities'
  | 'capable-after-all'
  | 'not-enforceable'
  | 'promise-on-peer'
  | 'isolated'
  | 'conduit-without-effect'
  | 'manager-readable'

/** Something about a plant that its owner must or should change: what, where, why, and what to do instead. */
export interface PolicyProblem extends SourcePosition {
  readonly severity: 'error' | 'warning'
  readonly code: ErrorCode | WarningCode
  /** What it is about: a device, zone, conduit or connection by name. */
  readonly subject: string
  readonly reason: string
  /** What would be accepted instead. */
  readonly alternative: string
  /** Path in the plant or simulation file; `file`, `line` and `column` are its place, 1:1 when no source is at hand. */
  readonly path: string
  readonly file: string
}

/** Most problems that are listed of one kind; the rest is counted in the last one. */
const maximumOfKind = 100

/** Gathers problems and finds their places. */
export class ProblemList {
  readonly #problems: PolicyProblem[] = []
  readonly #counts = new Map<string, number>()
  readonly #positions: SourceMap | undefined

  constructor(positions: SourceMap | undefined) {
    this.#positions = positions
  }

  /** Refuses the plant. */
  error(code: ErrorCode, path: string, subject: string, reason: string, alternative: string): void {
    this.#add('error', code, path, subject, reason, alternative)
  }

  /** Tells what is not as good as it looks. */
  warning(code: WarningCode, path: string, subject: string, reason: string, alternative: string): void {
    this.#add('warning', code, path, subject, reason, alternative)
  }

  #add(
    severity: PolicyProblem['severity'],
    code: ErrorCode | WarningCode,
    path: string,
    subject: string,
    reason: string,
    alternative: string,
  ): void {
    const count = (this.#counts.get(code) ?? 0) + 1
    this.#counts.set(code, count)
    if (count > maximumOfKind) return
    const { line, column } = this.#positions?.at(path) ?? { line: 1, column: 1 }
    this.#problems.push({
      severity,
      code,
      subject,
      reason,
      alternative,
      path,
      file: this.#positions?.file ?? '',
      line,
      column,
    })
  }

  /** All problems, errors before warnings, each in the order of the file. */
  finish(): readonly PolicyProblem[] {
    const problems = this.#problems.map((problem) => {
      const more = (this.#counts.get(problem.code) ?? 0) - maximumOfKind
      const last = more > 0 && this.#problems.findLast((other) => other.code === problem.code) === problem
      return last ? { ...problem, reason: `${problem.reason} (and ${more} more of this kind)` } : problem
    })
    const rank = { error: 0, warning: 1 }
    return problems.sort((a, b) => rank[a.severity] - rank[b.severity] || a.line - b.line || a.column - b.column)
  }
}
