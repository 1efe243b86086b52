import type { PrivateKey } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { jsonText } from './schema.ts'
import type { Store } from './store.ts'

/** A certificate with its key, kept sealed in the store. */
export interface StoredCredential {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  readonly key: PrivateKey
  /** Lower-case hex. */
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

interface Value {
  /** DER as base64, leaf first. */
  readonly chain: readonly string[]
  /** PKCS#8, sealed for its fact, as base64. */
  readonly sealed: string
  readonly serial: string
  readonly notAfter: number
}

/** The credential that is kept under a name; undefined when there is none. */
export async function readCredential(store: Store, name: string): Promise<StoredCredential | undefined> {
  const row = await store.db.selectFrom('facts').select('value').where('name', '=', name).executeTakeFirst()
  if (row === undefined) return undefined
  // Written by this file alone.
  const value = row.value as Value
  const pkcs8 = store.secrets.open({ table: 'facts', name }, bytes(value.sealed))
  return {
    chain: value.chain.map(bytes),
    key: nodeCrypto.importKey(pkcs8),
    serial: value.serial,
    notAfter: value.notAfter,
  }
}

/** Keeps a credential in the place of an earlier one. @throws UsageError `not-supported` for a key that cannot leave its hardware */
export async function keepCredential(store: Store, name: string, credential: StoredCredential): Promise<void> {
  const pkcs8 = credential.key.export()
  if (pkcs8 === undefined) throw new UsageError('not-supported', `the key of ${name} cannot be sealed in the store`)
  const value = jsonText({
    chain: credential.chain.map(base64),
    sealed: base64(store.secrets.seal({ table: 'facts', name }, pkcs8)),
    serial: credential.serial,
    notAfter: credential.notAfter,
  } satisfies Value)
  await store.db
    .insertInto('facts')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}

function base64(data: Uint8Array): string {
  return Buffer.from(data).toString('base64')
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}
