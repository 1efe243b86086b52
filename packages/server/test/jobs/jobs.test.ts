import { NotAllowed, UsageError } from '@cordon/core/errors'
import {
  addWindow,
  cancelJob,
  changeWindow,
  claimJob,
  type ClaimWish,
  endJob,
  findJob,
  type JobRequest,
  type JobRunners,
  jobRunners,
  listJobs,
  listManagers,
  removeWindow,
  requestJob,
  retryFailed,
  setSchedule,
  startJobWorker,
} from '@cordon/server/jobs'
import type { Store } from '@cordon/server/store'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { progressWriter } from '../../src/jobs/progress.ts'
import { makeDueJobs } from '../../src/jobs/schedules.ts'
import { plantOf, plantText, Unit, vendor } from '../deploy/real-plant.ts'
import { TemporaryState } from '../store/support.ts'
import { asker, emptyJobs, until, worldOf } from './support.ts'

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

afterEach(async () => {
  await emptyJobs(store)
})

const wish = (change: Partial<ClaimWish> = {}): ClaimWish => ({
  owner: 'elsewhere 1 a',
  kinds: ['deploy', 'release', 'renew', 'verify', 'drift'],
  mayRead: true,
  leaseMs: 30_000,
  ...change,
})
const ask = async (kind: JobRequest['kind'], change: Partial<JobRequest> = {}) =>
  await requestJob(store, asker, { kind, plant: 'small', ...change })
const claim = async (change: Partial<ClaimWish> = {}) => await claimJob(store, wish(change))

describe('a claim on a job', () => {
  test('asked for by many at once goes to exactly one', async () => {
    await ask('verify')
    const claims = await Promise.all(Array.from({ length: 8 }, (_, one) => claim({ owner: `elsewhere ${one} a` })))
    expect(claims.filter((one) => one !== undefined)).toHaveLength(1)
  })

  test('of those that change a plant is given one at a time, in their order, and others run beside', async () => {
    const first = await ask('deploy')
    const second = await ask('release', { parameters: { devices: [] } })
    const reading = await ask('verify')
    const elsewhere = await ask('deploy', { plant: 'other' })
    const one = await claim()
    expect(one?.job.id).toBe(first.id)
    const further = [await claim(), await claim(), await claim()].map((claimed) => claimed?.job.id)
    expect(further).toEqual([reading.id, elsewhere.id, undefined])
    if (one !== undefined) await endJob(store, one, { state: 'complete' })
    expect((await claim())?.job.id).toBe(second.id)
  })

  test('of one that only reads waits for room', async () => {
    await ask('verify')
    expect(await claim({ mayRead: false })).toBeUndefined()
  })

  test('is taken over when its lease has run out, and whoever had it writes nothing more', async () => {
    await ask('deploy')
    const late = await claim()
    expect(await claim({ owner: 'elsewhere 2 b' })).toBeUndefined()
    await sql`update jobs set lease_until = now() - interval '1 second'`.execute(store.db)
    const next = await claim({ owner: 'elsewhere 2 b' })
    if (late === undefined || next === undefined) throw new Error('not claimed')
    expect(next.token).toBeGreaterThan(late.token)
    await expect(endJob(store, late, { state: 'complete', result: 'late' })).rejects.toThrow(NotAllowed)
    await endJob(store, next, { state: 'complete', result: 'next' })
    expect(await findJob(store, next.job.id)).toMatchObject({ state: 'complete', result: 'next', attempts: 2 })
  })

  test('of a process of this machine that is gone is taken over at once', async () => {
    await ask('deploy')
    const { hostname } = await import('node:os')
    await claim({ owner: `${hostname()} 2147483646 killed` })
    expect(await claim()).toBeDefined()
  })

  test('is given up after many managers', async () => {
    const { id } = await ask('deploy')
    for (let count = 0; count < 12; count++) {
      await claim()
      await sql`update jobs set lease_until = now() - interval '1 second'`.execute(store.db)
    }
    expect(await findJob(store, id)).toMatchObject({ state: 'failed', error: { code: 'gave-up' } })
  })
})

