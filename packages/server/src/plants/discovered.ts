import type { PlantEdit, NewZone } from '@cordon/core/policy'
import { UsageError } from '@cordon/core/errors'
import { sql } from 'kysely'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { saveEdits } from './edit.ts'
import { type Acting, noPlant, type PlantMeans, tell, tellEvent } from './means.ts'
import type { SaveResult } from './save.ts'
import { newestVersion } from './versions.ts'

/** Who a device says it is, by ListIdentity. */
export interface DiscoveredIdentity {
  readonly vendorId: number
  readonly deviceType: number
  readonly productCode: number
  /** `major.minor` */
  readonly revision: string
  readonly productName: string
  readonly serialNumber: number
}

/** A device that answered. */
export interface DiscoveredAnswer {
  /** IPv4. */
  readonly address: string
  readonly identity: DiscoveredIdentity | undefined
  /** It speaks CIP Security. */
  readonly capable: boolean
  /** State of its CIP Security object, in words, where it told. */
  readonly securityState?: string | undefined
}

/** A device of the inbox. */
export interface DiscoveredDevice extends DiscoveredAnswer {
  readonly state: 'new' | 'adopted' | 'ignored'
  /** Device of the plant that has this address. */
  readonly device: string | undefined
  readonly firstSeen: Date
  readonly lastSeen: Date
  /** Who adopted or ignored it. */
  readonly by: string | undefined
}

/** Most addresses that are kept of a plant: more is a network that answers for others. */
const mostAddresses = 100_000

/**
 * Records who answered. A unit at an address that another one had is new again, whatever was said of the other one; what
 * the plant has at its address is adopted already.
 * @param by who asked for the discovery, where a person did
 * @returns how many were not there before
 */
export async function recordDiscovered(
  store: Pick<Store, 'db'>,
  plant: string,
  answers: readonly DiscoveredAnswer[],
  at: Date,
  by?: Acting,
): Promise<number> {
  // Of one that answered twice the last word counts.
  const rows = [...new Map(answers.map((answer) => [answer.address, answer])).values()].map((answer) => ({
    address: answer.address,
    identity: answer.identity ?? null,
    capable: answer.capable,
    state: answer.securityState ?? null,
  }))
  if (rows.length === 0) return 0
  return await store.db.transaction().execute(async (trx) => {
    const { rows: counted } = await sql<{ count: number }>`
      select count(*)::int as count from discovered where plant = ${plant}`.execute(trx)
    if ((counted[0]?.count ?? 0) + rows.length > mostAddresses) {
      throw new UsageError(
        'bad-value',
        `more than ${mostAddresses} addresses answered in plant ${plant}; name the networks that are its own`,
      )
    }
    const { rows: written } = await sql<{ address: string; fresh: boolean }>`
      insert into discovered (plant, address, identity, capable, security_state, first_seen, last_seen, state)
      select ${plant}, v.address, v.identity, v.capable, v.state, ${at}, ${at},
        case when exists (select from plant_devices p where p.plant = ${plant} and p.address = v.address)
          then 'adopted' else 'new' end
      from jsonb_to_recordset(${jsonText(rows)}::jsonb) as v(address text, identity jsonb, capable boolean, state text)
      order by v.address
      on conflict (plant, address) do update set
        identity = coalesce(excluded.identity, discovered.identity), capable = excluded.capable,
        security_state = excluded.security_state, last_seen = greatest(discovered.last_seen, excluded.last_seen),
        state = case when (discovered.identity->'serialNumber', discovered.identity->'vendorId')
            is distinct from (excluded.identity->'serialNumber', excluded.identity->'vendorId')
            and excluded.identity is not null and discovered.identity is not null
          then excluded.state else discovered.state end
      returning address, xmax = 0 as fresh`.execute(trx)
    const fresh = written.filter((row) => row.fresh).map(({ address }) => address)
    const detail = { answered: rows.length, fresh: fresh.length, addresses: fresh.slice(0, 50) }
    const change = { plant, action: 'discovered.record', kind: 'devices-discovered', subject: plant, detail }
    if (by !== undefined) await tell(trx, by, change)
    else await tellEvent(trx, change)
    return fresh.length
  })
}

