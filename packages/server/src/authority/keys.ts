import type { Crypto, KeyKind, PrivateKey } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import type { Store } from '../store/store.ts'
import type { StoredPlan } from './plan.ts'

/** Keys of CAs that lie in hardware, named by PKCS#11 URI (RFC 7512) without a PIN. */
export interface HardwareKeys {
  /** Opens a key that is there already. */
  readonly openKey?: (uri: string) => Promise<PrivateKey>
  /** Makes a key in the token that the plan's URI names. The label tells it from the other keys of the authority. */
  readonly makeKey?: (request: {
    readonly uri: string
    readonly kind: KeyKind
    readonly label: string
  }) => Promise<{ readonly uri: string; readonly key: PrivateKey }>
}

/** Where the key of a row of `authorities` lies. */
export interface KeyRow {
  readonly id: string
  readonly sealed: Uint8Array | null
  readonly key_uri: string | null
}

/** A new key with the columns of `authorities` that keep it. */
export interface MadeKey {
  readonly key: PrivateKey
  readonly columns: { readonly key_kind: string; readonly sealed: Uint8Array | null; readonly key_uri: string | null }
}

/** The keys of an authority: sealed in its store or lying in hardware, opened once in this process. */
export class AuthorityKeys {
  readonly #store: Store
  readonly #crypto: Crypto
  readonly #hardware: HardwareKeys
  readonly #opened = new Map<string, Promise<PrivateKey>>()

  constructor(store: Store, crypto: Crypto, hardware: HardwareKeys = {}) {
    this.#store = store
    this.#crypto = crypto
    this.#hardware = hardware
  }

  /**
   * Makes the key of a CA where the plan wants it.
   * @throws UsageError `not-supported` for a key in hardware where none can be made
   */
  async make(plan: StoredPlan, id: string): Promise<MadeKey> {
    if (plan.hardware === undefined) {
      const key = await this.#crypto.generateKey(plan.key)
      const pkcs8 = key.export()
      if (pkcs8 === undefined) throw new UsageError('not-supported', `the key of ${id} cannot be sealed in the store`)
      const sealed = this.#store.secrets.seal({ table: 'authorities', id }, pkcs8)
      return { key, columns: { key_kind: key.kind, sealed, key_uri: null } }
    }
    const { makeKey } = this.#hardware
    if (makeKey === undefined) throw noHardware(id, 'made')
    const { uri, key } = await makeKey({ uri: plan.hardware, kind: plan.key, label: `${plan.name} ${id}` })
    return { key, columns: { key_kind: key.kind, sealed: null, key_uri: uri } }
  }

  /**
   * The key of a CA. A failure is not kept: the token may be put in in a moment.
   * @throws UsageError `not-supported` for a key in hardware where none can be opened
   */
  async open(row: KeyRow): Promise<PrivateKey> {
    let opened = this.#opened.get(row.id)
    if (opened === undefined) {
      opened = this.#openNow(row)
      this.#opened.set(row.id, opened)
      opened.catch(() => this.#opened.delete(row.id))
    }
    return await opened
  }

  async #openNow({ id, sealed, key_uri: uri }: KeyRow): Promise<PrivateKey> {
    if (sealed !== null) return this.#crypto.importKey(this.#store.secrets.open({ table: 'authorities', id }, sealed))
    const { openKey } = this.#hardware
    if (uri === null || openKey === undefined) throw noHardware(id, 'opened')
    return await openKey(uri)
  }
}

function noHardware(id: string, what: 'made' | 'opened'): UsageError {
  return new UsageError(
    'not-supported',
    `the key of ${id} lies in hardware and cannot be ${what} here: PKCS#11 is not set up on this machine`,
  )
}
