import { NotAllowed, UsageError } from '@cordon/core/errors'
import type { Kysely, Selectable } from 'kysely'
import { recordAudit } from '../audit/audit.ts'
import type { MaintenanceWindowTable } from '../store/jobs-tables.ts'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Asker } from './asker.ts'
import { checkRule, type WindowRule, windowState } from './windows.ts'

/** When devices of a plant, or of one zone of it, may be changed. */
export interface MaintenanceWindow {
  readonly id: string
  readonly plant: string
  /** Undefined for the whole plant. */
  readonly zone: string | undefined
  readonly name: string
  readonly rule: WindowRule
}

/** A window that somebody describes. */
export type WindowDraft = Omit<MaintenanceWindow, 'id'>

const longestName = 100
const mostWindows = 200

function windowOf(row: Selectable<MaintenanceWindowTable>): MaintenanceWindow {
  const { id, plant, zone, name, rule } = row
  // Checked before it was written.
  return { id, plant, zone: zone ?? undefined, name, rule: rule as WindowRule }
}

/** The windows of a plant, or of all, by name. */
export async function listWindows(store: Pick<Store, 'db'>, plant?: string): Promise<readonly MaintenanceWindow[]> {
  let query = store.db.selectFrom('maintenance_windows').selectAll()
  if (plant !== undefined) query = query.where('plant', '=', plant)
  return (await query.orderBy('plant').orderBy('name').execute()).map(windowOf)
}

/** The window of that id. */
export async function findWindow(db: Kysely<Schema>, id: string): Promise<MaintenanceWindow | undefined> {
  const row = await db.selectFrom('maintenance_windows').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : windowOf(row)
}

/** Windows that are open at a time, by id. */
export function openWindows(windows: readonly MaintenanceWindow[], now: number): readonly string[] {
  return windows.filter(({ rule }) => windowState(rule, now).isOpen).map(({ id }) => id)
}

function check({ name, rule }: WindowDraft): void {
  if (name.trim() === '' || name.length > longestName)
    throw new UsageError('bad-value', `a window needs a name of at most ${longestName} characters`)
  checkRule(rule)
}

/**
 * A new window.
 * @throws UsageError `bad-value` for one that cannot be kept, or whose name the plant has already
 */
export async function addWindow(store: Store, asker: Asker, draft: WindowDraft): Promise<MaintenanceWindow> {
  check(draft)
  const { plant, zone, name, rule } = draft
  return await store.db.transaction().execute(async (trx) => {
    const { count } = await trx
      .selectFrom('maintenance_windows')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('plant', '=', plant)
      .executeTakeFirstOrThrow()
    if (count >= mostWindows) throw new UsageError('bad-value', `a plant has at most ${mostWindows} windows`)
    const row = await trx
      .insertInto('maintenance_windows')
      .values({ plant, zone: zone ?? null, name, rule: jsonText(rule) })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst()
    if (row === undefined) throw new UsageError('bad-value', `${plant} has a window "${name}" already`)
    await told(trx, asker, row, 'windows.create')
    return windowOf(row)
  })
}

/**
 * Changes a window; jobs that wait for it wait by the new rule.
 * @throws UsageError `missing` where there is none of that id, `bad-value` as {@link addWindow}
 */
export async function changeWindow(
  store: Store,
  asker: Asker,
  id: string,
  draft: Omit<WindowDraft, 'plant'>,
): Promise<MaintenanceWindow> {
  return await store.db.transaction().execute(async (trx) => {
    const held = await findWindow(trx, id)
    if (held === undefined) throw noWindow(id)
    check({ ...draft, plant: held.plant })
    const { zone, name, rule } = draft
    const namesake = await trx
      .selectFrom('maintenance_windows')
      .select('id')
      .where('plant', '=', held.plant)
      .where('name', '=', name)
      .where('id', '<>', id)
      .executeTakeFirst()
    if (namesake !== undefined) throw new UsageError('bad-value', `${held.plant} has a window "${name}" already`)
    const row = await trx
      .updateTable('maintenance_windows')
      .set({ zone: zone ?? null, name, rule: jsonText(rule) })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    await told(trx, asker, row, 'windows.update')
    return windowOf(row)
  })
}

/**
 * Removes a window.
 * @throws UsageError `missing`
 * @throws NotAllowed `refused` while a job or a schedule waits for it
 */
export async function removeWindow(store: Store, asker: Asker, id: string): Promise<void> {
  await store.db.transaction().execute(async (trx) => {
    const held = await trx
      .selectFrom('maintenance_windows')
      .selectAll()
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst()
    if (held === undefined) throw noWindow(id)
    const waiting = await trx
      .selectFrom('jobs')
      .select('number')
      .where('window_id', '=', id)
      .where('state', 'in', ['waiting', 'running'])
      .executeTakeFirst()
    const scheduled = await trx
      .selectFrom('job_schedules')
      .select('kind')
      .where('window_id', '=', id)
      .executeTakeFirst()
    if (waiting !== undefined)
      throw new NotAllowed('refused', `job ${waiting.number} waits for "${held.name}"; cancel it first`)
    if (scheduled !== undefined)
      throw new NotAllowed('refused', `a schedule (${scheduled.kind}) uses "${held.name}"; change it first`)
    await trx.updateTable('jobs').set({ window_id: null }).where('window_id', '=', id).execute()
    await trx.deleteFrom('maintenance_windows').where('id', '=', id).execute()
    await told(trx, asker, held, 'windows.delete')
  })
}

function noWindow(id: string): UsageError {
  return new UsageError('missing', `there is no maintenance window ${id}`)
}

async function told(
  trx: Kysely<Schema>,
  { actor, address, request }: Asker,
  { id, plant, name, zone, rule }: Selectable<MaintenanceWindowTable>,
  action: string,
): Promise<void> {
  await trx
    .insertInto('events')
    .values({ kind: 'window', subject: id, plant, detail: jsonText({ name, action: action.split('.')[1] }) })
    .execute()
  const detail = { name, zone, rule }
  await recordAudit(trx, { actor, action, subject: id, plant, outcome: 'done', address, request, detail })
}
