import { characterProblems } from '../document/characters.ts'
import { maximumFileLength, type ParseProblem, type SourceMap } from '../document/read.ts'
import type { Capabilities } from './capabilities.ts'
import type { Plant } from './model.ts'
import { parsePlant } from './parse.ts'
import { indexPlant, type PlantIndex } from './plant-index.ts'
import type { PolicyProblem } from './problem.ts'
import { type Simulation, simulatedCapabilities } from './simulation-model.ts'
import { parseSimulation } from './simulation.ts'
import { type PolicyTestResult, runTests } from './tests.ts'
import { validate } from './validate.ts'

/** A text with the name by which messages call it. */
export interface NamedText {
  readonly text: string
  readonly file: string
}

/** The text of a plant file, and that of the simulation beside it where there is one. */
export interface PlantTexts {
  readonly plant: NamedText
  readonly simulation?: NamedText | undefined
}

/** A plant as its texts describe it. */
export interface ReadPlant {
  readonly plant: Plant
  readonly positions: SourceMap
  readonly simulation: Simulation | undefined
  readonly simulationPositions: SourceMap | undefined
  /** What the devices can do as far as the texts say; empty without a simulation. */
  readonly capabilities: Capabilities
}

/** A plant that was judged. */
export interface JudgedPlant {
  readonly index: PlantIndex
  /** Errors first; a plant with an error is refused as a whole. */
  readonly problems: readonly PolicyProblem[]
  /** The statements of the plant file's `tests`. */
  readonly tests: readonly PolicyTestResult[]
  /** No error, and every test holds. */
  readonly accepted: boolean
}

/** Reads a plant and the simulation beside it. Problems of form are returned, those of both texts at once. It throws nothing. */
export function readPlant({ plant, simulation }: PlantTexts): ReadPlant | readonly ParseProblem[] {
  const characters = [plant, simulation].flatMap((one) =>
    // One that is too long is refused for that, below.
    one === undefined || one.text.length > maximumFileLength ? [] : characterProblems(one.text, one.file),
  )
  if (characters.length > 0) return characters
  const result = parsePlant(plant.text, plant.file)
  const beside = simulation === undefined ? undefined : parseSimulation(simulation.text, simulation.file)
  if (result.plant === undefined || (beside !== undefined && beside.simulation === undefined)) {
    return [...result.problems, ...(beside?.problems ?? [])]
  }
  return {
    plant: result.plant,
    positions: result.positions,
    simulation: beside?.simulation,
    simulationPositions: beside?.positions,
    capabilities: beside?.simulation === undefined ? new Map() : simulatedCapabilities(beside.simulation),
  }
}

/** Whether {@link readPlant} found problems instead of a plant. */
export function isUnread<Read extends ReadPlant>(
  result: Read | readonly ParseProblem[],
): result is readonly ParseProblem[] {
  return Array.isArray(result)
}

/** Checks a plant for contradictions and for promises that its devices cannot keep, and runs its policy tests. */
export function judgePlant(read: ReadPlant): JudgedPlant {
  const index = indexPlant(read.plant, read.capabilities)
  const problems = validate(index, {
    positions: read.positions,
    ...(read.simulation === undefined
      ? {}
      : { simulation: read.simulation, simulationPositions: read.simulationPositions }),
  })
  const isRefused = problems.some(({ severity }) => severity === 'error')
  // Tests over a contradictory plant would only repeat its errors in other words.
  const tests = isRefused ? [] : runTests(index)
  return { index, problems, tests, accepted: !isRefused && tests.every(({ verdict }) => verdict === 'pass') }
}
