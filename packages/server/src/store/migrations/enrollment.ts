import { type Kysely, sql } from 'kysely'

/** The pull model: who asked for a certificate, what was decided and by whom, what was used up, who is to be told. */
export async function enrollment(db: Kysely<unknown>): Promise<void> {
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
