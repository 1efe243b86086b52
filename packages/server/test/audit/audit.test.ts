import { csvLine, exportAudit, firstBrokenEntry, listAudit, recordAudit } from '@cordon/server/audit'
import { sweep } from '@cordon/server/settings'
import type { Store } from '@cordon/server/store'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'

const place = new TemporaryState()
let store: Store
const anna = { kind: 'user', name: 'anna' } as const

beforeAll(async () => {
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const entry = (subject: string) => ({ actor: anna, action: 'test.do', subject, outcome: 'done' }) as const

describe('the audit', () => {
  test('chains entries of many writers at once without a gap in the chain', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, at) => recordAudit(store.db, entry(`s${at}`))))
    expect(await firstBrokenEntry(store.db)).toBeUndefined()
    expect(await listAudit(store, {}, { limit: 100 })).toHaveLength(40)
  })

  test('is not there when the change that it tells of is not', async () => {
    const failed = store.db.transaction().execute(async (tx) => {
      await recordAudit(tx, entry('undone'))
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(await listAudit(store, { subject: 'undone' }, { limit: 10 })).toEqual([])
  })

  test('refuses to be changed or deleted, and shows it where somebody got around that', async () => {
    await expect(sql`update audit set actor = 'eve'`.execute(store.db)).rejects.toThrow(/not changed or deleted/)
    await expect(sql`delete from audit`.execute(store.db)).rejects.toThrow(/not changed or deleted/)
    const [, second] = await listAudit(store, {}, { limit: 2 })
    const forge = async (actor: string) => {
      await sql`alter table audit disable trigger user`.execute(store.db)
      await sql`update audit set actor = ${actor} where id = ${second?.id}`.execute(store.db)
      await sql`alter table audit enable trigger user`.execute(store.db)
    }
    await forge('eve')
    expect(await firstBrokenEntry(store.db)).toBe(second?.id)
    await forge('anna')
    expect(await firstBrokenEntry(store.db)).toBeUndefined()
  })

  test('is read by filter and in pages, and exported whole', async () => {
    await recordAudit(store.db, { ...entry('=cmd("x")'), action: 'other.do', plant: 'cpwe', outcome: 'refused' })
    expect(await listAudit(store, { action: 'other.' }, { limit: 10 })).toHaveLength(1)
    expect(await listAudit(store, { plant: 'cpwe', outcome: 'refused', actor: 'anna' }, { limit: 10 })).toHaveLength(1)
    expect(await listAudit(store, { actor: 'bert' }, { limit: 10 })).toEqual([])
    expect(await listAudit(store, { to: new Date(0) }, { limit: 10 })).toEqual([])
    const [newest, ...rest] = await listAudit(store, {}, { limit: 50 })
    expect(await listAudit(store, {}, { limit: 50, before: newest?.id })).toEqual(rest)
    const all: number[] = []
    for await (const rows of exportAudit(store, {}, 7)) all.push(...rows.map(({ id }) => id))
    expect(all).toHaveLength(41)
    expect([...all].sort((a, b) => a - b)).toEqual(all)
    const [odd] = await listAudit(store, { action: 'other.do' }, { limit: 1 })
    expect(odd && csvLine(odd)).toContain(`"'=cmd(""x"")"`)
  })

  test('loses only what is older than the retention, from its beginning, and stays whole', async () => {
    const days = { auditDays: 30, eventDays: 30, jobDays: 30, versionDays: 30 }
    expect(await sweep(store, days)).toEqual({ audit: 0, events: 0 })
    const later = Date.now() + 31 * 86_400_000
    const { audit } = await sweep(store, days, later)
    expect(audit).toBe(40)
    expect(await firstBrokenEntry(store.db)).toBeUndefined()
    await recordAudit(store.db, entry('after'))
    expect(await firstBrokenEntry(store.db)).toBeUndefined()
  })
})

describe('events', () => {
  test('have numbers in the order of their commits', async () => {
    const seen: number[] = []
    let last = 0
    const slow = store.db.transaction().execute(async (tx) => {
      await tx.insertInto('events').values({ kind: 'slow', subject: 'a' }).execute()
      await new Promise((resolve) => setTimeout(resolve, 150))
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    const quick = store.db.insertInto('events').values({ kind: 'quick', subject: 'b' }).execute()
    for (let turn = 0; turn < 40 && seen.length < 2; turn++) {
      const rows = await store.db.selectFrom('events').select('id').where('id', '>', last).orderBy('id').execute()
      for (const { id } of rows) seen.push(id)
      last = seen.at(-1) ?? 0
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await Promise.all([slow, quick])
    const kinds = await store.db.selectFrom('events').select(['id', 'kind']).orderBy('id').execute()
    expect(kinds.map(({ kind }) => kind)).toEqual(['slow', 'quick'])
    expect(seen).toEqual(kinds.map(({ id }) => id))
  })
})
