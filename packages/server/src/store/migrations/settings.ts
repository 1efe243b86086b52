import { type Kysely, sql } from 'kysely'

/** Vendors that are believed at first contact, by the person who said so. */
export async function settings(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('vendor_anchors')
    .addColumn('fingerprint', 'text', (c) => c.primaryKey())
    .addColumn('certificate', 'bytea', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('not_after', 'timestamptz', (c) => c.notNull())
    .addColumn('added_by', 'text', (c) => c.notNull())
    .addColumn('added_at', 'timestamptz', (c) => c.notNull().defaultTo(sql`now()`))
    .execute()
}
