import { NotAllowed } from '@cordon/core/errors'
import { sql } from 'kysely'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Store } from '../store/store.ts'

/** How long a turn holds without being renewed, milliseconds. */
const leaseMs = 60_000
const renewMs = 15_000

/** Why a turn was not to be had. */
export interface NoTurn {
  /** Another process compares now. */
  readonly busy: boolean
  /** In how many milliseconds it is worth asking again. */
  readonly waitMs: number
}

/** The right to compare a plant, held by one process at a time: of several that watch, one compares. */
export class Turn implements AsyncDisposable {
  readonly owner: string
  readonly #store: Store
  readonly #plant: string
  readonly #timer: NodeJS.Timeout
  #renewal: Promise<void> = Promise.resolve()

  private constructor(store: Store, plant: string, owner: string) {
    this.#store = store
    this.#plant = plant
    this.owner = owner
    this.#timer = setInterval(() => {
      this.#renewal = this.#renew()
    }, renewMs)
  }

  /** Takes the turn. `due`: only when a scheduled comparison is due. */
  static async take(store: Store, plant: string, due: boolean): Promise<Turn | NoTurn> {
    const owner = `${hostname()} ${process.pid} ${randomUUID()}`
    await store.db
      .insertInto('drift_plants')
      .values({ plant })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const { numAffectedRows } = await sql`
      update drift_plants set lease_owner = ${owner}, lease_until = now() + ${leaseMs} * interval '1 millisecond'
      where plant = ${plant} and (lease_until is null or lease_until < now())
        and (not ${due}::boolean or next_at is null or next_at <= now())`.execute(store.db)
    if (numAffectedRows === 1n) return new Turn(store, plant, owner)
    const { rows } = await sql<{ busy: boolean; wait: number }>`
      select coalesce(lease_until > now(), false) as busy,
        extract(epoch from greatest(lease_until, next_at, now()) - now()) * 1000.0 as wait
      from drift_plants where plant = ${plant}`.execute(store.db)
    const [row] = rows
    return { busy: row?.busy === true, waitMs: Math.max(0, Number(row?.wait ?? 0)) }
  }

  /** The lease is given back; whoever waits may take it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewal
    await this.#store.db
      .updateTable('drift_plants')
      .set({ lease_owner: null, lease_until: null })
      .where('plant', '=', this.#plant)
      .where('lease_owner', '=', this.owner)
      .execute()
  }

  async #renew(): Promise<void> {
    // A renewal that fails is seen where the result is written: without the lease it is refused.
    await sql`
      update drift_plants set lease_until = now() + ${leaseMs} * interval '1 millisecond'
      where plant = ${this.#plant} and lease_owner = ${this.owner}`
      .execute(this.#store.db)
      .catch(() => undefined)
  }
}

/** Says that the turn went to another process while this one compared. */
export function lostTurn(plant: string): NotAllowed {
  return new NotAllowed('refused', `another process compares ${plant} now; this result was not kept`)
}
