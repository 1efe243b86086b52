import type { QueryClient } from '@tanstack/react-query'
import type { LiveEvent } from '../api-types.ts'

/** How the event stream stands. */
export type LiveState = 'connecting' | 'live' | 'lost'

/** What an event makes stale: its kind up to the first `-` or `.`, and the first words of the keys of queries. */
const stale: Readonly<Record<string, readonly string[]>> = {
  anchors: ['certificates'],
  approval: ['enrollments', 'overview'],
  audit: ['audit', 'history'],
  authority: ['certificates', 'overview'],
  certificate: ['certificates', 'device', 'overview'],
  connection: ['connections'],
  connections: ['connections'],
  deployment: ['deployments', 'device', 'devices', 'history', 'overview', 'topology', 'jobs', 'plants'],
  device: ['device', 'devices', 'overview', 'topology', 'history'],
  devices: ['discovery', 'device', 'devices', 'overview', 'topology'],
  discovery: ['discovery', 'jobs', 'overview'],
  drift: ['device', 'devices', 'history', 'overview', 'topology'],
  enrollment: ['enrollments', 'overview', 'certificates'],
  job: [
    'jobs',
    'certificates',
    'connections',
    'deployments',
    'device',
    'devices',
    'discovery',
    'history',
    'overview',
    'plants',
    'topology',
  ],
  layout: ['topology'],
  maintenance: ['jobs', 'settings'],
  orphan: ['devices', 'overview'],
  plan: ['jobs'],
  plant: ['plants', 'versions', 'overview', 'topology', 'devices', 'device'],
  rehearsal: ['jobs'],
  schedule: ['jobs', 'settings'],
  settings: ['settings'],
  stage: ['topology', 'device', 'overview'],
  token: ['tokens'],
  tokens: ['tokens'],
  user: ['users'],
  users: ['users', 'tokens'],
  factors: ['users'],
  providers: ['users'],
  window: ['jobs'],
  version: ['plants', 'versions', 'overview', 'topology', 'devices', 'device'],
}

/** First words of the query keys that an event of this kind makes stale. */
export function staleKeys(kind: string): readonly string[] {
  return stale[kind.split(/[-.:]/, 1)[0] ?? ''] ?? []
}

/** An event as the stream has it, or undefined where it is none. */
export function parseEvent(text: string): LiveEvent | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const { id, kind, subject, plant } = value as Readonly<Record<string, unknown>> // any object; each field is looked at
    if (typeof id !== 'number' || typeof kind !== 'string') return undefined
    return {
      id,
      kind,
      subject: typeof subject === 'string' ? subject : '',
      plant: typeof plant === 'string' ? plant : null,
    }
  } catch {
    return undefined
  }
}

/** How long events are gathered before queries are read again: a burst is one reading. */
const gatherMs = 250
const firstRetryMs = 1_000
const longestRetryMs = 30_000

/** The one event stream of this page. */
export class LiveStream {
  #state: LiveState = 'connecting'
  #source: EventSource | undefined
  #lastId: number | undefined
  #retryMs = firstRetryMs
  #retry: ReturnType<typeof setTimeout> | undefined
  #gather: ReturnType<typeof setTimeout> | undefined
  readonly #touched = new Set<string>()
  readonly #listeners = new Set<() => void>()
  readonly #queries: QueryClient

  constructor(queries: QueryClient) {
    this.#queries = queries
  }

  readonly state = (): LiveState => this.#state

  /** Calls back on each change of the state. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  open(): void {
    if (this.#source !== undefined) return
    clearTimeout(this.#retry)
    const from = this.#lastId === undefined ? '' : `?after=${this.#lastId}`
    const source = new EventSource(`/api/v1/events${from}`)
    this.#source = source
    source.addEventListener('open', () => {
      const wasLost = this.#state === 'lost'
      this.#retryMs = firstRetryMs
      this.#become('live')
      // What happened while nobody listened is told by id; what was read in between may have failed.
      if (wasLost) void this.#queries.invalidateQueries()
    })
    source.addEventListener('message', ({ data }) => this.#take(String(data)))
    // The manager does not remember that far back: what is shown may be older than what is told from here on.
    source.addEventListener('reset', ({ lastEventId }) => {
      this.#lastId = Number(lastEventId)
      void this.#queries.invalidateQueries()
    })
    source.addEventListener('error', () => {
      this.#become('lost')
      if (source.readyState !== EventSource.CLOSED) return
      this.#source = undefined
      this.#retry = setTimeout(() => this.open(), this.#retryMs)
      this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2)
    })
  }

  close(): void {
    clearTimeout(this.#retry)
    clearTimeout(this.#gather)
    this.#source?.close()
    this.#source = undefined
    this.#become('connecting')
  }

  #take(text: string): void {
    const event = parseEvent(text)
    if (event === undefined) return
    this.#lastId = event.id
    for (const key of staleKeys(event.kind)) this.#touched.add(key)
    if (this.#touched.size === 0 || this.#gather !== undefined) return
    this.#gather = setTimeout(() => this.#flush(), gatherMs)
  }

  #flush(): void {
    this.#gather = undefined
    const touched = new Set(this.#touched)
    this.#touched.clear()
    void this.#queries.invalidateQueries({ predicate: ({ queryKey: [first] }) => touched.has(String(first)) })
  }

  #become(state: LiveState): void {
    if (this.#state === state) return
    this.#state = state
    for (const listener of this.#listeners) listener()
  }
}
