import { NotAllowed, UsageError } from '@cordon/core/errors'
import { sql, type Transaction } from 'kysely'
import type { Schema } from '../store/schema.ts'
import { type Acting, checkedMessage, noPlant, type PlantMeans, tell } from './means.ts'
import { fileNames, hashOf, type Judgement, type PlantProblem, type VersionTexts } from './models.ts'
import type { Merge, StoredParts } from './questions.ts'
import { newestVersion, readVersion, readVersionFacts, type Version, versionKey } from './versions.ts'

/** Largest text of a plant or a simulation, bytes of UTF-8. */
export const largestText = 8 * 1024 * 1024

/** What is to be saved. */
export interface SaveRequest {
  readonly plant: string
  /** The version that whoever saves had before him. */
  readonly base: number
  readonly text: string
  /** Undefined: as in the base. Null: none. */
  readonly simulation?: string | null | undefined
  /** What changes and why, 1 to 500 characters. */
  readonly message: string
  readonly acting: Acting
}

/** What came of saving. Nothing was saved unless it says so. */
export type SaveResult =
  | { readonly kind: 'saved'; readonly version: Version; readonly warnings: readonly PlantProblem[] }
  /** The texts are those of the newest version already. */
  | { readonly kind: 'unchanged'; readonly version: Version }
  | { readonly kind: 'invalid'; readonly problems: readonly PlantProblem[] }
  /** Somebody saved meanwhile: here is what came of both changes, to look at and save against the newest version. */
  | { readonly kind: 'outdated'; readonly newest: number; readonly merge: Merge }

/** What else a save does, in its transaction. */
export interface SaveExtras {
  /** Operation for the audit; default `versions.save`. */
  readonly action?: string
  readonly detail?: Readonly<Record<string, unknown>>
  /** Runs in the transaction of the save, before its audit entry. */
  readonly also?: (trx: Transaction<Schema>) => Promise<void>
}

/**
 * Saves a new version. Whoever did not have the newest before him is told so, with a merge of both changes: nobody's
 * change is lost, and none is merged without a person who looked at it. A text that validation refuses is not saved.
 * @throws UsageError `missing` for a plant or base that is not there, `bad-value` for a message
 */
export async function saveVersion(
  means: PlantMeans,
  request: SaveRequest,
  extras: SaveExtras = {},
): Promise<SaveResult> {
  const { plant, base, text } = request
  const message = checkedMessage(request.message)
  const { db } = means.store
  const newest = await newestVersion(db, plant)
  if (newest === undefined) throw noPlant(plant)
  const simulation =
    request.simulation === undefined ? (await readVersion(means.store, plant, base)).simulation : request.simulation
  const texts = { text, simulation }
  const tooLong = lengthProblems(texts)
  if (tooLong.length > 0) return { kind: 'invalid', problems: tooLong }
  if (base !== newest) return await outdated(means, plant, base, texts)
  const judgement = await means.reader.ask('judge', texts)
  const problems = [...nameProblems(judgement, plant), ...judgement.problems]
  if (!judgement.accepted || judgement.name !== plant) return { kind: 'invalid', problems }
  const since = await versionKey(db, plant, base)
  if (since === judgement.key) return { kind: 'unchanged', version: await readVersionFacts(means.store, plant, base) }
  const parts = await means.reader.about('parts', judgement.key, () => Promise.resolve(texts), { since })
  const isSaved = await db.transaction().execute(async (trx) => {
    // Whoever saves at the same time waits here, and then sees the other one's version.
    const row = await trx.selectFrom('plants').select('newest').where('name', '=', plant).forUpdate().executeTakeFirst()
    if (row?.newest !== base) return false
    await insertVersion(trx, { plant, number: base + 1, base, texts, message, acting: request.acting, judgement })
    await trx
      .updateTable('plants')
      .set({ newest: base + 1, outline: parts.outline })
      .where('name', '=', plant)
      .execute()
    await writeDevices(trx, plant, parts)
    await extras.also?.(trx)
    await tell(trx, request.acting, {
      plant,
      action: extras.action ?? 'versions.save',
      kind: 'plant-saved',
      subject: plant,
      detail: { version: base + 1, author: request.acting.actor.name, message, ...extras.detail },
    })
    return true
  })
  if (!isSaved) return await outdated(means, plant, base, texts)
  return { kind: 'saved', version: await readVersionFacts(means.store, plant, base + 1), warnings: problems }
}

/** What came of creating a plant. */
export type CreateResult = Extract<SaveResult, { readonly kind: 'saved' | 'invalid' }>

/**
 * Creates a plant from the text of a plant file; its name is the file's `plant:`.
 * @throws NotAllowed `refused` when there is one of that name; UsageError `bad-value` for a message
 */
