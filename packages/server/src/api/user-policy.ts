import type { Kysely } from 'kysely'
import { readSettings } from '../settings/settings.ts'
import type { Schema } from '../store/schema.ts'
import { defaultUserPolicy, type UserPolicy } from '../users/policy.ts'

const minute = 60_000

/** What holds for users by the settings of this moment. */
export async function userPolicy(db: Kysely<Schema>): Promise<UserPolicy> {
  const { sessionIdleMinutes, sessionHours, secondFactor } = await readSettings(db)
  return {
    ...defaultUserPolicy,
    secondFactor,
    idleTimeoutMs: sessionIdleMinutes * minute,
    sessionLifetimeMs: sessionHours * 60 * minute,
  }
}
