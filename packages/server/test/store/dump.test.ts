import { MalformedMessage, NotAllowed, NotTrusted, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { dumpStore, jsonText, restoreStore, type Store } from '@cordon/server/store'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newestMigration } from '../../src/store/migrations.ts'
import { TemporaryState } from './support.ts'

const passphrase = 'correct horse battery'
const psk = nodeCrypto.random(32)
const journalSecret = nodeCrypto.random(48)

let places: TemporaryState[]
let source: Store
let target: Store
let backup: Uint8Array
let deployment: string

async function fill(store: Store): Promise<string> {
  const { db, secrets } = store
  const { id } = await db
    .insertInto('deployments')
    .values({ plant: 'cpwe', kind: 'apply', status: 'running', plan: jsonText({ steps: ['a', 'ü', '\u0000'.length] }) })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('deployment_targets')
    .values({ deployment: id, device: 'Green_EN4TR', position: 1, status: 'running' })
    .execute()
  const place = { table: 'journal', deployment: id, device: 'Green_EN4TR' } as const
  await db
    .insertInto('journal')
    .values([
      { deployment: id, device: 'Green_EN4TR', step: 'begin', phase: 'begin', detail: jsonText([1.5, null]) },
      { deployment: id, device: 'Green_EN4TR', step: 'psk', phase: 'done', sealed: secrets.seal(place, journalSecret) },
    ])
    .execute()
  await db
    .insertInto('psks')
    .values({ name: 'cell3', identity: 'cell3', sealed: secrets.seal({ table: 'psks', name: 'cell3' }, psk) })
    .execute()
  await db
    .insertInto('devices')
    .values({
      plant: 'cpwe',
      name: 'Green_EN4TR',
      address: '127.17.83.31',
      identity: jsonText({ vendor: 1 }),
      serial: 0xffff_ffff,
      pinned_at: new Date(0),
    })
    .execute()
  await db
    .insertInto('events')
    .values(Array.from({ length: 1203 }, (_, i) => ({ kind: 'bulk', subject: String(i) })))
    .execute()
  return id
}

beforeAll(async () => {
  places = [new TemporaryState(), new TemporaryState()]
  const [a, b] = places
  if (a === undefined || b === undefined) throw new Error('no places')
  source = await a.open()
  target = await b.open()
  deployment = await fill(source)
  backup = await dumpStore(source, passphrase)
})

afterAll(async () => {
  await source[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
  for (const place of places) await place[Symbol.asyncDispose]()
})

describe('a backup', () => {
  test('shows nothing without its passphrase', () => {
    const text = Buffer.from(backup).toString('latin1')
    expect(text.startsWith('CORDON-BACKUP-1\n')).toBe(true)
    for (const word of ['cpwe', 'Green_EN4TR', 'authority', 'gzip']) expect(text).not.toContain(word)
    expect(Buffer.from(backup).includes(Buffer.from(source.key.key))).toBe(false)
    expect(Buffer.from(backup).includes(Buffer.from(psk))).toBe(false)
  })

  test('is not made under a passphrase that could be guessed', async () => {
    await expect(dumpStore(source, 'elevenchars')).rejects.toThrow(UsageError)
  })

  test('does not open with another passphrase, after any change, or when it is something else', async () => {
    await expect(restoreStore(target, backup, 'correct horse batterz')).rejects.toThrow(NotTrusted)
    for (const at of [20, 40, backup.length - 1]) {
      const changed = backup.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      await expect(restoreStore(target, changed, passphrase), `byte ${at}`).rejects.toThrow(NotTrusted)
    }
    await expect(restoreStore(target, new TextEncoder().encode('hello'), passphrase)).rejects.toThrow(MalformedMessage)
    expect(await target.db.selectFrom('devices').selectAll().execute()).toEqual([])
  })

  test('is not poured over what is there', async () => {
    await expect(restoreStore(source, backup, passphrase)).rejects.toThrow(NotAllowed)
    await expect(restoreStore(source, backup, passphrase)).rejects.toThrow(/not empty/)
  })

  test('fills an empty store with the very same rows, and secrets open under its own key', async () => {
    const summary = await restoreStore(target, backup, passphrase)
    expect(summary).toMatchObject({
      schema: newestMigration,
      rows: { events: 1203, journal: 2, psks: 1, devices: 1 },
    })
    expect(target.key.key).not.toEqual(source.key.key)
    for (const table of ['devices', 'deployments', 'deployment_targets', 'events'] as const) {
      const [was, is] = await Promise.all(
        [source, target].map((store) => store.db.selectFrom(table).selectAll().execute()),
      )
      expect(is?.map((row) => jsonText(row)).sort()).toEqual(was?.map((row) => jsonText(row)).sort())
    }
    const row = await target.db.selectFrom('psks').select('sealed').executeTakeFirstOrThrow()
    expect(target.secrets.open({ table: 'psks', name: 'cell3' }, row.sealed)).toEqual(psk)
    expect(() => source.secrets.open({ table: 'psks', name: 'cell3' }, row.sealed)).toThrow(NotTrusted)
    const entry = await target.db
      .selectFrom('journal')
      .select('sealed')
      .where('step', '=', 'psk')
      .executeTakeFirstOrThrow()
    const place = { table: 'journal', deployment, device: 'Green_EN4TR' } as const
    expect(target.secrets.open(place, entry.sealed ?? new Uint8Array())).toEqual(journalSecret)
  })

  test('leaves counters that go on behind what was restored', async () => {
    const newest = await target.db
      .selectFrom('events')
      .select(({ fn }) => fn.max('id').as('id'))
      .executeTakeFirstOrThrow()
    const { id } = await target.db
      .insertInto('events')
      .values({ kind: 'next', subject: 'x' })
      .returning('id')
      .executeTakeFirstOrThrow()
    expect(id).toBeGreaterThan(Number(newest.id))
  })

  test('restored is a store that opens again', async () => {
    await target[Symbol.asyncDispose]()
    const again = await places[1]?.open()
    if (again === undefined) throw new Error('no place')
    target = again
    expect(await target.db.selectFrom('devices').select('name').execute()).toEqual([{ name: 'Green_EN4TR' }])
  })

  test('is of one moment, whatever is written meanwhile', async () => {
    const place = new TemporaryState()
    const store = await place.open()
    try {
      // Two rows that belong together are always written together; a backup must hold both or neither.
      let isRunning = true
      const writer = (async () => {
        for (let i = 0; isRunning; i++) {
          await source.db.transaction().execute(async (tx) => {
            await tx
              .insertInto('events')
              .values({ kind: 'pair', subject: String(i) })
              .execute()
            await tx
              .insertInto('orphans')
              .values({ plant: 'p', device: String(i), address: 'x', reason: 'pair' })
              .execute()
          })
        }
      })()
      const [dump] = await Promise.all([
        dumpStore(source, passphrase).finally(() => {
          isRunning = false
        }),
        writer,
      ])
      await restoreStore(store, dump, passphrase)
      const { rows } = await sql<{
        n: number
        m: number
      }>`select (select count(*) from events where kind = 'pair') as n, (select count(*) from orphans) as m`.execute(
        store.db,
      )
      expect(rows[0]?.n).toBe(rows[0]?.m)
    } finally {
      await store[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    }
  })
})
