import type { Store } from '@cordon/server/store'
import { Migrator, sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { migrations, newestMigration } from '../../src/store/migrations.ts'
import { TemporaryState } from '../store/support.ts'

const place = new TemporaryState()

afterAll(async () => {
  await place[Symbol.asyncDispose]()
})

/** Puts a store back to the schema that was released before drift. */
async function asReleased({ db }: Store): Promise<void> {
  await sql`drop schema public cascade`.execute(db)
  await sql`create schema public`.execute(db)
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
  const { error } = await migrator.migrateTo('0002-enrollment')
  expect(error).toBeUndefined()
  await sql`insert into events (kind, subject) values ('before', 'x')`.execute(db)
}

test('a store of the released schema gets the tables of drift and keeps what it holds', {
  timeout: 60_000,
}, async () => {
  await using store = await place.open()
  await asReleased(store)
  await using again = await place.open()
  expect((await again.status()).schema).toBe(newestMigration)
  expect(await again.db.selectFrom('events').select('kind').execute()).toEqual([{ kind: 'before' }])
  expect(await again.db.selectFrom('drift_findings').selectAll().execute()).toEqual([])
  expect(await again.db.selectFrom('drift_plants').selectAll().execute()).toEqual([])
})
