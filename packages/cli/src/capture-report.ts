import type { JudgedPlant } from '@cordon/core/policy'
import { type CaptureJudgement, type CaptureReport, judgeCapture } from '@cordon/core/capture'
import { captureText } from './capture-text.ts'
import type { CommandContext } from './context.ts'
import { parseNumber } from './device-target.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** Flags of the commands that report. */
export interface ReportFlags {
  readonly top: string
  readonly handshakes?: boolean
}

/** Shows what was found in captures, with a plant measured against it; the exit code says whether it obeys. */
export function showReport(
  context: CommandContext,
  report: CaptureReport,
  plant: JudgedPlant | undefined,
  flags: ReportFlags,
): ExitCode {
  const top = parseNumber(flags.top, '--top', 2 ** 32) || Number.POSITIVE_INFINITY
  const judgement = plant === undefined ? undefined : judgeCapture(report, plant.index)
  const shown = { report, judgement, index: plant?.index, top, handshakes: flags.handshakes === true }
  context.output.document(judgement === undefined ? report : { judgement, ...report }, () =>
    captureText(context.output, shown),
  )
  if (judgement === undefined) return exitCodes.ok
  return codes[judgement.verdict]
}

const codes: Readonly<Record<CaptureJudgement['verdict'], ExitCode>> = {
  obeys: exitCodes.ok,
  incomplete: exitCodes.partly,
  disobeys: exitCodes.error,
}
