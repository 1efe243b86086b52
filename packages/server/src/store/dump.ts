import { createHash, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { MalformedMessage, NotAllowed, NotTrusted, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { type Kysely, sql, type Transaction } from 'kysely'
import { migrations } from './migrations.ts'
import { jsonText, type Schema } from './schema.ts'
import { type SecretPlace, secretsUnder } from './secrets.ts'
import { appliedMigration, keyProof, type Store } from './store.ts'

/** Tables in the order in which they can be filled. The journal's secrets travel with it. */
const tables = [
  'facts',
  'authorities',
  'certificates',
  'revocations',
  'revocation_lists',
  'devices',
  'deployments',
  'deployment_targets',
  'journal',
  'psks',
  'orphans',
  'events',
  'enrollments',
  'enrollment_words',
  'enrollment_sightings',
  'enrollment_people',
  'credential_uses',
  'revoked_credentials',
  'notifications',
  'notification_deliveries',
  'drift_plants',
  'drift_findings',
  'audit',
  'identity_providers',
  'users',
  'user_totp',
  'user_keys',
  'user_recovery_codes',
  'user_identities',
  'identity_provider_results',
  'user_tokens',
  'plants',
  'plant_versions',
  'plant_devices',
  'plant_layout',
  'discovered',
  'observed_connections',
  'zone_stages',
  'maintenance_windows',
  'jobs',
  'job_schedules',
  'managers',
  'vendor_anchors',
] as const satisfies readonly (keyof Schema)[]

/** Tables that are not kept: a restored store must not bring back a session that was ended, or a link that was used. */
const passing = [
  'user_links',
  'sign_in_attempts',
  'user_sessions',
  'user_challenges',
] as const satisfies readonly (keyof Schema)[]

const allTables = [...tables, ...passing]

type TableName = (typeof tables)[number]

/** Tables whose id, or another column, counts by itself. */
const counted = {
  journal: 'id',
  events: 'id',
  enrollments: 'id',
  enrollment_words: 'id',
  notifications: 'id',
  drift_findings: 'id',
  audit: 'id',
  identity_provider_results: 'id',
  zone_stages: 'id',
  jobs: 'number',
} as const satisfies Partial<Record<TableName, string>>

/** Tables whose triggers number, chain and announce what is written. */
const numbered = ['audit', 'events'] as const

const magic = new TextEncoder().encode('CORDON-BACKUP-1\n')
const saltLength = 16
/** scrypt with 64 MiB: a guess at a passphrase costs some 0.2 s (RFC 7914). */
const cost = { N: 65_536, r: 8, p: 1, maxmem: 128 * 1024 * 1024 } as const
/** Shortest passphrase that is accepted for making a backup. */
const minimumPassphrase = 12

/** What a backup holds. */
export interface BackupSummary {
  /** Milliseconds since 1970. */
  readonly madeAt: number
  /** Schema it was made with. */
  readonly schema: string
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>
}

interface Document {
  readonly madeAt: number
  readonly schema: string
  /** The key that the sealed columns are sealed under, base64. */
  readonly key: string
  /** Those of the schema that it was made with. */
  readonly rows: Readonly<Partial<Record<TableName, readonly unknown[]>>>
  /** SHA-256 over the rows of each table, as the database wrote them. */
  readonly digests: Readonly<Partial<Record<TableName, string>>>
}

async function passphraseKey(passphrase: string, salt: Uint8Array): Promise<Uint8Array> {
  const derive = promisify<string, Uint8Array, number, typeof cost, Buffer>(scrypt)
  return new Uint8Array(await derive(passphrase.normalize('NFC'), salt, 32, cost))
}

async function readTable(db: Kysely<Schema>, table: TableName): Promise<string[]> {
  const { rows } = await sql<{
    row: string
  }>`select row_to_json(t)::text as row from ${sql.table(table)} as t order by row_to_json(t)::text collate "C"`.execute(
    db,
  )
  return rows.map(({ row }) => row)
}

/** Times are written in the session's zone, and the digests must not depend on it. */
async function useUtc(tx: Transaction<Schema>): Promise<void> {
  await sql`set local timezone to 'UTC'`.execute(tx)
}

function digestRows(rows: readonly string[]): string {
  const hash = createHash('sha256')
  for (const row of rows) hash.update(row).update('\n')
  return hash.digest('hex')
}

/**
 * The whole store as one encrypted file, read in one repeatable-read transaction, so that it is of one moment. It holds
 * the key of the state as well: with the passphrase alone another machine can go on.
 * @throws UsageError `bad-value` for a passphrase under 12 characters
 */
export async function dumpStore(store: Store, passphrase: string): Promise<Uint8Array> {
  if (passphrase.length < minimumPassphrase) {
    throw new UsageError('bad-value', `expected a passphrase of at least ${minimumPassphrase} characters`)
  }
  const document = await store.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (tx) => {
      await useUtc(tx)
      const rows: Record<string, string[]> = {}
      for (const table of tables) rows[table] = await readTable(tx, table)
      const head = JSON.stringify({
        madeAt: Date.now(),
        schema: await appliedMigration(tx),
        key: Buffer.from(store.key.key).toString('base64'),
        digests: Object.fromEntries(tables.map((table) => [table, digestRows(rows[table] ?? [])])),
      })
      // Rows are joined as the database wrote them: parsing them here would round large numbers.
      const body = tables.map((table) => `${JSON.stringify(table)}:[${(rows[table] ?? []).join(',')}]`).join(',')
      return `${head.slice(0, -1)},"rows":{${body}}}`
    })
  const salt = nodeCrypto.random(saltLength)
  const plaintext = new Uint8Array(await promisify(gzip)(document))
  const sealed = nodeCrypto.seal(await passphraseKey(passphrase, salt), plaintext, magic)
  return new Uint8Array(Buffer.concat([magic, salt, sealed]))
}

async function openBackup(backup: Uint8Array, passphrase: string): Promise<Document> {
  const head = backup.subarray(0, magic.length)
  if (!nodeCrypto.equal(head, magic)) {
    throw new MalformedMessage('unknown-value', 'expected a Cordon backup, which begins with CORDON-BACKUP-1')
  }
  const salt = backup.subarray(magic.length, magic.length + saltLength)
  const sealed = backup.subarray(magic.length + saltLength)
  let plaintext: Uint8Array
  try {
    plaintext = nodeCrypto.open(await passphraseKey(passphrase, salt), sealed, magic)
  } catch (cause) {
    if (!(cause instanceof NotTrusted)) throw cause
    throw new NotTrusted('bad-signature', 'the passphrase is wrong, or the backup was altered', { cause })
  }
  const text = (await promisify(gunzip)(plaintext, { maxOutputLength: 2 ** 31 - 1 })).toString('utf8')
  // Written by dumpStore and authenticated under the passphrase.
  return JSON.parse(text) as Document
}

/**
 * Fills an empty store from a backup, in one transaction: all of it or nothing. The rows are read back and compared with
 * what the backup says they were, and the secrets are sealed anew under this store's key. A backup of an earlier schema is
 * restored as it was and then brought up to date as the store itself would have been.
 * @throws NotTrusted `bad-signature` for a wrong passphrase or an altered file
 * @throws NotAllowed `refused` when the store is not empty
 * @throws UsageError `not-supported` for a backup of a later schema
 */
export async function restoreStore(store: Store, backup: Uint8Array, passphrase: string): Promise<BackupSummary> {
  const document = await openBackup(backup, passphrase)
  const schema = await appliedMigration(store.db)
  const isOlder = document.schema !== schema
  if (!(document.schema in migrations)) {
    throw new UsageError(
      'not-supported',
      `the backup is of schema ${document.schema}, this Cordon's is ${schema}; update Cordon to the version that made it, or a later one`,
    )
  }
  const held = tables.filter((table) => document.rows[table] !== undefined)
  const oldKey = new Uint8Array(Buffer.from(document.key, 'base64'))
  await store.db.transaction().execute(async (tx) => {
    // Nobody else may write between the look and the restore.
    await sql`lock table ${sql.join(allTables.map((table) => sql.table(table)))} in exclusive mode`.execute(tx)
    await useUtc(tx)
    await refuseUnlessEmpty(tx)
    if (isOlder) await makeTablesOf(tx, document.schema)
    else await tx.deleteFrom('facts').execute()
    // Their numbers and hashes are those of the backup, not new ones. An earlier schema may not have had them.
    const numberedHere = numbered.filter((table) => held.includes(table))
    for (const table of numberedHere) await sql`alter table ${sql.table(table)} disable trigger user`.execute(tx)
    for (const table of held) {
      const rows = document.rows[table] ?? []
      for (let start = 0; start < rows.length; start += 500) {
        const part = JSON.stringify(rows.slice(start, start + 500))
        await sql`insert into ${sql.table(table)} select * from json_populate_recordset(null::${sql.table(table)}, ${part}::json)`.execute(
          tx,
        )
      }
      const found = digestRows(await readTable(tx, table))
      if (found !== document.digests[table]) {
        throw new MalformedMessage(
          'bad-encoding',
          `table ${table} does not read back as the backup says it was; nothing was restored`,
        )
      }
    }
    for (const table of numberedHere) await sql`alter table ${sql.table(table)} enable trigger user`.execute(tx)
    if (isOlder) await bringUpToDate(tx, document.schema)
    for (const [table, column] of Object.entries(counted)) {
      const top = sql`max(${sql.ref(column)})`
      await sql`select setval(pg_get_serial_sequence(${table}, ${column}), coalesce(${top}, 1), ${top} is not null) from ${sql.table(table)}`.execute(
        tx,
      )
    }
    await sealAnew(tx, store, oldKey)
    await leaveWork(tx)
  })
  return {
    madeAt: document.madeAt,
    schema: document.schema,
    rows: Object.fromEntries(held.map((table) => [table, document.rows[table]?.length ?? 0])),
  }
}

/** The empty tables as an earlier schema had them. */
async function makeTablesOf(tx: Transaction<Schema>, schema: string): Promise<void> {
  await sql`drop table ${sql.join(allTables.map((table) => sql.table(table)))} cascade`.execute(tx)
  for (const [name, migration] of Object.entries(migrations)) if (name <= schema) await migration.up(tx)
}

async function bringUpToDate(tx: Transaction<Schema>, schema: string): Promise<void> {
  for (const [name, migration] of Object.entries(migrations)) if (name > schema) await migration.up(tx)
}

async function refuseUnlessEmpty(tx: Transaction<Schema>): Promise<void> {
  for (const table of allTables) {
    if (table === 'facts') continue
    const { rows } = await sql<{ there: boolean }>`select exists (select from ${sql.table(table)}) as there`.execute(tx)
    if (rows[0]?.there === true) {
      throw new NotAllowed(
        'refused',
        `the store is not empty (table ${table}); restore into a new state directory: CORDON_STATE=…`,
      )
    }
  }
}

/** What was under way when the backup was made is not taken up by whoever restores it, maybe long after. */
async function leaveWork(tx: Transaction<Schema>): Promise<void> {
  const error = { code: 'restored', message: 'the store was restored from a backup', next: 'Ask for the job again.' }
  await tx
    .updateTable('jobs')
    .set({ state: 'cancelled', error: jsonText(error), lease_owner: null, lease_until: null, finished_at: new Date() })
    .where('state', 'in', ['waiting', 'running'])
    .execute()
  await tx.deleteFrom('managers').execute()
}

async function sealAnew(tx: Transaction<Schema>, store: Store, oldKey: Uint8Array): Promise<void> {
  const old = secretsUnder(nodeCrypto, oldKey)
  const again = (place: SecretPlace, sealed: Uint8Array) => store.secrets.seal(place, old.open(place, sealed))
  for (const { id, sealed } of await tx.selectFrom('authorities').select(['id', 'sealed']).execute()) {
    if (sealed === null) continue
    await tx
      .updateTable('authorities')
      .set({ sealed: again({ table: 'authorities', id }, sealed) })
      .where('id', '=', id)
      .execute()
  }
  for (const { name, sealed } of await tx.selectFrom('psks').select(['name', 'sealed']).execute()) {
    await tx
      .updateTable('psks')
      .set({ sealed: again({ table: 'psks', name }, sealed) })
      .where('name', '=', name)
      .execute()
  }
  const secrets = await tx
    .selectFrom('journal')
    .select(['id', 'deployment', 'device', 'sealed'])
    .where('sealed', 'is not', null)
    .execute()
  for (const { id, deployment, device, sealed } of secrets) {
    if (sealed === null) continue
    const place: SecretPlace = { table: 'journal', deployment, device }
    await tx
      .updateTable('journal')
      .set({ sealed: again(place, sealed) })
      .where('id', '=', id)
      .execute()
  }
  for (const { id, sealed } of await tx.selectFrom('user_totp').select(['id', 'sealed']).execute()) {
    await tx
      .updateTable('user_totp')
      .set({ sealed: again({ table: 'user_totp', id }, sealed) })
      .where('id', '=', id)
      .execute()
  }
  for (const { id, sealed } of await tx.selectFrom('identity_providers').select(['id', 'sealed']).execute()) {
    if (sealed === null) continue
    await tx
      .updateTable('identity_providers')
      .set({ sealed: again({ table: 'identity_providers', id }, sealed) })
      .where('id', '=', id)
      .execute()
  }
  for (const { name, value } of await tx.selectFrom('facts').selectAll().execute()) {
    const place: SecretPlace = { table: 'facts', name }
    const sealedAgain = (text: string) =>
      Buffer.from(again(place, new Uint8Array(Buffer.from(text, 'base64')))).toString('base64')
    const anew = name === keyProof.name ? sealedAgain(String(value)) : withSecret(value, sealedAgain)
    if (anew === undefined) continue
    await tx
      .updateTable('facts')
      .set({ value: JSON.stringify(anew) })
      .where('name', '=', name)
      .execute()
  }
}

/** A fact with its `sealed` member replaced; undefined for one without. */
function withSecret(value: unknown, replace: (text: string) => string): object | undefined {
  if (typeof value !== 'object' || value === null || !('sealed' in value)) return undefined
  return typeof value.sealed === 'string' ? { ...value, sealed: replace(value.sealed) } : undefined
}
