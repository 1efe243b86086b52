import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TransportError, UsageError } from '@cordon/core/errors'
import {
  type Capabilities,
  maximumFileLength,
  type ParseProblem,
  type Plant,
  parsePlant,
  parseSimulation,
  type Simulation,
  type SourceMap,
  simulatedCapabilities,
} from '@cordon/core/policy'
import {
  indexPlant,
  type PlantIndex,
  type PolicyProblem,
  type PolicyTestResult,
  runTests,
  validate,
} from '@cordon/core/policy'
import { readBounded } from './input-file.ts'
import type { Output } from './output.ts'

/** A plant file as read, with the simulation file beside it where there is one. */
export interface PlantFiles {
  readonly file: string
  readonly plant: Plant
  readonly positions: SourceMap
  readonly simulation: Simulation | undefined
  readonly simulationPositions: SourceMap | undefined
  readonly simulationFile: string | undefined
  /** What the devices can do as far as files say; empty without a simulation. */
  readonly capabilities: Capabilities
}

/**
 * Reads a plant file and what belongs to it. Problems of form are returned, all at once, and nothing else was touched.
 * @throws UsageError `missing` when a file is not there
 */
export async function readPlantFiles(
  file: string,
  simulationFile?: string,
): Promise<PlantFiles | readonly ParseProblem[]> {
  const path = await plantPath(file)
  const result = parsePlant(await text(path, 'plant file'), path)
  const beside = simulationFile ?? join(dirname(path), 'simulation.yaml')
  const simulation =
    simulationFile === undefined && !(await exists(beside))
      ? undefined
      : parseSimulation(await text(beside, 'simulation file'), beside)
  if (result.plant === undefined || (simulation !== undefined && simulation.simulation === undefined)) {
    return [...result.problems, ...(simulation?.problems ?? [])]
  }
  return {
    file: path,
    plant: result.plant,
    positions: result.positions,
    simulation: simulation?.simulation,
    simulationPositions: simulation?.positions,
    simulationFile: simulation === undefined ? undefined : beside,
    capabilities: simulation?.simulation === undefined ? new Map() : simulatedCapabilities(simulation.simulation),
  }
}

/** Whether {@link readPlantFiles} found problems instead of a plant. */
export function isProblems(result: PlantFiles | readonly ParseProblem[]): result is readonly ParseProblem[] {
  return Array.isArray(result)
}

/** Prints problems of form: `file:line:column`, what is wrong, what was expected, what mends it. */
export function printProblems(output: Output, problems: readonly ParseProblem[]): void {
  if (output.format !== 'table') {
    output.document({ verdict: 'refused', problems }, () => '')
    return
  }
  for (const problem of problems) {
    output.note(`${problem.file}:${problem.line}:${problem.column}: ${problem.message}`)
    output.note(`  expected: ${problem.expected}`)
    output.note(`  remedy:   ${problem.remedy}`)
  }
  output.note(`${problems.length === 1 ? '1 problem' : `${problems.length} problems`}; nothing was touched`)
}

/** A plant that was read and judged. */
export interface JudgedPlant {
  readonly index: PlantIndex
  /** Errors first; a plant with an error is refused as a whole. */
  readonly problems: readonly PolicyProblem[]
  /** The statements of the plant file's `tests`. */
  readonly tests: readonly PolicyTestResult[]
  /** No error, and every test holds. */
  readonly accepted: boolean
}

/** Checks a plant for contradictions and for promises that its devices cannot keep, and runs its policy tests. */
export function judgePlant(files: PlantFiles): JudgedPlant {
  const index = indexPlant(files.plant, files.capabilities)
  const problems = validate(index, {
    positions: files.positions,
    ...(files.simulation === undefined
      ? {}
      : { simulation: files.simulation, simulationPositions: files.simulationPositions }),
  })
  const isRefused = problems.some(({ severity }) => severity === 'error')
  // Tests over a contradictory plant would only repeat its errors in other words.
  const tests = isRefused ? [] : runTests(index)
  return { index, problems, tests, accepted: !isRefused && tests.every(({ verdict }) => verdict === 'pass') }
}

/** Prints what was found wrong with a plant, and the policy tests that fail, on standard error. */
export function printJudgement(output: Output, files: PlantFiles, judged: JudgedPlant): void {
  for (const problem of judged.problems) {
    output.note(
      `${problem.file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.subject}: ${problem.reason} [${problem.code}]`,
    )
    output.note(`  instead: ${problem.alternative}`)
  }
  for (const { path, verdict, reason } of judged.tests) {
    if (verdict === 'pass') continue
    const { line, column } = files.positions.at(path)
    output.note(`${files.file}:${line}:${column}: error: the policy test does not hold: ${reason}`)
  }
}

async function plantPath(file: string): Promise<string> {
  const info = await stat(file).catch(() => undefined)
  return info?.isDirectory() === true ? join(file, 'plant.yaml') : file
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined
}

async function text(file: string, what: string): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readBounded(file, longestFile + 1)
  } catch (cause) {
    if (cause instanceof TransportError) {
      throw new UsageError('missing', `${what}: ${cause.message}; write to the pipe, or give the path of a file`, {
        cause,
      })
    }
    const remedy =
      cause instanceof Error && 'code' in cause && (cause.code === 'EACCES' || cause.code === 'EPERM')
        ? 'give this user the right to read it'
        : 'give the path of an existing file'
    throw new UsageError('missing', `${what} ${basename(file)}: cannot read ${file}; ${remedy}`, { cause })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: bytes.length > longestFile })
  } catch (cause) {
    const { line, column } = firstBadByte(bytes)
    throw new UsageError(
      'bad-option',
      `${file}:${line}:${column}: the ${what} is not UTF-8 text; save it with the encoding UTF-8`,
      { cause },
    )
  }
}

/** Bytes that the longest text may take; characters outside ASCII take up to four. One more, and it is refused by its length. */
const longestFile = 4 * maximumFileLength

/** Where text stops being UTF-8, both counted from 1. */
function firstBadByte(bytes: Uint8Array): { readonly line: number; readonly column: number } {
  const before = new TextDecoder().decode(bytes).split('\ufffd', 1)[0] ?? ''
  const lines = before.split('\n')
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}
