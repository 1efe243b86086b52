import type { Migration } from 'kysely'
import { drift } from './migrations/drift.ts'
import { enrollment } from './migrations/enrollment.ts'
import { first } from './migrations/first.ts'
import { jobs } from './migrations/jobs.ts'
import { manager } from './migrations/manager.ts'
import { plants } from './migrations/plants.ts'
import { settings } from './migrations/settings.ts'
import { users } from './migrations/users.ts'

/**
 * The changes of the schema, in order. One that was released is never edited: another follows it. Values rather than
 * files, so that they travel with the build.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': { up: first },
  '0002-enrollment': { up: enrollment },
  '0003-drift': { up: drift },
  '0004-manager': { up: manager },
  '0005-users': { up: users },
  '0006-plants': { up: plants },
  '0007-jobs': { up: jobs },
  '0008-settings': { up: settings },
}

/** The name of the newest one. */
export const newestMigration = Object.keys(migrations).at(-1) ?? ''
