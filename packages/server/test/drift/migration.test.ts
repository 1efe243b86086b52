import type { Store } from '@cordon/server/store'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'

const place = new TemporaryState()

afterAll(async () => {
  await place[Symbol.asyncDispose]()
})

/** Puts a store back to the schema that was released before drift. */
async function asReleased({ db }: Store): Promise<void> {
  await db.schema.dropTable('drift_findings').execute()
  await db.schema.dropTable('drift_plants').execute()
  await sql`delete from kysely_migration where name = '0003-drift'`.execute(db)
}

test('a store of the released schema gets the tables of drift and keeps what it holds', {
  timeout: 60_000,
}, async () => {
  await using store = await place.open()
  await store.db.insertInto('events').values({ kind: 'before', subject: 'x' }).execute()
  await asReleased(store)
  await using again = await place.open()
  expect((await again.status()).schema).toBe('0003-drift')
  expect(await again.db.selectFrom('events').select('kind').execute()).toEqual([{ kind: 'before' }])
  expect(await again.db.selectFrom('drift_findings').selectAll().execute()).toEqual([])
  expect(await again.db.selectFrom('drift_plants').selectAll().execute()).toEqual([])
})
