import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { eventPermission, type LiveSubscription, type LiveWish, listEvents } from '../../jobs/live.ts'
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
    const watch = watchOf(call)
    using subscription = services.live.subscribe({ wants: watch.wants, owner, after })
    fastify.reply.hijack()
    const { raw } = fastify.reply
    raw.writeHead(200, {
      ...headersOf(call),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // A proxy that gathers the answer would hold the events back.
      'x-accel-buffering': 'no',
    })
    raw.write(`retry: ${retryMs}\n\n`)
    await stream(call, subscription, { raw, owner, watch })
    raw.end()
    return undefined
  },
} satisfies Handlers<Routes>

/** What the application says of every answer; a stream is written past it. */
function headersOf({ fastify }: StreamCall): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(fastify.reply.getHeaders()))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value : String(value)
  return headers
}

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

/** Events after which a session or token may count no more. */
const aboutPeople = /^(?:user|session|token|sign-in|identity)/

/** What a stream tells, and what makes it look whether its caller is still signed in. */
interface Watch {
  readonly wants: LiveWish['wants']
  /** Looks now; calls `ended` when the caller is not signed in any more. */
  look(): void
  ended: () => void
}

function watchOf({ query, caller, services }: StreamCall): Watch {
  const { plant } = query
  const watch: Watch = {
    wants: ({ kind, plant: about }) => {
      if (aboutPeople.test(kind)) watch.look()
      return (plant === undefined || about === undefined || about === plant) && caller.may(eventPermission(kind))
    },
    look: () => {
      services.isSignedIn(caller).then(
        (isSignedIn) => {
          if (!isSignedIn) watch.ended()
        },
        // The store is away: what the client sees stays, and the next look asks again.
        () => undefined,
      )
    },
    ended: () => undefined,
  }
  return watch
}

/** Writes until the client leaves, its session ends, or it does not keep up. */
async function stream(
  call: StreamCall,
  first: LiveSubscription,
  { raw, owner, watch }: { readonly raw: ServerResponse; readonly owner: string; readonly watch: Watch },
): Promise<void> {
  const { services, signal } = call
  let subscription = first
  const stop = () => subscription[Symbol.dispose]()
  const beat = setInterval(() => {
    raw.write(': alive\n\n')
    watch.look()
  }, heartbeatMs)
  watch.ended = stop
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
        subscription = services.live.subscribe({ wants: watch.wants, owner, after: newest })
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
