import { NotAllowed, UsageError } from '@cordon/core/errors'
import { type Kysely, sql, type Transaction } from 'kysely'
import { recordAudit } from '../audit/audit.ts'
import type { JobState } from '../store/jobs-tables.ts'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Asker } from './asker.ts'
import { writeJobEvent } from './events.ts'
import { type Job, jobEnds, jobOf } from './job.ts'
import { type DeployParameters, isKindThatChanges, type JobKindName } from './parameters.ts'

/** A job that somebody asks for. */
export interface JobRequest {
  readonly kind: JobKindName
  /** Undefined for kinds that concern no plant. */
  readonly plant?: string | undefined
  /** Version of the plant; undefined: the newest when it runs. */
  readonly version?: number | undefined
  readonly parameters?: unknown
  /** Not before this time, milliseconds since 1970. */
  readonly notBefore?: number | undefined
  /** Id of the maintenance window that it waits for. */
  readonly window?: string | undefined
}

/** A job that is made for a due time is made once, by whichever manager comes first. */
interface Due {
  readonly due?: string
}

/** Parameters are kept, sent and shown: this is much for what any kind needs, and little for a database. */
const longestParameters = 256 * 1024
/** Jobs that wait for a plant at most, so that no loop of a program fills the database. */
const mostWaiting = 500

/**
 * Asks for a job. It begins when a manager is free for it, not before its time and in its window.
 *
 * @throws UsageError `missing` for a window, plan or deployment that does not exist, `bad-value` for what cannot be done
 * @throws NotAllowed `refused` when too many jobs of the plant wait
 */
export async function requestJob(store: Store, asker: Asker, request: JobRequest): Promise<Job> {
  return await store.db.transaction().execute(async (trx) => {
    const job = await insertJob(trx, asker, request)
    if (job === undefined) throw new Error('a job without a due time was not made')
    return job
  })
}

/** Makes a job in a transaction, as {@link requestJob}; undefined when one was made for that due time before. */
export async function insertJob(
  trx: Transaction<Schema>,
  asker: Asker,
  request: JobRequest & Due,
): Promise<Job | undefined> {
  const { kind, plant, version, parameters = {}, notBefore, window, due } = request
  const changes = isKindThatChanges(kind)
  const text = jsonText(parameters)
  if (text.length > longestParameters)
    throw new UsageError('bad-value', `the parameters of a job have at most ${longestParameters} characters`)
  if (changes && plant === undefined) throw new UsageError('missing', `a job of kind ${kind} needs a plant`)
  if (window !== undefined) await windowOfPlant(trx, window, plant)
  if (plant !== undefined) await refuseFlood(trx, plant)
  if (kind === 'deploy') await checkAgreement(trx, request)
  const row = await trx
    .insertInto('jobs')
    .values({
      kind,
      changes,
      plant: plant ?? null,
      version: version ?? null,
      parameters: text,
      requested_by: asker.actor.name,
      ...(notBefore === undefined ? {} : { not_before: new Date(notBefore) }),
      window_id: window ?? null,
      due: due ?? null,
    })
    .onConflict((conflict) => conflict.column('due').doNothing())
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) return undefined
  const job = jobOf(row)
  await writeJobEvent(trx, job)
  await audit(trx, asker, job, 'jobs.start', { kind, number: job.number, version, parameters })
  return job
}

async function windowOfPlant(db: Kysely<Schema>, id: string, plant: string | undefined): Promise<void> {
  const row = await db
    .selectFrom('maintenance_windows')
    .select('plant')
    .where(sql<string>`id::text`, '=', id)
    .executeTakeFirst()
  if (row?.plant !== plant || plant === undefined)
    throw new UsageError('missing', `the plant has no maintenance window ${id}`)
}

async function refuseFlood(db: Kysely<Schema>, plant: string): Promise<void> {
  const { count } = await db
    .selectFrom('jobs')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('plant', '=', plant)
    .where('state', '=', 'waiting')
    .executeTakeFirstOrThrow()
  if (count >= mostWaiting)
    throw new NotAllowed('refused', `${count} jobs of ${plant} wait already; let them run or cancel them`)
}

/** A deployment follows a plan of the same plant and version that was made, or an earlier deployment of it. */
async function checkAgreement(db: Kysely<Schema>, { plant, version, parameters }: JobRequest): Promise<void> {
  // Made by the callers of this unit, who check what comes from outside.
  const { plan, retry } = (parameters ?? {}) as DeployParameters
  if (retry !== undefined) {
    const row = await db
      .selectFrom('deployments')
      .select('plant')
      .where(sql<string>`id::text`, '=', retry)
      .executeTakeFirst()
    if (row?.plant !== plant) throw new UsageError('missing', `the plant has no deployment ${retry}`)
  }
  if (plan === undefined) return
  const row = await db
    .selectFrom('jobs')
    .select(['plant', 'version', 'state', 'kind'])
    .where(sql<string>`id::text`, '=', plan)
    .executeTakeFirst()
  if (row?.kind !== 'plan' || row.plant !== plant) throw new UsageError('missing', `the plant has no plan ${plan}`)
  if (row.state === 'waiting' || row.state === 'running')
    throw new UsageError('bad-value', 'the plan is not ready: wait until it is made, and look at it')
  if (row.state === 'failed' || row.state === 'cancelled')
    throw new UsageError('bad-value', 'the plan was not made: make another one')
  if (row.version !== (version ?? null))
    throw new UsageError('bad-value', `the plan is of version ${row.version ?? 'newest'}, not of this one: plan anew`)
}

