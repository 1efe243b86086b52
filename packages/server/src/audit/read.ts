import { type Kysely, type Selectable, sql } from 'kysely'
import type { AuditTable, Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** Which entries are read; what is absent does not matter. */
export interface AuditFilter {
  readonly from?: Date
  /** Not itself. */
  readonly to?: Date
  readonly actor?: string
  /** An operation, or with a dot at its end all of a resource: `deployments.`. */
  readonly action?: string
  readonly subject?: string
  readonly plant?: string
  readonly outcome?: AuditTable['outcome']
}

/** An entry as it was written. */
export type AuditRow = Omit<Selectable<AuditTable>, 'previous' | 'hash'>

const columns = [
  'id',
  'at',
  'actor_kind',
  'actor',
  'action',
  'subject',
  'plant',
  'outcome',
  'address',
  'request',
  'detail',
] as const

function matching(db: Kysely<Schema>, { from, to, actor, action, subject, plant, outcome }: AuditFilter) {
  let query = db.selectFrom('audit').select(columns)
  if (from !== undefined) query = query.where('at', '>=', from)
  if (to !== undefined) query = query.where('at', '<', to)
  if (actor !== undefined) query = query.where('actor', '=', actor)
  if (action !== undefined)
    query = action.endsWith('.')
      ? query.where(sql<boolean>`starts_with(action, ${action})`)
      : query.where('action', '=', action)
  if (subject !== undefined) query = query.where('subject', '=', subject)
  if (plant !== undefined) query = query.where('plant', '=', plant)
  if (outcome !== undefined) query = query.where('outcome', '=', outcome)
  return query
}

/** Entries, newest first, older than `before` where that is given. */
export async function listAudit(
  { db }: Pick<Store, 'db'>,
  filter: AuditFilter,
  { limit, before }: { readonly limit: number; readonly before?: number | undefined },
): Promise<readonly AuditRow[]> {
  let query = matching(db, filter)
  if (before !== undefined) query = query.where('id', '<', before)
  return await query.orderBy('id', 'desc').limit(limit).execute()
}

/** Entries of one moment, oldest first, in pages, so that any number of them needs little memory. */
export async function* exportAudit(
  { db }: Pick<Store, 'db'>,
  filter: AuditFilter,
  pageSize = 1000,
): AsyncGenerator<readonly AuditRow[]> {
  const { last } = await db
    .selectFrom('audit')
    .select((eb) => eb.fn.max('id').as('last'))
    .executeTakeFirstOrThrow()
  let after = 0
  for (;;) {
    const rows = await matching(db, filter)
      .where('id', '>', after)
      .where('id', '<=', last ?? 0)
      .orderBy('id')
      .limit(pageSize)
      .execute()
    if (rows.length > 0) yield rows
    if (rows.length < pageSize) return
    after = rows.at(-1)?.id ?? 0
  }
}

/** How many entries there are. */
export async function countAudit({ db }: Pick<Store, 'db'>): Promise<number> {
  const { entries } = await db
    .selectFrom('audit')
    .select((eb) => eb.fn.countAll<number>().as('entries'))
    .executeTakeFirstOrThrow()
  return Number(entries)
}

const head = [
  'id',
  'at',
  'actor kind',
  'actor',
  'action',
  'subject',
  'plant',
  'outcome',
  'address',
  'request',
  'detail',
]

/** The first line of a CSV (RFC 4180). */
export const csvHead = `${head.join(',')}\r\n`

/** An entry as a line of CSV. A cell that a spreadsheet would take for a formula gets an apostrophe before it. */
export function csvLine(row: AuditRow): string {
  const { detail } = row
  const cells = [
    String(row.id),
    row.at.toISOString(),
    row.actor_kind,
    row.actor,
    row.action,
    row.subject,
    row.plant ?? '',
    row.outcome,
    row.address ?? '',
    row.request ?? '',
    detail === null ? '' : JSON.stringify(detail),
  ]
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
