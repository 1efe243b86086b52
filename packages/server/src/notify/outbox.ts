import { sql, type Transaction } from 'kysely'
import { jsonText, type Schema } from '../store/schema.ts'

/**
 * Something that people are to be told. It is written in the transaction in which it happens, so that neither is there
 * without the other; the notifier delivers it afterwards.
 * @module
 */

/** The channel of PostgreSQL that wakes the notifiers. */
export const wakeChannel = 'cordon_notifications'

/** What is told. */
export interface Announcement {
  /** Lower-case words joined by hyphens, such as `enrollment-pending`. */
  readonly kind: string
  /** Whom or what it is about, for people: the name of a device, or the subject of its request. */
  readonly subject: string
  /**
   * What a program or a person needs besides. Mail and syslog know `enrollment` (its number), `plant`, `device`,
   * `address`, `unit`, `vendor`, `requester`, `label`, `by` and `reason`, as text or as the values of
   * `@cordon/core/enrollment`. Never a secret.
   */
  readonly detail: Readonly<Record<string, unknown>>
}

/**
 * Writes a notification into the caller's transaction.
 * @returns its number
 */
export async function announce(tx: Transaction<Schema>, { kind, subject, detail }: Announcement): Promise<number> {
  const { id } = await tx
    .insertInto('notifications')
    .values({ kind, subject, detail: jsonText(detail) })
    .returning('id')
    .executeTakeFirstOrThrow()
  // PostgreSQL lets transactions that notify commit one after the other. What comes by the thousand, and waits for
  // nobody, does without and is found by polling.
  if (!frequent.has(kind)) await sql`select pg_notify(${wakeChannel}, '')`.execute(tx)
  return id
}

const frequent: ReadonlySet<string> = new Set(['enrollment-granted'])
