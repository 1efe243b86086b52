import type { OutlineConduit, OutlineZone, PlantOutline, Stage } from '@cordon/core/policy'
import { UsageError } from '@cordon/core/errors'
import { sql } from 'kysely'
import type { Store } from '../store/store.ts'
import { type Acting, tell } from './means.ts'
import { readOutline } from './outline.ts'
import { currentStages, stageWithoutWord } from './stages.ts'
import { noStandings, type StandingCounts, standingsByZone } from './standing.ts'

/** A zone with how its devices stand. */
export interface MapZone extends OutlineZone {
  readonly stage: Stage
  readonly standings: StandingCounts
}

/** A conduit on the map: between the zones that its ends lie in; an end that is a device or a range is shown under its zone. */
export interface MapConduit extends OutlineConduit {
  /** The same as long as its ends are the same. */
  readonly id: string
}

/** Where a zone stands on the map. */
export interface Place {
  readonly x: number
  readonly y: number
}

/** A plant as a map. */
export interface Topology {
  readonly plant: string
  readonly version: number
  readonly zones: readonly MapZone[]
  readonly conduits: readonly MapConduit[]
  /** By zone; zones that nobody placed have none. */
  readonly layout: Readonly<Record<string, Place>>
}

/** Zones of the newest version with what they promise and how their devices stand. @throws UsageError `missing` */
export async function listZones(store: Pick<Store, 'db'>, plant: string): Promise<readonly MapZone[]> {
  const { outline } = await readOutline(store, plant)
  return await zonesOf(store, plant, outline)
}

async function zonesOf(store: Pick<Store, 'db'>, plant: string, outline: PlantOutline): Promise<readonly MapZone[]> {
  const counts = await standingsByZone(store.db, plant)
  const stages = await currentStages(store, plant)
  return outline.zones.map((zone) => ({
    ...zone,
    stage: stages.get(zone.name)?.stage ?? stageWithoutWord,
    standings: counts.get(zone.name) ?? noStandings(),
  }))
}

/** Conduits of the newest version with the protection of each direction. @throws UsageError `missing` */
export async function listConduits(store: Pick<Store, 'db'>, plant: string): Promise<readonly MapConduit[]> {
  const { outline } = await readOutline(store, plant)
  return outline.conduits.map(withId)
}

function withId(conduit: OutlineConduit): MapConduit {
  return { ...conduit, id: [...conduit.between].sort().join('|') }
}

/** The plant as a map. @throws UsageError `missing` */
export async function readTopology(store: Pick<Store, 'db'>, plant: string): Promise<Topology> {
  const { version, outline } = await readOutline(store, plant)
  const rows = await store.db.selectFrom('plant_layout').select(['zone', 'x', 'y']).where('plant', '=', plant).execute()
  return {
    plant,
    version,
    zones: await zonesOf(store, plant, outline),
    conduits: outline.conduits.map(withId),
    layout: Object.fromEntries(rows.map(({ zone, x, y }) => [zone, { x, y }])),
  }
}

/** Farthest place on the map, in its own units. */
const farthest = 1e6

/**
 * Keeps where zones stand. Only those that are given move; where several people move one, the last wins.
 * @throws UsageError `missing` for a plant or zone that is not there, `bad-value` for a place
 */
export async function placeZones(
  store: Pick<Store, 'db'>,
  plant: string,
  places: ReadonlyMap<string, Place>,
  acting: Acting,
): Promise<void> {
  const { outline } = await readOutline(store, plant)
  const known = new Set(outline.zones.map(({ name }) => name))
  for (const [zone, { x, y }] of places) {
    if (!known.has(zone))
      throw new UsageError('missing', `there is no zone ${JSON.stringify(zone.slice(0, 128))} in plant ${plant}`)
    if (![x, y].every((value) => Number.isFinite(value) && Math.abs(value) <= farthest)) {
      throw new UsageError('bad-value', `expected x and y of zone ${zone} from -${farthest} to ${farthest}`)
    }
  }
  if (places.size === 0) return
  const rows = JSON.stringify([...places].map(([zone, { x, y }]) => ({ zone, x, y })))
  await store.db.transaction().execute(async (trx) => {
    // In one order, so that two who place the same zones do not wait for each other.
    await sql`
      insert into plant_layout (plant, zone, x, y, by)
      select ${plant}, v.zone, v.x, v.y, ${acting.actor.name}
      from jsonb_to_recordset(${rows}::jsonb) as v(zone text, x float8, y float8) order by v.zone
      on conflict (plant, zone) do update set x = excluded.x, y = excluded.y, by = excluded.by, at = now()`.execute(trx)
    await tell(trx, acting, {
      plant,
      action: 'layout.save',
      kind: 'layout-saved',
      subject: plant,
      detail: { zones: [...places.keys()].slice(0, 100), by: acting.actor.name },
    })
  })
}
