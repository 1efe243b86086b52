import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Permission } from '../users/roles.ts'
import type { Store } from '../store/store.ts'

/** Something that happened, as subscribers get it: written out once for all of them. */
export interface LiveEvent {
  /** Number; who has seen it never meets a smaller one later. */
  readonly id: number
  readonly kind: string
  readonly plant: string | undefined
  /** The event as JSON on one line: `id`, `at`, `kind`, `subject`, `plant`, `detail`. */
  readonly json: string
  /** The same as a message of an event stream (HTML, 9.2), with its number and kind. */
  readonly frame: Uint8Array
}

/** What a subscriber wants, and what it may have. */
export interface LiveWish {
  /** Who it is, to count how many of one there are. */
  readonly owner?: string
  /** Events after this number; undefined: from now on. */
  readonly after?: number | undefined
  /** Whether the subscriber is told of an event. */
  readonly wants: (event: LiveEvent) => boolean
}

/** Why a subscription ended by itself. */
export type LiveEnd =
  /** It did not keep up: it may go on after the last number that it got. */
  | 'slow'
  /** What it wants to go on after is not kept any more: it must read everything anew. */
  | 'too-old'
  /** The manager ends: another one goes on after the same number. */
  | 'closed'

/** Events for one subscriber. */
export interface LiveSubscription extends Disposable {
  /** The next events, at least one and in order; undefined at the end. */
  next(): Promise<readonly LiveEvent[] | undefined>
  /** Why it ended; undefined until then, and when the subscriber ended it. */
  readonly end: LiveEnd | undefined
  /** The number after which whoever comes back goes on: of the last event that was looked at for this subscriber. */
  readonly position: number
}

/** How events are read and passed on. */
export interface LiveOptions {
  readonly store: Store
  /** Events that wait for one subscriber at most; default 1000. */
  readonly queue?: number
  /** How often the table is read when nobody wakes the reader, milliseconds; default 10 s. */
  readonly pollMs?: number
  /** How long after a failure the table is read again, milliseconds; default 1 s. */
  readonly againMs?: number
  /** Hears what hinders the reader; it goes on. */
  readonly problem?: (error: Error) => void
}

/** Reads the table of events once for all subscribers of this process. */
export interface LiveEvents extends AsyncDisposable {
  /** Events from now on, or behind one that was seen. */
  subscribe(wish: LiveWish): LiveSubscription
  /** How many of one owner there are. */
  subscriptionsOf(owner: string): number
  /** Number of the newest event there is. */
  newest(): Promise<number>
  /** How many there are. */
  readonly subscribers: number
}

/** Rows read at a time. */
const page = 500
const defaultQueue = 1000
const defaultPollMs = 10_000
const defaultAgainMs = 1000

/** Starts the reader of a process. While the store is away it tries again, and goes on where it was. */
export function startLiveEvents(options: LiveOptions): LiveEvents {
  return new Reader(options)
}

class Reader implements LiveEvents {
  readonly #options: LiveOptions
  readonly #over = new AbortController()
  readonly #subscriptions = new Set<Subscription>()
  readonly #listening: AsyncDisposable
  readonly #running: Promise<void>
  /** The newest event that was read; undefined until the table was first asked. */
  #last: number | undefined
  #nap = new AbortController()

  constructor(options: LiveOptions) {
    this.#options = options
    this.#listening = options.store.listen('cordon_events', () => this.#nap.abort())
    this.#running = this.#run()
  }

  get subscribers(): number {
    return this.#subscriptions.size
  }

