import type { StoreAuthority } from '../authority/authority.ts'
import type { Store } from '../store/store.ts'

/** What handlers work with. The application puts it together once; a resource adds what it needs here. */
export interface Services {
  readonly store: Store
  readonly authority: StoreAuthority
}
