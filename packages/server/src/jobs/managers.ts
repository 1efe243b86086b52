import { hostname } from 'node:os'
import { sql } from 'kysely'
import type { Store } from '../store/store.ts'

/** A manager that shares the work. */
export interface RunningManager {
  readonly id: string
  readonly host: string
  readonly pid: number
  /** Where it is reached. */
  readonly address: string | undefined
  readonly version: string | undefined
  /** ISO 8601. */
  readonly startedAt: string
  readonly seenAt: string
  /** It was seen lately. */
  readonly isAlive: boolean
}

/** What a manager says of itself. */
export interface ManagerIdentity {
  /** UUID, another one for each start. */
  readonly id: string
  readonly address?: string | undefined
  readonly version?: string | undefined
}

/** Silence after which a manager counts as gone, milliseconds. */
export const managerSilenceMs = 30_000
/** Hours for which one that is gone is still shown. */
const shownHours = 24

/** Says that a manager is there; forgets those that were not seen for a day. */
export async function heartbeat(store: Pick<Store, 'db'>, { id, address, version }: ManagerIdentity): Promise<void> {
  await store.db
    .insertInto('managers')
    .values({ id, host: hostname(), pid: process.pid, address: address ?? null, version: version ?? null })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at: sql<Date>`now()` }))
    .execute()
  await sql`delete from managers where seen_at < now() - ${shownHours} * interval '1 hour'`.execute(store.db)
}

/** Says that a manager ended. */
export async function leave(store: Pick<Store, 'db'>, id: string): Promise<void> {
  await store.db.deleteFrom('managers').where('id', '=', id).execute()
}

/** The managers, the oldest first. */
export async function listManagers(store: Pick<Store, 'db'>): Promise<readonly RunningManager[]> {
  const rows = await store.db
    .selectFrom('managers')
    .selectAll()
    .select(sql<boolean>`seen_at > now() - ${managerSilenceMs} * interval '1 millisecond'`.as('alive'))
    .orderBy('started_at')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    host: row.host,
    pid: row.pid,
    address: row.address ?? undefined,
    version: row.version ?? undefined,
    startedAt: row.started_at.toISOString(),
    seenAt: row.seen_at.toISOString(),
    isAlive: row.alive,
  }))
}
