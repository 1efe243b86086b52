import {
  type CompiledPlant,
  compile,
  isManaged,
  isUnread,
  judgePlant,
  outlinePlant,
  type ParseProblem,
  type Plant,
  type PlantIndex,
  type PlantOutline,
  type PolicyProblem,
  type PolicyTestResult,
  type ReadPlant,
  readPlant,
  type SourceMap,
} from '@cordon/core/policy'
import { createHash } from 'node:crypto'

/** The two texts of a plant. */
export interface VersionTexts {
  /** YAML of the plant file. */
  readonly text: string
  /** YAML of what a virtual plant needs besides; null where there is none. */
  readonly simulation: string | null
}

/** Something that is wrong in one of the texts of a plant, or that its owner should know. */
export interface PlantProblem {
  /** `plant.yaml` or `simulation.yaml`. */
  readonly file: string
  /** Both from 1. */
  readonly line: number
  readonly column: number
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly expected: string | undefined
  readonly remedy: string
}

/** What a reading of the texts of a plant says. */
export interface Judgement {
  /** Names the texts: equal for equal ones. */
  readonly key: string
  /** The plant's name; undefined where the text cannot be read. */
  readonly name: string | undefined
  /** May be saved and deployed. */
  readonly accepted: boolean
  /** Errors first. */
  readonly problems: readonly PlantProblem[]
  readonly counts: { readonly devices: number; readonly zones: number; readonly conduits: number }
  /** Where `plant:` stands. */
  readonly namePlace: { readonly line: number; readonly column: number }
}

/** Names by which messages call the texts. */
export const fileNames = { plant: 'plant.yaml', simulation: 'simulation.yaml' } as const

/** SHA-256 of a text, lower-case hex. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

/** The key of texts. */
export function keyOf({ text, simulation }: VersionTexts): string {
  return simulation === null ? hashOf(text) : `${hashOf(text)}+${hashOf(simulation)}`
}

/** A plant that was read, with what was made of it so far. */
export interface Model {
  readonly judgement: Judgement
  /** Undefined where the text cannot be read. */
  readonly read: Omit<ReadPlant, 'positions' | 'simulationPositions'> | undefined
  readonly index: PlantIndex | undefined
  readonly length: number
  outline?: PlantOutline
  compiled?: CompiledPlant
}

/** Most models that are kept, and characters of their texts together. */
const limits = { models: 8, characters: 24 * 1024 * 1024 } as const

/** Models by their texts; those that were not used for the longest time go first. */
export class Models {
  readonly #models = new Map<string, Model>()

  /** The model of a key, if it is kept. */
  find(key: string): Model | undefined {
    const model = this.#models.get(key)
    if (model !== undefined) {
      this.#models.delete(key)
      this.#models.set(key, model)
    }
    return model
  }

  /** Reads texts, or finds what came of them before. */
  read(texts: VersionTexts): Model {
    const key = keyOf(texts)
    const known = this.find(key)
    if (known !== undefined) return known
    const model = readModel(key, texts)
    this.#models.set(key, model)
    let characters = 0
    for (const { length } of this.#models.values()) characters += length
    for (const [oldest, { length }] of this.#models) {
      if (this.#models.size <= 1 || (this.#models.size <= limits.models && characters <= limits.characters)) break
      this.#models.delete(oldest)
      characters -= length
    }
    return model
  }
}

function readModel(key: string, { text, simulation }: VersionTexts): Model {
  const length = text.length + (simulation?.length ?? 0)
  const read = readPlant({
    plant: { text, file: fileNames.plant },
    simulation: simulation === null ? undefined : { text: simulation, file: fileNames.simulation },
  })
  const begin = { line: 1, column: 1 }
  if (isUnread(read)) {
    const problems = read.map(formProblem)
    const counts = { devices: 0, zones: 0, conduits: 0 }
    const judgement = { key, name: undefined, accepted: false, problems, counts, namePlace: begin }
    return { judgement, read: undefined, index: undefined, length }
  }
  const { index, problems, tests, accepted } = judgePlant(read)
  const { plant, positions } = read
  const judgement: Judgement = {
    key,
    name: plant.name,
    accepted,
    problems: [...testProblems(tests, positions), ...problems.map(policyProblem)],
    counts: { devices: plant.devices.length, zones: plant.zones.length, conduits: plant.conduits.length },
    namePlace: positions.at('plant'),
  }
  // Positions are the larger part of what was read, and were needed for the problems alone.
  const { positions: _, simulationPositions: __, ...kept } = read
  return { judgement, read: kept, index, length }
}

/** A problem of form as the manager tells it. */
export function formProblem({ file, line, column, message, expected, remedy }: ParseProblem): PlantProblem {
  return { file, line, column, severity: 'error', message, expected: expected === '' ? undefined : expected, remedy }
}

function policyProblem(problem: PolicyProblem): PlantProblem {
  const { file, line, column, severity, subject, reason, alternative, code } = problem
  return {
    file,
    line,
    column,
    severity,
    message: `${subject}: ${reason} [${code}]`,
    expected: undefined,
    remedy: alternative,
  }
}

/** Most policy tests that are listed as failed. */
const mostTests = 100

function testProblems(tests: readonly PolicyTestResult[], positions: SourceMap): readonly PlantProblem[] {
  return tests
    .filter(({ verdict }) => verdict === 'fail')
    .slice(0, mostTests)
    .map(({ path, reason, test }) => ({
      file: fileNames.plant,
      ...positions.at(path),
      severity: 'error',
      message: `the policy test ${test.from} to ${test.to} does not hold: ${reason}`,
      expected: undefined,
      remedy: 'correct the policy, or the statement about it',
    }))
}

/** The outline of a model that was read. */
export function outlineOf(model: Model, index: PlantIndex): PlantOutline {
  model.outline ??= outlinePlant(index)
  return model.outline
}

/** The settings of a model's devices. */
export function compiledOf(model: Model, index: PlantIndex): CompiledPlant {
  model.compiled ??= compile(index)
  return model.compiled
}

/** A device of the newest version as the store keeps it. */
export interface DeviceRow {
  readonly name: string
  readonly address: string | null
  readonly zone: string
  readonly chassis: string | null
  readonly slot: number | null
  readonly capable: boolean
  readonly managed: boolean
}

/** The devices of a plant by name. */
export function deviceRows(plant: Plant, index: PlantIndex): ReadonlyMap<string, DeviceRow> {
  const places = new Map<string, { readonly chassis: string; readonly slot: number }>()
  for (const { name, slots } of plant.chassis)
    for (const { slot, device } of slots) if (!places.has(device)) places.set(device, { chassis: name, slot })
  return new Map(
    plant.devices.map(({ name, address, zone, capability }) => {
      const { chassis = null, slot = null } = places.get(name) ?? {}
      const capable = capability !== 'none' && index.capabilities.get(name)?.capable !== false
      const managed = isManaged(index, name)
      return [name, { name, address: address ?? null, zone, chassis, slot, capable, managed }]
    }),
  )
}
