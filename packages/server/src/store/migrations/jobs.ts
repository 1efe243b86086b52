import { type Kysely, sql } from 'kysely'

/**
 * Work that managers do for people: jobs with their lease, when they may begin, what is asked for again and again, and the
 * managers themselves. Whoever makes or cancels a job wakes them on the channel `cordon_jobs`.
 */
export async function jobs(db: Kysely<unknown>): Promise<void> {
  const now = sql`now()`
  await db.schema
    .createTable('maintenance_windows')
    .addColumn('id', 'uuid', (c) => c.primaryKey().defaultTo(sql`gen_random_uuid()`))
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('zone', 'text')
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('rule', 'jsonb', (c) => c.notNull())
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addUniqueConstraint('maintenance_windows_name', ['plant', 'name'])
    .execute()
  await db.schema
    .createTable('jobs')
    .addColumn('id', 'uuid', (c) => c.primaryKey().defaultTo(sql`gen_random_uuid()`))
    .addColumn('number', 'bigint', (c) => c.notNull().unique().generatedByDefaultAsIdentity())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('changes', 'boolean', (c) => c.notNull())
    .addColumn('plant', 'text')
    .addColumn('version', 'integer')
    .addColumn('parameters', 'jsonb', (c) => c.notNull())
    .addColumn('requested_by', 'text', (c) => c.notNull())
    .addColumn('requested_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('not_before', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('window_id', 'uuid', (c) => c.references('maintenance_windows.id'))
    .addColumn('due', 'text', (c) => c.unique())
    .addColumn('state', 'text', (c) =>
      c
        .notNull()
        .defaultTo('waiting')
        .check(
          sql`state in ('waiting', 'running', 'complete', 'complete-with-warnings', 'not-complete', 'cancelled', 'failed')`,
        ),
    )
    .addColumn('lease_owner', 'text')
    .addColumn('lease_until', 'timestamptz')
    .addColumn('fencing_token', 'bigint', (c) => c.notNull().defaultTo(0))
    .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('cancel_by', 'text')
    .addColumn('cancel_at', 'timestamptz')
    .addColumn('progress', 'jsonb')
    .addColumn('result', 'jsonb')
    .addColumn('error', 'jsonb')
    .addColumn('deployment', 'uuid', (c) => c.references('deployments.id').onDelete('set null'))
    .addColumn('started_at', 'timestamptz')
    .addColumn('finished_at', 'timestamptz')
    .addCheckConstraint('jobs_change_a_plant', sql`not changes or plant is not null`)
    .execute()
  // What the managers' own order of claims sees to, the database refuses to lose.
  await db.schema
    .createIndex('jobs_one_change')
    .on('jobs')
    .column('plant')
    .unique()
    .where(sql<boolean>`changes and state = 'running'`)
    .execute()
  await db.schema
    .createIndex('jobs_open')
    .on('jobs')
    .column('number')
    .where(sql<boolean>`state in ('waiting', 'running')`)
    .execute()
  await db.schema.createIndex('jobs_by_plant').on('jobs').columns(['plant', 'number']).execute()
  await sql`
    create or replace function cordon_jobs_told() returns trigger language plpgsql as $$
    begin
      perform pg_notify('cordon_jobs', '');
      return null;
    end $$`.execute(db)
  // Progress wakes nobody.
  await sql`
    create trigger jobs_told after insert or update of state, cancel_at, not_before, window_id on jobs
    for each statement execute function cordon_jobs_told()`.execute(db)
  await sql`
    create trigger windows_told after insert or update or delete on maintenance_windows
    for each statement execute function cordon_jobs_told()`.execute(db)
  await db.schema
    .createTable('job_schedules')
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('every_s', 'integer', (c) => c.notNull().check(sql`every_s >= 60`))
    .addColumn('parameters', 'jsonb', (c) => c.notNull())
    .addColumn('window_id', 'uuid', (c) => c.references('maintenance_windows.id'))
    .addColumn('next_at', 'timestamptz', (c) => c.notNull())
    .addColumn('set_by', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('job_schedules_pkey', ['plant', 'kind'])
    .execute()
  await db.schema
    .createTable('managers')
    .addColumn('id', 'uuid', (c) => c.primaryKey())
    .addColumn('host', 'text', (c) => c.notNull())
    .addColumn('pid', 'integer', (c) => c.notNull())
    .addColumn('address', 'text')
    .addColumn('version', 'text')
    .addColumn('started_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('seen_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .execute()
}
