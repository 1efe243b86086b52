import type { Actor } from '../audit/audit.ts'

/** Who asks for something, and by which request. */
export interface Asker {
  readonly actor: Actor
  /** Where the request came from. */
  readonly address?: string | undefined
  /** Id of the request, to find it in the log. */
  readonly request?: string | undefined
}

/** Whoever acts for the system itself. */
export const systemActor: Actor = { kind: 'system', name: 'manager' }
