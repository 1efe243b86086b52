import { UsageError } from '@cordon/core/errors'
import { jsonText } from './schema.ts'
import type { Store } from './store.ts'

/**
 * Secrets that files name and never hold: of webhooks, mail servers, keys of client certificates. Each is a fact of the
 * store, sealed for its name.
 * @module
 */

/** A stored secret, without the secret. */
export interface NamedSecret {
  readonly name: string
  /** When it was stored or last replaced, milliseconds since 1970. */
  readonly storedAt: number
}

interface StoredSecret {
  /** Base64. */
  readonly sealed: string
  readonly storedAt: number
}

/** Most bytes of a secret; the key of a certificate with its PEM lines fits. */
export const longestSecret = 16 * 1024

const prefix = 'secret '

/**
 * Stores a secret under a name, in place of what was there.
 * @throws UsageError `bad-value` for an empty one or one of more than 16 KiB, or a name that files cannot use
 */
export async function storeSecret(store: Store, name: string, secret: Uint8Array, at = Date.now()): Promise<void> {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(name)) {
    throw new UsageError('bad-value', `a name has a letter, then letters, digits, "_" and "-", got "${name}"`)
  }
  if (secret.length === 0 || secret.length > longestSecret) {
    const expected = `expected a secret of 1 to ${longestSecret} bytes`
    throw new UsageError('bad-value', `${name}: ${expected}, got ${secret.length}`)
  }
  const fact = prefix + name
  const sealed = store.secrets.seal({ table: 'facts', name: fact }, secret)
  const value = jsonText({ sealed: Buffer.from(sealed).toString('base64'), storedAt: at } satisfies StoredSecret)
  await store.db
    .insertInto('facts')
    .values({ name: fact, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}

/** @throws UsageError `missing` when no secret has this name */
export async function readSecret(store: Store, name: string): Promise<Uint8Array> {
  const fact = prefix + name
  const row = await store.db.selectFrom('facts').select('value').where('name', '=', fact).executeTakeFirst()
  if (row === undefined) {
    throw new UsageError('missing', `there is no secret "${name}"; store it with "cordon secret add ${name}"`)
  }
  // Written by storeSecret alone.
  const { sealed } = row.value as StoredSecret
  return store.secrets.open({ table: 'facts', name: fact }, new Uint8Array(Buffer.from(sealed, 'base64')))
}

/** All stored secrets by name, without the secrets. */
export async function listSecrets(store: Pick<Store, 'db'>): Promise<readonly NamedSecret[]> {
  const rows = await store.db
    .selectFrom('facts')
    .select(['name', 'value'])
    .where('name', 'like', `${prefix}%`)
    .orderBy('name')
    .execute()
  // Written by storeSecret alone.
  return rows.map(({ name, value }) => ({
    name: name.slice(prefix.length),
    storedAt: (value as StoredSecret).storedAt,
  }))
}

/** Forgets a secret. @returns whether there was one */
export async function removeSecret(store: Pick<Store, 'db'>, name: string): Promise<boolean> {
  const { numDeletedRows } = await store.db
    .deleteFrom('facts')
    .where('name', '=', prefix + name)
    .executeTakeFirst()
  return numDeletedRows > 0n
}
