import type { Crypto } from '@cordon/core/crypto'
import type { Store } from '../store/store.ts'
import type { AuthorityKeys } from './keys.ts'

/** What every part of a store's authority works with. */
export interface Means {
  readonly store: Store
  readonly crypto: Crypto
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly keys: AuthorityKeys
}
