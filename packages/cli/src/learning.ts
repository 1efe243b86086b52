import { writeFile } from 'node:fs/promises'
import {
  type DryRun,
  type DryRunResult,
  dryRun,
  type LearningInput,
  propose,
  questionCount,
  writeProposal,
} from '@cordon/core/learning'
import { UsageError } from '@cordon/core/errors'
import type { Observation } from '@cordon/core/learning'
import { indexPlant, type PlantIndex } from '@cordon/core/policy'
import type { CommandContext } from './context.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { directoryOf, mayWrite } from './new-files.ts'
import { type Output, table } from './output.ts'
import { isProblems, type PlantFiles, printProblems, readPlantFiles } from './plant-file.ts'

/** Flags that the commands that learn share. */
export interface LearnFlags {
  /** A dry run with this plant file instead of a proposal. */
  readonly plant?: string
  /** Where the proposal goes. */
  readonly write?: string
  readonly force?: boolean
  /** Name of the proposed plant. */
  readonly name: string
  readonly manager?: string
  readonly assumeCapable?: boolean
}

/** Looks at the flags before anything is asked. @throws UsageError `bad-option`, `missing` */
export async function checkLearnFlags(flags: LearnFlags): Promise<void> {
  if (flags.plant !== undefined && flags.write !== undefined) {
    throw new UsageError('bad-option', '--plant makes a dry run, which writes no file; leave --write out')
  }
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(flags.name)) {
    throw new UsageError('bad-option', `--name expects a letter, then letters, digits, _ or -, got "${flags.name}"`)
  }
  if (flags.write === undefined) return
  await directoryOf(flags.write)
  await mayWrite([flags.write], flags.force)
}

/** The plant file of a dry run; `refused` after its problems of form were printed. */
export async function dryRunPlant(
  context: CommandContext,
  file: string | undefined,
): Promise<PlantFiles | 'refused' | undefined> {
  if (file === undefined) return undefined
  const files = await readPlantFiles(file)
  if (!isProblems(files)) return files
  printProblems(context.output, files)
  return 'refused'
}

/** Prints or writes the proposed plant file. */
export async function giveProposal(
  { output }: CommandContext,
  flags: LearnFlags,
  input: Omit<LearningInput, 'plant' | 'assumeCapable'>,
): Promise<void> {
  const proposal = propose({ ...input, plant: flags.name, assumeCapable: flags.assumeCapable })
  if (proposal.devices.length === 0) {
    throw new UsageError('missing', 'no EtherNet/IP traffic and no device was seen, so there is nothing to propose')
  }
  const text = writeProposal(proposal)
  const questions = questionCount(proposal)
  if (flags.write !== undefined) await writeFile(flags.write, text, { flag: flags.force === true ? 'w' : 'wx' })
  const summary = {
    plant: proposal.plant,
    zones: proposal.zones.length,
    devices: proposal.devices.length,
    conduits: proposal.conduits.length,
    connections: proposal.connections.map(({ from, originator, to, target, seen }) => ({
      from,
      originator,
      to,
      target,
      fromAddress: seen.originator.address,
      toAddress: seen.target.address,
      class: seen.class ?? null,
      over: seen.over,
      seen: seen.sources,
    })),
    questions,
    ...(flags.write === undefined ? { text } : { file: flags.write }),
  }
  const counts = `${proposal.zones.length} zones, ${proposal.devices.length} devices, ${proposal.conduits.length} conduits, ${proposal.connections.length} connections, ${questions} open questions`
  output.document(summary, () => (flags.write === undefined ? text : `${flags.write}: ${counts}`))
  if (flags.write === undefined && output.format === 'table') output.note(counts)
}

/** Prints what a plant file would do to what was seen; 1 when something would break. */
export function giveDryRun(
  { output }: CommandContext,
  { plant, capabilities, file }: PlantFiles,
  observations: readonly Observation[],
): ExitCode {
  const index: PlantIndex = indexPlant(plant, capabilities)
  const result = dryRun(index, observations)
  if (result.results.length === 0) {
    throw new UsageError(
      'missing',
      'no EtherNet/IP traffic was seen, so nothing is known of what the model would break',
    )
  }
  output.document({ plant: plant.name, file, ...result }, () => dryRunText(output, result))
  return result.counts.breaks === 0 ? exitCodes.ok : exitCodes.error
}

const states = { breaks: 'bad', weakened: 'warning', ends: 'neutral', moves: 'good', keeps: 'good' } as const

function dryRunText(output: Output, { results, counts, leftOut }: DryRun): string {
  const rows = table<DryRunResult>(output, results, [
    { title: 'verdict', value: ({ verdict }) => output.state(states[verdict], verdict) },
    { title: 'from', value: ({ from }) => from },
    { title: 'to', value: ({ to }) => to },
    { title: 'class', value: ({ seen }) => (seen.class === undefined ? '-' : String(seen.class)) },
    { title: 'reason', value: ({ reason, code }) => (code === undefined ? reason : `${reason} [${code}]`) },
    { title: 'seen', value: ({ seen }) => seen.sources.join('; '), rank: 1 },
  ])
  const total = counts.breaks === 1 ? '1 connection' : `${counts.breaks} connections`
  const rest = `${counts.moves} move to TLS or DTLS, ${counts.keeps} run on as they are, ${counts.weakened} with less protection, ${counts.ends} end as the model says`
  const verdict =
    counts.breaks === 0
      ? output.state('good', `with this model no connection that was seen would break; ${rest}`)
      : output.state('bad', `with this model these ${total} would break; ${rest}`)
  const notes = leftOut.map((sentence) => output.paragraph(output.state('warning', `left out: ${sentence}`), 2))
  return [rows, ...notes, '', output.paragraph(verdict, 2)].join('\n')
}