export async function createPlant(
  means: PlantMeans,
  request: VersionTexts & { readonly message: string; readonly acting: Acting },
): Promise<CreateResult> {
  const { text, simulation, acting } = request
  const texts = { text, simulation }
  const message = checkedMessage(request.message)
  const tooLong = lengthProblems(texts)
  if (tooLong.length > 0) return { kind: 'invalid', problems: tooLong }
  const judgement = await means.reader.ask('judge', texts)
  const { name, problems } = judgement
  if (!judgement.accepted || name === undefined) return { kind: 'invalid', problems }
  const parts = await means.reader.about('parts', judgement.key, () => Promise.resolve(texts), { since: undefined })
  await means.store.db.transaction().execute(async (trx) => {
    const made = await trx
      .insertInto('plants')
      .values({ name, newest: 1, outline: parts.outline })
      .onConflict((conflict) => conflict.doNothing())
      .returning('name')
      .executeTakeFirst()
    if (made === undefined) {
      throw new NotAllowed(
        'refused',
        `there is a plant ${name} already; save a new version of it, or write another name after plant:`,
      )
    }
    await insertVersion(trx, { plant: name, number: 1, base: null, texts, message, acting, judgement })
    await writeDevices(trx, name, parts)
    await tell(trx, acting, {
      plant: name,
      action: 'plants.create',
      kind: 'plant-created',
      subject: name,
      detail: { version: 1, author: acting.actor.name, message },
    })
  })
  return { kind: 'saved', version: await readVersionFacts(means.store, name, 1), warnings: problems }
}

/**
 * Makes a new version with the texts of an old one; its message names the old one.
 * @throws UsageError `missing`, `bad-value`
 */
export async function restoreVersion(
  means: PlantMeans,
  request: Omit<SaveRequest, 'text' | 'simulation'> & { readonly version: number },
): Promise<SaveResult> {
  const { text, simulation } = await readVersion(means.store, request.plant, request.version)
  const said = checkedMessage(request.message)
  const named = `version ${request.version} restored: ${said}`
  const message = Array.from(named).length > 500 ? `${Array.from(named).slice(0, 499).join('')}…` : named
  return await saveVersion(
    means,
    { ...request, text, simulation, message },
    { action: 'versions.restore', detail: { restored: request.version } },
  )
}

async function outdated(means: PlantMeans, plant: string, base: number, mine: VersionTexts): Promise<SaveResult> {
  const theirs = await readVersion(means.store, plant)
  if (base > theirs.number) {
    throw new UsageError('missing', `there is no version ${base} of plant ${plant}; the newest is ${theirs.number}`)
  }
  if (theirs.text === mine.text && theirs.simulation === mine.simulation) {
    return { kind: 'unchanged', version: await readVersionFacts(means.store, plant, theirs.number) }
  }
  const old = await readVersion(means.store, plant, base)
  const textsOf = ({ text, simulation }: VersionTexts): VersionTexts => ({ text, simulation })
  const merge = await means.reader.ask('merge', { base: textsOf(old), mine, theirs: textsOf(theirs) })
  return { kind: 'outdated', newest: theirs.number, merge }
}

function lengthProblems({ text, simulation }: VersionTexts): readonly PlantProblem[] {
  const texts = [
    [fileNames.plant, text],
    [fileNames.simulation, simulation ?? ''],
  ] as const
  return texts.flatMap(([file, one]) => {
    const length = Buffer.byteLength(one)
    if (length <= largestText) return []
    const message = `the text has ${length} bytes`
    const place = { file, line: 1, column: 1 }
    return [
      {
        ...place,
        severity: 'error' as const,
        message,
        expected: `at most ${largestText} bytes`,
        remedy: 'split the plant',
      },
    ]
  })
}

/** The name of a plant is what its records, certificates and devices know it by. */
function nameProblems({ name, namePlace }: Judgement, plant: string): readonly PlantProblem[] {
  if (name === undefined || name === plant) return []
  return [
    {
      file: fileNames.plant,
      ...namePlace,
      severity: 'error',
      message: `the plant is called ${name} here, and its name cannot change`,
      expected: `plant: ${plant}`,
      remedy: `write \`plant: ${plant}\`; for a plant of another name create a new one from this text`,
    },
  ]
}

interface NewVersion {
  readonly plant: string
  readonly number: number
  readonly base: number | null
  readonly texts: VersionTexts
  readonly message: string
  readonly acting: Acting
  readonly judgement: Judgement
}

async function insertVersion(trx: Transaction<Schema>, made: NewVersion): Promise<void> {
  const { plant, number, base, texts, message, acting, judgement } = made
  await trx
    .insertInto('plant_versions')
    .values({
      plant,
      number,
      text: texts.text,
      simulation: texts.simulation,
      hash: hashOf(texts.text),
      author_kind: acting.actor.kind,
      author: acting.actor.name,
      message,
      base,
      ...judgement.counts,
    })
    .execute()
}

/** Writes what differs; the rows come as the JSON that the reading thread made, and are not taken apart here. */
async function writeDevices(trx: Transaction<Schema>, plant: string, { rows, removed }: StoredParts): Promise<void> {
  const fresh = sql`fresh as (select * from jsonb_to_recordset(${rows}::jsonb)
    as v(name text, address text, zone text, chassis text, slot integer, capable boolean, managed boolean))`
  const gone =
    removed === undefined
      ? sql`not exists (select from fresh f where f.name = d.name)`
      : sql`d.name = any(${removed}::text[])`
  await sql`
    with ${fresh},
    gone as (delete from plant_devices d where d.plant = ${plant} and ${gone})
    insert into plant_devices (plant, name, address, zone, chassis, slot, capable, managed)
    select ${plant}, name, address, zone, chassis, slot, capable, managed from fresh
    on conflict (plant, name) do update set address = excluded.address, zone = excluded.zone,
      chassis = excluded.chassis, slot = excluded.slot, capable = excluded.capable, managed = excluded.managed
    where (plant_devices.address, plant_devices.zone, plant_devices.chassis, plant_devices.slot, plant_devices.capable,
        plant_devices.managed)
      is distinct from (excluded.address, excluded.zone, excluded.chassis, excluded.slot, excluded.capable,
        excluded.managed)`.execute(trx)
}
