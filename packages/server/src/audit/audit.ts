import { type Kysely, sql } from 'kysely'
import { jsonText, type Schema } from '../store/schema.ts'

/** Who acts. */
export interface Actor {
  readonly kind: 'user' | 'token' | 'system' | 'anonymous'
  /** Name of the user, name and owner of the token, or what of the system it is. */
  readonly name: string
}

/** Something that was done, refused or failed. */
export interface AuditEntry {
  readonly actor: Actor
  /** The operation, such as `deployments.start`. */
  readonly action: string
  /** What it was done to: a name or an id. */
  readonly subject: string
  readonly plant?: string | undefined
  readonly outcome: 'done' | 'refused' | 'failed'
  /** Where the request came from. */
  readonly address?: string | undefined
  /** Id of the request, to find it in the log. */
  readonly request?: string | undefined
  /** JSON, without secrets. */
  readonly detail?: unknown
}

/**
 * Writes an entry, in the transaction of the change that it tells of, so that neither is there without the other. It
 * holds the audit's lock until that transaction ends: write it last.
 */
export async function recordAudit(db: Kysely<Schema>, entry: AuditEntry): Promise<void> {
  await db
    .insertInto('audit')
    .values({
      actor_kind: entry.actor.kind,
      actor: entry.actor.name,
      action: entry.action,
      subject: entry.subject,
      plant: entry.plant ?? null,
      outcome: entry.outcome,
      address: entry.address ?? null,
      request: entry.request ?? null,
      detail: entry.detail === undefined ? null : jsonText(entry.detail),
    })
    .execute()
}

/** Number of the first entry that does not follow from the one before it, or whose content is not what was written. */
export async function firstBrokenEntry(db: Kysely<Schema>): Promise<number | undefined> {
  const { rows } = await sql<{ id: number }>`
    select id from (
      select a.id, a.hash = cordon_audit_hash(a) as whole, a.previous,
        lag(a.hash) over (order by a.id) as before, row_number() over (order by a.id) as place
      from audit a) chained
    where not whole or (place > 1 and previous is distinct from before)
    order by id limit 1`.execute(db)
  return rows[0]?.id
}
