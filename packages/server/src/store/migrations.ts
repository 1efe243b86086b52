import { type Kysely, type Migration, sql } from 'kysely'

/**
 * The changes of the schema, in order. One that was released is never edited: another follows it. Values rather than
 * files, so that they travel with the build.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': { up: first },
  '0002-enrollment': { up: enrollment },
  '0003-drift': { up: drift },
}

/** The name of the newest one. */
export const newestMigration = '0003-drift'

async function first(db: Kysely<unknown>): Promise<void> {
  const now = sql`now()`
  await db.schema
    .createTable('facts')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'jsonb', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('authorities')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('zone', 'text')
    .addColumn('generation', 'integer', (c) => c.notNull())
    .addColumn('certificate', 'bytea', (c) => c.notNull())
    .addColumn('key_kind', 'text', (c) => c.notNull())
    .addColumn('sealed', 'bytea', (c) => c.notNull())
    .addColumn('crl_number', 'bigint', (c) => c.notNull().defaultTo(0))
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .execute()
  await db.schema
    .createTable('certificates')
    .addColumn('issuer_id', 'text', (c) => c.notNull().references('authorities.id'))
    .addColumn('serial', 'text', (c) => c.notNull())
    .addColumn('profile', 'text', (c) => c.notNull().check(sql`profile in ('root', 'issuing', 'device', 'client')`))
    .addColumn('zone', 'text')
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('tbs_hash', 'bytea', (c) => c.notNull())
    .addColumn('fingerprint', 'text', (c) => c.notNull().unique())
    .addColumn('key_hash', 'bytea', (c) => c.notNull())
    .addColumn('names', 'text', (c) => c.notNull())
    .addColumn('certificate', 'bytea', (c) => c.notNull())
    .addColumn('not_before', 'timestamptz', (c) => c.notNull())
    .addColumn('not_after', 'timestamptz', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull().check(sql`status in ('valid', 'revoked')`))
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('certificates_pkey', ['issuer_id', 'serial'])
    .execute()
  await db.schema.createIndex('certificates_by_key').on('certificates').column('key_hash').execute()
  await db.schema.createIndex('certificates_by_name').on('certificates').column('name').execute()
  await db.schema
    .createTable('revocations')
    .addColumn('issuer_id', 'text', (c) => c.notNull())
    .addColumn('serial', 'text', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('revoked_at', 'timestamptz', (c) => c.notNull())
    .addColumn('crl_number', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('revocations_pkey', ['issuer_id', 'serial'])
    .addForeignKeyConstraint('revocations_certificate', ['issuer_id', 'serial'], 'certificates', [
      'issuer_id',
      'serial',
    ])
    .execute()
  await db.schema
    .createTable('revocation_lists')
    .addColumn('issuer_id', 'text', (c) => c.notNull().references('authorities.id'))
    .addColumn('number', 'bigint', (c) => c.notNull())
    .addColumn('der', 'bytea', (c) => c.notNull())
    .addColumn('this_update', 'timestamptz', (c) => c.notNull())
    .addColumn('next_update', 'timestamptz', (c) => c.notNull())
    .addPrimaryKeyConstraint('revocation_lists_pkey', ['issuer_id', 'number'])
    .execute()
  await db.schema
    .createTable('devices')
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('zone', 'text')
    .addColumn('identity', 'jsonb')
    .addColumn('serial', 'bigint')
    .addColumn('vendor_fingerprint', 'text')
    .addColumn('pinned_at', 'timestamptz')
    .addColumn('certificate_fingerprint', 'text')
    .addColumn('observed', 'jsonb')
    .addColumn('updated_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('devices_pkey', ['plant', 'name'])
    .execute()
  await db.schema
    .createTable('deployments')
    .addColumn('id', 'uuid', (c) => c.primaryKey().defaultTo(sql`gen_random_uuid()`))
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('plan', 'jsonb')
    .addColumn('options', 'jsonb')
    .addColumn('result', 'jsonb')
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('finished_at', 'timestamptz')
    .execute()
  await db.schema
    .createTable('deployment_targets')
    .addColumn('deployment', 'uuid', (c) => c.notNull().references('deployments.id').onDelete('cascade'))
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('position', 'integer', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('lease_owner', 'text')
    .addColumn('lease_until', 'timestamptz')
    .addColumn('fencing_token', 'bigint', (c) => c.notNull().defaultTo(0))
    .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('result', 'jsonb')
    .addColumn('updated_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('deployment_targets_pkey', ['deployment', 'device'])
    .execute()
  await db.schema
    .createTable('journal')
    .addColumn('id', 'bigint', (c) => c.primaryKey().generatedByDefaultAsIdentity())
    .addColumn('deployment', 'uuid', (c) => c.notNull().references('deployments.id').onDelete('cascade'))
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('step', 'text', (c) => c.notNull())
    .addColumn('phase', 'text', (c) => c.notNull().check(sql`phase in ('begin', 'done', 'undone', 'failed')`))
    .addColumn('detail', 'jsonb')
    .addColumn('sealed', 'bytea')
    .addColumn('at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .execute()
  await db.schema.createIndex('journal_by_device').on('journal').columns(['deployment', 'device', 'id']).execute()
  await db.schema
    .createTable('psks')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('identity', 'text', (c) => c.notNull())
    .addColumn('sealed', 'bytea', (c) => c.notNull())
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .execute()
  await db.schema
    .createTable('orphans')
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('detail', 'jsonb')
    .addColumn('since', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('orphans_pkey', ['plant', 'device'])
    .execute()
  await db.schema
    .createTable('events')
    .addColumn('id', 'bigint', (c) => c.primaryKey().generatedByDefaultAsIdentity())
    .addColumn('at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('detail', 'jsonb')
    .execute()
}

/** The pull model: who asked for a certificate, what was decided and by whom, what was used up, who is to be told. */
async function enrollment(db: Kysely<unknown>): Promise<void> {
  const now = sql`now()`
  await db.schema
    .alterTable('authorities')
    .addColumn('state', 'text', (c) =>
      c.notNull().defaultTo('active').check(sql`state in ('next', 'active', 'retiring', 'retired')`),
    )
    .addColumn('key_uri', 'text')
    .execute()
  await db.schema
    .alterTable('authorities')
    .alterColumn('sealed', (c) => c.dropNotNull())
    .execute()
  await db.schema.alterTable('certificates').dropConstraint('certificates_profile_check').execute()
  await db.schema
    .alterTable('certificates')
    .addCheckConstraint(
      'certificates_profile_check',
      sql`profile in ('root', 'issuing', 'cross', 'device', 'client', 'server', 'provisioning')`,
    )
    .execute()
  await db.schema
    .createTable('enrollments')
    .addColumn('id', 'bigint', (c) => c.primaryKey().generatedByDefaultAsIdentity())
    .addColumn('plant', 'text', (c) => c.notNull())
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('operation', 'text', (c) =>
      c.notNull().check(sql`operation in ('simpleenroll', 'simplereenroll', 'serverkeygen')`),
    )
    .addColumn('requester', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('request', 'bytea', (c) => c.notNull())
    .addColumn('facts', 'jsonb', (c) => c.notNull())
    .addColumn('evaluation', 'jsonb', (c) => c.notNull())
    .addColumn('replacement', 'jsonb')
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('pending', 'granted', 'denied', 'expired')`))
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('device', 'text')
    .addColumn('zone', 'text')
    .addColumn('issuer_id', 'text')
    .addColumn('serial', 'text')
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('updated_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('expires_at', 'timestamptz')
    .addUniqueConstraint('enrollments_by_key', ['label', 'key'])
    .addForeignKeyConstraint('enrollments_certificate', ['issuer_id', 'serial'], 'certificates', [
      'issuer_id',
      'serial',
    ])
    .execute()
  await db.schema.createIndex('enrollments_by_state').on('enrollments').columns(['state', 'id']).execute()
  await db.schema.createIndex('enrollments_of_key').on('enrollments').column('key').execute()
  await db.schema.createIndex('enrollments_by_device').on('enrollments').column('device').execute()
  await db.schema
    .createTable('enrollment_words')
    .addColumn('id', 'bigint', (c) => c.primaryKey().generatedByDefaultAsIdentity())
    .addColumn('enrollment', 'bigint', (c) => c.notNull().references('enrollments.id'))
    .addColumn('at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('kind', 'text', (c) =>
      c.notNull().check(sql`kind in ('asked', 'approve', 'deny', 'withdraw', 'expire', 'issue', 'replace', 'clear')`),
    )
    .addColumn('by', 'text', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('detail', 'jsonb')
    .execute()
  await db.schema
    .createIndex('enrollment_words_by_enrollment')
    .on('enrollment_words')
    .columns(['enrollment', 'id'])
    .execute()
  await db.schema
    .createTable('enrollment_sightings')
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('unit', 'text', (c) => c.notNull())
    .addColumn('mac', 'text', (c) => c.notNull())
    .addColumn('seen_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('cleared_by', 'text')
    .addPrimaryKeyConstraint('enrollment_sightings_pkey', ['key', 'address', 'unit', 'mac'])
    .execute()
  await db.schema
    .createTable('enrollment_people')
    .addColumn('kind', 'text', (c) => c.notNull().check(sql`kind in ('account', 'administrator')`))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('revoked_at', 'timestamptz')
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('enrollment_people_pkey', ['kind', 'name'])
    .execute()
  await db.schema
    .createTable('credential_uses')
    .addColumn('kind', 'text', (c) => c.notNull().check(sql`kind in ('account', 'provisioning')`))
    .addColumn('credential', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('enrollment', 'bigint', (c) => c.notNull().references('enrollments.id'))
    .addColumn('at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('credential_uses_pkey', ['kind', 'credential', 'key'])
    .execute()
  await db.schema
    .createTable('revoked_credentials')
    .addColumn('kind', 'text', (c) => c.notNull().check(sql`kind in ('account', 'provisioning')`))
    .addColumn('credential', 'text', (c) => c.notNull())
    .addColumn('by', 'text', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addPrimaryKeyConstraint('revoked_credentials_pkey', ['kind', 'credential'])
    .execute()
  await db.schema
    .createTable('notifications')
    .addColumn('id', 'bigint', (c) => c.primaryKey().generatedByDefaultAsIdentity())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('detail', 'jsonb', (c) => c.notNull())
    .addColumn('created_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .execute()
  await db.schema
    .createTable('notification_deliveries')
    .addColumn('notification', 'bigint', (c) => c.notNull().references('notifications.id'))
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('waiting', 'sent', 'given-up')`))
    .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('next_at', 'timestamptz', (c) => c.notNull().defaultTo(now))
    .addColumn('error', 'text')
    .addPrimaryKeyConstraint('notification_deliveries_pkey', ['notification', 'channel'])
    .execute()
  await db.schema
    .createIndex('notification_deliveries_waiting')
    .on('notification_deliveries')
    .columns(['channel', 'notification'])
    .where(sql.ref('state'), '=', sql.lit('waiting'))
    .execute()
}

/** Comparisons of plants with their models: whose turn it is, the last result, and every difference with its time. */
async function drift(db: Kysely<unknown>): Promise<void> {
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
