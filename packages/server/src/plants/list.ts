import { type Kysely, sql } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { noPlant } from './means.ts'
import { leftDevices, type StandingCounts, standingsByZone, sumStandings } from './standing.ts'

/** A plant with what a list of plants shows. */
export interface PlantSummary {
  readonly name: string
  /** Number of the newest version. */
  readonly version: number
  /** Author of the newest version. */
  readonly author: string
  readonly savedAt: Date
  readonly devices: number
  readonly zones: number
  readonly conduits: number
  readonly standings: StandingCounts
  /** The last deployment, running or over; undefined where there is none. */
  readonly deployed: { readonly version: number | undefined; readonly at: Date; readonly outcome: string } | undefined
  /** Differences from the model that are there. */
  readonly drift: number
  /** Certificates of its devices that end within the time asked about, or have ended. */
  readonly expiring: number
}

/** Milliseconds before its end from which a certificate is counted as expiring, unless asked otherwise. */
export const expiringWithinMs = 30 * 86_400_000

interface Row {
  readonly name: string
  readonly version: number
  readonly author: string
  readonly saved_at: Date
  readonly devices: number
  readonly zones: number
  readonly conduits: number
  readonly status: string | null
  readonly deployed_at: Date | null
  readonly deployed_version: number | null
  readonly drift: number
  readonly expiring: number
}

/** All plants, by name. */
export async function listPlants(
  { db }: Pick<Store, 'db'>,
  withinMs = expiringWithinMs,
): Promise<readonly PlantSummary[]> {
  return await summaries(db, undefined, withinMs)
}

/** One plant. @throws UsageError `missing` */
export async function readPlantSummary(
  { db }: Pick<Store, 'db'>,
  plant: string,
  withinMs = expiringWithinMs,
): Promise<PlantSummary> {
  const [found] = await summaries(db, plant, withinMs)
  if (found === undefined) throw noPlant(plant)
  return found
}

async function summaries(
  db: Kysely<Schema>,
  plant: string | undefined,
  withinMs: number,
): Promise<readonly PlantSummary[]> {
  const { rows } = await sql<Row>`
    select p.name, p.newest as version, v.author, v.created_at as saved_at, v.devices, v.zones, v.conduits,
      x.status, coalesce(x.finished_at, x.created_at) as deployed_at, x.version as deployed_version,
      (select count(*)::int from drift_findings f where f.plant = p.name and f.gone_at is null
        and f.finding->>'weight' = 'drift') as drift,
      (select count(*)::int from devices d join certificates c on c.fingerprint = d.certificate_fingerprint
        where d.plant = p.name and c.not_after < now() + ${withinMs} * interval '1 millisecond') as expiring
    from plants p
      join plant_versions v on v.plant = p.name and v.number = p.newest
      left join lateral (
        select x.status, x.created_at, x.finished_at,
          case when jsonb_typeof(x.options->'version') = 'number' then (x.options->>'version')::int end as version
        from deployments x where x.plant = p.name and x.kind = 'apply' order by x.created_at desc limit 1) x on true
    ${plant === undefined ? sql`` : sql`where p.name = ${plant}`}
    order by p.name collate "C"`.execute(db)
  const found: PlantSummary[] = []
  for (const row of rows) {
    const { name, version, author, devices, zones, conduits, drift, expiring, deployed_at: at } = row
    const counts = sumStandings((await standingsByZone(db, name)).values())
    counts.left = await leftDevices(db, name)
    found.push({
      name,
      version,
      author,
      savedAt: row.saved_at,
      devices,
      zones,
      conduits,
      standings: counts,
      deployed: at === null ? undefined : { version: row.deployed_version ?? undefined, at, outcome: row.status ?? '' },
      drift,
      expiring,
    })
  }
  return found
}
