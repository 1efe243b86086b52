import { UsageError } from '@cordon/core/errors'
import { type Kysely, sql } from 'kysely'
import { recordAudit } from '../audit/audit.ts'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { type Asker, systemActor } from './asker.ts'
import { insertJob } from './requests.ts'

/** Kinds of jobs that are asked for again and again. */
export const scheduledKinds = ['drift', 'observe', 'renew'] as const

/** Kind of a schedule. */
export type ScheduledKind = (typeof scheduledKinds)[number]

/** What is asked for again and again on a plant. */
export interface Schedule {
  readonly plant: string
  readonly kind: ScheduledKind
  /** Seconds from one due time to the next, 60 to 2,592,000 (30 days). */
  readonly everyS: number
  readonly parameters: unknown
  /** Maintenance window in which what changes devices runs. */
  readonly window: string | undefined
  /** ISO 8601. */
  readonly nextAt: string
  readonly setBy: string
}

const everyLimits = { least: 60, most: 30 * 86_400 } as const

/** The schedules of a plant, or of all. */
export async function listSchedules(store: Pick<Store, 'db'>, plant?: string): Promise<readonly Schedule[]> {
  let query = store.db.selectFrom('job_schedules').selectAll()
  if (plant !== undefined) query = query.where('plant', '=', plant)
  return (await query.orderBy('plant').orderBy('kind').execute()).map((row) => ({
    plant: row.plant,
    // Written by setSchedule alone.
    kind: row.kind as ScheduledKind,
    everyS: row.every_s,
    parameters: row.parameters,
    window: row.window_id ?? undefined,
    nextAt: row.next_at.toISOString(),
    setBy: row.set_by,
  }))
}

/**
 * Sets how often a kind of job is asked for on a plant; undefined: no more. The first one is due at once.
 * @throws UsageError `bad-value` for a time out of range
 */
export async function setSchedule(
  store: Store,
  asker: Asker,
  wanted: Pick<Schedule, 'plant' | 'kind'> & {
    readonly everyS: number | undefined
    readonly parameters?: unknown
    readonly window?: string | undefined
  },
): Promise<void> {
  const { plant, kind, everyS, parameters = {}, window } = wanted
  if (everyS !== undefined && !(Number.isInteger(everyS) && everyS >= everyLimits.least && everyS <= everyLimits.most))
    throw new UsageError('bad-value', `expected ${everyLimits.least} to ${everyLimits.most} seconds, got ${everyS}`)
  await store.db.transaction().execute(async (trx) => {
    if (everyS === undefined)
      await trx.deleteFrom('job_schedules').where('plant', '=', plant).where('kind', '=', kind).execute()
    else {
      const set = {
        every_s: everyS,
        parameters: jsonText(parameters),
        window_id: window ?? null,
        next_at: new Date(),
        set_by: asker.actor.name,
      }
      await trx
        .insertInto('job_schedules')
        .values({ plant, kind, ...set })
        .onConflict((conflict) => conflict.columns(['plant', 'kind']).doUpdateSet(set))
        .execute()
    }
    await trx
      .insertInto('events')
      .values({ kind: 'schedule', subject: kind, plant, detail: jsonText({ everyS }) })
      .execute()
    const { actor, address, request } = asker
    const entry = { actor, action: 'schedules.set', subject: kind, plant, outcome: 'done', address, request } as const
    await recordAudit(trx, { ...entry, detail: { everyS, parameters, window } })
  })
}

/**
 * Makes the jobs that are due, each once however many managers look; gives when the next ones are, milliseconds from now.
 * A due time that passed while nobody looked is made up for once.
 */
export async function makeDueJobs(store: Store): Promise<number | undefined> {
  return await store.db.transaction().execute(async (trx) => {
    const rows = await trx
      .selectFrom('job_schedules')
      .selectAll()
      .where('next_at', '<=', sql<Date>`now()`)
      .forUpdate()
      .skipLocked()
      .limit(100)
      .execute()
    for (const row of rows) {
      const { plant, kind, every_s: everyS, next_at: nextAt, window_id: window } = row
      const asker = { actor: systemActor }
      const isOpen = await hasOpenJob(trx, plant, kind)
      // One that still waits or runs does for the next due time too.
      if (!isOpen)
        await insertJob(trx, asker, {
          kind: kind as ScheduledKind,
          plant,
          parameters: row.parameters,
          window: window ?? undefined,
          due: `${plant} ${kind} ${nextAt.toISOString()}`,
        })
      await trx
        .updateTable('job_schedules')
        .set({ next_at: nextAfter(nextAt, everyS) })
        .where('plant', '=', plant)
        .where('kind', '=', kind)
        .execute()
    }
    const { rows: next } = await sql<{ ms: number | null }>`
      select (extract(epoch from min(next_at) - now()) * 1000)::float8 as ms from job_schedules`.execute(trx)
    return next[0]?.ms ?? undefined
  })
}

async function hasOpenJob(db: Kysely<Schema>, plant: string, kind: string): Promise<boolean> {
  const row = await db
    .selectFrom('jobs')
    .select('id')
    .where('plant', '=', plant)
    .where('kind', '=', kind)
    .where('due', 'is not', null)
    .where('state', 'in', ['waiting', 'running'])
    .executeTakeFirst()
  return row !== undefined
}

function nextAfter(due: Date, everyS: number) {
  const step = sql`${everyS} * interval '1 second'`
  const at = sql`${due.toISOString()}::timestamptz`
  return sql<Date>`${at} + ${step} * (floor(extract(epoch from now() - ${at}) / ${everyS}) + 1)`
}
