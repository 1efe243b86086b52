import type { PlantEdit } from '@cordon/core/policy'
import type { PlantMeans } from './means.ts'
import type { PlantProblem } from './models.ts'
import type { Proposal } from './learn.ts'
import { saveVersion, type SaveExtras, type SaveRequest, type SaveResult } from './save.ts'
import { readVersion } from './versions.ts'

/** What is to be edited and saved: as {@link SaveRequest}, with changes in place of the text. */
export interface EditRequest extends Omit<SaveRequest, 'text' | 'simulation'> {
  readonly edits: readonly PlantEdit[]
}

/**
 * The newest text of a plant with changes made in it, to look at or save.
 * @throws UsageError `missing`
 */
export async function editedText(
  { store, reader }: PlantMeans,
  plant: string,
  edits: readonly PlantEdit[],
): Promise<{ readonly text: string | undefined; readonly problems: readonly PlantProblem[] }> {
  const { text } = await readVersion(store, plant)
  return await reader.ask('edit', { text, edits })
}

/**
 * Makes changes in the text of the base and saves the result: the way of programs. Where somebody saved meanwhile it says
 * so like any other save.
 * @throws UsageError `missing`, `bad-value`
 */
export async function saveEdits(means: PlantMeans, request: EditRequest, extras: SaveExtras = {}): Promise<SaveResult> {
  const { edits, ...rest } = request
  const { text: before } = await readVersion(means.store, request.plant, request.base)
  const { text, problems } = await means.reader.ask('edit', { text: before, edits })
  if (text === undefined) return { kind: 'invalid', problems }
  return await saveVersion(means, { ...rest, text }, extras)
}

/**
 * A text with the devices of a table added to the newest one: `name,address,zone,…` with a heading, as spreadsheets save
 * it. Nothing is saved.
 * @throws UsageError `missing`
 */
export async function importTable({ store, reader }: PlantMeans, plant: string, csv: string): Promise<Proposal> {
  const { text } = await readVersion(store, plant)
  return await reader.ask('table', { text, csv })
}
