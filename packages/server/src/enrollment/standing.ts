import type { AdministratorWord } from '@cordon/core/enrollment'
import type { EnrollmentWordTable } from '../store/schema.ts'

/** A word as far as it counts. */
export interface SpokenWord {
  readonly kind: EnrollmentWordTable['kind']
  readonly by: string
  readonly reason: string
  /** Of an approval: `subject` and `device` that it was given for. */
  readonly detail: unknown
}

/** For what an approval is given: the same key may ask for something else later, and then nobody approved that. */
export interface Approved {
  readonly subject: string
  readonly device: string | null
}

/**
 * What counts of what people said, of words in their order: the last of each, unless taken back or given to a request
 * that expired since. An approval counts for the subject and the device that it was given for, a denial for the key.
 */
export function standing(words: readonly SpokenWord[], row: Approved): readonly AdministratorWord[] {
  const found = new Map<string, AdministratorWord>()
  for (const { kind, by, reason, detail } of words) {
    if (kind === 'expire') found.clear()
    else if (kind === 'withdraw') found.delete(by)
    else if (kind === 'deny') found.set(by, { by, verdict: 'deny', reason })
    else if (kind === 'approve' && isFor(detail, row)) found.set(by, { by, verdict: 'approve', reason })
  }
  return [...found.values()]
}

function isFor(detail: unknown, { subject, device }: Approved): boolean {
  const approved = detail as Partial<Approved> | null // written with the word by who takes it from a person
  return approved?.subject === subject && approved.device === device
}
