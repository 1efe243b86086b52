import { type Actor, recordAudit } from '../audit/audit.ts'
import { addressKey } from '../enrollment/address-key.ts'
import { TokenBuckets } from '../enrollment/token-buckets.ts'
import type { Store } from '../store/store.ts'

/** Entries of one address at once, and per minute after that. */
const perMinute = 10
/** Addresses that are remembered. */
const mostAddresses = 10_000

/** A request that was refused. */
export interface Refusal {
  readonly actor: Actor
  /** The operation. */
  readonly action: string
  readonly reason: 'bad-token' | 'bad-session' | 'permission' | 'csrf' | 'session-only' | 'state'
  readonly address: string
  readonly request: string
}

/**
 * Records refusals in the audit, bounded per address: who asks again and again fills the log, which is rotated, but not
 * the audit, which is kept.
 */
export class Refusals {
  readonly #store: Pick<Store, 'db'>
  readonly #buckets = new TokenBuckets(perMinute / 60, perMinute, mostAddresses)
  readonly #failed: (error: unknown) => void

  /** @param failed gets what writing an entry failed with: the refusal stands nevertheless */
  constructor(store: Pick<Store, 'db'>, failed: (error: unknown) => void) {
    this.#store = store
    this.#failed = failed
  }

  readonly #writing = new Set<Promise<void>>()

  /**
   * Records one, without letting who was refused wait for it.
   * @param now milliseconds of a clock that does not go back
   */
  record({ actor, action, reason, address, request }: Refusal, now: number): void {
    if (this.#buckets.take(addressKey(address), now) > 0) return
    const writing = recordAudit(this.#store.db, {
      actor,
      action,
      subject: action,
      outcome: 'refused',
      address,
      request,
      detail: { reason },
    })
      .catch(this.#failed)
      .finally(() => this.#writing.delete(writing))
    this.#writing.add(writing)
  }

  /** Resolves when what was recorded so far is written, or could not be. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing)
  }
}