/** Who answered, by address. */
export async function listDiscovered(
  { db }: Pick<Store, 'db'>,
  plant: string,
  state?: DiscoveredDevice['state'],
): Promise<readonly DiscoveredDevice[]> {
  const rows = await db
    .selectFrom('discovered as o')
    .leftJoin('plant_devices as p', (join) =>
      join.onRef('p.plant', '=', 'o.plant').onRef('p.address', '=', 'o.address'),
    )
    .select([
      'o.address',
      'o.identity',
      'o.capable',
      'o.security_state',
      'o.state',
      'o.first_seen',
      'o.last_seen',
      'o.by',
      'p.name',
    ])
    .where('o.plant', '=', plant)
    .$if(state !== undefined, (query) => query.where('o.state', '=', state ?? 'new'))
    .orderBy(sql`case when o.address ~ '^[0-9.]+$' then o.address::inet end`)
    .orderBy('o.address')
    .limit(mostListed)
    .execute()
  return rows.map((row) => ({
    address: row.address,
    // Written by recordDiscovered alone.
    identity: (row.identity ?? undefined) as DiscoveredIdentity | undefined,
    capable: row.capable,
    securityState: row.security_state ?? undefined,
    state: row.state,
    device: row.name ?? undefined,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    by: row.by ?? undefined,
  }))
}

/** Most devices that are listed at once. */
const mostListed = 10_000

/** Hides addresses from the inbox, or shows them again. @throws UsageError `missing` for an address that never answered */
export async function ignoreDiscovered(
  store: Pick<Store, 'db'>,
  plant: string,
  addresses: readonly string[],
  ignore: boolean,
  acting: Acting,
): Promise<void> {
  await store.db.transaction().execute(async (trx) => {
    const changed = await trx
      .updateTable('discovered')
      .set({ state: ignore ? 'ignored' : 'new', by: ignore ? acting.actor.name : null })
      .where('plant', '=', plant)
      .where('address', 'in', [...addresses])
      .where('state', 'in', ['new', 'ignored'])
      .returning('address')
      .execute()
    const found = new Set(changed.map(({ address }) => address))
    const missing = addresses.find((address) => !found.has(address))
    if (missing !== undefined) {
      throw new UsageError('missing', `${JSON.stringify(missing.slice(0, 64))} is not in the inbox of plant ${plant}`)
    }
    await tell(trx, acting, {
      plant,
      action: 'discovered.ignore',
      kind: ignore ? 'discovered-ignored' : 'discovered-shown',
      subject: plant,
      detail: { addresses: addresses.slice(0, 100), by: acting.actor.name },
    })
  })
}

/** What is to be adopted. */
export interface AdoptRequest {
  readonly plant: string
  readonly base: number
  readonly devices: readonly { readonly address: string; readonly name: string; readonly zone: string }[]
  /** A zone that does not exist yet is made with these promises. */
  readonly newZone?: NewZone | undefined
  readonly message: string
  readonly acting: Acting
}

/**
 * Takes discovered devices into the plant: saves a version with them, each with the vendor and serial number that it told,
 * so that another unit at its address is not mistaken for it.
 * @throws UsageError `missing` for an address that never answered
 */
export async function adoptDiscovered(means: PlantMeans, request: AdoptRequest): Promise<SaveResult> {
  const { plant, devices, newZone, acting } = request
  const { db } = means.store
  if ((await newestVersion(db, plant)) === undefined) throw noPlant(plant)
  const addresses = devices.map(({ address }) => address)
  const rows = await db
    .selectFrom('discovered')
    .select(['address', 'identity', 'capable'])
    .where('plant', '=', plant)
    .where('address', 'in', addresses)
    .execute()
  const known = new Map(rows.map((row) => [row.address, row]))
  const edits: PlantEdit[] = newZone === undefined ? [] : [{ change: 'addZone', zone: newZone }]
  for (const { address, name, zone } of devices) {
    const found = known.get(address)
    if (found === undefined) {
      throw new UsageError(
        'missing',
        `${JSON.stringify(address.slice(0, 64))} did not answer in plant ${plant}; discover it first`,
      )
    }
    const identity = (found.identity ?? undefined) as DiscoveredIdentity | undefined // written by recordDiscovered alone
    edits.push({
      change: 'addDevice',
      device: {
        name,
        address,
        zone,
        capability: found.capable ? undefined : 'none',
        expect: identity === undefined ? undefined : { vendor: identity.vendorId, serial: identity.serialNumber },
      },
    })
  }
  return await saveEdits(
    means,
    { ...request, edits },
    {
      action: 'discovered.adopt',
      detail: { adopted: addresses.slice(0, 100) },
      also: async (trx) => {
        await trx
          .updateTable('discovered')
          .set({ state: 'adopted', by: acting.actor.name })
          .where('plant', '=', plant)
          .where('address', 'in', addresses)
          .execute()
      },
    },
  )
}
