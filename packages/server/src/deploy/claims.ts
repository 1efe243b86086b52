import type {
  DeviceResult,
  Journal,
  JournalDetail,
  JournalEntry,
  JournalPhase,
  StepName,
} from '@cordon/core/deployment'
import { NotAllowed, UsageError } from '@cordon/core/errors'
import { type Transaction, sql } from 'kysely'
import { type GroupCommit, groupCommit } from '../store/group-commit.ts'
import { isGone, leaseOwner } from '../store/lease-owner.ts'
import { type Schema, jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** How long a claim on a device holds without being renewed, milliseconds. */
export const deviceLeaseMs = 60_000
/** Share of a lease after which it is renewed. */
const renewAt = 0.25
/** A worker that may have lost its claim stops this share of a lease before another may take it. */
const safety = 1 / 12

interface Held {
  readonly token: number
  /** By this process's monotonic clock. */
  until: number
}

interface WaitingClaim {
  readonly device: string
  granted: number | undefined
}

interface WaitingRecord {
  readonly device: string
  readonly token: number
  readonly entries: readonly JournalEntry[]
}

interface WaitingRelease {
  readonly device: string
  readonly token: number
  readonly result: DeviceResult
}

/**
 * The claims of one process on the devices of one deployment, and the journal that is written under them. Claims,
 * records and results of many devices share commits; each caller waits for its own. A record is refused when the claim
 * went to another process meanwhile: whoever holds the newest fencing token writes, nobody else.
 */
export class Claims implements Journal, AsyncDisposable {
  readonly #store: Store
  readonly #deployment: string
  readonly #plant: string
  readonly #owner = leaseOwner()
  readonly #held = new Map<string, Held>()
  readonly #claims: GroupCommit<WaitingClaim>
  readonly #records: GroupCommit<WaitingRecord>
  readonly #releases: GroupCommit<WaitingRelease>
  readonly #leaseMs: number
  #timer: NodeJS.Timeout | undefined
  #renewal: Promise<void> | undefined

  constructor(store: Store, deployment: string, plant: string, leaseMs = deviceLeaseMs) {
    this.#store = store
    this.#deployment = deployment
    this.#plant = plant
    this.#leaseMs = leaseMs
    this.#claims = groupCommit((waiting) => this.#claimAll(waiting))
    this.#records = groupCommit((waiting) => this.#recordAll(waiting))
    this.#releases = groupCommit((waiting) => this.#releaseAll(waiting))
  }

  /** Claims a device; false while another process has it, in this deployment or in another one of the plant. */
  async claim(device: string): Promise<boolean> {
    const waiting: WaitingClaim = { device, granted: undefined }
    const until = performance.now() + this.#leaseMs
    await this.#claims.add(waiting)
    if (waiting.granted === undefined) return false
    this.#held.set(device, { token: waiting.granted, until })
    this.#timer ??= setInterval(() => {
      this.#renewal ??= this.#renew().finally(() => {
        this.#renewal = undefined
      })
    }, this.#leaseMs * renewAt)
    return true
  }

  async record(entries: readonly JournalEntry[]): Promise<void> {
    const [first] = entries
    if (first === undefined) return
    const { token } = this.#own(first.device)
    await this.#records.add({ device: first.device, token, entries })
    // The write may have taken long: what follows it is sent only while the claim still holds.
    this.#own(first.device)
  }

  /** @throws NotAllowed `refused` when the claim on a device ran out: nothing may be sent to it any more */
  check(device: string): void {
    this.#own(device)
  }

  async read(device: string): Promise<readonly JournalEntry[]> {
    const rows = await this.#store.db
      .selectFrom('journal')
      .select(['device', 'step', 'phase', 'detail'])
      .where('deployment', '=', this.#deployment)
      .where('device', '=', device)
      .orderBy('id')
      .execute()
    // The columns were written from these types, by this class alone.
    return rows.map((row) => ({
      device: row.device,
      step: row.step as StepName,
      phase: row.phase as JournalPhase,
      detail: (row.detail ?? {}) as JournalDetail,
    }))
  }

  /** Gives a device back, with how it ended. */
  async release(result: DeviceResult): Promise<void> {
    const held = this.#held.get(result.device)
    if (held === undefined) return
    this.#held.delete(result.device)
    await this.#releases.add({ device: result.device, token: held.token, result })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#renewal
  }

  #own(device: string): Held {
    const held = this.#held.get(device)
    if (held === undefined || performance.now() > held.until - this.#leaseMs * safety) {
      throw new NotAllowed('refused', `the claim on ${device} ran out or went to another process`)
    }
    return held
  }

  async #claimAll(waiting: readonly WaitingClaim[]): Promise<void> {
    const devices = waiting.map(({ device }) => device)
    const granted = await this.#store.db.transaction().execute(async (trx) => {
      // Two deployments of one plant take turns here, so that neither misses the other's claims.
      await sql`select pg_advisory_xact_lock(hashtextextended(${`cordon plant ${this.#plant}`}, 0))`.execute(trx)
      const dead = await this.#deadOwners(trx, devices)
      const { rows } = await sql<{ device: string; token: number }>`
        update deployment_targets set
          status = 'running', lease_owner = ${this.#owner}, lease_until = now() + ${this.#leaseMs} * interval '1 millisecond',
          fencing_token = fencing_token + 1, attempts = attempts + 1, updated_at = now()
        where deployment = ${this.#deployment} and device in (
          select t.device from deployment_targets t
          where t.deployment = ${this.#deployment} and t.device = any(${devices}::text[])
            and (t.lease_until is null or t.lease_until < now() or t.lease_owner = any(${dead}::text[]))
            and not exists (
              select 1 from deployment_targets o join deployments d on d.id = o.deployment
              where d.plant = ${this.#plant} and o.deployment <> t.deployment and o.device = t.device
                and o.lease_until > now() and not o.lease_owner = any(${dead}::text[]))
          for update of t skip locked)
        returning device, fencing_token as token`.execute(trx)
      return rows
    })
    const tokens = new Map(granted.map(({ device, token }) => [device, token]))
    for (const one of waiting) one.granted = tokens.get(one.device)
  }

  /**
   * Owners of claims whose process is gone: a crash is taken up at once, without waiting for its leases to run out. Only
   * processes of this machine can be asked; a process id that was given out again keeps its claim until it runs out.
   */
  async #deadOwners(db: Store['db'], devices: readonly string[]): Promise<readonly string[]> {
    const { rows } = await sql<{ owner: string }>`
      select distinct o.lease_owner as owner from deployment_targets o join deployments d on d.id = o.deployment
      where d.plant = ${this.#plant} and o.device = any(${devices}::text[]) and o.lease_until > now()`.execute(db)
    return rows.map(({ owner }) => owner).filter((owner) => owner !== this.#owner && isGone(owner))
  }

  async #recordAll(waiting: readonly WaitingRecord[]): Promise<void> {
    const rows = waiting.flatMap(({ device, token, entries }, batch) =>
      entries.map(({ step, phase, detail }, place) => ({ batch, place, device, token, step, phase, detail })),
    )
    await this.#store.db.transaction().execute(async (trx) => {
      const { numAffectedRows } = await sql`
        insert into journal (deployment, device, step, phase, detail)
        select t.deployment, v.device, v.step, v.phase, v.detail
        from jsonb_to_recordset(${jsonText(rows)}::jsonb)
          as v(batch int, place int, device text, token bigint, step text, phase text, detail jsonb)
        join deployment_targets t on t.deployment = ${this.#deployment} and t.device = v.device
          and t.fencing_token = v.token
        order by v.batch, v.place`.execute(trx)
      if (Number(numAffectedRows) === rows.length) return
      const [first] = waiting
      throw new NotAllowed('refused', `the claim on ${first?.device} went to another process`)
    })
  }

  async #releaseAll(waiting: readonly WaitingRelease[]): Promise<void> {
    const rows = waiting.map(({ device, token, result }) => ({ device, token, status: result.outcome, result }))
    await sql`
      update deployment_targets t set
        status = v.status, result = v.result, lease_owner = null, lease_until = null, updated_at = now()
      from jsonb_to_recordset(${jsonText(rows)}::jsonb) as v(device text, token bigint, status text, result jsonb)
      where t.deployment = ${this.#deployment} and t.device = v.device and t.fencing_token = v.token`.execute(
      this.#store.db,
    )
  }

  async #renew(): Promise<void> {
    const devices = [...this.#held.keys()]
    if (devices.length === 0) return
    const until = performance.now() + this.#leaseMs
    try {
      const { rows } = await sql<{ device: string; token: number }>`
        update deployment_targets set lease_until = now() + ${this.#leaseMs} * interval '1 millisecond', updated_at = now()
        where deployment = ${this.#deployment} and lease_owner = ${this.#owner} and device = any(${devices}::text[])
        returning device, fencing_token as token`.execute(this.#store.db)
      const renewed = new Map(rows.map(({ device, token }) => [device, token]))
      for (const [device, held] of this.#held) if (renewed.get(device) === held.token) held.until = until
    } catch {
      // Without the store nothing can be recorded either: the claims run out, and work stops by itself.
    }
  }
}

/**
 * Milliseconds until the last claim of others on devices of a plant runs out, unless it is renewed; 0 when there is none.
 * Claims of processes that are gone do not count.
 */
export async function claimedForMs(store: Pick<Store, 'db'>, plant: string): Promise<number> {
  const { rows } = await sql<{ owner: string; left: number }>`
    select o.lease_owner as owner, (extract(epoch from max(o.lease_until) - now()) * 1000)::float8 as left
    from deployment_targets o join deployments d on d.id = o.deployment
    where d.plant = ${plant} and o.lease_until > now() group by o.lease_owner`.execute(store.db)
  return Math.max(0, ...rows.filter(({ owner }) => !isGone(owner)).map(({ left }) => left))
}

/**
 * A new deployment with its targets in order. Gives its id.
 * @param begun what else becomes true with it, in the same transaction
 */
export async function createDeployment(
  store: Store,
  deployment: {
    readonly plant: string
    readonly kind: 'apply' | 'release'
    readonly plan: unknown
    readonly options: unknown
    readonly devices: readonly string[]
  },
  begun?: Begun,
): Promise<string> {
  return await store.db.transaction().execute(async (trx) => {
    const { id } = await trx
      .insertInto('deployments')
      .values({
        plant: deployment.plant,
        kind: deployment.kind,
        status: 'running',
        plan: jsonText(deployment.plan),
        options: jsonText(deployment.options),
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    await addTargets(trx, id, deployment.devices)
    await begun?.(trx, id)
    return id
  })
}

/** Hears that a deployment exists, in the transaction that makes it: what it throws makes it not exist. */
export type Begun = (trx: Transaction<Schema>, deployment: string) => Promise<void>

/** Targets that a deployment has not yet, behind those it has. */
export async function addTargets(db: Store['db'], deployment: string, devices: readonly string[]): Promise<void> {
  if (devices.length === 0) return
  await sql`
    insert into deployment_targets (deployment, device, position, status)
    select ${deployment}, v.device, v.place, 'waiting'
    from jsonb_to_recordset(${jsonText(devices.map((device, place) => ({ device, place })))}::jsonb) as v(device text, place int)
    on conflict (deployment, device) do nothing`.execute(db)
}

/** A deployment that can be taken up again. */
export interface StoredDeployment {
  readonly id: string
  readonly plant: string
  readonly status: string
  /** Devices that were begun and are not done. */
  readonly unfinished: readonly string[]
  /** Devices that were begun, done or not. */
  readonly begun: readonly string[]
}

/**
 * The newest deployment of a plant, or the one of that id.
 * @throws UsageError `missing` when there is none of that id
 */
export async function findDeployment(store: Store, plant: string, id?: string): Promise<StoredDeployment | undefined> {
  let query = store.db
    .selectFrom('deployments')
    .select(['id', 'plant', 'status'])
    .where('plant', '=', plant)
    .where('kind', '=', 'apply')
  if (id !== undefined) query = query.where(sql<string>`id::text`, '=', id)
  const row = await query.orderBy('created_at', 'desc').limit(1).executeTakeFirst()
  if (row === undefined) {
    if (id === undefined) return undefined
    throw new UsageError('missing', `plant ${plant} has no deployment ${id}; see \`cordon plan\` for the newest one`)
  }
  const targets = await store.db
    .selectFrom('deployment_targets')
    .select(['device', 'status'])
    .where('deployment', '=', row.id)
    .where('attempts', '>', 0)
    .orderBy('position')
    .execute()
  const unfinished = targets.filter(
    ({ status }) => status === 'waiting' || status === 'running' || status === 'not-complete',
  )
  return { ...row, unfinished: unfinished.map(({ device }) => device), begun: targets.map(({ device }) => device) }
}
