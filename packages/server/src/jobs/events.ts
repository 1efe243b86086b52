import type { Kysely } from 'kysely'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Job } from './job.ts'

/** Tells that a job is another one now, in the transaction that made it so; last, as it waits for no other event. */
export async function writeJobEvent(db: Kysely<Schema>, job: Job): Promise<void> {
  const { id, plant, kind, number, state, progress, deployment, cancelledBy, error } = job
  const { current, done, total } = progress ?? {}
  // Devices that are changing are read with the job: events are many, and kept.
  const detail = { kind, number, state, deployment, cancelledBy, error: error?.code, current, done, total }
  await db
    .insertInto('events')
    .values({ kind: 'job', subject: id, plant: plant ?? null, detail: jsonText(detail) })
    .execute()
}
