import { NotAllowed } from '@cordon/core/errors'
import { type Kysely, type Selectable, sql, type Transaction, type UpdateObject } from 'kysely'
import { recordAudit } from '../audit/audit.ts'
import type { JobState, JobTable } from '../store/jobs-tables.ts'
import { isGone } from '../store/lease-owner.ts'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { systemActor } from './asker.ts'
import { writeJobEvent } from './events.ts'
import { type Job, type JobError, type JobProgress, jobOf } from './job.ts'
import { listWindows, openWindows } from './window-records.ts'

/** How long a claim on a job holds without being renewed, milliseconds. */
export const jobLeaseMs = 30_000

/** A job that this manager runs, by a claim that no later one has. */
export interface ClaimedJob {
  readonly job: Job
  /** Fencing token of the claim: who has an older one writes nothing. */
  readonly token: number
  readonly owner: string
}

/** What a manager may take now. */
export interface ClaimWish {
  readonly owner: string
  /** Kinds that it can run. */
  readonly kinds: readonly string[]
  /** Whether it has room for a job that only reads. */
  readonly mayRead: boolean
  /** How long the claim holds without being renewed, milliseconds. */
  readonly leaseMs: number
}

/** A job that was taken over so often does not end well: it may be what its managers die of. */
const mostAttempts = 10

/**
 * Claims the next job: one whose manager is gone, else the oldest that may begin. Of those that change devices one runs
 * per plant, and the older ones that may begin come first.
 */
export async function claimJob(
  store: Pick<Store, 'db'>,
  wish: ClaimWish,
  now = Date.now(),
): Promise<ClaimedJob | undefined> {
  const { owner, kinds, mayRead, leaseMs } = wish
  const windows = openWindows(await listWindows(store), now)
  return await store.db.transaction().execute(async (trx) => {
    // Managers take turns here: which job is the next of a plant is seen by one at a time.
    await sql`select pg_advisory_xact_lock(hashtextextended('cordon jobs', 0))`.execute(trx)
    const dead = await deadOwners(trx)
    const { rows } = await sql<{ id: string }>`
      select j.id from jobs j
      where j.kind = any(${kinds}::text[]) and (j.changes or ${mayRead}::boolean)
        and ((j.state = 'running' and (j.lease_until is null or j.lease_until < now() or j.lease_owner = any(${dead}::text[])))
          or (j.state = 'waiting' and j.not_before <= now()
            and (j.window_id is null or j.window_id = any(${windows}::uuid[]))
            and not (j.changes and exists (
              select 1 from jobs o where o.plant = j.plant and o.changes and o.state = 'running'))))
      order by j.state = 'running' desc, j.number
      for update of j skip locked limit 1`.execute(trx)
    const [found] = rows
    if (found === undefined) return undefined
    const row = await trx
      .updateTable('jobs')
      .set((eb) => ({
        state: 'running',
        lease_owner: owner,
        lease_until: leaseEnd(leaseMs),
        fencing_token: eb('fencing_token', '+', 1),
        attempts: eb('attempts', '+', 1),
        started_at: sql<Date>`coalesce(started_at, now())`,
      }))
      .where('id', '=', found.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const claimed = { job: jobOf(row), token: row.fencing_token, owner }
    if (row.attempts > mostAttempts) {
      await endIn(trx, claimed, { state: 'failed', error: worn })
      return undefined
    }
    await writeJobEvent(trx, claimed.job)
    return claimed
  })
}

const worn: JobError = {
  code: 'gave-up',
  message: `${mostAttempts} managers began this job and none ended it`,
  next: 'Look into the logs of the managers for what ended them, then ask for the job again.',
}

function leaseEnd(leaseMs: number) {
  return sql<Date>`now() + ${leaseMs} * interval '1 millisecond'`
}

/** Owners of running jobs whose process is gone: a crash on this machine is noticed before its lease runs out. */
async function deadOwners(db: Kysely<Schema>): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('jobs')
    .select('lease_owner')
    .distinct()
    .where('state', '=', 'running')
    .where('lease_owner', 'is not', null)
    .execute()
  return rows.flatMap(({ lease_owner: owner }) => (owner !== null && isGone(owner) ? [owner] : []))
}

/** Which of a manager's jobs it still has, and which of them are to be cancelled. */
export interface Renewal {
  readonly held: ReadonlySet<string>
  readonly cancelled: ReadonlySet<string>
}

