import type { Evaluation, RuleVerdict } from '@cordon/core/enrollment'

/** An evaluation with another outcome than that of the rules, for a reason outside them. */
export function overrule(evaluation: Evaluation, verdict: 'deny' | 'pend', reason: string): Evaluation {
  return { ...evaluation, verdict, reason, uses: [] }
}

/** The policies that a grant rests on: of alternatives, the first that grants. */
export function groundsOf(tree: RuleVerdict | null): readonly RuleVerdict[] {
  switch (tree?.rule) {
    case undefined:
      return []
    case 'anyOf': {
      const first = tree.of?.find(({ result }) => result === 'grant')
      return first === undefined ? [] : groundsOf(first)
    }
    case 'allOf':
      return (tree.of ?? []).flatMap(groundsOf)
    case 'not':
    case 'vendorCertificate':
    case 'administrator':
    case 'serialList':
    case 'password':
    case 'provisioningCertificate':
    case 'globalGrant':
      return [tree]
  }
}

/** Whether nothing but a user name and password is missing. */
export function wantsPassword({ verdict, alarms, tree }: Evaluation): boolean {
  return verdict === 'deny' && alarms.length === 0 && tree?.result === 'not-applicable'
}
