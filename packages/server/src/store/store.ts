import { TransportError, UsageError } from '@cordon/core/errors'
import { loadStateKey, nodeCrypto, type StateKey } from '@cordon/node/crypto'
import { surroundings } from '@cordon/node/files'
import { Kysely, Migrator, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { plainSpoken } from './connections.ts'
import { listenOn } from './listen.ts'
import {
  connectionTo,
  destroyManagedServer,
  type ManagedServer,
  type ManagedServerOptions,
  openManagedServer,
} from './managed-server.ts'
import { migrations, newestMigration } from './migrations.ts'
import { jsonText, type Schema } from './schema.ts'
import { type Secrets, secretsUnder } from './secrets.ts'

/** How a store is opened. */
export interface StoreOptions extends Omit<ManagedServerOptions, 'env'> {
  /** A PostgreSQL of the user's own instead of the managed one; default `$DATABASE_URL`. */
  readonly databaseUrl?: string
  /** Default this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Connections of this process at most; default 10. */
  readonly connections?: number
}

/** What a store says about itself. */
export interface StoreStatus {
  readonly kind: 'managed' | 'external'
  /** Directory of the cluster, or host and database of an external one. Never a password. */
  readonly location: string
  /** Version of the server, such as `18.4`. */
  readonly version: string
  readonly state: string
  /** Name of the newest migration that was run. */
  readonly schema: string
  readonly key: Pick<StateKey, 'source' | 'path' | 'created' | 'note'>
  /** Process id of a managed server. */
  readonly pid: number | undefined
  readonly notes: readonly string[]
}

/** Cordon's state: a PostgreSQL database and the key that seals the secrets in it. */
export interface Store extends AsyncDisposable {
  readonly db: Kysely<Schema>
  readonly secrets: Secrets
  readonly state: string
  /** The key of the state: for a backup, which must open elsewhere. Never to be shown. */
  readonly key: StateKey
  /** Asks the database about itself. */
  status(): Promise<StoreStatus>
  /**
   * Calls `heard` whenever a committed transaction notified a channel of PostgreSQL, until it is disposed. A lost
   * connection is made again; what is notified meanwhile is not heard, so listening only hurries what polling finds too.
   */
  listen(channel: string, heard: () => void): AsyncDisposable
}

/** int8 as a number: every counter here stays far below 2^53, and one that does not must not be rounded in silence. */
function safeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new TransportError('io', `the database holds ${text}, which is beyond 2^53`)
  return value
}

const int8 = 20

const parsers = {
  getTypeParser(type: number, format?: 'text' | 'binary'): (text: string) => unknown {
    if (type === int8 && format !== 'binary') return safeInteger
    return format === 'binary' ? pg.types.getTypeParser(type, format) : pg.types.getTypeParser(type, 'text')
  },
}

/**
 * Opens the store: the database of `databaseUrl`, else the managed server of the state, which is started when it does not
 * run and stopped by its last user. The schema is brought up to date, and the key is proven to be the one the secrets
 * are sealed under.
 * @throws UsageError for a schema made by a newer Cordon, or a key that is not the store's
 * @throws TransportError when the database cannot be reached
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const here = surroundings()
  const env = options.env ?? here.env
  const url = options.databaseUrl ?? env['DATABASE_URL']
  const isExternal = url !== undefined && url !== ''
  // Not shown: it may be a password that got into the wrong variable.
  if (isExternal && !/^postgres(?:ql)?:\/\//.test(url)) {
    throw new UsageError('bad-option', 'DATABASE_URL expects postgresql://USER@HOST/DATABASE')
  }
  const key = await loadStateKey(nodeCrypto, options.state, { env })
  const server = isExternal ? undefined : await openManagedServer({ ...options, env })
  const connection = {
    ...(server === undefined ? { connectionString: url } : connectionTo(server.socketDirectory)),
    connectionTimeoutMillis: 15_000,
    // A partition, unlike a kill, is noticed by the kernel only if it looks.
    keepAlive: true,
    application_name: 'cordon',
  }
  const pool = new pg.Pool({ ...connection, max: options.connections ?? 10, types: parsers })
  // An idle connection that breaks is replaced by the next query, which reports what is wrong.
  pool.on('error', () => undefined)
  // One that breaks while a query is on its way tells the query; without a listener it would end the process besides.
  pool.on('connect', (client) => client.on('error', () => undefined))
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: plainSpoken(pool, server?.revive) }) })
  const close = async () => {
    try {
      await db.destroy()
    } finally {
      await server?.[Symbol.asyncDispose]()
    }
  }
  try {
    await reach(db, isExternal)
    await migrate(db)
    const secrets = secretsUnder(nodeCrypto, key.key)
    await proveKey(db, secrets, key, server?.cluster)
    let closing: Promise<void> | undefined
    return {
      db,
      secrets,
      state: options.state,
      key,
      status: () => describe(db, { server, url, state: options.state, key }),
      listen: (channel, heard) => listenOn(connection, channel, heard),
      [Symbol.asyncDispose]: () => {
        closing ??= close()
        return closing
      },
    }
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}

/** Deletes the managed database of a state for good; the key stays. Does nothing where there is none. */
export async function destroyStore(options: Pick<StoreOptions, 'state' | 'clusters' | 'env'>): Promise<void> {
  await destroyManagedServer({ ...options, env: options.env ?? surroundings().env })
}

