import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Channel, channelStatus, type Message, type Outcome, startNotifier } from '@cordon/server/notify'
import { announce, type Notifier } from '@cordon/server/notify'
import type { Store } from '@cordon/server/store'
import { storeSecret } from '@cordon/server/store'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { backoffMs, claim, leaseMs } from '../../src/notify/deliveries.ts'
import { environment, isBuilt, Program, TemporaryState } from '../store/support.ts'

let place: TemporaryState
let store: Store
let logged: string[]
let running: Notifier[]

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

beforeEach(() => {
  logged = []
  running = []
})

afterEach(async () => {
  await Promise.all(running.map((each) => each.close()))
  await sql`truncate notifications, notification_deliveries, events`.execute(store.db)
  await store.db.deleteFrom('facts').where('name', 'like', 'notify %').execute()
})

interface Recorder extends Channel {
  readonly sent: Message[][]
}

/** A channel that answers what it is told and keeps what it was given. */
function recorder(change: Partial<Channel> = {}, answer: () => Outcome = () => ({ kind: 'sent' })): Recorder {
  const sent: Message[][] = []
  return {
    name: 'soc',
    kind: 'webhook',
    kinds: undefined,
    target: 'nowhere',
    perMinute: undefined,
    take: () => 1,
    send: async (messages) => {
      sent.push([...messages])
      return answer()
    },
    close: () => undefined,
    ...change,
    sent,
  }
}

/** Starts a notifier and waits until its channels are enlisted. */
async function start(channels: readonly Channel[], now: () => number = Date.now): Promise<Notifier> {
  const notifier = startNotifier({ store, channels, now, log: (line) => logged.push(line) })
  running.push(notifier)
  const names = channels.map(({ name }) => `notify ${name}`)
  await expect
    .poll(async () => (await store.db.selectFrom('facts').select('name').where('name', 'in', names).execute()).length, {
      timeout: 10_000,
    })
    .toBe(names.length)
  return notifier
}

async function tell(...subjects: string[]): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    for (const subject of subjects) {
      await announce(tx, { kind: 'enrollment-pending', subject, detail: { plant: 'mill', enrollment: 1 } })
    }
  })
}

const eventually = { timeout: 15_000 }
const subjectsOf = ({ sent }: Recorder) => sent.flat().map(({ subject }) => subject)
const statusOf = async (name = 'soc') => (await channelStatus(store)).find(({ channel }) => channel === name)

