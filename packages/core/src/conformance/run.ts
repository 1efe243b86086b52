import { TransportError } from '../errors.ts'
import { Bench, type Patience, usualPatience } from './bench.ts'
import type { CaseGroup, CaseKind, ConformanceCase } from './case.ts'
import type { Facts } from './facts.ts'
import { describeFinding, type Finding, Found, Judge, type Verdict } from './judge.ts'
import { unmet } from './needs.ts'
import type { ConformancePort, IoDescription } from './port.ts'
import { isAlive, survey } from './survey.ts'

/** What a run may do, and how patient it is. */
export interface ConformanceOptions {
  /** Cases that change something and put it back. Default false. */
  readonly allowWrites?: boolean
  /** Cases that reset the target. Default false. */
  readonly allowReset?: boolean
  /** Leaves out cases that take longer than this for the sake of time itself, milliseconds. */
  readonly longestMs?: number
  /** How long answers are waited for, and silence listened to. Default 1500 and 250 ms. */
  readonly patience?: Patience
  /** How long a target that fell silent is waited for, milliseconds. Default 20000. */
  readonly recoveryMs?: number
  readonly io?: IoDescription
  /** Called before each case, and once at the end. */
  readonly progress?: (done: number, total: number, id: string) => void
  /** Ends the run before the next case; where the port rejects what is under way, at once. */
  readonly cancelled?: () => boolean
}

/** How one case ended. */
export interface CaseResult {
  readonly id: string
  readonly group: CaseGroup
  readonly title: string
  readonly source: string
  readonly basis: ConformanceCase['basis']
  readonly kind: CaseKind
  readonly finding: Finding
  /** Milliseconds. */
  readonly tookMs: number
}

/** What is said of every run: it proves no conformance. */
export const disclaimer =
  'This is no ODVA conformance test and proves no conformance: Volume 8 of the CIP Networks Library is not public. Cases rest on public sources ("public"), on what follows from them ("inferred"), or on a choice of this product ("ours") that a conforming target need not share.'

/** A whole run. */
export interface ConformanceReport {
  readonly target: string
  readonly facts: Facts
  readonly results: readonly CaseResult[]
  /** The run was ended before its last case. */
  readonly cancelled: boolean
  readonly disclaimer: string
}

/**
 * Runs cases against a target, one at a time. A run that is cancelled gives what it found until then; only before the first
 * case it rejects, where the port does.
 */
export async function runConformance(
  port: ConformancePort,
  cases: readonly ConformanceCase[],
  options: ConformanceOptions = {},
): Promise<ConformanceReport> {
  const patience = options.patience ?? usualPatience
  const facts = await survey(port, { patience, ...(options.io === undefined ? {} : { io: options.io }) })
  const bench = new Bench(port, facts, patience)
  const results: CaseResult[] = []
  let silentSince: string | undefined
  let cancelled = false
  const isCancelled = (): boolean => options.cancelled?.() === true
  try {
    for (const [i, each] of cases.entries()) {
      options.progress?.(i, cases.length, each.id)
      cancelled = isCancelled()
      if (cancelled) break
      const begun = port.now()
      const refusal = silentSince === undefined ? notRun(each, facts, options) : gone(silentSince)
      let finding = refusal ?? (await runCase(bench, each))
      try {
        if (refusal === undefined && !(await isAlive(port, facts, patience))) {
          finding = {
            verdict: 'fail',
            expected: 'a target that goes on answering',
            got: `the target does not answer any more after case ${each.id} (${describeFinding(finding)})`,
          }
          silentSince = (await comesBack(port, facts, patience, options.recoveryMs ?? 20_000)) ? undefined : each.id
        }
      } finally {
        // What the case found is known, whatever ends the question whether the target is still there.
        results.push(resultOf(each, finding, port.now() - begun))
      }
    }
  } catch (error) {
    if (!isCancelled() || !isAborted(error)) throw error
    cancelled = true
  } finally {
    await bench.close()
  }
  options.progress?.(results.length, cases.length, '')
  return { target: port.target, facts, results, cancelled, disclaimer }
}

function isAborted(error: unknown): boolean {
  return error instanceof TransportError && error.code === 'aborted'
}

function resultOf(
  { id, group, title, source, basis, kind }: ConformanceCase,
  finding: Finding,
  tookMs: number,
): CaseResult {
  return { id, group, title, source, basis, kind, finding, tookMs: Math.round(tookMs) }
}

/** Why a case is not begun. */
function notRun(each: ConformanceCase, facts: Facts, options: ConformanceOptions): Finding | undefined {
  // What is not there needs no permission.
  const findings = each.needs.flatMap((need) => unmet(need, facts) ?? [])
  const absent = findings.find(({ verdict }) => verdict === 'not applicable') ?? findings[0]
  if (absent !== undefined) return absent
  if (each.kind === 'write' && options.allowWrites !== true) {
    return { verdict: 'not run', reason: 'changes the target for a moment: give --allow-writes' }
  }
  if (each.kind === 'reset' && options.allowReset !== true) {
    return { verdict: 'not run', reason: 'resets the target: give --allow-reset' }
  }
  if (each.slowMs !== undefined && options.longestMs !== undefined && each.slowMs > options.longestMs) {
    return { verdict: 'not run', reason: `takes ${Math.ceil(each.slowMs / 1000)} s, longer than this run allows` }
  }
  return undefined
}

function gone(after: string): Finding {
  return { verdict: 'not run', reason: `the target did not come back after case ${after}` }
}

async function runCase(bench: Bench, each: ConformanceCase): Promise<Finding> {
  const judge = new Judge()
  try {
    await each.run(bench, judge)
    if (judge.comparisons > 0) return { verdict: 'pass', evidence: judge.evidence }
    // A check that could not have failed is an error, not a pass.
    return { verdict: 'error', reason: 'the case compared nothing' }
  } catch (error) {
    if (error instanceof Found) return error.finding
    throw error
  } finally {
    await bench.tidy()
  }
}

async function comesBack(port: ConformancePort, facts: Facts, patience: Patience, withinMs: number): Promise<boolean> {
  const endsAt = port.now() + withinMs
  while (port.now() < endsAt) {
    await port.wait(250)
    if (await isAlive(port, facts, { ...patience, answerMs: Math.min(patience.answerMs, 1000) })) return true
  }
  return false
}

/** How many results there are of each verdict. */
export type VerdictCount = Readonly<Record<Verdict, number>>

/** A run in numbers. */
export interface ConformanceSummary {
  readonly verdicts: VerdictCount
  /** The same, of the cases that rest on each. */
  readonly byBasis: Readonly<Record<ConformanceCase['basis'], VerdictCount>>
}

/** Counts the results of a run. */
export function summarize(results: readonly CaseResult[]): ConformanceSummary {
  const of = (basis: ConformanceCase['basis']): VerdictCount => count(results.filter((each) => each.basis === basis))
  return { verdicts: count(results), byBasis: { public: of('public'), inferred: of('inferred'), ours: of('ours') } }
}

function count(results: readonly CaseResult[]): VerdictCount {
  const of = (verdict: Verdict): number => results.filter(({ finding }) => finding.verdict === verdict).length
  return {
    pass: of('pass'),
    fail: of('fail'),
    'not applicable': of('not applicable'),
    'not run': of('not run'),
    inconclusive: of('inconclusive'),
    error: of('error'),
  }
}
