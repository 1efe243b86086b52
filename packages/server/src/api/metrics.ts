import { sql } from 'kysely'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Store } from '../store/store.ts'

/** A number of things of one kind, read from the store when somebody looks. */
export interface Measured {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A gauge whose values are read when somebody looks. Labels are words of ours, never of the outside world. */
export interface StoreGauge {
  /** Such as `cordon_jobs`. */
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  /** The figures of now. */
  readonly read: (store: Pick<Store, 'db'>) => Promise<readonly Measured[]>
}

/** What a manager counts. */
export interface Metrics {
  /** One answered request. */
  request(operation: string, status: number, seconds: number): void
  /** One more reader of the event stream, or one less. */
  streams(change: 1 | -1): void
  /** In the text format of Prometheus. */
  text(): Promise<string>
  readonly contentType: string
}

/** Certificates by the time that is left to them. */
const certificates: StoreGauge = {
  name: 'cordon_certificates',
  help: 'Certificates that are not revoked, by the time that is left to them',
  labels: ['expires'],
  read: async ({ db }) => {
    const { rows } = await sql<Record<'expired' | 'days7' | 'days30' | 'days90' | 'later', number>>`
      select
        count(*) filter (where not_after <= now()) as expired,
        count(*) filter (where not_after > now() and not_after <= now() + interval '7 days') as days7,
        count(*) filter (where not_after > now() + interval '7 days' and not_after <= now() + interval '30 days') as days30,
        count(*) filter (where not_after > now() + interval '30 days' and not_after <= now() + interval '90 days') as days90,
        count(*) filter (where not_after > now() + interval '90 days') as later
      from certificates where status = 'valid'`.execute(db)
    return Object.entries(rows[0] ?? {}).map(([expires, value]) => ({ labels: { expires }, value }))
  },
}

/** Longest that a look at the metrics waits for the store, milliseconds. */
const storeTimeoutMs = 5000

/**
 * Starts counting, in a registry of its own.
 * @param gauges what else is read from the store
 */
export function startMetrics(store: Pick<Store, 'db'>, gauges: readonly StoreGauge[] = []): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, prefix: 'cordon_' })
  const requests = new Counter({
    name: 'cordon_http_requests_total',
    help: 'Requests by operation and status',
    labelNames: ['operation', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'cordon_http_request_duration_seconds',
    help: 'From the end of the request’s headers to the end of the answer',
    labelNames: ['operation'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  })
  const streams = new Gauge({ name: 'cordon_event_streams', help: 'Readers of the event stream', registers })
  const up = new Gauge({ name: 'cordon_store_up', help: 'Whether the database answered this look', registers })
  const roundTrip = new Gauge({
    name: 'cordon_store_round_trip_seconds',
    help: 'Time of one empty query',
    registers,
  })
  const read = [certificates, ...gauges].map((gauge) => ({
    ...gauge,
    gauge: new Gauge({ name: gauge.name, help: gauge.help, labelNames: [...gauge.labels], registers }),
  }))

  const look = async () => {
    const began = performance.now()
    await sql`select 1`.execute(store.db)
    roundTrip.set((performance.now() - began) / 1000)
    for (const { gauge, read: values } of read) {
      const measured = await values(store)
      gauge.reset()
      for (const { labels, value } of measured) gauge.set({ ...labels }, value)
    }
  }

  return {
    request: (operation, status, seconds) => {
      requests.inc({ operation, status: String(status) })
      durations.observe({ operation }, seconds)
    },
    streams: (change) => streams.inc(change),
    text: async () => {
      // What cannot be read is left out, and that it could not is a figure too.
      const isUp = await within(storeTimeoutMs, look()).then(
        () => true,
        () => false,
      )
      up.set(isUp ? 1 : 0)
      if (!isUp) for (const { gauge } of read) gauge.reset()
      return await registry.metrics()
    },
    contentType: registry.contentType,
  }
}

/** Rejects when a promise takes longer. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