describe('a notifier', () => {
  test('delivers what is committed after the first start of a channel, in order, and nothing older', async () => {
    await tell('old')
    const channel = recorder()
    const notifier = await start([channel])
    await tell('one', 'two')
    await store.db
      .transaction()
      .execute(async (tx) => {
        await announce(tx, { kind: 'enrollment-pending', subject: 'undone', detail: {} })
        throw new Error('rolled back')
      })
      .catch(() => undefined)
    await expect.poll(() => subjectsOf(channel), eventually).toEqual(['one', 'two'])
    await notifier.close()
    await tell('while it was down')
    await start([channel])
    await expect.poll(() => subjectsOf(channel), eventually).toEqual(['one', 'two', 'while it was down'])
    await expect.poll(statusOf, eventually).toMatchObject({ waiting: 0, sent: 3, givenUp: 0 })
    expect(channel.sent[0]?.[0]).toMatchObject({ kind: 'enrollment-pending', plant: 'mill' })
  })

  test('finds a notification that committed after one of a higher number', async () => {
    const channel = recorder()
    await start([channel])
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const late = store.db.transaction().execute(async (tx) => {
      await announce(tx, { kind: 'enrollment-pending', subject: 'late', detail: {} })
      await held
    })
    await tell('early')
    await expect.poll(() => subjectsOf(channel), eventually).toEqual(['early'])
    release()
    await late
    await expect.poll(() => subjectsOf(channel), eventually).toEqual(['early', 'late'])
  })

  test('tells a channel its kinds alone', async () => {
    const channel = recorder({ kinds: ['enrollment-alarm'] })
    await start([channel])
    await tell('pending')
    await store.db
      .transaction()
      .execute((tx) => announce(tx, { kind: 'enrollment-alarm', subject: 'alarm', detail: {} }))
    await expect.poll(() => subjectsOf(channel), eventually).toEqual(['alarm'])
    expect(await statusOf()).toMatchObject({ waiting: 0 })
  })

  test('holds up no channel for one that hangs, and still ends', async () => {
    const hanging = recorder({ name: 'hanging', send: () => new Promise(() => undefined) })
    const channel = recorder()
    const notifier = await start([hanging, channel])
    await tell('one')
    await expect.poll(() => subjectsOf(channel), eventually).toEqual(['one'])
    await notifier.close()
    expect(await statusOf('hanging')).toMatchObject({ waiting: 1, sent: 0 })
    const again = recorder({ name: 'hanging' })
    await start([again])
    await expect.poll(() => subjectsOf(again), eventually).toEqual(['one'])
    const row = await store.db
      .selectFrom('notification_deliveries')
      .selectAll()
      .where('channel', '=', 'hanging')
      .executeTakeFirstOrThrow()
    expect(row.attempts).toBe(1)
  })

  test('gives up what a receiver refuses, as an event', async () => {
    const channel = recorder({}, () => ({ kind: 'refused', error: 'answered 410' }))
    await start([channel])
    await tell('one')
    await expect.poll(statusOf, eventually).toMatchObject({ waiting: 0, givenUp: 1, lastError: 'answered 410' })
    const [event] = await store.db.selectFrom('events').selectAll().execute()
    expect(event).toMatchObject({ kind: 'notification-given-up', subject: 'soc', detail: { error: 'answered 410' } })
    expect(logged.join()).toContain('answered 410')
  })

  test('tries again later what failed, and gives it up after 24 attempts', async () => {
    let time = Date.now()
    const channel = recorder({}, () => ({ kind: 'retry', error: 'answered 500' }))
    const first = await start([channel], () => time)
    await tell('one')
    await expect.poll(statusOf, eventually).toMatchObject({ waiting: 1, lastError: 'answered 500' })
    const { nextAt = 0 } = (await statusOf()) ?? {}
    expect(nextAt - time).toBeGreaterThanOrEqual(3750)
    expect(nextAt - time).toBeLessThanOrEqual(6250)
    await first.close()
    await store.db.updateTable('notification_deliveries').set({ attempts: 23 }).execute()
    time = nextAt
    await start([channel], () => time)
    await expect.poll(statusOf, eventually).toMatchObject({ waiting: 0, givenUp: 1 })
  })

  test('of two no one sends what the other is sending', async () => {
    const channels = [recorder(), recorder()]
    const together = Array.from({ length: 60 }, (_, i) => `unit ${i}`)
    await start([channels[0] ?? recorder()])
    await start([channels[1] ?? recorder()])
    await tell(...together)
    const all = () => channels.flatMap(subjectsOf).toSorted()
    await expect.poll(all, eventually).toEqual(together.toSorted())
    await expect.poll(statusOf, eventually).toMatchObject({ waiting: 0, sent: 60 })
    expect(all()).toHaveLength(60)
  })

  test('leaves claimed rows alone until their lease ends', async () => {
    await start([recorder({ kinds: ['none'] })])
    await Promise.all(running.map((each) => each.close()))
    await tell('one')
    await sql`insert into notification_deliveries (notification, channel, state) select id, 'soc', 'waiting' from notifications`.execute(
      store.db,
    )
    const now = Date.now() + 1000
    const claims = await Promise.all([1, 2, 3].map(() => claim(store.db, recorder(), now)))
    expect(claims.filter((each) => each !== undefined)).toHaveLength(1)
    expect(await claim(store.db, recorder(), now + leaseMs - 1)).toBeUndefined()
    expect((await claim(store.db, recorder(), now + leaseMs))?.rows[0]?.attempts).toBe(2)
  })

  test('puts a flood into one mail, and sends no more mails in a minute than allowed', async () => {
    const channel = recorder({ kind: 'mail', perMinute: 2, take: (waiting) => (waiting > 20 ? waiting : 1) })
    const notifier = await start([channel])
    await tell('one')
    await expect.poll(() => channel.sent.length, eventually).toBe(1)
    await notifier.close()
    await tell(...Array.from({ length: 500 }, (_, i) => `unit ${i}`))
    await start([channel])
    await expect.poll(() => channel.sent.map((each) => each.length), eventually).toEqual([1, 500])
    await tell('two', 'three')
    await expect.poll(() => channel.sent.length, eventually).toBe(3)
    // Two mails were sent since the second start: the next one waits for its minute.
    await expect.poll(statusOf, eventually).toMatchObject({ waiting: 1, sent: 502 })
  })

  test('waits for a store that is gone', async () => {
    let gone = true
    const failing = new Proxy(store.db, {
      get: (db, key) => {
        if (gone) throw new Error('the database was shut down')
        const value: unknown = Reflect.get(db, key)
        return typeof value === 'function' ? value.bind(db) : value
      },
    })
    const channel = recorder()
    const listen = store.listen.bind(store)
    const notifier = startNotifier({
      store: { db: failing, listen },
      channels: [channel],
      log: (line) => logged.push(line),
    })
    running.push(notifier)
    await expect.poll(() => logged.join(), eventually).toContain('wait for the store: the database was shut down')
    gone = false
    await expect.poll(() => logged.join(), eventually).toContain('the store answers again')
    await tell('one')
    await expect.poll(() => subjectsOf(channel), eventually).toEqual(['one'])
    expect(logged).toHaveLength(2)
  })
})

