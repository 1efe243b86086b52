import { UsageError } from '@cordon/core/errors'
import { compareOnce, type DriftRequest, driftHistory, type KeptComparison, watchDrift } from '@cordon/server/drift'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { parseNumber } from '../device-target.ts'
import { namesOfPlant } from '../deploy-options.ts'
import { changesText, comparisonText, historyText } from '../drift-text.ts'
import { parseDuration } from '../duration.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../output.ts'
import { printable } from '../printable.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace } from '../workspace.ts'

interface DriftFlags {
  readonly watch?: boolean
  readonly interval: string
  readonly only?: readonly string[]
  readonly history?: boolean
  readonly since: string
  readonly near: string
  readonly search: 'broadcast' | 'sweep' | 'none'
  readonly from?: string
}

const dayMs = 86_400_000
/** Shortest and longest time between two comparisons, milliseconds. */
const intervals = { least: 1_000, most: 7 * dayMs } as const

/** `cordon drift PLANT` */
export async function run(context: CommandContext, flags: DriftFlags, file: string): Promise<ExitCode> {
  const intervalMs = parseDuration('--interval', flags.interval, intervals)
  const since = sinceOf(flags.since)
  const nearMs = parseNumber(flags.near, '--near', 36_500) * dayMs
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  const { plant, capabilities } = accepted.files
  namesOfPlant(plant, flags.only ?? [])
  await using workspace = await openWorkspace(context)
  const { output } = context
  if (flags.history === true) {
    const history = await driftHistory(workspace.store, plant.name, since)
    output.document({ plant: plant.name, since: since.toISOString(), history }, () => historyText(output, history))
    return exitCodes.ok
  }
  const localAddress = flags.from ?? context.settings['localAddress']
  const request: DriftRequest = {
    ...workspace,
    plant,
    nearMs,
    search: flags.search,
    options: {
      capabilities,
      signal: context.signal,
      ...(localAddress === undefined ? {} : { localAddress }),
    },
    ...(flags.only === undefined ? {} : { only: flags.only }),
  }
  if (flags.watch === true) return await watch(context, request, intervalMs)
  let result: KeptComparison | undefined
  await withProgress(output, [
    {
      title: `Compare ${plant.name} with its model`,
      run: async () => {
        result = await compareOnce(request)
      },
    },
  ])
  if (result === undefined) return exitCodes.error
  const comparison = result
  output.document(comparison, () => comparisonText(output, comparison))
  return codeOf(comparison)
}

function codeOf({ open, unread }: KeptComparison): ExitCode {
  if (open.some(({ finding }) => finding.weight === 'drift')) return exitCodes.error
  return unread.length > 0 ? exitCodes.partly : exitCodes.ok
}

/** Tells what appears and what goes, comparison by comparison, until it is ended. */
async function watch(context: CommandContext, request: DriftRequest, intervalMs: number): Promise<ExitCode> {
  const { output } = context
  let last: KeptComparison | undefined
  output.note(`${request.plant.name} is compared every ${intervalMs / 1000} s; end it with Ctrl-C`)
  await watchDrift(request, {
    intervalMs,
    onComparison: (comparison) => {
      const text =
        output.format === 'table'
          ? printable(last === undefined ? comparisonText(output, comparison) : changesText(output, comparison))
          : json(last === undefined ? comparison : changed(comparison))
      process.stdout.write(`${text}\n`)
      last = comparison
    },
    onFailure: (error) => output.note(`the comparison failed, the next one follows: ${error.message}`),
  })
  // Whoever ends it has seen what was found.
  return exitCodes.ok
}

/** What a program needs after the first comparison. */
function changed({ plant, startedAt, durationMs, appeared, gone, unread, open }: KeptComparison): object {
  return { plant, startedAt, durationMs, appeared, gone, unread, open: open.length }
}

/** A time ago, `7d` or `12h`, or a date. @throws UsageError `bad-option` */
function sinceOf(text: string): Date {
  const [, number, unit] = /^(\d{1,5})([dhm])$/.exec(text) ?? []
  if (number !== undefined) {
    const ms = Number(number) * (unit === 'd' ? dayMs : unit === 'h' ? 3_600_000 : 60_000)
    return new Date(Date.now() - ms)
  }
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? new Date(text) : undefined
  if (date === undefined || Number.isNaN(date.getTime())) {
    throw new UsageError(
      'bad-option',
      `--since expects a time ago such as 7d or 12h, or a date such as 2026-11-28, got "${text}"`,
    )
  }
  return date
}
