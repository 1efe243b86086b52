import { type Kysely, sql } from 'kysely'

/** Comparisons of plants with their models: whose turn it is, the last result, and every difference with its time. */
export async function drift(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('drift_plants')
    .addColumn('plant', 'text', (c) => c.primaryKey())
    .addColumn('lease_owner', 'text')
    .addColumn('lease_until', 'timestamptz')
    .addColumn('next_at', 'timestamptz')
    .addColumn('compared_at', 'timestamptz')
    .addColumn('result', 'jsonb')
    .execute()
  await db.schema
    .createTable('drift_findings')
    .addColumn('id', 'bigint', (c) => c.primaryKey().generatedByDefaultAsIdentity())
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('finding', 'jsonb', (c) => c.notNull())
    .addColumn('explanation', 'jsonb', (c) => c.notNull())
    .addColumn('found_at', 'timestamptz', (c) => c.notNull())
    .addColumn('gone_at', 'timestamptz')
    .execute()
  await db.schema
    .createIndex('drift_findings_open')
    .on('drift_findings')
    .columns(['plant', 'key'])
    .unique()
    .where(sql.ref('gone_at'), 'is', null)
    .execute()
  await db.schema.createIndex('drift_findings_by_time').on('drift_findings').columns(['plant', 'found_at']).execute()
}