describe('a request', () => {
  test('is on record with who made it, and its event names the job', async () => {
    const job = await ask('deploy', { parameters: { closePorts: 'later' } })
    const entry = await store.db.selectFrom('audit').selectAll().where('subject', '=', job.id).executeTakeFirst()
    expect(entry).toMatchObject({ actor: 'ann', action: 'jobs.start', plant: 'small', address: '192.0.2.9' })
    const event = await store.db.selectFrom('events').selectAll().where('subject', '=', job.id).executeTakeFirst()
    expect(event).toMatchObject({ kind: 'job', plant: 'small', detail: { kind: 'deploy', state: 'waiting' } })
  })

  test('for a plan that is none, of another version or not made is refused', async () => {
    const plan = await ask('plan', { version: 3 })
    const follow = (version: number) => ask('deploy', { version, parameters: { plan: plan.id } })
    await expect(follow(3)).rejects.toThrow('not ready')
    const claimed = await claim({ kinds: ['plan'] })
    if (claimed !== undefined) await endJob(store, claimed, { state: 'complete', result: {} })
    await expect(follow(4)).rejects.toThrow('version')
    await expect(ask('deploy', { parameters: { plan: 'nonsense' } })).rejects.toThrow(UsageError)
    expect((await follow(3)).state).toBe('waiting')
  })

  test('for the devices that an earlier deployment did not complete names these and no others', async () => {
    const job = await ask('deploy', { parameters: { closeConnections: true } })
    await sql`insert into deployments (id, plant, kind, status) values (${job.id}, 'small', 'apply', 'not-complete')`.execute(
      store.db,
    )
    await sql`insert into deployment_targets (deployment, device, position, status) values
      (${job.id}, 'a', 0, 'complete'), (${job.id}, 'b', 1, 'not-complete'), (${job.id}, 'c', 2, 'waiting')`.execute(
      store.db,
    )
    await sql`update jobs set deployment = id, state = 'not-complete'`.execute(store.db)
    const again = await retryFailed(store, asker, job.id)
    expect(again.parameters).toEqual({ closeConnections: true, retry: job.id, onlyDevices: ['b', 'c'] })
  })

  test('is cancelled where it waits, and listed by state', async () => {
    const { id } = await ask('drift')
    await cancelJob(store, asker, id)
    expect(await findJob(store, id)).toMatchObject({ state: 'cancelled', cancelledBy: 'ann' })
    expect(await claim()).toBeUndefined()
    expect((await listJobs(store, { states: ['cancelled'] })).map((job) => job.id)).toEqual([id])
    await expect(cancelJob(store, asker, 'nonsense')).rejects.toThrow(UsageError)
  })
})

describe('a job with a maintenance window', () => {
  test('waits until it opens', async () => {
    const rule = { kind: 'once', from: '2026-01-01T00:00:00Z', to: '2026-01-01T04:00:00Z' } as const
    const window = await addWindow(store, asker, { plant: 'small', zone: undefined, name: 'night', rule })
    const { id } = await ask('deploy', { window: window.id })
    expect(await claimJob(store, wish(), Date.parse(rule.from) - 1)).toBeUndefined()
    await expect(removeWindow(store, asker, window.id)).rejects.toThrow(NotAllowed)
    expect((await claimJob(store, wish(), Date.parse(rule.from)))?.job.id).toBe(id)
  })

  test('of another plant is refused', async () => {
    const rule = { kind: 'once', from: '2026-01-01T00:00:00Z', to: '2026-01-01T04:00:00Z' } as const
    const window = await addWindow(store, asker, { plant: 'other', zone: undefined, name: 'night', rule })
    await expect(ask('deploy', { window: window.id })).rejects.toThrow(UsageError)
  })
})

