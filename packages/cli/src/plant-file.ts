import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TransportError, UsageError } from '@cordon/core/errors'
import {
  isUnread,
  type JudgedPlant,
  maximumFileLength,
  type ParseProblem,
  type ReadPlant,
  readPlant,
} from '@cordon/core/policy'
import { readBounded } from './input-file.ts'
import type { Output } from './output.ts'

/** A plant file as read, with the simulation file beside it where there is one. */
export interface PlantFiles extends ReadPlant {
  readonly file: string
  readonly simulationFile: string | undefined
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
  const plant = { text: await text(path, 'plant file'), file: path }
  const beside = simulationFile ?? join(dirname(path), 'simulation.yaml')
  const simulation =
    simulationFile === undefined && !(await exists(beside))
      ? undefined
      : { text: await text(beside, 'simulation file'), file: beside }
  const read = readPlant({ plant, simulation })
  if (isUnread(read)) return read
  return { ...read, file: path, simulationFile: simulation?.file }
}

/** Whether {@link readPlantFiles} found problems instead of a plant. */
export function isProblems(result: PlantFiles | readonly ParseProblem[]): result is readonly ParseProblem[] {
  return isUnread(result)
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