/** Renews the claims of a manager on its jobs. */
export async function renewJobs(
  store: Pick<Store, 'db'>,
  claims: readonly ClaimedJob[],
  leaseMs: number,
): Promise<Renewal> {
  if (claims.length === 0) return { held: new Set(), cancelled: new Set() }
  const wanted = claims.map(({ job, token }) => ({ id: job.id, token }))
  const { rows } = await sql<{ id: string; cancelled: boolean }>`
    update jobs j set lease_until = ${leaseEnd(leaseMs)}
    from jsonb_to_recordset(${jsonText(wanted)}::jsonb) as v(id uuid, token bigint)
    where j.id = v.id and j.fencing_token = v.token and j.state = 'running'
    returning j.id, j.cancel_at is not null as cancelled`.execute(store.db)
  return {
    held: new Set(rows.map(({ id }) => id)),
    cancelled: new Set(rows.filter(({ cancelled }) => cancelled).map(({ id }) => id)),
  }
}

/** How a job ended. */
export interface JobEnd {
  readonly state: Exclude<JobState, 'waiting' | 'running'>
  /** Plain data that survives JSON. */
  readonly result?: unknown
  readonly error?: JobError
}

/**
 * Writes how a job ended, for people and in the audit where it changed devices.
 * @throws NotAllowed `refused` when the job went to another manager
 */
export async function endJob(store: Pick<Store, 'db'>, claimed: ClaimedJob, end: JobEnd): Promise<void> {
  await store.db.transaction().execute((trx) => endIn(trx, claimed, end))
}

async function endIn(trx: Transaction<Schema>, claimed: ClaimedJob, end: JobEnd): Promise<void> {
  const { state, result, error } = end
  const row = await writeUnderClaim(trx, claimed, {
    state,
    ...(result === undefined ? {} : { result: jsonText(result) }),
    error: error === undefined ? null : jsonText(error),
    lease_owner: null,
    lease_until: null,
    finished_at: new Date(),
  })
  const job = jobOf(row)
  await writeJobEvent(trx, job)
  if (!job.changes) return
  await recordAudit(trx, {
    actor: systemActor,
    action: 'jobs.end',
    subject: job.id,
    plant: job.plant,
    outcome: state === 'failed' || state === 'not-complete' ? 'failed' : 'done',
    detail: { kind: job.kind, number: job.number, state, deployment: job.deployment, error },
  })
}

/**
 * Gives a job back that is to go on later: when its window opens again, or at another manager.
 * @throws NotAllowed `refused` when the job went to another manager
 */
export async function giveBack(store: Pick<Store, 'db'>, claimed: ClaimedJob, result?: unknown): Promise<void> {
  await store.db.transaction().execute(async (trx) => {
    const row = await writeUnderClaim(trx, claimed, {
      state: sql<JobState>`case when cancel_at is null then 'waiting' else 'cancelled' end`,
      finished_at: sql<Date | null>`case when cancel_at is null then null else now() end`,
      // Waiting for a window is no attempt that failed.
      attempts: 0,
      ...(result === undefined ? {} : { result: jsonText(result) }),
      lease_owner: null,
      lease_until: null,
    })
    await writeJobEvent(trx, jobOf(row))
  })
}

/** Writes progress. @throws NotAllowed `refused` when the job went to another manager */
export async function writeProgress(
  store: Pick<Store, 'db'>,
  claimed: ClaimedJob,
  progress: JobProgress,
): Promise<void> {
  await store.db.transaction().execute(async (trx) => {
    await writeJobEvent(trx, jobOf(await writeUnderClaim(trx, claimed, { progress: jsonText(progress) })))
  })
}

/**
 * Notes the deployment of a job in the transaction that makes it.
 * @throws NotAllowed `refused` when the job went to another manager: then there is no deployment either
 */
export async function noteDeployment(trx: Transaction<Schema>, claimed: ClaimedJob, deployment: string): Promise<void> {
  await writeJobEvent(trx, jobOf(await writeUnderClaim(trx, claimed, { deployment })))
}

async function writeUnderClaim(
  trx: Kysely<Schema>,
  { job, token }: ClaimedJob,
  change: UpdateObject<Schema, 'jobs'>,
): Promise<Selectable<JobTable>> {
  const row = await trx
    .updateTable('jobs')
    .set(change)
    .where('id', '=', job.id)
    .where('fencing_token', '=', token)
    .where('state', '=', 'running')
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw new NotAllowed('refused', `job ${job.number} went to another manager`)
  return row
}
