import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UsageError } from '@cordon/core/errors'
import { maximumFileLength } from '@cordon/core/policy'
import { readBounded } from '../input-file.ts'

/** The texts of a plant as they are sent to a manager. */
export interface PlantSources {
  readonly text: string
  /** Null where there is no simulation file beside it. */
  readonly simulation: string | null
}

/** Reads a plant file, or the `plant.yaml` of a directory, with the `simulation.yaml` beside it. */
export async function plantSources(file: string): Promise<PlantSources> {
  const isDirectory = (await stat(file).catch(() => undefined))?.isDirectory() === true
  const path = isDirectory ? join(file, 'plant.yaml') : file
  const beside = join(dirname(path), 'simulation.yaml')
  const isThere = (await stat(beside).catch(() => undefined))?.isFile() === true
  return {
    text: await readText(path, 'plant file'),
    simulation: isThere ? await readText(beside, 'simulation file') : null,
  }
}

/** @throws UsageError `missing`, `bad-value` */
async function readText(path: string, what: string): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readBounded(path, maximumFileLength + 1)
  } catch (cause) {
    throw new UsageError('missing', `${what}: cannot read ${path}`, { cause })
  }
  if (bytes.length > maximumFileLength)
    throw new UsageError('bad-value', `${what}: ${path} has more than ${maximumFileLength} bytes`)
  return new TextDecoder().decode(bytes)
}
