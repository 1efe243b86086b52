import { type Kysely, sql } from 'kysely'

/** Plants with their versions, what was discovered and observed of them, and how far their zones are enforced. */
export async function plants(db: Kysely<unknown>): Promise<void> {
  const now = sql`now()`
  await db.schema
    .createTable('plants')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('newest', 'integer', (c) => c.notNull())
    .addColumn('outline', 'jsonb', (c) => c.notNull())
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .execute()
  await db.schema
    .createTable('plant_versions')
    .addColumn('plant', 'text', (c) => c.notNull().references('plants.name'))
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('text', 'text', (c) => c.notNull())
    .addColumn('simulation', 'text')
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('author_kind', 'text', (c) => c.notNull())
    .addColumn('author', 'text', (c) => c.notNull())
    .addColumn('message', 'text', (c) => c.notNull())
    .addColumn('base', 'integer')
    .addColumn('devices', 'integer', (c) => c.notNull())
    .addColumn('zones', 'integer', (c) => c.notNull())
    .addColumn('conduits', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('plant_versions_pkey', ['plant', 'number'])
    .execute()
  await sql`
    create or replace function cordon_version_kept() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' and current_setting('cordon.retention', true) = 'on'
        and old.number is distinct from (select newest from plants where name = old.plant) then return old; end if;
      raise exception 'versions of a plant are not changed or deleted';
    end $$`.execute(db)
  await sql`
    create trigger version_kept before update or delete on plant_versions
    for each row execute function cordon_version_kept()`.execute(db)
  await db.schema
    .createTable('plant_devices')
    .addColumn('plant', 'text', (c) => c.notNull().references('plants.name'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('address', 'text')
    .addColumn('zone', 'text', (c) => c.notNull())
    .addColumn('chassis', 'text')
    .addColumn('slot', 'integer')
    .addColumn('capable', 'boolean', (c) => c.notNull())
    .addColumn('managed', 'boolean', (c) => c.notNull())
    .addPrimaryKeyConstraint('plant_devices_pkey', ['plant', 'name'])
    .execute()
  // Pages go by code points, wherever the database was made; joins go by the collation that all names have.
  await sql`create index plant_devices_in_order on plant_devices (plant, name collate "C")`.execute(db)
  await sql`create index plant_devices_by_zone on plant_devices (plant, zone, name collate "C")`.execute(db)
  await db.schema.createIndex('plant_devices_by_address').on('plant_devices').columns(['plant', 'address']).execute()
  await db.schema
    .createTable('plant_layout')
    .addColumn('plant', 'text', (c) => c.notNull().references('plants.name'))
    .addColumn('zone', 'text', (c) => c.notNull())
    .addColumn('x', 'double precision', (c) => c.notNull())
    .addColumn('y', 'double precision', (c) => c.notNull())
    .addColumn('by', 'text', (c) => c.notNull())
    .addColumn('at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('plant_layout_pkey', ['plant', 'zone'])
    .execute()
  await db.schema
    .createTable('discovered')
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('identity', 'jsonb')
    .addColumn('capable', 'boolean', (c) => c.notNull())
    .addColumn('security_state', 'text')
    .addColumn('first_seen', 'timestamptz', (c) => c.notNull())
    .addColumn('last_seen', 'timestamptz', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('new', 'adopted', 'ignored')`))
    .addColumn('by', 'text')
    .addPrimaryKeyConstraint('discovered_pkey', ['plant', 'address'])
    .execute()
  await db.schema
    .createTable('observed_connections')
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('read_at', 'timestamptz', (c) => c.notNull())
    .addColumn('rows', 'jsonb', (c) => c.notNull())
    .addPrimaryKeyConstraint('observed_connections_pkey', ['plant', 'device', 'read_at'])
    .execute()
  await db.schema
    .createTable('zone_stages')
    .addColumn('id', 'bigint', (c) => c.primaryKey().generatedByDefaultAsIdentity())
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('zone', 'text', (c) => c.notNull())
    .addColumn('stage', 'text', (c) => c.notNull().check(sql`stage in ('observe', 'protect', 'enforce')`))
    .addColumn('message', 'text')
    .addColumn('by', 'text', (c) => c.notNull())
    .addColumn('since', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .execute()
  await db.schema.createIndex('zone_stages_by_zone').on('zone_stages').columns(['plant', 'zone', 'id']).execute()
  // How a device stands is asked for each row of a list.
  await db.schema.createIndex('deployment_targets_by_device').on('deployment_targets').column('device').execute()
  await db.schema.createIndex('deployments_by_plant').on('deployments').columns(['plant', 'created_at']).execute()
  await db.schema
    .createIndex('drift_findings_of_device')
    .on('drift_findings')
    .columns(['plant', 'device'])
    .where(sql.ref('gone_at'), 'is', null)
    .execute()
}
