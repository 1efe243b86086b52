import { UsageError } from '@cordon/core/errors'
import type { Stage } from '@cordon/core/policy'
import { sql } from 'kysely'
import type { Store } from '../store/store.ts'
import { type Acting, checkedMessage, noPlant, type PlantMeans, tell } from './means.ts'
import { readOutlineZones } from './outline.ts'
import { newestVersion, readVersion, versionKey } from './versions.ts'

/** The stage of a zone of which nobody said one: what the plant file says holds as a whole. */
export const stageWithoutWord: Stage = 'enforce'

/** A stage that somebody set. */
export interface StageEntry {
  readonly zone: string
  readonly stage: Stage
  readonly message: string | undefined
  readonly since: Date
  readonly by: string
}

/** The stage of each zone of which somebody said one. */
export async function currentStages(
  { db }: Pick<Store, 'db'>,
  plant: string,
): Promise<ReadonlyMap<string, StageEntry>> {
  const { rows } = await sql<Omit<StageEntry, 'message'> & { readonly message: string | null }>`
    select distinct on (zone) zone, stage, message, since, by from zone_stages where plant = ${plant}
    order by zone, id desc`.execute(db)
  return new Map(rows.map((row) => [row.zone, { ...row, message: row.message ?? undefined }]))
}

/** Stages of a plant's zones in the order in which they were set, the newest first. */
export async function stageHistory(
  { db }: Pick<Store, 'db'>,
  plant: string,
  { zone, limit }: { readonly zone?: string; readonly limit: number },
): Promise<readonly StageEntry[]> {
  const rows = await db
    .selectFrom('zone_stages')
    .select(['zone', 'stage', 'message', 'since', 'by'])
    .where('plant', '=', plant)
    .$if(zone !== undefined, (query) => query.where('zone', '=', zone ?? ''))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...row, message: row.message ?? undefined }))
}

/**
 * Sets stages of zones, all or none; the next deployment puts them in force.
 * @throws UsageError `missing` for a plant or zone that is not there, `bad-value` for a message
 */
export async function setStages(
  store: Pick<Store, 'db'>,
  plant: string,
  stages: ReadonlyMap<string, Stage>,
  message: string,
  acting: Acting,
): Promise<void> {
  const why = checkedMessage(message)
  const known = new Set(await readOutlineZones(store, plant))
  for (const zone of stages.keys()) {
    if (!known.has(zone))
      throw new UsageError('missing', `there is no zone ${JSON.stringify(zone.slice(0, 128))} in plant ${plant}`)
  }
  if (stages.size === 0) return
  const by = acting.actor.name
  await store.db.transaction().execute(async (trx) => {
    await trx
      .insertInto('zone_stages')
      .values([...stages].map(([zone, stage]) => ({ plant, zone, stage, message: why, by })))
      .execute()
    await tell(trx, acting, {
      plant,
      action: 'stages.set',
      kind: 'stages-set',
      subject: plant,
      detail: { stages: Object.fromEntries(stages), message: why, by },
    })
  })
}

/** A zone with its stage, and what that means. */
export interface ZoneStage {
  readonly zone: string
  readonly stage: Stage
  /** Undefined where nobody said one. */
  readonly since: Date | undefined
  readonly by: string | undefined
  /** What is protected and what still is open, in one line. */
  readonly consequence: string
}

/** The stages of all zones of the newest version. @throws UsageError `missing` */
export async function listStages({ store, reader }: PlantMeans, plant: string): Promise<readonly ZoneStage[]> {
  const version = await newestVersion(store.db, plant)
  const key = version === undefined ? undefined : await versionKey(store.db, plant, version)
  if (version === undefined || key === undefined) throw noPlant(plant)
  const set = await currentStages(store, plant)
  const held = await store.db
    .selectFrom('devices')
    .select('name')
    .where('plant', '=', plant)
    .where(sql<boolean>`observed->>'configured' = 'true'`)
    .execute()
  const stages = [...set.values()].map(({ zone, stage }) => [zone, stage] as const)
  const meanings = await reader.about('stages', key, () => readVersion(store, plant, version), {
    stages,
    held: held.map(({ name }) => name),
  })
  return meanings.map(({ zone, consequence }) => {
    const { stage = stageWithoutWord, since, by } = set.get(zone) ?? {}
    return { zone, stage, since, by, consequence }
  })
}