describe('a schedule', () => {
  test('makes one job for each due time, however many managers look', async () => {
    await setSchedule(store, asker, { plant: 'small', kind: 'drift', everyS: 600 })
    await Promise.all(Array.from({ length: 6 }, () => makeDueJobs(store)))
    expect(await listJobs(store, { kinds: ['drift'] })).toHaveLength(1)
    const inMs = await makeDueJobs(store)
    expect(inMs).toBeGreaterThan(500_000)
    // The one that waits does for the next due time too.
    await sql`update job_schedules set next_at = now() - interval '25 minutes'`.execute(store.db)
    await makeDueJobs(store)
    expect(await listJobs(store, { kinds: ['drift'] })).toHaveLength(1)
    await sql`update jobs set state = 'complete'`.execute(store.db)
    await sql`update job_schedules set next_at = now() - interval '25 minutes'`.execute(store.db)
    expect(await makeDueJobs(store)).toBeLessThanOrEqual(600_000)
    expect(await listJobs(store, { kinds: ['drift'] })).toHaveLength(2)
    await setSchedule(store, asker, { plant: 'small', kind: 'drift', everyS: undefined })
    expect(await makeDueJobs(store)).toBeUndefined()
  })
})

describe('progress', () => {
  test('is written at once, then the newest after a pause, and all of it at the end', async () => {
    const written: number[] = []
    const writer = progressWriter(async ({ done = 0 }) => {
      written.push(done)
    }, 20)
    for (let done = 1; done <= 50; done++) writer.tell({ done })
    expect(written.length).toBeLessThanOrEqual(1)
    await until(() => Promise.resolve(written.length === 2))
    writer.tell({ done: 51 })
    writer.tell({ done: 52 })
    await writer.end()
    writer.tell({ done: 53 })
    expect(written).toEqual([1, 50, 52])
  })
})

describe('a manager', () => {
  const isOver = async (id: string) => (await findJob(store, id))?.finishedAt !== undefined
  const working = (runners: JobRunners) => startJobWorker({ store, runners, pollMs: 100 })

  test('runs what is asked for at once, tells how far it is, and is seen', async () => {
    await using worker = working({
      drift: (work) => {
        work.progress({ done: 1, total: 2 })
        return Promise.resolve({ state: 'complete', result: { found: 3 } })
      },
    })
    const { id } = await ask('drift')
    await until(() => isOver(id))
    expect(await findJob(store, id)).toMatchObject({
      state: 'complete',
      result: { found: 3 },
      progress: { done: 1, total: 2 },
    })
    expect((await listManagers(store)).map((one) => one.id)).toEqual([worker.id])
  })

  test('says why a job failed and what to do', async () => {
    await using _ = working({ drift: () => Promise.reject(new UsageError('missing', 'there is no plant small')) })
    const { id } = await ask('drift')
    await until(() => isOver(id))
    expect(await findJob(store, id)).toMatchObject({
      state: 'failed',
      error: { code: 'missing', message: 'there is no plant small' },
    })
  })

  test('stops what is cancelled', async () => {
    await using _ = working({
      drift: ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ state: 'complete', result: 'a part' }), { once: true })
        }),
    })
    const { id } = await ask('drift')
    await until(async () => (await findJob(store, id))?.state === 'running')
    await cancelJob(store, asker, id)
    await until(() => isOver(id))
    expect(await findJob(store, id)).toMatchObject({ state: 'cancelled', result: 'a part' })
  })

  test('that ends gives back what it runs', async () => {
    const runners: JobRunners = {
      drift: ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
        }),
    }
    const worker = working(runners)
    const { id } = await ask('drift')
    await until(async () => (await findJob(store, id))?.state === 'running')
    await worker[Symbol.asyncDispose]()
    expect(await findJob(store, id)).toMatchObject({ state: 'waiting', manager: undefined })
  })
})

