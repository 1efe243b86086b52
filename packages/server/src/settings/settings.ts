import type { Kysely } from 'kysely'
import { type Actor, recordAudit } from '../audit/audit.ts'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Role } from '../users/roles.ts'

/** How long what is kept, days. */
export interface Retention {
  readonly auditDays: number
  readonly eventDays: number
  readonly jobDays: number
  /** Plant versions that no deployment names. */
  readonly versionDays: number
}

/** What administrators set. */
export interface Settings {
  /** System-use notification before signing in; empty for none. */
  readonly notice: string
  readonly sessionIdleMinutes: number
  readonly sessionHours: number
  /** Roles that must have a second factor. */
  readonly secondFactor: readonly Role[]
  /** Minutes between scheduled comparisons; 0: none. */
  readonly driftMinutes: number
  /** Minutes between readings of the connections; 0: on request only. */
  readonly observeMinutes: number
  /** Certificates that end within so many days are renewed; 0: never by itself. */
  readonly renewDays: number
  readonly retention: Retention
}

/** What holds until somebody sets it. */
export const defaultSettings: Settings = {
  notice: '',
  sessionIdleMinutes: 30,
  sessionHours: 12,
  secondFactor: [],
  driftMinutes: 60,
  observeMinutes: 15,
  renewDays: 30,
  retention: { auditDays: 1825, eventDays: 30, jobDays: 365, versionDays: 1825 },
}

/** A change of settings; what is absent stays. */
export type SettingsChange = Partial<Settings>

const fact = 'settings'

/** The settings, defaults where nobody set anything. */
export async function readSettings(db: Kysely<Schema>): Promise<Settings> {
  const row = await db.selectFrom('facts').select('value').where('name', '=', fact).executeTakeFirst()
  // Written by changeSettings alone; a member that a later version added is missing.
  const kept = (row?.value ?? {}) as SettingsChange
  return { ...defaultSettings, ...kept, retention: { ...defaultSettings.retention, ...kept.retention } }
}

/** Changes settings; the audit tells each member from what to what. */
export async function changeSettings(
  store: Pick<Store, 'db'>,
  change: SettingsChange,
  by: { readonly actor: Actor; readonly address?: string; readonly request?: string },
): Promise<Settings> {
  return await store.db.transaction().execute(async (tx) => {
    // Two changes at once follow each other: the row may not exist yet, so the table's fact of the key is what is locked.
    await tx.selectFrom('facts').select('name').where('name', '=', 'key').forUpdate().execute()
    const before = await readSettings(tx)
    const after: Settings = { ...before, ...change }
    const value = jsonText(after)
    await tx
      .insertInto('facts')
      .values({ name: fact, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute()
    const members = (Object.keys(change) as (keyof Settings)[]).filter(
      (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
    )
    const detail = Object.fromEntries(members.map((name) => [name, { from: before[name], to: after[name] }]))
    await recordAudit(tx, { ...by, action: 'settings.change', subject: members.join(', '), outcome: 'done', detail })
    await tx
      .insertInto('events')
      .values({ kind: 'settings', subject: 'settings', detail: jsonText({ members }) })
      .execute()
    return after
  })
}
