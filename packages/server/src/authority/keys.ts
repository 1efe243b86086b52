import type { Crypto, PrivateKey } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import type { Store } from '../store/store.ts'

/** Where the key of a row of `authorities` lies. */
export interface KeyRow {
  readonly id: string
  readonly sealed: Uint8Array | null
}

/** The keys of an authority: sealed in its store, opened into this process's memory once. */
export class AuthorityKeys {
  readonly #store: Store
  readonly #crypto: Crypto

  constructor(store: Store, crypto: Crypto) {
    this.#store = store
    this.#crypto = crypto
  }

  /** The columns of `authorities` that keep a key. */
  keep(id: string, key: PrivateKey): { readonly key_kind: string; readonly sealed: Uint8Array } {
    const pkcs8 = key.export()
    if (pkcs8 === undefined)
      throw new UsageError('not-supported', 'an authority key in hardware cannot be sealed in the store')
    return { key_kind: key.kind, sealed: this.#store.secrets.seal({ table: 'authorities', id }, pkcs8) }
  }

  /** @throws UsageError `not-supported` for a key in hardware */
  open({ id, sealed }: KeyRow): PrivateKey {
    if (sealed === null) throw new UsageError('not-supported', `the key of ${id} lies in hardware`)
    return this.#crypto.importKey(this.#store.secrets.open({ table: 'authorities', id }, sealed))
  }
}
