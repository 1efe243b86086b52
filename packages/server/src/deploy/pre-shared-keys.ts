import type { Secrets } from '@cordon/core/deployment'
import { UsageError } from '@cordon/core/errors'
import { maximumPskIdentity, maximumPskKey } from '@cordon/core/objects'
import { nodeCrypto } from '@cordon/node/crypto'
import type { Store } from '../store/store.ts'

/** A stored pre-shared key, without the key. */
export interface StoredPsk {
  readonly name: string
  /** PSK identity as text. */
  readonly identity: string
  /** Changes with the key: a device that was given an earlier version needs the new one. */
  readonly version: string
}

/** Octets of a key that Cordon makes. */
const madeKeyLength = 32
/** Fewer octets than this are guessed too easily. */
const shortestKey = 16

/**
 * Stores a pre-shared key under the name that plant files use. Without a key a random one is made. It replaces what was
 * there; devices get it with the next deployment.
 *
 * @throws UsageError `bad-value` for a key of fewer than 16 or more than 64 octets, or an identity above 128
 */
export async function storePsk(
  store: Store,
  psk: { readonly name: string; readonly identity?: string; readonly key?: Uint8Array },
): Promise<StoredPsk> {
  const { name, identity = name, key = nodeCrypto.random(madeKeyLength) } = psk
  if (key.length < shortestKey || key.length > maximumPskKey) {
    throw new UsageError('bad-value', `expected a key of ${shortestKey} to ${maximumPskKey} octets, got ${key.length}`)
  }
  const octets = new TextEncoder().encode(identity).length
  if (octets === 0 || octets > maximumPskIdentity) {
    throw new UsageError('bad-value', `expected an identity of 1 to ${maximumPskIdentity} octets, got ${octets}`)
  }
  const sealed = store.secrets.seal({ table: 'psks', name }, key)
  const row = await store.db
    .insertInto('psks')
    .values({ name, identity, sealed })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ identity, sealed }))
    .returning(['name', 'identity', 'sealed'])
    .executeTakeFirstOrThrow()
  return { name: row.name, identity: row.identity, version: versionOf(row.sealed) }
}

/** All stored keys, by name, without the keys. */
export async function listPsks(store: Store): Promise<readonly StoredPsk[]> {
  const rows = await store.db.selectFrom('psks').select(['name', 'identity', 'sealed']).orderBy('name').execute()
  return rows.map(({ name, identity, sealed }) => ({ name, identity, version: versionOf(sealed) }))
}

/** The keys of a store, for a deployment. Each is read once. */
export function storedSecrets(store: Store): Secrets {
  const known = new Map<string, Promise<Uint8Array | undefined>>()
  const read = async (name: string): Promise<Uint8Array | undefined> => {
    const row = await store.db.selectFrom('psks').select('sealed').where('name', '=', name).executeTakeFirst()
    return row === undefined ? undefined : store.secrets.open({ table: 'psks', name }, row.sealed)
  }
  return {
    psk: (name) => {
      const reading = known.get(name) ?? read(name)
      known.set(name, reading)
      return reading
    },
  }
}

/** Each sealing has its own nonce, so the envelope itself tells one version from the next, and tells nothing else. */
function versionOf(sealed: Uint8Array): string {
  return Buffer.from(nodeCrypto.digest('SHA-256', sealed)).toString('hex').slice(0, 16)
}