test('the rest after a failure doubles from 5 s to an hour, a quarter more or less', () => {
  expect([1, 2, 3, 10, 11, 24].map((attempt) => backoffMs(attempt, 0.5))).toEqual([
    5000, 10_000, 20_000, 2_560_000, 3_600_000, 3_600_000,
  ])
  expect([backoffMs(1, 0), backoffMs(1, 1)]).toEqual([3750, 6250])
})

/** A notifier of one webhook in a process of its own. */
const program = `
import { openStore } from '@cordon/server/store'
import { openChannel, startNotifier } from '@cordon/server/notify'
const { state, clusters, url } = JSON.parse(process.env.NOTIFIER)
const store = await openStore({ state, clusters, env: process.env, durable: false })
const settings = { kind: 'webhook', name: 'soc', url, secret: 'soc-hook' }
const channel = await openChannel(settings, { store, directory: '.' })
startNotifier({ store, channels: [channel], log: console.log })
console.log('started')
`

describe.skipIf(!isBuilt)('a notifier that is killed while it sends', () => {
  test('leaves the notification to the next one, which sends it under the same id', async () => {
    await storeSecret(store, 'soc-hook', new TextEncoder().encode('0123456789abcdef0123456789abcdef'))
    const ids: string[] = []
    let silent = true
    const server: Server = createServer((request, response) => {
      let body = ''
      request.on('data', (part: Buffer) => {
        body += part.toString()
      })
      request.on('end', () => {
        ids.push((JSON.parse(body) as { id: string }).id)
        if (!silent) response.end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // of a listening TCP server
    const url = `http://127.0.0.1:${port}/`
    const NOTIFIER = JSON.stringify({ state: place.state, clusters: place.clusters, url })
    try {
      using child = new Program(program, { env: environment({ NOTIFIER }) })
      await child.line()
      const enlisted = () => store.db.selectFrom('facts').select('name').where('name', '=', 'notify soc').execute()
      await expect.poll(enlisted, eventually).toHaveLength(1)
      await tell('one')
      await expect.poll(() => ids.length, eventually).toBe(1)
      await child.kill()
      silent = false
      const { openChannel } = await import('@cordon/server/notify')
      const settings = {
        kind: 'webhook',
        name: 'soc',
        url,
        secret: 'soc-hook',
        kinds: undefined,
        ca: undefined,
      } as const
      const channel = await openChannel(settings, { store, directory: '.' })
      // The lease of the dead one is over by then.
      await start([channel], () => Date.now() + leaseMs)
      await expect.poll(() => ids.length, eventually).toBe(2)
      expect(new Set(ids).size).toBe(1)
      await expect.poll(statusOf, eventually).toMatchObject({ waiting: 0, sent: 1 })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
