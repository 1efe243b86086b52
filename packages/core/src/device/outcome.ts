/** A request that is refused: general status and additional status words. */
export interface Refusal {
  readonly status: number
  readonly extended?: readonly number[]
}

/** What a service answers: a value for its declared reply format, or a refusal. */
export type Outcome<T> = { readonly value: T } | Refusal

/** A refusal. */
export function refuse(status: number, ...extended: readonly number[]): Refusal {
  return extended.length === 0 ? { status } : { status, extended }
}

/** Is this a refusal? */
export function isRefusal<T extends object>(outcome: T | Refusal): outcome is Refusal {
  return 'status' in outcome && typeof outcome.status === 'number' && !('value' in outcome)
}

/** The answer of a service without reply data. */
export const done: { readonly value: undefined } = { value: undefined }
