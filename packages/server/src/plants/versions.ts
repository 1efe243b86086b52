import { UsageError } from '@cordon/core/errors'
import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { noPlant, type PlantMeans } from './means.ts'
import { hashOf, type Judgement, type VersionTexts } from './models.ts'
import type { Difference, PlantModel } from './questions.ts'

/** A version of a plant, without its texts. */
export interface Version {
  readonly plant: string
  /** 1, 2, 3 … */
  readonly number: number
  /** SHA-256 of the text of the plant file, lower-case hex. */
  readonly hash: string
  readonly author: string
  readonly authorKind: string
  readonly message: string
  readonly savedAt: Date
  /** The version that its author had before him; undefined for the first. */
  readonly base: number | undefined
  readonly devices: number
  readonly zones: number
  readonly conduits: number
}

/** A version with its texts. */
export interface VersionWithTexts extends Version, VersionTexts {}

const columns = [
  'plant',
  'number',
  'hash',
  'author',
  'author_kind',
  'message',
  'created_at',
  'base',
  'devices',
  'zones',
  'conduits',
] as const

interface Row {
  readonly plant: string
  readonly number: number
  readonly hash: string
  readonly author: string
  readonly author_kind: string
  readonly message: string
  readonly created_at: Date
  readonly base: number | null
  readonly devices: number
  readonly zones: number
  readonly conduits: number
}

function versionOf({ author_kind: authorKind, created_at: savedAt, base, ...row }: Row): Version {
  const { plant, number, hash, author, message, devices, zones, conduits } = row
  return {
    plant,
    number,
    hash,
    author,
    authorKind,
    message,
    savedAt,
    base: base ?? undefined,
    devices,
    zones,
    conduits,
  }
}

/** Number of the newest version; undefined where there is no such plant. */
export async function newestVersion(db: Kysely<Schema>, plant: string): Promise<number | undefined> {
  const row = await db.selectFrom('plants').select('newest').where('name', '=', plant).executeTakeFirst()
  return row?.newest
}

/** Versions of a plant, the newest first. @throws UsageError `missing` */
export async function listVersions(
  { db }: Pick<Store, 'db'>,
  plant: string,
  { before, limit }: { readonly before?: number | undefined; readonly limit: number },
): Promise<readonly Version[]> {
  if ((await newestVersion(db, plant)) === undefined) throw noPlant(plant)
  const rows = await db
    .selectFrom('plant_versions')
    .select(columns)
    .where('plant', '=', plant)
    .$if(before !== undefined, (query) => query.where('number', '<', before ?? 0))
    .orderBy('number', 'desc')
    .limit(limit)
    .execute()
  return rows.map(versionOf)
}

/** A version with its texts; the newest without a number. @throws UsageError `missing` */
export async function readVersion(
  { db }: Pick<Store, 'db'>,
  plant: string,
  number?: number,
): Promise<VersionWithTexts> {
  const row = await db
    .selectFrom('plant_versions')
    .select([...columns, 'text', 'simulation'])
    .where('plant', '=', plant)
    .where('number', '=', (eb) =>
      number === undefined ? eb.selectFrom('plants').select('newest').where('name', '=', plant) : eb.val(number),
    )
    .executeTakeFirst()
  if (row !== undefined) return { ...versionOf(row), text: row.text, simulation: row.simulation }
  const newest = await newestVersion(db, plant)
  if (newest === undefined) throw noPlant(plant)
  throw new UsageError('missing', `there is no version ${number} of plant ${plant}; the newest is ${newest}`)
}

/** A version without its texts; the newest without a number. @throws UsageError `missing` */
export async function readVersionFacts({ db }: Pick<Store, 'db'>, plant: string, number?: number): Promise<Version> {
  const newest = await newestVersion(db, plant)
  if (newest === undefined) throw noPlant(plant)
  const row = await db
    .selectFrom('plant_versions')
    .select(columns)
    .where('plant', '=', plant)
    .where('number', '=', number ?? newest)
    .executeTakeFirst()
  if (row !== undefined) return versionOf(row)
  throw new UsageError('missing', `there is no version ${number} of plant ${plant}; the newest is ${newest}`)
}

/** Key of the model of a version; undefined where there is none. */
export async function versionKey(db: Kysely<Schema>, plant: string, number: number): Promise<string | undefined> {
  const row = await db
    .selectFrom('plant_versions')
    .select(['hash', 'simulation'])
    .where('plant', '=', plant)
    .where('number', '=', number)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return row.simulation === null ? row.hash : `${row.hash}+${hashOf(row.simulation)}`
}

/** The plant of a version, read; the newest without a number. @throws UsageError `missing` */
export async function readModel(
  { store, reader }: PlantMeans,
  plant: string,
  number?: number,
): Promise<PlantModel & { readonly version: number }> {
  const version = number ?? (await newestVersion(store.db, plant))
  const key = version === undefined ? undefined : await versionKey(store.db, plant, version)
  if (version === undefined || key === undefined) throw noPlant(plant)
  const model = await reader.about('model', key, () => readVersion(store, plant, version), {})
  // What was saved was read before it was saved.
  if (model === undefined) throw new Error(`version ${version} of plant ${plant} cannot be read any more`)
  return { ...model, version }
}

/** What two versions of a plant differ in. @throws UsageError `missing` */
export async function versionDifference(
  { store, reader }: PlantMeans,
  plant: string,
  from: number,
  to: number,
): Promise<Difference> {
  const [one, other] = [await readVersion(store, plant, from), await readVersion(store, plant, to)]
  const texts = ({ text, simulation }: VersionTexts): VersionTexts => ({ text, simulation })
  const names = [`version ${from}`, `version ${to}`] as const
  return await reader.ask('difference', { from: texts(one), to: texts(other), names })
}

/** What is wrong in texts, and what they change. */
export interface Validation {
  readonly judgement: Judgement
  /** Against a version; empty without one. */
  readonly changes: Difference['changes']
}

/**
 * Reads texts as they would be read for saving, and saves nothing. What was validated is saved without being read again.
 * @throws UsageError `missing` for a version that is not there
 */
export async function validateTexts(
  { store, reader }: PlantMeans,
  texts: VersionTexts,
  against?: { readonly plant: string; readonly version: number },
): Promise<Validation> {
  const { text, simulation } = texts
  const judgement = await reader.ask('judge', { text, simulation })
  if (against === undefined) return { judgement, changes: [] }
  const from = await readVersion(store, against.plant, against.version)
  const { changes } = await reader.ask('changes', {
    from: { text: from.text, simulation: from.simulation },
    to: { text, simulation },
  })
  return { judgement, changes }
}
