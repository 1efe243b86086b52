import type { Shapes } from '../../api-types.ts'
import { counted } from '../../words/states.ts'

/** What became of several requests that were decided together. */
export interface Decision {
  readonly verdict: 'approve' | 'deny'
  readonly items: readonly Shapes['DecisionEntry'][]
}

/** In sentences: how many were decided, and which were not and why. */
export function decisionSummary({ verdict, items }: Decision): {
  readonly done: string
  readonly refused: readonly string[]
} {
  const refused = items.filter(({ error }) => error !== null)
  const word = verdict === 'approve' ? 'approved' : 'denied'
  return {
    done: `${counted(items.length - refused.length, 'request')} ${word}.`,
    refused: refused.map(({ id, error }) => `Request ${id} was not ${word}: ${error ?? ''}`),
  }
}
