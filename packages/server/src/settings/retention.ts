import { sql } from 'kysely'
import type { Store } from '../store/store.ts'
import type { Retention } from './settings.ts'

/** How many rows went. */
export interface Swept {
  readonly audit: number
  readonly events: number
}

/** Rows that one transaction deletes at most, so that nobody waits long. */
const atOnce = 5000

/**
 * Deletes what is older than the retention allows, oldest first, in small steps. The chain of the audit stays whole from
 * its new first entry on.
 */
export async function sweep(store: Pick<Store, 'db'>, retention: Retention, now = Date.now()): Promise<Swept> {
  const before = (days: number) => new Date(now - days * 86_400_000)
  return {
    audit: await sweepTable(store, 'audit', before(retention.auditDays)),
    events: await sweepTable(store, 'events', before(retention.eventDays)),
  }
}

async function sweepTable(store: Pick<Store, 'db'>, table: 'audit' | 'events', before: Date): Promise<number> {
  let total = 0
  for (;;) {
    const gone = await store.db.transaction().execute(async (tx) => {
      if (table === 'audit') await sql`set local cordon.retention = 'on'`.execute(tx)
      // By number, not by time alone: a clock that was set back must not tear a hole into the chain.
      const { numAffectedRows } = await sql`
        delete from ${sql.table(table)} where id in (
          select id from ${sql.table(table)} where id < coalesce(
            (select min(id) from ${sql.table(table)} where at >= ${before}),
            (select max(id) from ${sql.table(table)}))
          order by id limit ${atOnce})`.execute(tx)
      return Number(numAffectedRows ?? 0)
    })
    total += gone
    if (gone < atOnce) return total
  }
}
