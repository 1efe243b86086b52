import type { PlantOutline } from '@cordon/core/policy'
import type { Store } from '../store/store.ts'
import { noPlant } from './means.ts'

/** The newest version of a plant as a map shows it, with its number. @throws UsageError `missing` */
export async function readOutline(
  { db }: Pick<Store, 'db'>,
  plant: string,
): Promise<{ readonly version: number; readonly outline: PlantOutline }> {
  const row = await db.selectFrom('plants').select(['newest', 'outline']).where('name', '=', plant).executeTakeFirst()
  if (row === undefined) throw noPlant(plant)
  return { version: row.newest, outline: row.outline as PlantOutline } // written when the version was saved
}

/** Names of the zones of the newest version. @throws UsageError `missing` */
export async function readOutlineZones(store: Pick<Store, 'db'>, plant: string): Promise<readonly string[]> {
  return (await readOutline(store, plant)).outline.zones.map(({ name }) => name)
}
