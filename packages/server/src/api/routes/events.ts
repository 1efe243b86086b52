import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { eventPermission, type LiveSubscription, listEvents } from '../../jobs/live.ts'
import type { jobRoutes } from '../contract/jobs.ts'
import type { Call, Handlers } from '../handler.ts'
import { RequestProblem } from '../problem.ts'

type Routes = Pick<typeof jobRoutes, 'events.stream' | 'events.history'>

/** Streams that one person or token may have open at this manager. */
const mostStreams = 12
/** Silence on a stream, so that proxies and clients see that it lives, milliseconds. */
const heartbeatMs = 15_000
/** When a client is to come back after its stream ended, milliseconds. */
const retryMs = 2000

/** Events as they happen, and those that did. */
export const eventHandlers = {
  'events.history': async ({ query, caller, services }) => {
    const { after, limit = 50, plant, kind } = query
    const may = caller.may.bind(caller)
    const events = await listEvents(services.store, { after, limit, plant, kind, may })
    return { items: events.map((event) => ({ ...event, plant: event.plant ?? null })) }
  },
  'events.stream': async (call) => {
    const { caller, services, fastify } = call
    const owner = caller.user?.id ?? caller.actor.name
    if (services.live.subscriptionsOf(owner) >= mostStreams)
      throw new RequestProblem(429, {
        code: 'too-many-streams',
        message: `${mostStreams} event streams of ${caller.actor.name} are open already`,
        remedy: 'Close some of them: one stream carries the events of all plants.',
      })
    const after = positionOf(call)
    using subscription = services.live.subscribe({ ...wishOf(call), owner, after })
    fastify.reply.hijack()
    const { raw } = fastify.reply
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // A proxy that gathers the answer would hold the events back.
      'x-accel-buffering': 'no',
    })
    raw.write(`retry: ${retryMs}\n\n`)
    await stream(call, subscription, raw, owner)
    raw.end()
    return undefined
  },
} satisfies Handlers<Routes>

type StreamCall = Call<Routes['events.stream']>

/** Where the client was: its own header goes before the address, which stays the same when it comes back. */
function positionOf({ query, fastify }: StreamCall): number | undefined {
  const header = fastify.request.headers['last-event-id']
  if (header === undefined || header === '') return query.after
  const number = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined
  if (number === undefined)
    throw new RequestProblem(400, { code: 'bad-value', message: 'Last-Event-ID: expected the number of an event' })
  return number
}

function wishOf({ query, caller }: StreamCall) {
  const { plant } = query
  return {
    wants: (event: { readonly kind: string; readonly plant: string | undefined }) =>
      (plant === undefined || event.plant === undefined || event.plant === plant) &&
      caller.may(eventPermission(event.kind)),
  }
}

/** Writes until the client leaves, its session ends, or it does not keep up. */
async function stream(call: StreamCall, first: LiveSubscription, raw: ServerResponse, owner: string): Promise<void> {
  const { services, caller, signal } = call
  let subscription = first
  const stop = () => subscription[Symbol.dispose]()
  const beat = setInterval(() => {
    raw.write(': alive\n\n')
    services.isSignedIn(caller).then(
      (isSignedIn) => {
        if (!isSignedIn) stop()
      },
      // The store is away: what the client sees stays, and the next look asks again.
      () => undefined,
    )
  }, heartbeatMs)
  signal.addEventListener('abort', stop, { once: true })
  raw.once('close', stop)
  raw.once('error', stop)
  if (signal.aborted || raw.destroyed) stop()
  try {
    for (;;) {
      const events = await subscription.next()
      if (events === undefined) {
        if (subscription.end !== 'too-old') return
        // It must read everything anew; from here on it misses nothing.
        const newest = await services.live.newest()
        subscription = services.live.subscribe({ ...wishOf(call), owner, after: newest })
        raw.write(`id: ${newest}\nevent: reset\ndata: {"reason":"too-old"}\n\n`)
        continue
      }
      // One write for all of them. While the client does not read, the subscription fills up and is cut off.
      if (!raw.write(Buffer.concat(events.map(({ frame }) => frame))))
        await Promise.race([once(raw, 'drain', { signal }), once(raw, 'close', { signal })]).catch(() => undefined)
    }
  } finally {
    clearInterval(beat)
    signal.removeEventListener('abort', stop)
    subscription[Symbol.dispose]()
  }
}
