import { UsageError } from '@cordon/core/errors'
import { type CaptureFlags, openAnalysis, plantOf, progressNotes, readCapture } from '../capture-options.ts'
import { type ReportFlags, showReport } from '../capture-report.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/** `cordon capture analyze CAPTURE…` */
export async function run(
  context: CommandContext,
  flags: CaptureFlags & ReportFlags,
  files: readonly string[],
): Promise<ExitCode> {
  if (files.filter((file) => file === '-').length > 1)
    throw new UsageError('bad-option', 'standard input can be read once: give - only one time')
  const plant = await plantOf(context, flags.plant)
  if (plant === 'refused') return exitCodes.usage
  const analysis = await openAnalysis(flags)
  for (const file of files)
    await readCapture(analysis, file, context.signal, progressNotes(context, analysis, file))
  return showReport(context, analysis.end(), plant, flags)
}
