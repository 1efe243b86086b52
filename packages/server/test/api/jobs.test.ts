import { type Api, openApi } from '@cordon/server/api'
import { openAuthority } from '@cordon/server/authority'
import { type JobWorker, jobRunners, type LiveEvents, startJobWorker, startLiveEvents } from '@cordon/server/jobs'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jobHandlers } from '../../src/api/routes/jobs.ts'
import type { Services } from '../../src/api/services.ts'
import { plantOf, plantText, Unit, vendor } from '../deploy/real-plant.ts'
import { worldOf } from '../jobs/support.ts'
import { TemporaryState } from '../store/support.ts'
import { authenticate, csrf } from './support.ts'

let place: TemporaryState
let store: Store
let live: LiveEvents
let worker: JobWorker
let api: Api
let base: string
let signedIn = true
let units: readonly Unit[] = []

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  live = startLiveEvents({ store })
  units = await Promise.all([Unit.start({ last: 11 }), Unit.start({ last: 12 }), Unit.start({ last: 13 })])
  const world = worldOf(store, () => plantOf(plantText()), [(await vendor()).root])
  worker = startJobWorker({ store, runners: jobRunners(world), pollMs: 200 })
  const services: Pick<Services, 'store' | 'authority' | 'live' | 'isSignedIn' | 'newestVersion' | 'breaksOf'> = {
    store,
    authority: openAuthority(store),
    live,
    isSignedIn: () => Promise.resolve(signedIn),
    newestVersion: (plant) => Promise.resolve(plant === 'small' ? 3 : undefined),
    breaksOf: () => Promise.resolve([{ from: 'a', to: 'b', reason: 'no conduit', remedy: 'add one' }]),
  }
  // As much of the services as these routes use.
  api = await openApi({ services: services as Services, handlers: jobHandlers, authenticate, version: '0.0.0' })
  base = await api.fastify.listen({ host: '127.0.0.1', port: 0 })
})

