import { sql } from 'kysely'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type {
  ConnectionPage,
  ConnectionQuestion,
  DryRunAnswer,
  ObservedReading,
  ObservedTables,
  Proposal,
} from './learn.ts'
import { type Acting, noPlant, type PlantMeans, tell, tellEvent } from './means.ts'
import { listDiscovered } from './discovered.ts'
import type { VersionTexts } from './models.ts'
import { newestVersion, readVersion, versionKey } from './versions.ts'

/** Readings that are kept of each device. */
const keptReadings = 8

/** Most characters of readings that one question looks at. */
const mostCharacters = 64 * 1024 * 1024

/**
 * Records the live tables of devices as they were read; of each device the last few readings are kept.
 * @param by who asked for them, where a person did
 */
export async function recordObserved(
  store: Pick<Store, 'db'>,
  plant: string,
  devices: readonly ObservedTables[],
  at: Date,
  by?: Acting,
): Promise<void> {
  if (devices.length === 0) return
  await store.db.transaction().execute(async (trx) => {
    const rows = devices.map((tables) => ({ device: tables.address, rows: tables }))
    await sql`
      insert into observed_connections (plant, device, read_at, rows)
      select ${plant}, v.device, ${at}, v.rows
      from jsonb_to_recordset(${jsonText(rows)}::jsonb) as v(device text, rows jsonb) order by v.device
      on conflict (plant, device, read_at) do nothing`.execute(trx)
    await sql`
      delete from observed_connections o using (
        select device, read_at, row_number() over (partition by device order by read_at desc) as place
        from observed_connections where plant = ${plant} and device = any(${devices.map(({ address }) => address)}::text[])) old
      where o.plant = ${plant} and o.device = old.device and o.read_at = old.read_at and old.place > ${keptReadings}`.execute(
      trx,
    )
    const change = {
      plant,
      action: 'connections.observe',
      kind: 'connections-observed',
      subject: plant,
      detail: { devices: devices.length, at: at.toISOString() },
    }
    if (by !== undefined) await tell(trx, by, change)
    else await tellEvent(trx, change)
  })
}

/** Readings as JSON texts, which the reading thread takes apart: the newest of each device, or all that are kept. */
async function readings(
  { db }: Pick<Store, 'db'>,
  plant: string,
  which: 'newest' | 'all',
): Promise<{ readonly texts: readonly string[]; readonly newest: Date | undefined }> {
  const { rows } = await sql<{ at: Date; tables: string }>`
    select ${which === 'newest' ? sql`distinct on (device)` : sql``} read_at as at, rows::text as tables
    from observed_connections where plant = ${plant} order by device, read_at desc`.execute(db)
  const texts: string[] = []
  let characters = 0
  let newest: Date | undefined
  for (const { at, tables } of rows) {
    if (newest === undefined || at > newest) newest = at
    characters += tables.length
    if (characters > mostCharacters) break
    texts.push(`{"at":${JSON.stringify(at.toISOString() satisfies ObservedReading['at'])},"tables":${tables}}`)
  }
  return { texts, newest }
}

/** Connections as last observed, joined and judged by the newest version, a page at a time. @throws UsageError `missing` */
export async function listConnections(
  { store, reader }: PlantMeans,
  plant: string,
  question: ConnectionQuestion,
): Promise<ConnectionPage> {
  const version = await newestVersion(store.db, plant)
  const key = version === undefined ? undefined : await versionKey(store.db, plant, version)
  if (version === undefined || key === undefined) throw noPlant(plant)
  const { texts } = await readings(store, plant, 'newest')
  return await reader.about('connections', key, () => readVersion(store, plant, version), {
    ...question,
    readings: texts,
  })
}

/** A dry run with when its newest reading was made. */
export interface DryRun extends DryRunAnswer {
  /** Undefined where nothing was observed yet. */
  readonly observedAt: Date | undefined
}

/**
 * Which observed connections a text, or a version, would break; the newest version where none is given.
 * @throws UsageError `missing`
 */
export async function dryRunPlant(
  { store, reader }: PlantMeans,
  plant: string,
  of: { readonly text: string } | { readonly version: number | undefined },
): Promise<DryRun> {
  const newest = await readVersion(store, plant, 'version' in of ? of.version : undefined)
  const texts: VersionTexts = 'text' in of ? { text: of.text, simulation: newest.simulation } : newest
  const observed = await readings(store, plant, 'all')
  const { text, simulation } = texts
  const answer = await reader.ask('dryRun', { text, simulation, readings: observed.texts })
  return { ...answer, observedAt: observed.newest }
}

/** A plant file from what was discovered and observed, to look at and save. */
export async function proposePlant({ store, reader }: PlantMeans, plant: string, manager?: string): Promise<Proposal> {
  const { texts } = await readings(store, plant, 'all')
  const devices = (await listDiscovered(store, plant)).filter(({ state }) => state !== 'ignored')
  return await reader.ask('propose', {
    plant,
    readings: texts,
    manager,
    devices: devices.map(({ address, identity, capable }) => ({
      address,
      productName: identity?.productName,
      vendorId: identity?.vendorId,
      serialNumber: identity?.serialNumber,
      capable,
      source: 'ListIdentity',
    })),
  })
}
