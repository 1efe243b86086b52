import { MalformedMessage } from '../errors.ts'
import type { Plant } from '../policy/model.ts'
import type { Simulation } from '../policy/simulation-model.ts'
import type { Twin } from './twin.ts'

/** Says what kind of file this is, before anything in it is believed. */
const mark = 'cordon-twin/1'

/** The end of the name of a twin's file. */
export const twinSuffix = '.twin.json'

/** Longest file of a twin that is read, characters. */
export const maximumTwinLength = 256 * 1024 * 1024

/** A twin as the file that the process of its virtual plant reads. */
export function writeTwin({ plant, simulation }: Pick<Twin, 'plant' | 'simulation'>): string {
  return JSON.stringify({ cordon: mark, plant, simulation })
}

/**
 * Reads the file of a twin. It comes from the process that built it; here its shape is checked as far as a damaged or
 * foreign file must be told from one.
 *
 * @throws MalformedMessage `bad-encoding`, `unknown-value`
 */
export function readTwin(text: string): { readonly plant: Plant; readonly simulation: Simulation } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new MalformedMessage('bad-encoding', 'the file of a twin is JSON, and this is not', { cause })
  }
  const { cordon, plant, simulation } = (value ?? {}) as Readonly<Record<string, unknown>> // looked at below
  const isTwin =
    cordon === mark && isPart(plant, 'devices', 'zones', 'connections') && isPart(simulation, 'devices', 'vendors')
  if (!isTwin)
    throw new MalformedMessage(
      'unknown-value',
      `not the file of a twin: expected "cordon": "${mark}" with a plant and a simulation`,
    )
  return { plant: plant as Plant, simulation: simulation as Simulation }
}

function isPart(value: unknown, ...lists: readonly string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    lists.every((list) => Array.isArray((value as Readonly<Record<string, unknown>>)[list]))
  )
}
