import { type LiveEvents, startLiveEvents } from '@cordon/server/jobs'
import { defaultSettings, sweep } from '@cordon/server/settings'
import type { Store } from '@cordon/server/store'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { until } from './support.ts'

let place: TemporaryState
let store: Store
let live: LiveEvents

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

beforeEach(async () => {
  live = startLiveEvents({ store, againMs: 20 })
})

afterEach(async () => {
  await live[Symbol.asyncDispose]()
})

async function happen(subject: string, plant?: string, kind = 'job'): Promise<number> {
  const { id } = await store.db
    .insertInto('events')
    .values({ kind, subject, detail: null, plant: plant ?? null })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

const subjects = (events: readonly { readonly json: string }[] | undefined) =>
  events?.map(({ json }) => (JSON.parse(json) as { subject: string }).subject)

/** So many events of a subscription. */
async function take(subscription: ReturnType<LiveEvents['subscribe']>, count: number): Promise<readonly string[]> {
  const all: string[] = []
  while (all.length < count) {
    const events = await subscription.next()
    if (events === undefined) throw new Error(`ended: ${subscription.end}`)
    all.push(...(subjects(events) ?? []))
  }
  return all
}

describe('live events', () => {
  test('come to every subscriber that wants them, in order and written out once', async () => {
    const after = await happen('before')
    using all = live.subscribe({ after, wants: () => true })
    using east = live.subscribe({ after, wants: ({ plant }) => plant === 'east' })
    await happen('one', 'east')
    await happen('two', 'west')
    await happen('three', 'east')
    expect(await take(all, 3)).toEqual(['one', 'two', 'three'])
    expect(await take(east, 2)).toEqual(['one', 'three'])
  })

  test('go on after a number without gap or repetition, however many were missed', async () => {
    const before = await happen('before')
    const many = Array.from({ length: 1200 }, (_, place) => ({ kind: 'job', subject: `m${place}`, detail: null }))
    await store.db.insertInto('events').values(many).execute()
    using late = live.subscribe({ after: before, wants: () => true })
    const writing = (async () => {
      for (let count = 0; count < 30; count++) await happen(`w${count}`)
    })()
    const wanted = [...many.map(({ subject }) => subject), ...Array.from({ length: 30 }, (_, count) => `w${count}`)]
    expect(await take(late, wanted.length)).toEqual(wanted)
    await writing
  })

  test('are those that committed, in the order of their commits', async () => {
    using all = live.subscribe({ after: await happen('before'), wants: () => true })
    const slow = store.db.transaction().execute(async (trx) => {
      await sql`select pg_sleep(0.05)`.execute(trx)
      await trx.insertInto('events').values({ kind: 'job', subject: 'slow', detail: null }).execute()
      await sql`select pg_sleep(0.1)`.execute(trx)
    })
    const undone = store.db
      .transaction()
      .execute(async (trx) => {
        await trx.insertInto('events').values({ kind: 'job', subject: 'undone', detail: null }).execute()
        throw new Error('undone')
      })
      .catch(() => undefined)
    await Promise.all([slow, undone, happen('quick')])
    await happen('last')
    const got = await take(all, 3)
    expect([...got].sort()).toEqual(['last', 'quick', 'slow'])
    expect(got.at(-1)).toBe('last')
  })

  test('of a subscriber that does not take them are cut off, and go on after its last one', async () => {
    await using narrow = startLiveEvents({ store, queue: 50 })
    using slow = narrow.subscribe({ after: await happen('before'), wants: () => true })
    const first = await happen('first')
    expect(await take(slow, 1)).toEqual(['first'])
    const many = Array.from({ length: 60 }, (_, place) => ({ kind: 'job', subject: `m${place}`, detail: null }))
    await store.db.insertInto('events').values(many).execute()
    await until(() => Promise.resolve(slow.end !== undefined))
    expect(slow.end).toBe('slow')
    expect(await slow.next()).toBeUndefined()
    expect(slow.position).toBeGreaterThanOrEqual(first)
    expect(narrow.subscribers).toBe(0)
    using again = live.subscribe({ after: slow.position, wants: () => true })
    expect((await take(again, 60)).at(-1)).toBe('m59')
  })

  test('are all there for who asks from the beginning, though numbers are missing', async () => {
    await store.db
      .transaction()
      .execute(async (trx) => {
        await trx.insertInto('events').values({ kind: 'job', subject: 'undone', detail: null }).execute()
        throw new Error('undone')
      })
      .catch(() => undefined)
    const { count } = await store.db
      .selectFrom('events')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    await happen('last')
    using all = live.subscribe({ after: 0, wants: () => true })
    expect((await take(all, count + 1)).at(-1)).toBe('last')
  })

  test('that are not kept any more are not left out in silence', async () => {
    const old = await happen('old')
    const older = await happen('older')
    const kept = await happen('kept')
    await sql`update events set at = now() - interval '40 days' where id < ${kept}`.execute(store.db)
    expect((await sweep(store, { ...defaultSettings.retention, eventDays: 30 })).events).toBeGreaterThan(1)
    for (const after of [0, old]) {
      using late = live.subscribe({ after, wants: () => true })
      expect(await late.next()).toBeUndefined()
      expect(late.end).toBe('too-old')
    }
    // Whoever saw the last of them missed nothing.
    using exact = live.subscribe({ after: older, wants: () => true })
    expect(await take(exact, 1)).toEqual(['kept'])
    using other = live.subscribe({ after: 10_000_000, wants: () => true })
    expect(await other.next()).toBeUndefined()
    expect(other.end).toBe('too-old')
    using fresh = live.subscribe({ after: await happen('new'), wants: () => true })
    await happen('newer')
    expect(await take(fresh, 1)).toEqual(['newer'])
    // Nothing is left: the newest number is still known, and a stream that begins anew there goes on.
    await store.db.deleteFrom('events').execute()
    using anew = live.subscribe({ after: await live.newest(), wants: () => true })
    await happen('newest')
    expect(await take(anew, 1)).toEqual(['newest'])
  })

  test('go on without a gap when the connections to the store break', async () => {
    using all = live.subscribe({ after: await happen('before'), wants: () => true })
    await happen('one')
    expect(await take(all, 1)).toEqual(['one'])
    const cut = sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`
    for (let count = 0; count < 5; count++) {
      await cut.execute(store.db).catch(() => undefined)
      await happen(`r${count}`).catch(async () => await happen(`r${count}`))
    }
    expect(await take(all, 5)).toEqual(['r0', 'r1', 'r2', 'r3', 'r4'])
  })

  test('end for all when the manager does', async () => {
    using all = live.subscribe({ wants: () => true })
    await live[Symbol.asyncDispose]()
    expect(await all.next()).toBeUndefined()
    expect(all.end).toBe('closed')
  })
})
