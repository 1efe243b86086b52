import { type Actor, recordAudit } from '../audit/audit.ts'
import type { Kysely } from 'kysely'
import { jsonText, type Schema } from '../store/schema.ts'

/** Where a request came from, and when. */
export interface Origin {
  readonly address: string
  readonly userAgent?: string | undefined
  /** Id of the request, to find it in the log. */
  readonly request?: string | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

/** Who asks for a change, from where and when. */
export interface Asker extends Origin {
  readonly actor: Actor
}

/** A change as it is recorded. */
export interface Change {
  /** The operation, such as `users.create`. */
  readonly action: string
  readonly subject: string
  readonly detail?: Readonly<Record<string, unknown>> | undefined
  readonly outcome?: 'done' | 'refused' | 'failed'
}

/** Writes the audit entry and the event of a change, last in its transaction: both hold a lock until it ends. */
export async function recordChange(db: Kysely<Schema>, asker: Asker, change: Change): Promise<void> {
  const { actor, address, request } = asker
  const { action, subject, detail, outcome = 'done' } = change
  await recordAudit(db, { actor, action, subject, outcome, address, request, detail })
  await db
    .insertInto('events')
    .values({ kind: action, subject, detail: jsonText({ ...detail, outcome, by: actor.name }) })
    .execute()
}

/** One writer at a time for what concerns all users: who is administrator, which name is taken. */
export const usersLock = 'cordon users'