  subscriptionsOf(owner: string): number {
    return [...this.#subscriptions].filter((one) => one.owner === owner).length
  }

  newest(): Promise<number> {
    return newest(this.#options.store)
  }

  subscribe(wish: LiveWish): LiveSubscription {
    const subscription = new Subscription(wish, this.#options.queue ?? defaultQueue, () => {
      this.#subscriptions.delete(subscription)
    })
    this.#subscriptions.add(subscription)
    if (this.#over.signal.aborted) subscription.finish('closed')
    else if (wish.after === undefined && this.#last !== undefined) subscription.begin(this.#last)
    else void this.#catchUp(subscription, wish.after)
    return subscription
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    this.#nap.abort()
    await this.#listening[Symbol.asyncDispose]()
    await this.#running
    for (const subscription of this.#subscriptions) subscription.finish('closed')
  }

  async #run(): Promise<void> {
    const { pollMs = defaultPollMs, againMs = defaultAgainMs, problem } = this.#options
    while (!this.#over.signal.aborted) {
      this.#nap = new AbortController()
      let pauseMs = pollMs
      try {
        this.#last ??= await newest(this.#options.store)
        while (await this.#readPage()) if (this.#over.signal.aborted) break
      } catch (error) {
        problem?.(error instanceof Error ? error : new Error(String(error)))
        pauseMs = againMs
      }
      await sleep(pauseMs, undefined, { signal: this.#nap.signal }).catch(() => undefined)
    }
  }

  /** Reads a page and passes it on; true where there may be more. */
  async #readPage(): Promise<boolean> {
    const events = await eventsAfter(this.#options.store, this.#last ?? 0)
    const newestRead = events.at(-1)
    if (newestRead === undefined) return false
    this.#last = newestRead.id
    for (const subscription of this.#subscriptions) subscription.offer(events)
    return events.length === page
  }

  /** Gives a subscriber what it missed from the table, and then joins it to the reader without a gap. */
  async #catchUp(subscription: Subscription, after: number | undefined): Promise<void> {
    const { store, againMs = defaultAgainMs, problem } = this.#options
    let position = after
    while (!subscription.isOver) {
      try {
        if (position === undefined) position = await newest(store)
        else if (position === after && (await isTooOld(store, position))) {
          subscription.finish('too-old')
          return
        }
        while (!subscription.isOver) {
          const last = this.#last
          if (last !== undefined && position >= last) {
            // No turn of the event loop lies between this look and the next event of the reader.
            subscription.begin(position)
            return
          }
          const events = await eventsAfter(store, position)
          position = events.at(-1)?.id ?? position
          await subscription.feed(events)
          if (events.length === 0) await sleep(10)
        }
      } catch (error) {
        problem?.(error instanceof Error ? error : new Error(String(error)))
        await sleep(againMs, undefined, { signal: this.#over.signal }).catch(() => undefined)
      }
    }
  }
}

class Subscription implements LiveSubscription {
  readonly #wish: LiveWish
  readonly #most: number
  readonly #ended: () => void
  #queue: LiveEvent[] = []
  #position: number
  #isJoined = false
  #end: LiveEnd | undefined
  #isOver = false
  #wake: () => void = () => undefined
  #drained: () => void = () => undefined

  constructor(wish: LiveWish, most: number, ended: () => void) {
    this.#wish = wish
    this.#most = most
    this.#ended = ended
    this.#position = wish.after ?? 0
  }

  get end(): LiveEnd | undefined {
    return this.#end
  }

  get owner(): string | undefined {
    return this.#wish.owner
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get position(): number {
    return this.#queue[0] === undefined ? this.#position : this.#queue[0].id - 1
  }

  /** From here on the reader offers every event. */
  begin(position: number): void {
    this.#isJoined = true
    this.#position = Math.max(this.#position, position)
  }

  /** Events of the reader: who does not take them in time is cut off. */
  offer(events: readonly LiveEvent[]): void {
    if (!this.#isJoined || this.#isOver) return
    this.#take(events)
    if (this.#queue.length > this.#most) this.finish('slow')
  }

  /** Events of the table, as fast as they are taken. */
  async feed(events: readonly LiveEvent[]): Promise<void> {
    this.#take(events)
    while (!this.#isOver && this.#queue.length > 0)
      await new Promise<void>((resume) => {
        this.#drained = resume
      })
  }

  finish(end: LiveEnd): void {
    if (this.#isOver) return
    this.#end = end
    // What waits is left: who comes back begins there.
    if (end === 'slow') this.#position = this.position
    this[Symbol.dispose]()
  }

  async next(): Promise<readonly LiveEvent[] | undefined> {
    while (this.#queue.length === 0 && !this.#isOver)
      await new Promise<void>((resume) => {
        this.#wake = resume
      })
    if (this.#queue.length === 0 || this.#end === 'slow') return undefined
    const events = this.#queue
    this.#queue = []
    this.#drained()
    return events
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#ended()
    this.#wake()
    this.#drained()
  }

  #take(events: readonly LiveEvent[]): void {
    for (const event of events) {
      if (event.id <= this.#position) continue
      this.#position = event.id
      if (this.#wish.wants(event)) this.#queue.push(event)
    }
    if (this.#queue.length > 0) this.#wake()
  }
}

const encoder = new TextEncoder()

async function eventsAfter({ db }: Store, after: number): Promise<readonly LiveEvent[]> {
  const rows = await db.selectFrom('events').selectAll().where('id', '>', after).orderBy('id').limit(page).execute()
  return rows.map(({ id, at, kind, subject, detail, plant }) => {
    const json = JSON.stringify({ id, at, kind, subject, plant, detail })
    // JSON of one line: it has no line break that would end the field. The kind is in it and not the name of the event:
    // an EventSource hears only of names that it was told beforehand.
    return {
      id,
      kind,
      plant: plant ?? undefined,
      json,
      frame: encoder.encode(`id: ${id}\ndata: ${json}\n\n`),
    }
  })
}

/** Where the numbers of events stand. */
interface Numbers {
  /** The newest that retention deleted; 0: none was. A trigger on the table keeps it. */
  readonly gone: number
  /** The newest there is, or was. */
  readonly newest: number
  /** The last that was given, maybe to a transaction that was undone. */
  readonly given: number
}

async function eventNumbers({ db }: Store): Promise<Numbers> {
  const { rows } = await sql<Numbers>`
    with deleted as (select coalesce((select value::text::bigint from facts where name = 'events-gone'), 0) as gone)
    select gone, greatest(gone, (select max(id) from events)) as newest,
      coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'id')::regclass), 0) as given
    from deleted`.execute(db)
  return rows[0] ?? { gone: 0, newest: 0, given: 0 }
}

async function newest(store: Store): Promise<number> {
  return (await eventNumbers(store)).newest
}

/** Whether events after a number were deleted, or the number is of another store. */
async function isTooOld(store: Store, after: number): Promise<boolean> {
  const { gone, given } = await eventNumbers(store)
  return after < gone || after > given
}

/** Kinds of events that not everybody who sees the plant may see, by how they begin. */
const guarded: readonly (readonly [prefix: string, permission: Permission])[] = [
  ['enrollment', 'enrollment.read'],
  ['provisioning', 'enrollment.read'],
  ['account', 'enrollment.read'],
  ['certificate', 'certificate.read'],
  ['user', 'user.read'],
  ['session', 'user.read'],
  ['token', 'user.read'],
  ['audit', 'audit.read'],
  ['setting', 'settings.read'],
  ['notification', 'settings.read'],
  ['est', 'enrollment.read'],
]

/** What it takes to be told of events of a kind. */
export function eventPermission(kind: string): Permission {
  return guarded.find(([prefix]) => kind.startsWith(prefix))?.[1] ?? 'plant.read'
}

/** An event as it is listed. */
export interface PastEvent {
  readonly id: number
  /** ISO 8601. */
  readonly at: string
  readonly kind: string
  readonly subject: string
  readonly plant: string | undefined
  readonly detail: unknown
}

/** Which events are listed. */
export interface EventFilter {
  /** Those after this number; undefined: the newest ones. */
  readonly after?: number | undefined
  readonly limit: number
  readonly plant?: string | undefined
  readonly kind?: string | undefined
  /** What whoever asks may see. */
  readonly may: (permission: Permission) => boolean
}

/** Events in their order. */
export async function listEvents(store: Pick<Store, 'db'>, filter: EventFilter): Promise<readonly PastEvent[]> {
  const { after, limit, plant, kind, may } = filter
  let query = store.db.selectFrom('events').selectAll().limit(limit)
  if (plant !== undefined) query = query.where('plant', '=', plant)
  if (kind !== undefined) query = query.where('kind', '=', kind)
  if (!may('plant.read')) return []
  for (const [prefix, permission] of guarded)
    if (!may(permission)) query = query.where('kind', 'not like', `${prefix}%`)
  const ordered = after === undefined ? query.orderBy('id', 'desc') : query.where('id', '>', after).orderBy('id')
  const rows = (await ordered.execute()).map((row) => ({
    id: row.id,
    at: row.at.toISOString(),
    kind: row.kind,
    subject: row.subject,
    plant: row.plant ?? undefined,
    detail: row.detail,
  }))
  return after === undefined ? rows.reverse() : rows
}