async function reach(db: Kysely<Schema>, isExternal: boolean): Promise<void> {
  try {
    await sql`select 1`.execute(db)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const remedy = isExternal
      ? 'check DATABASE_URL and that the server runs'
      : 'see pg/server.log in the state directory'
    throw new TransportError('unreachable', `the database does not answer: ${reason}; ${remedy}`, { cause })
  }
}

async function migrate(db: Kysely<Schema>): Promise<void> {
  const done = await appliedMigration(db)
  if (done === newestMigration) return
  if (done !== undefined && !(done in migrations)) {
    throw new UsageError(
      'not-supported',
      `the store is of a newer Cordon (schema ${done}, this one knows ${newestMigration}); update Cordon`,
    )
  }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TransportError('io', `bringing the store to schema ${newestMigration} failed: ${reason}`, {
      cause: error,
    })
  }
}

/** The newest migration that was run, undefined for an empty database. */
export async function appliedMigration(db: Kysely<Schema>): Promise<string | undefined> {
  const { rows } = await sql<{ there: boolean }>`select to_regclass('kysely_migration') is not null as there`.execute(
    db,
  )
  if (rows[0]?.there !== true) return undefined
  const applied = await sql<{ name: string }>`select name from kysely_migration order by name desc limit 1`.execute(db)
  return applied.rows[0]?.name
}

/** Where the proof lies that the state's key is the one that its secrets were sealed under. */
export const keyProof = { table: 'facts', name: 'key' } as const
const proofText = 'cordon'

/** Seals a known word at first and opens it ever after: a wrong key is found here, not at the first signature. */
async function proveKey(
  db: Kysely<Schema>,
  secrets: Secrets,
  key: StateKey,
  cluster: string | undefined,
): Promise<void> {
  const row = await db.selectFrom('facts').select('value').where('name', '=', keyProof.name).executeTakeFirst()
  if (row === undefined) {
    const sealed = Buffer.from(secrets.seal(keyProof, new TextEncoder().encode(proofText))).toString('base64')
    await db
      .insertInto('facts')
      .values({ name: keyProof.name, value: jsonText(sealed) })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    return await proveKey(db, secrets, key, cluster)
  }
  try {
    secrets.open(keyProof, new Uint8Array(Buffer.from(String(row.value), 'base64')))
  } catch (cause) {
    // A cluster that does not lie under the state outlives a state directory that somebody deleted.
    const leftover =
      cluster === undefined
        ? ''
        : `; where the state was deleted to begin anew, delete its old database too: ${cluster}`
    throw new UsageError(
      'bad-value',
      `the key ${key.path} is not the one this store's secrets are sealed under; put the right key there, or restore a backup into an empty state${leftover}`,
      { cause },
    )
  }
}

async function describe(
  db: Kysely<Schema>,
  about: { server: ManagedServer | undefined; url: string | undefined; state: string; key: StateKey },
): Promise<StoreStatus> {
  const { server, url, state, key } = about
  const { rows } = await sql<{ version: string }>`select current_setting('server_version') as version`.execute(db)
  const { source, path, created, note } = key
  return {
    kind: server === undefined ? 'external' : 'managed',
    location: server === undefined ? withoutPassword(url ?? '') : server.cluster,
    version: rows[0]?.version ?? 'unknown',
    state,
    schema: (await appliedMigration(db)) ?? 'none',
    key: { source, path, created, note },
    pid: server?.pid,
    notes: server?.notes ?? [],
  }
}

/** Host and database of a connection string; nothing else of it may be shown. */
function withoutPassword(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url)
    return `${protocol}//${host}${pathname}`
  } catch {
    return 'DATABASE_URL'
  }
}