/**
 * Ends a job that waits, or asks the manager that runs it to stop: it leaves every device in its old or its new settings.
 * A job that ended is left as it is.
 *
 * @throws UsageError `missing` where there is none of that id
 */
export async function cancelJob(store: Store, asker: Asker, id: string): Promise<Job> {
  return await store.db.transaction().execute(async (trx) => {
    const held = await trx
      .selectFrom('jobs')
      .selectAll()
      .where(sql<string>`id::text`, '=', id)
      .forUpdate()
      .executeTakeFirst()
    if (held === undefined) throw noJob(id)
    if (isEnd(held.state) || held.cancel_at !== null) return jobOf(held)
    const now = new Date()
    // One that waits between two windows has begun devices; its deployment has left them whole.
    const ended = held.state === 'waiting' ? ({ state: 'cancelled', finished_at: now } as const) : {}
    const row = await trx
      .updateTable('jobs')
      .set({ cancel_by: asker.actor.name, cancel_at: now, ...ended })
      .where('id', '=', held.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const job = jobOf(row)
    await writeJobEvent(trx, job)
    await audit(trx, asker, job, 'jobs.cancel', { kind: job.kind, number: job.number })
    return job
  })
}

/**
 * Asks for another deployment of the devices that an earlier one did not complete, of the same version and with the same
 * choices. What is to be done is planned anew.
 *
 * @throws UsageError `missing` for a job that is none or deployed nothing, `bad-value` when it still runs or all is done
 */
export async function retryFailed(
  store: Store,
  asker: Asker,
  id: string,
  change: Pick<JobRequest, 'window' | 'notBefore'> = {},
): Promise<Job> {
  const earlier = await findJob(store, id)
  if (earlier === undefined || earlier.kind !== 'deploy' || earlier.deployment === undefined)
    throw new UsageError('missing', `there is no deployment ${id} with devices to be done again`)
  if (!isEnd(earlier.state)) throw new UsageError('bad-value', 'the deployment is not over: wait for it or cancel it')
  const devices = await notComplete(store, earlier.deployment)
  if (devices.length === 0) throw new UsageError('bad-value', 'every device of the deployment is complete')
  // Written by requestJob.
  const { plan: _, ...kept } = earlier.parameters as DeployParameters
  const parameters: DeployParameters = { ...kept, retry: earlier.deployment, onlyDevices: devices }
  return await requestJob(store, asker, {
    kind: 'deploy',
    plant: earlier.plant,
    version: earlier.version,
    parameters,
    ...change,
  })
}

/** Devices of a deployment that are not complete, in its order. */
async function notComplete(store: Pick<Store, 'db'>, deployment: string): Promise<readonly string[]> {
  const rows = await store.db
    .selectFrom('deployment_targets')
    .select('device')
    .where('deployment', '=', deployment)
    .where('status', 'not in', ['complete', 'complete-with-warnings'])
    .orderBy('position')
    .execute()
  return rows.map(({ device }) => device)
}

/** The job of that id. */
export async function findJob(store: Pick<Store, 'db'>, id: string): Promise<Job | undefined> {
  const row = await store.db.selectFrom('jobs').selectAll().where(sql<string>`id::text`, '=', id).executeTakeFirst()
  return row === undefined ? undefined : jobOf(row)
}

/** Which jobs are listed; what is absent does not matter. */
export interface JobFilter {
  readonly plant?: string | undefined
  /** Only of plants of this list, and those of none. */
  readonly plants?: readonly string[] | undefined
  readonly kinds?: readonly string[] | undefined
  readonly states?: readonly JobState[] | undefined
  /** Only those before this number: the next page of a list. */
  readonly before?: number | undefined
  /** At most so many; default 50. */
  readonly limit?: number | undefined
}

/** All but the result: a plan of ten thousand devices is megabytes, and whoever wants it asks for that job. */
const listed = [
  'id',
  'number',
  'kind',
  'changes',
  'plant',
  'version',
  'parameters',
  'requested_by',
  'requested_at',
  'not_before',
  'window_id',
  'due',
  'state',
  'lease_owner',
  'lease_until',
  'fencing_token',
  'attempts',
  'cancel_by',
  'cancel_at',
  'progress',
  'error',
  'deployment',
  'started_at',
  'finished_at',
] as const

/** Jobs, the newest first, without their results. */
export async function listJobs(store: Pick<Store, 'db'>, filter: JobFilter = {}): Promise<readonly Job[]> {
  const { plant, plants, kinds, states, before, limit = 50 } = filter
  let query = store.db.selectFrom('jobs').select(listed)
  if (plant !== undefined) query = query.where('plant', '=', plant)
  if (plants !== undefined)
    query = query.where(({ eb, or }) => or([eb('plant', 'is', null), eb('plant', 'in', [...plants, ''])]))
  if (kinds !== undefined) query = query.where('kind', 'in', [...kinds, ''])
  if (states !== undefined) query = query.where('state', 'in', states)
  if (before !== undefined) query = query.where('number', '<', before)
  return (await query.orderBy('number', 'desc').limit(limit).execute()).map((row) => jobOf({ ...row, result: null }))
}

/** Whether a state is an end. */
export function isEnd(state: JobState): boolean {
  return (jobEnds as readonly JobState[]).includes(state)
}

function noJob(id: string): UsageError {
  return new UsageError('missing', `there is no job ${id.slice(0, 64)}`)
}

async function audit(db: Kysely<Schema>, asker: Asker, job: Job, action: string, detail: unknown): Promise<void> {
  const { actor, address, request } = asker
  await recordAudit(db, { actor, action, subject: job.id, plant: job.plant, outcome: 'done', address, request, detail })
}
