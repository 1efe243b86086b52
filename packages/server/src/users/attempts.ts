import { type Kysely, sql } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { UserPolicy } from './policy.ts'

/**
 * Lock-out. An attempt is counted before it is looked at and taken back when it was right, so that many at once get no
 * more guesses than one after the other. An attempt during a wait is not looked at and not counted: only real ones are.
 * @module
 */

/** What is kept of failed attempts. */
export interface Failures {
  readonly failures: number
  readonly failedAt: Date | null
}

/** When the next attempt will be looked at, milliseconds since 1970; 0 for at once. */
export function nextAttemptAt({ failures, failedAt }: Failures, policy: UserPolicy): number {
  const beyond = failures - policy.freeFailures
  if (beyond < 0 || failedAt === null) return 0
  return failedAt.getTime() + Math.min(policy.longestWaitMs, policy.firstWaitMs * 2 ** Math.min(beyond, 30))
}

/** An attempt that is being looked at; what was there before it. */
export interface Attempt {
  readonly userId: string
  /** This one counted. */
  readonly count: number
  readonly failedBefore: Date | null
}

/** Counts an attempt. @returns undefined where it has to wait */
export async function beginAttempt(
  db: Kysely<Schema>,
  userId: string,
  policy: UserPolicy,
  now: number,
): Promise<Attempt | undefined> {
  return await db.transaction().execute(async (tx) => {
    const row = await tx
      .selectFrom('users')
      .select(['failures', 'failed_at'])
      .where('id', '=', userId)
      .forUpdate()
      .executeTakeFirst()
    if (row === undefined || nextAttemptAt({ failures: row.failures, failedAt: row.failed_at }, policy) > now)
      return undefined
    const count = row.failures + 1
    await tx
      .updateTable('users')
      .set({ failures: count, failed_at: new Date(now) })
      .where('id', '=', userId)
      .execute()
    return { userId, count, failedBefore: row.failed_at }
  })
}

/** Takes an attempt back that was right; those before it stay counted. */
export async function takeBackAttempt(db: Kysely<Schema>, attempt: Attempt): Promise<void> {
  const { userId, count, failedBefore } = attempt
  await db
    .updateTable('users')
    .set({
      failures: sql<number>`greatest(failures - 1, 0)`,
      failed_at: sql<Date | null>`case when failures = ${count} then ${failedBefore}::timestamptz else failed_at end`,
    })
    .where('id', '=', userId)
    .execute()
}

/** Forgets failed attempts: after a complete sign-in, or when a new password was set. */
export async function forgetFailures(db: Kysely<Schema>, userId: string): Promise<void> {
  await db.updateTable('users').set({ failures: 0, failed_at: null }).where('id', '=', userId).execute()
}
