import type { Store } from '@cordon/server/store'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { newestMigration } from '../../src/store/migrations.ts'
import { TemporaryState } from '../store/support.ts'

const place = new TemporaryState()

afterAll(async () => {
  await place[Symbol.asyncDispose]()
})

/** Puts a store back to the schema that was released before drift. */
async function asReleased({ db }: Store): Promise<void> {
  await db.schema.dropTable('drift_findings').execute()
  await db.schema.dropTable('drift_plants').execute()
  await db.schema.dropTable('audit').cascade().execute()
  await sql`drop table users, user_links, user_totp, user_keys, user_recovery_codes, identity_providers, user_identities,
    identity_provider_results, sign_in_attempts, user_sessions, user_challenges, user_tokens cascade`.execute(db)
  await sql`drop trigger events_order on events`.execute(db)
  await sql`drop trigger events_told on events`.execute(db)
  await db.schema.alterTable('events').dropColumn('plant').execute()
  await sql`delete from kysely_migration where name > '0002-enrollment'`.execute(db)
}

test('a store of the released schema gets the tables of drift and keeps what it holds', {
  timeout: 60_000,
}, async () => {
  await using store = await place.open()
  await store.db.insertInto('events').values({ kind: 'before', subject: 'x' }).execute()
  await asReleased(store)
  await using again = await place.open()
  expect((await again.status()).schema).toBe(newestMigration)
  expect(await again.db.selectFrom('events').select('kind').execute()).toEqual([{ kind: 'before' }])
  expect(await again.db.selectFrom('drift_findings').selectAll().execute()).toEqual([])
  expect(await again.db.selectFrom('drift_plants').selectAll().execute()).toEqual([])
})
