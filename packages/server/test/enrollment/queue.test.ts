import type { EnrollmentFacts } from '@cordon/core/enrollment'
import {
  clearClone,
  decide,
  type Decision,
  enrollmentHistory,
  expireEnrollments,
  listEnrollments,
  readEnrollment,
  revokePerson,
  setPerson,
} from '@cordon/server/enrollment'
import { jsonText, type Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { ask, keyOf, record } from './queue-rows.ts'

let place: TemporaryState
let store: Store

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const say = async (verdict: Decision['verdict'], by: string, ...ids: number[]) =>
  await decide(store, { ids, verdict, by, reason: `because of ${by}` })

const resultsOf = async (verdict: Decision['verdict'], by: string, ...ids: number[]) =>
  (await say(verdict, by, ...ids)).map(({ result }) => result)

const standing = async (id: number) => (await readEnrollment(store, id)).standing

describe('the queue', () => {
  it('is listed oldest first, page by page, and by what is looked for', async () => {
    const plant = 'listed'
    const ids = [
      await ask(store, 'Mixer', { plant, address: '192.0.2.1' }),
      await ask(store, 'Valve_100%', { plant, label: 'pc', state: 'denied', reason: 'wrong password' }),
      await ask(store, 'Robot', { plant, address: '192.0.2.1' }),
    ]
    const found = async (filter: Parameters<typeof listEnrollments>[1], page = {}) =>
      (await listEnrollments(store, { plant, ...filter }, page)).entries.map(({ id }) => ids.indexOf(id))
    expect(await found({})).toEqual([0, 1, 2])
    expect(await found({ states: ['pending'] })).toEqual([0, 2])
    expect(await found({ address: '192.0.2.1', device: 'Robot' })).toEqual([2])
    expect(await found({ label: 'pc' })).toEqual([1])
    expect(await found({ text: 'VALVE' })).toEqual([1])
    expect(await found({ text: '0%' })).toEqual([1])
    expect(await found({ text: '%' })).toEqual([1])
    expect(await found({ text: keyOf('Robot').slice(0, 16) })).toEqual([2])
    expect(await found({ since: new Date(Date.now() + 60_000) })).toEqual([])
    const first = await listEnrollments(store, { plant }, { most: 2 })
    expect(first.next).toBe(ids[1])
    expect(await found({}, { after: first.next })).toEqual([2])
    await expect(listEnrollments(store, {}, { most: 0 })).rejects.toThrow(/1 to 1000/)
  })

  it('says everything known of one', async () => {
    await store.db
      .insertInto('devices')
      .values({ plant: 'line', name: 'Old_Pump', address: '192.0.2.77', zone: 'green', serial: 7 })
      .execute()
    await record(store, 'a1')
    const earlier = await ask(store, 'earlier', { address: '192.0.2.77', state: 'expired' })
    const id = await ask(store, 'Pump', { address: '192.0.2.77' })
    await say('approve', 'anna', id)
    expect(await readEnrollment(store, id)).toMatchObject({
      device: 'Pump',
      approvedBy: ['anna'],
      standing: [{ by: 'anna', verdict: 'approve' }],
      words: [{ kind: 'asked' }, { kind: 'approve', by: 'anna', reason: 'because of anna' }],
      devices: [{ name: 'Old_Pump', serial: 7 }],
      earlier: [{ id: earlier, state: 'expired' }],
      certificates: [{ serial: 'a1', status: 'valid' }],
      certificate: null,
    })
    await expect(readEnrollment(store, 999_999)).rejects.toThrow(/no enrollment 999999/)
  })
})

describe('a decision', () => {
  it('counts each person once, also when both speak at the same time', async () => {
    const id = await ask(store, 'two')
    const results = await Promise.all([
      resultsOf('approve', 'anna', id),
      resultsOf('approve', 'anna', id),
      resultsOf('approve', 'bert', id),
    ])
    expect(results.flat().filter((result) => result === 'done')).toHaveLength(2)
    expect((await standing(id)).map(({ by }) => by).sort()).toEqual(['anna', 'bert'])
    const [again] = await say('approve', 'anna', id)
    expect(again).toMatchObject({ result: 'refused', reason: expect.stringMatching(/another person/) })
  })

  it('of an administrator who is revoked counts no more', async () => {
    for (const name of ['carl', 'dora']) await setPerson(store, 'administrator', name, `${name} has a word`, 'test')
    const id = await ask(store, 'gone')
    expect(await resultsOf('approve', 'carl', id)).toEqual(['done'])
    await revokePerson(store, 'administrator', 'carl', { by: 'dora', reason: 'left' })
    expect(await standing(id)).toEqual([])
    expect((await readEnrollment(store, id)).words.at(-1)).toMatchObject({ kind: 'withdraw', by: 'carl' })
  })

  it('to deny wins over approvals, and its author may take it back', async () => {
    const id = await ask(store, 'denied')
    await say('approve', 'anna', id)
    expect(await resultsOf('deny', 'bert', id)).toEqual(['done'])
    expect(await readEnrollment(store, id)).toMatchObject({
      state: 'denied',
      reason: 'bert denied it: because of bert',
    })
    expect(await resultsOf('approve', 'carl', id)).toEqual(['refused'])
    expect(await resultsOf('withdraw', 'carl', id)).toEqual(['refused'])
    expect(await resultsOf('withdraw', 'bert', id)).toEqual(['done'])
    expect(await readEnrollment(store, id)).toMatchObject({ state: 'pending', approvedBy: ['anna'] })
    await expect(decide(store, { ids: [id], verdict: 'deny', by: 'anna', reason: ' ' })).rejects.toThrow(/a reason/)
  })

  it('can be taken back until the certificate is issued, and not made after', async () => {
    const id = await ask(store, 'issued')
    await say('approve', 'anna', id)
    expect(await resultsOf('withdraw', 'anna', id)).toEqual(['done'])
    expect(await standing(id)).toEqual([])
    await say('approve', 'anna', id)
    await record(store, 'b2', { name: 'issued' })
    const issued = { state: 'granted', issuer_id: 'green-1', serial: 'b2' } as const
    await store.db.updateTable('enrollments').set(issued).where('id', '=', id).execute()
    for (const verdict of ['approve', 'deny', 'withdraw'] as const) {
      const [result] = await say(verdict, 'bert', id)
      expect(result).toMatchObject({ result: 'refused', reason: expect.stringMatching(/b2 was issued.*ca revoke/) })
    }
    expect((await readEnrollment(store, id)).certificate).toMatchObject({ serial: 'b2' })
    const history = await enrollmentHistory(store, 'B2')
    expect(history.map(({ words }) => words.map(({ kind }) => kind))).toEqual([
      ['asked', 'approve', 'withdraw', 'approve'],
    ])
  })

  it('is for what was asked: another subject for the same key is approved by nobody', async () => {
    const id = await ask(store, 'swapped')
    await say('approve', 'anna', id)
    await store.db.updateTable('enrollments').set({ subject: 'CN=Master' }).where('id', '=', id).execute()
    expect(await standing(id)).toEqual([])
    expect(await resultsOf('approve', 'anna', id)).toEqual(['done'])
  })

  it('about many is many decisions, each with its own result', async () => {
    const ids: number[] = []
    for (let i = 0; i < 200; i++) ids.push(await ask(store, `bulk-${i}`))
    await say('deny', 'bert', ids[7] ?? 0)
    const [anna, carl] = await Promise.all([
      resultsOf('approve', 'anna', ...ids, 888_888),
      resultsOf('approve', 'carl', ...ids.toReversed()),
    ])
    expect(anna.filter((result) => result === 'refused')).toHaveLength(2)
    expect(carl.filter((result) => result === 'refused')).toHaveLength(1)
    expect((await standing(ids[199] ?? 0)).map(({ by }) => by).sort()).toEqual(['anna', 'carl'])
  }, 60_000)

  it('comes too late for a request that expired, also at the very moment', async () => {
    const now = Date.now()
    const over = await ask(store, 'over', { expires_at: new Date(now - 1) })
    expect(await resultsOf('approve', 'anna', over)).toEqual(['refused'])
    const ids: number[] = []
    for (let i = 0; i < 20; i++) ids.push(await ask(store, `last-${i}`, { expires_at: new Date(now + 1000) }))
    const decision = { ids, verdict: 'approve', by: 'anna', reason: '' } as const
    const [results, expired] = await Promise.all([
      decide(store, decision, { now }),
      expireEnrollments(store, now + 1001),
    ])
    expect(expired).toContain(over)
    for (const { id, result } of results) {
      const { state, expiresAt } = await readEnrollment(store, id)
      // Whoever came first won: either it is approved and kept open, or it is expired and the word was refused.
      expect([result, state]).toEqual(expired.includes(id) ? ['refused', 'expired'] : ['done', 'pending'])
      if (result === 'done') expect(expiresAt?.getTime()).toBeGreaterThan(now + 3_600_000)
    }
  })

  it('given before a request expired counts no more when it is asked again', async () => {
    const id = await ask(store, 'lapsed', { expires_at: new Date(Date.now() + 60_000) })
    await say('approve', 'anna', id)
    await expireEnrollments(store, Date.now() + 100 * 3_600_000)
    await store.db.updateTable('enrollments').set({ state: 'pending', expires_at: null }).where('id', '=', id).execute()
    expect(await standing(id)).toEqual([])
  })

  it('is told to people in the same transaction', async () => {
    const id = await ask(store, 'told')
    await say('approve', 'anna', id)
    const { kind, detail } = await store.db
      .selectFrom('notifications')
      .selectAll()
      .where('subject', '=', 'told')
      .executeTakeFirstOrThrow()
    expect({ kind, detail }).toMatchObject({ kind: 'enrollment-approved', detail: { enrollment: id, by: 'anna' } })
  })
})

describe('a clone alarm', () => {
  const seen = async (key: string, address: string, mac = '') =>
    await store.db.insertInto('enrollment_sightings').values({ key, address, unit: '', mac }).execute()
  const open = async (key: string) =>
    (
      await store.db
        .selectFrom('enrollment_sightings')
        .select('address')
        .where('key', '=', key)
        .where('cleared_by', 'is', null)
        .execute()
    ).map(({ address }) => address)

  it('is cleared for a reason, and the place where the key belongs stays on record', async () => {
    const id = await ask(store, 'moved', { address: '192.0.2.20' })
    const key = keyOf('moved')
    await seen(key, '192.0.2.20')
    await expect(clearClone(store, { id, by: 'anna', reason: 'x' })).rejects.toThrow(/no clone alarm/)
    await seen(key, '192.0.2.21')
    await expect(clearClone(store, { id, by: 'anna', reason: '' })).rejects.toThrow(/a reason/)
    expect(await clearClone(store, { id, by: 'anna', reason: 'moved' })).toEqual(['192.0.2.21'])
    expect(await open(key)).toEqual(['192.0.2.20'])
    const { words, sightings } = await readEnrollment(store, id)
    expect(words.at(-1)).toMatchObject({ kind: 'clear', by: 'anna', reason: 'moved' })
    expect(sightings).toMatchObject([{ clearedBy: null }, { clearedBy: 'anna' }])
  })

  it('can be cleared in favour of another place than the newest', async () => {
    const id = await ask(store, 'stolen', { address: '192.0.2.66' })
    const key = keyOf('stolen')
    await seen(key, '192.0.2.30')
    await seen(key, '192.0.2.66')
    const clearance = { id, by: 'anna', reason: 'the copy is in our hands' }
    await expect(clearClone(store, { ...clearance, address: '192.0.2.31' })).rejects.toThrow(/not seen at/)
    expect(await clearClone(store, { ...clearance, address: '192.0.2.30' })).toEqual(['192.0.2.66'])
    expect(await open(key)).toEqual(['192.0.2.30'])
  })

  it('about two units at one address leaves the one that asked', async () => {
    const id = await ask(store, 'swapped-unit', { address: '192.0.2.40' })
    const { facts } = await readEnrollment(store, id)
    const macs: EnrollmentFacts['macs'] = [{ value: '00:1d:9c:00:00:02', assurance: 'observed', source: 'ARP' }]
    await store.db
      .updateTable('enrollments')
      .set({ facts: jsonText({ ...facts, macs }) })
      .where('id', '=', id)
      .execute()
    await seen(facts.key, '192.0.2.40', '00:1d:9c:00:00:01')
    await seen(facts.key, '192.0.2.40', '00:1d:9c:00:00:02')
    await clearClone(store, { id, by: 'anna', reason: 'new network card' })
    const { sightings } = await readEnrollment(store, id)
    expect(sightings.map(({ mac, clearedBy }) => [mac.slice(-2), clearedBy])).toEqual([
      ['01', 'anna'],
      ['02', null],
    ])
  })
})
