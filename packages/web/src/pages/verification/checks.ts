import type { Shapes } from '../../api-types.ts'

type Check = Shapes['Check']

/** Verdicts in the order in which people need to see them. */
export const verdictOrder = [
  'fail',
  'risk',
  'not-probed',
  'not-tested',
  'pass',
] as const satisfies readonly Check['verdict'][]

/** The checks that a person looks for, those that fail first. */
export function shownChecks(checks: readonly Check[], verdict: string, text: string): readonly Check[] {
  const wanted = text.trim().toLowerCase()
  return checks
    .filter(
      (check) =>
        (verdict === '' || check.verdict === verdict) &&
        (wanted === '' || [check.subject, check.text, check.id].some((value) => value.toLowerCase().includes(wanted))),
    )
    .sort((a, b) => verdictOrder.indexOf(a.verdict) - verdictOrder.indexOf(b.verdict))
}