afterAll(async () => {
  api.end()
  await api[Symbol.asyncDispose]()
  await worker[Symbol.asyncDispose]()
  await live[Symbol.asyncDispose]()
  for (const unit of units) await unit[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const headersOf = (role: string) => ({ cookie: `__Host-cordon=session:${role}:1`, 'x-csrf-token': csrf })

async function ask(method: string, path: string, body?: object, role = 'administrator') {
  const response = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: { ...headersOf(role), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as Record<string, never> }
}

async function over(id: string) {
  for (;;) {
    const { body } = await ask('GET', `/jobs/${id}`)
    const job = body as unknown as { state: string; deployment: string | null; error: unknown }
    if (job.state !== 'waiting' && job.state !== 'running') return job
    await new Promise((resume) => setTimeout(resume, 30))
  }
}

/** Messages of an event stream, as a browser gets them. */
class Stream implements AsyncDisposable {
  readonly #abort = new AbortController()
  readonly messages: { readonly id?: string; readonly event?: string; readonly data?: string }[] = []
  status = 0
  headers = new Headers()
  #ended: Promise<void> = Promise.resolve()

  /** Resolves when the manager ended it. */
  get ended(): Promise<void> {
    return this.#ended
  }

  static async open(query: string, more: Record<string, string> = {}, role = 'administrator'): Promise<Stream> {
    const stream = new Stream()
    const headers = { ...headersOf(role), ...more }
    const response = await fetch(`${base}/api/v1/events${query}`, { headers, signal: stream.#abort.signal })
    stream.status = response.status
    stream.headers = response.headers
    stream.#ended = stream.#read(response).catch(() => undefined)
    return stream
  }

  async #read({ body }: Response): Promise<void> {
    let rest = ''
    for await (const chunk of body ?? []) {
      const parts = (rest + Buffer.from(chunk as Uint8Array).toString()).split('\n\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const fields = part
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])
        const message = Object.fromEntries(fields) as { id?: string; event?: string; data?: string }
        // Events of the store have no name of their own: browsers hear those alone. Their kind is in the data.
        const told = message.data === undefined ? undefined : (JSON.parse(message.data) as { kind?: string }).kind
        this.messages.push(told === undefined ? message : { ...message, event: message.event ?? told })
      }
    }
  }

  /** Waits until one of the messages is like this. */
  async until(is: (message: { readonly event?: string; readonly data?: string }) => boolean): Promise<void> {
    while (!this.messages.some(is)) await new Promise((resume) => setTimeout(resume, 10))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    await this.#ended
  }
}

describe('jobs by the API', () => {
  test('plan, deploy and show what was done, while a stream tells of it', { timeout: 120_000 }, async () => {
    await using stream = await Stream.open('?plant=small')
    expect(stream.status).toBe(200)
    expect(stream.headers.get('content-type')).toContain('text/event-stream')
    const asked = await ask('POST', '/plants/small/plans', { closePorts: 'later' })
    expect(asked).toMatchObject({ status: 202, body: { kind: 'plan', version: 3, requestedBy: 'administrator' } })
    const { id } = asked.body as unknown as { id: string }
    expect(await over(id)).toMatchObject({ state: 'complete-with-warnings' })
    const plan = await ask('GET', `/plans/${id}`)
    expect(plan).toMatchObject({ status: 200, body: { plan: { breaks: [{ from: 'a' }] } } })
    const started = await ask('POST', '/plants/small/deployments', { plan: id, message: 'first zone' })
    expect(started).toMatchObject({ status: 202, body: { kind: 'deploy', follows: id } })
    const job = await over((started.body as unknown as { id: string }).id)
    expect(job, JSON.stringify(job.error)).toMatchObject({ state: expect.stringMatching(/^complete/) })
    const detail = await ask('GET', `/deployments/${job.deployment}`)
    expect(detail).toMatchObject({
      status: 200,
      body: { kind: 'apply', version: 3, by: 'administrator', devices: { total: 3, running: 0 } },
    })
    const listed = await ask('GET', '/plants/small/deployments?limit=1')
    expect(listed.body).toMatchObject({ items: [{ id: job.deployment }], next: null })
    await stream.until(({ event, data = '' }) => {
      return event === 'job' && data.includes('"deploy"') && /"state":"complete/.test(data)
    })
    const again = await ask('POST', `/deployments/${job.deployment}/retry`, {})
    expect([202, 422]).toContain(again.status)
  })

  test('refuses what cannot be done, with a status that says whose fault it is', async () => {
    expect(await ask('POST', '/plants/nowhere/plans', {})).toMatchObject({ status: 404 })
    expect(await ask('POST', '/plants/small/plans', { version: 9 })).toMatchObject({ status: 422 })
    expect(await ask('POST', '/plants/small/deployments', { plan: 'none' })).toMatchObject({ status: 404 })
    expect(await ask('POST', '/plants/small/discoveries', { targets: ['127.0.0.0/8'] })).toMatchObject({ status: 422 })
    expect(await ask('GET', '/jobs/none')).toMatchObject({ status: 404 })
    expect(await ask('GET', '/jobs?cursor=x')).toMatchObject({ status: 400 })
    expect(await ask('POST', '/jobs/none/cancel', undefined, 'observer')).toMatchObject({ status: 403 })
  })

  test('makes, lists and removes maintenance windows, and a job waits for one by its name', async () => {
    const rule = { kind: 'weekly', days: [7, 1], from: '22:00', to: '04:00', zone: 'Europe/Berlin' }
    const made = await ask('POST', '/plants/small/windows', { name: 'night', rule })
    expect(made).toMatchObject({ status: 201, body: { name: 'night', rule: { days: [7, 1] } } })
    const { id } = made.body as unknown as { id: string }
    expect((await ask('POST', '/plants/small/windows', { name: 'night', rule })).status).toBe(422)
    const wrong = { ...rule, zone: 'Mars/Olympus' }
    expect((await ask('POST', '/plants/small/windows', { name: 'other', rule: wrong })).status).toBe(422)
    const renewal = await ask('POST', '/plants/small/renewals', { window: 'night', notBefore: '2099-01-01T00:00:00Z' })
    expect(renewal).toMatchObject({ status: 202, body: { state: 'waiting', window: 'night' } })
    expect((await ask('DELETE', `/plants/small/windows/${id}`)).status).toBe(409)
    const job = (renewal.body as unknown as { id: string }).id
    expect(await ask('POST', `/jobs/${job}/cancel`)).toMatchObject({ status: 202, body: { state: 'cancelled' } })
    expect((await ask('DELETE', `/plants/small/windows/${id}`)).status).toBe(204)
    expect((await ask('GET', '/plants/small/windows')).body).toEqual({ items: [] })
  })
})

describe('the event stream', () => {
  const happen = async (kind: string, plant: string | null = null) =>
    await store.db
      .insertInto('events')
      .values({ kind, subject: 's', detail: null, plant })
      .returning('id')
      .executeTakeFirstOrThrow()

  test('goes on behind Last-Event-ID, and tells nobody what they may not see', async () => {
    const { id } = await happen('job', 'small')
    await happen('user-created')
    await happen('job', 'other')
    const last = await happen('job', 'small')
    await using stream = await Stream.open('?plant=small', { 'last-event-id': String(id) }, 'observer')
    await stream.until((message) => (message as { id?: string }).id === String(last.id))
    const ids = stream.messages.flatMap(({ id: one, event }) => (event === undefined ? [] : [one]))
    expect(ids).toEqual([String(last.id)])
    const history = await ask('GET', `/events/history?after=${id}&limit=10`, undefined, 'observer')
    expect(JSON.stringify(history.body)).not.toContain('user-created')
  })

  test('says that what was missed is not kept any more, and goes on', async () => {
    await using stream = await Stream.open('?after=999999999')
    await stream.until(({ event }) => event === 'reset')
    const { id } = await happen('job', 'small')
    await stream.until((message) => (message as { id?: string }).id === String(id))
  })

  test('ends when the session of its caller does', async () => {
    await using stream = await Stream.open('', {}, 'engineer')
    signedIn = false
    await happen('sessions.end')
    await stream.ended
    signedIn = true
  })

  test('refuses a position that is none, and too many at once', async () => {
    expect((await Stream.open('', { 'last-event-id': 'first' })).status).toBe(400)
    const open = await Promise.all(Array.from({ length: 13 }, () => Stream.open('', {}, 'operator')))
    expect(open.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 12 }, () => 200), 429])
    for (const stream of open) await stream[Symbol.asyncDispose]()
  })
})