describe('a deployment job', () => {
  test('follows the plan that was agreed to, refuses a device that changed since, and does that one again', async () => {
    const units = await Promise.all([Unit.start({ last: 11 }), Unit.start({ last: 12 }), Unit.start({ last: 13 })])
    const anchors = [(await vendor()).root]
    const runners = jobRunners(worldOf(store, () => plantOf(plantText()), anchors))
    try {
      await using _ = startJobWorker({ store, runners, pollMs: 100 })
      const over = async (id: string) => {
        await until(async () => (await findJob(store, id))?.finishedAt !== undefined)
        return await findJob(store, id)
      }
      const plan = await over((await ask('plan')).id)
      expect(plan, JSON.stringify(plan?.error)).toMatchObject({ state: 'complete', result: { plant: 'small' } })
      // Another unit takes the place of one after the plan was looked at.
      await units[2]?.[Symbol.asyncDispose]()
      units[2] = await Unit.start({ last: 13, serial: 0x9999 })
      const job = await over((await ask('deploy', { parameters: { plan: plan?.id } })).id)
      expect(job, JSON.stringify(job?.error)).toMatchObject({ state: 'not-complete' })
      const targets = await store.db
        .selectFrom('deployment_targets')
        .select(['device', 'status', 'attempts'])
        .where('deployment', '=', job?.deployment ?? '')
        .orderBy('device')
        .execute()
      expect(targets.map(({ device, status, attempts }) => [device, status, attempts])).toEqual([
        ['Blue_1', 'waiting', 0],
        ['Green_1', 'complete', 1],
        ['Green_2', 'complete', 1],
      ])
      const again = await over((await retryFailed(store, asker, job?.id ?? '')).id)
      expect(again).toMatchObject({ state: 'complete', parameters: { onlyDevices: ['Blue_1'] } })
      for (const unit of units) expect(unit.device.persist().state.cipSecurity).toBe('configured')
    } finally {
      for (const unit of units) await unit[Symbol.asyncDispose]()
    }
  })

  test('whose window closes finishes what it began, and goes on when it opens again', async () => {
    const units = await Promise.all([Unit.start({ last: 11 }), Unit.start({ last: 12 }), Unit.start({ last: 13 })])
    const anchors = [(await vendor()).root]
    const world = worldOf(store, () => plantOf(plantText()), anchors)
    const now = Date.now()
    const open = {
      kind: 'once',
      from: new Date(now - 60_000).toISOString(),
      to: new Date(now + 3_600_000).toISOString(),
    } as const
    const window = await addWindow(store, asker, { plant: 'small', zone: undefined, name: 'now', rule: open })
    // The window closes when the first device is begun.
    const shut = { ...open, to: new Date(now - 1000).toISOString() }
    const turn = (rule: typeof open) => changeWindow(store, asker, window.id, { zone: undefined, name: 'now', rule })
    let begun = 0
    const { deploy } = jobRunners(world)
    const once: JobRunners = {
      deploy: async (work) => {
        const end = await deploy?.({ ...work, mayBegin: () => begun++ < 1 })
        await turn(shut)
        return end ?? { state: 'not-complete' }
      },
    }
    try {
      const worker = startJobWorker({ store, runners: once })
      const { id } = await ask('deploy', { window: window.id })
      await until(async () => {
        const job = await findJob(store, id)
        return job?.deployment !== undefined && job.result !== undefined
      })
      await worker[Symbol.asyncDispose]()
      const between = await findJob(store, id)
      expect(between).toMatchObject({ result: { counts: { 'not-complete': 2 } } })
      expect(between).toMatchObject({ state: 'waiting', finishedAt: undefined })
      await using _ = startJobWorker({ store, runners: jobRunners(world), pollMs: 100 })
      await turn(open)
      await until(async () => (await findJob(store, id))?.finishedAt !== undefined)
      expect(await findJob(store, id)).toMatchObject({ state: 'complete', deployment: between?.deployment })
      for (const unit of units) expect(unit.device.persist().state.cipSecurity).toBe('configured')
    } finally {
      for (const unit of units) await unit[Symbol.asyncDispose]()
    }
  })
})
