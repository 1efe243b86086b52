import type { DeviceResult, JournalEntry } from '@cordon/core/deployment'
import { NotAllowed } from '@cordon/core/errors'
import type { Store } from '@cordon/server/store'
import { sql } from 'kysely'
import { hostname } from 'node:os'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Claims, createDeployment, findDeployment } from '../../src/deploy/claims.ts'
import { TemporaryState } from '../store/support.ts'

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

beforeEach(async () => {
  await store.db.deleteFrom('deployments').execute()
})

const devices = ['a', 'b', 'c']
const create = (plant = 'small') =>
  createDeployment(store, { plant, kind: 'apply', plan: null, options: null, devices })
const entry = (device: string, step: JournalEntry['step'] = 'key'): JournalEntry => ({
  device,
  step,
  phase: 'begin',
  detail: { instance: 2 },
})
const done = (device: string): DeviceResult => ({
  device,
  address: '192.0.2.1',
  outcome: 'complete',
  configuration: 'new',
  messages: [],
  steps: [],
})

describe('a claim on a device', () => {
  test('is given once, and again after it was given back', async () => {
    const id = await create()
    await using first = new Claims(store, id, 'small')
    await using second = new Claims(store, id, 'small')
    expect(await first.claim('a')).toBe(true)
    expect(await second.claim('a')).toBe(false)
    expect(await second.claim('b')).toBe(true)
    await first.release(done('a'))
    expect(await second.claim('a')).toBe(true)
  })

  test('holds against other deployments of the plant too, and not against other plants', async () => {
    await using first = new Claims(store, await create(), 'small')
    await using second = new Claims(store, await create(), 'small')
    await using elsewhere = new Claims(store, await create('other'), 'other')
    expect(await first.claim('a')).toBe(true)
    expect(await second.claim('a')).toBe(false)
    expect(await elsewhere.claim('a')).toBe(true)
  })

  test('asked for by many at once goes to exactly one', async () => {
    const id = await create()
    const all = Array.from({ length: 8 }, () => new Claims(store, id, 'small'))
    const granted = await Promise.all(all.map((claims) => claims.claim('a')))
    expect(granted.filter(Boolean)).toHaveLength(1)
    for (const claims of all) await claims[Symbol.asyncDispose]()
  })

  test('goes to another when its lease has run out', async () => {
    const id = await create()
    await using first = new Claims(store, id, 'small')
    await using second = new Claims(store, id, 'small')
    await first.claim('a')
    await sql`update deployment_targets set lease_until = now() - interval '1 second'`.execute(store.db)
    expect(await second.claim('a')).toBe(true)
  })

  test('of a process of this machine that is gone is taken over at once', async () => {
    const id = await create()
    await using claims = new Claims(store, id, 'small')
    // No process has this number: the kernel's limit is below it.
    const owner = `${hostname()} 2147483646 killed`
    await sql`update deployment_targets set lease_owner = ${owner}, lease_until = now() + interval '1 minute', status = 'running'`.execute(
      store.db,
    )
    expect(await claims.claim('a')).toBe(true)
  })

  test('of a living process, or of another machine, is left until it runs out', async () => {
    const id = await create()
    await using claims = new Claims(store, id, 'small')
    for (const owner of [`${hostname()} ${process.pid} alive`, 'elsewhere 2147483646 unknown']) {
      await sql`update deployment_targets set lease_owner = ${owner}, lease_until = now() + interval '1 minute'`.execute(
        store.db,
      )
      expect(await claims.claim('b'), owner).toBe(false)
    }
  })
})

describe('the journal in the store', () => {
  test('is durable and in order when a record resolves', async () => {
    const id = await create()
    await using claims = new Claims(store, id, 'small')
    await claims.claim('a')
    await claims.record([entry('a', 'key'), { ...entry('a', 'key'), phase: 'done' }])
    await claims.record([entry('a', 'begin-config')])
    expect((await claims.read('a')).map(({ step, phase }) => `${step} ${phase}`)).toEqual([
      'key begin',
      'key done',
      'begin-config begin',
    ])
    expect((await claims.read('a'))[0]?.detail).toEqual({ instance: 2 })
  })

  test('takes the records of many devices in few commits, each in its own order', async () => {
    const names = Array.from({ length: 100 }, (_, place) => `device-${place}`)
    const id = await createDeployment(store, {
      plant: 'small',
      kind: 'apply',
      plan: null,
      options: null,
      devices: names,
    })
    await using claims = new Claims(store, id, 'small')
    await Promise.all(names.map((name) => claims.claim(name)))
    await Promise.all(
      names.flatMap((name) => (['key', 'files', 'apply'] as const).map((step) => claims.record([entry(name, step)]))),
    )
    for (const name of names)
      expect((await claims.read(name)).map(({ step }) => step)).toEqual(['key', 'files', 'apply'])
  })

  test('refuses whoever lost the claim, and takes the records of the others all the same', async () => {
    const id = await create()
    await using late = new Claims(store, id, 'small')
    await using next = new Claims(store, id, 'small')
    await late.claim('a')
    await late.claim('b')
    await sql`update deployment_targets set lease_until = now() - interval '1 second' where device = 'a'`.execute(
      store.db,
    )
    await next.claim('a')
    const written = late.record([entry('b')])
    await expect(late.record([entry('a')])).rejects.toThrow(NotAllowed)
    await written
    await next.record([entry('a', 'files')])
    expect((await next.read('a')).map(({ step }) => step)).toEqual(['files'])
    expect((await next.read('b')).map(({ step }) => step)).toEqual(['key'])
  })

  test('refuses who never claimed', async () => {
    await using claims = new Claims(store, await create(), 'small')
    await expect(claims.record([entry('a')])).rejects.toThrow('a')
  })
})

describe('a result', () => {
  test('is kept under the claim, and one that comes too late changes nothing', async () => {
    const id = await create()
    await using late = new Claims(store, id, 'small')
    await using next = new Claims(store, id, 'small')
    await late.claim('a')
    await sql`update deployment_targets set lease_until = now() - interval '1 second'`.execute(store.db)
    await next.claim('a')
    await late.release({ ...done('a'), outcome: 'not-complete' })
    await next.release(done('a'))
    const row = await store.db.selectFrom('deployment_targets').selectAll().where('device', '=', 'a').executeTakeFirst()
    expect(row).toMatchObject({ status: 'complete', lease_owner: null, attempts: 2, fencing_token: 2 })
  })

  test('leaves the devices that are not done for resume', async () => {
    const id = await create()
    await using claims = new Claims(store, id, 'small')
    await claims.claim('a')
    await claims.claim('b')
    await claims.release(done('a'))
    await claims.release({ ...done('b'), outcome: 'not-complete' })
    expect((await findDeployment(store, 'small'))?.unfinished).toEqual(['b'])
    expect((await findDeployment(store, 'small', id))?.id).toBe(id)
    await expect(findDeployment(store, 'small', 'no-such-id')).rejects.toThrow('no-such-id')
    expect(await findDeployment(store, 'another')).toBeUndefined()
  })
})
