import type { DeploymentReport, DeviceResult } from '@cordon/core/deployment'
import { type Kysely, sql } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** A deployment or release in one line. */
export interface DeploymentSummary {
  readonly id: string
  readonly plant: string
  readonly kind: 'apply' | 'release'
  readonly status: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly finishedAt: string | undefined
  /** The job that runs it, with its version and who asked; undefined for one of the command line. */
  readonly job: { readonly id: string; readonly version: number | undefined; readonly by: string } | undefined
  readonly devices: Readonly<Record<'total' | 'complete' | 'warnings' | 'failed' | 'running', number>>
}

/** How one device of a deployment stands. */
export interface TargetState {
  readonly device: string
  readonly state: 'waiting' | 'running' | 'complete' | 'complete-with-warnings' | 'not-complete' | 'skipped'
  readonly result: DeviceResult | undefined
  /** ISO 8601. */
  readonly updatedAt: string
}

/** A deployment device by device. */
export interface DeploymentDetail extends DeploymentSummary {
  readonly targets: readonly TargetState[]
  /** Undefined until it is over. */
  readonly report: Partial<DeploymentReport> | undefined
}

interface Row {
  readonly id: string
  readonly plant: string
  readonly kind: 'apply' | 'release'
  readonly status: string
  readonly created_at: Date
  readonly finished_at: Date | null
  readonly job: string | null
  readonly version: number | null
  readonly by: string | null
  readonly total: number
  readonly complete: number
  readonly warnings: number
  readonly failed: number
  readonly running: number
}

function summaries(condition: ReturnType<typeof sql>, limit: number) {
  return sql<Row>`
    select d.id, d.plant, d.kind, d.status, d.created_at, d.finished_at, j.id as job, j.version, j.requested_by as by,
      t.total, t.complete, t.warnings, t.failed, t.running
    from deployments d
    left join lateral (select * from jobs j where j.deployment = d.id order by j.number desc limit 1) j on true
    cross join lateral (
      select count(*) as total, count(*) filter (where status = 'complete') as complete,
        count(*) filter (where status = 'complete-with-warnings') as warnings,
        count(*) filter (where status = 'not-complete') as failed, count(*) filter (where status = 'running') as running
      from deployment_targets where deployment = d.id) t
    where ${condition} order by d.created_at desc, d.id desc limit ${limit}`
}

function summaryOf(row: Row): DeploymentSummary {
  const { id, plant, kind, status, job, version, by, total, complete, warnings, failed, running } = row
  return {
    id,
    plant,
    kind,
    status,
    startedAt: row.created_at.toISOString(),
    finishedAt: row.finished_at?.toISOString(),
    job: job === null ? undefined : { id: job, version: version ?? undefined, by: by ?? '' },
    devices: { total, complete, warnings, failed, running },
  }
}

/**
 * Deployments and releases of a plant, the newest first.
 * @param after id of the last one of the page before
 */
export async function listDeployments(
  store: Pick<Store, 'db'>,
  plant: string,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<readonly DeploymentSummary[]> {
  const behind =
    after === undefined
      ? sql`true`
      : sql`(d.created_at, d.id) < (select created_at, id from deployments where id::text = ${after})`
  const { rows } = await summaries(sql`d.plant = ${plant} and ${behind}`, limit).execute(store.db)
  return rows.map(summaryOf)
}

/** A deployment with its devices; undefined where there is none of that id. */
export async function readDeployment(store: Pick<Store, 'db'>, id: string): Promise<DeploymentDetail | undefined> {
  const { rows } = await summaries(sql`d.id::text = ${id}`, 1).execute(store.db)
  const [row] = rows
  if (row === undefined) return undefined
  const [targets, kept] = await Promise.all([targetsOf(store.db, row.id), resultOf(store.db, row.id)])
  return { ...summaryOf(row), targets, report: kept }
}

async function targetsOf(db: Kysely<Schema>, deployment: string): Promise<readonly TargetState[]> {
  const rows = await db
    .selectFrom('deployment_targets')
    .select(['device', 'status', 'result', 'updated_at'])
    .where('deployment', '=', deployment)
    .orderBy('position')
    .execute()
  return rows.map(({ device, status, result, updated_at: updatedAt }) => ({
    device,
    state: status,
    // Written by Claims.
    result: (result ?? undefined) as DeviceResult | undefined,
    updatedAt: updatedAt.toISOString(),
  }))
}

async function resultOf(db: Kysely<Schema>, deployment: string): Promise<Partial<DeploymentReport> | undefined> {
  const row = await db.selectFrom('deployments').select('result').where('id', '=', deployment).executeTakeFirst()
  // Written by deploy and release.
  return (row?.result ?? undefined) as Partial<DeploymentReport> | undefined
}
