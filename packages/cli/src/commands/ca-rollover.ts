import { UsageError } from '@cordon/core/errors'
import type { RolloverReport, RolloverStep } from '@cordon/server/authority'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { generationTable } from '../generation-text.ts'
import type { Output } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

interface RolloverFlags {
  readonly root?: boolean
  readonly prepare?: boolean
  readonly activate?: boolean
  readonly retire?: boolean
  readonly abandon?: boolean
  readonly force?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
}

const steps: readonly RolloverStep[] = ['prepare', 'activate', 'retire', 'abandon']

/** `cordon ca rollover ZONE --prepare | --activate | --retire | --abandon`, or `--root` in place of the zone */
export async function run(context: CommandContext, flags: RolloverFlags, zone: string | undefined): Promise<ExitCode> {
  if ((zone === undefined) !== (flags.root === true))
    throw new UsageError('bad-option', 'name a zone, or say --root: exactly one of the two')
  const [step, ...others] = steps.filter((one) => flags[one] === true)
  if (step === undefined || others.length > 0)
    throw new UsageError('bad-option', 'say exactly one of --prepare, --activate, --retire and --abandon')
  const dryRun = flags.dryRun === true
  if (!dryRun && step !== 'prepare' && !(await confirmed(context, flags.yes, question(zone, step))))
    return exitCodes.refused
  await using workspace = await openWorkspace(context)
  const report = await workspace.authority.rollover({ zone, step, dryRun, force: flags.force === true })
  context.output.document(report, () => reportText(context.output, report))
  return dryRun && report.obstacles.length > 0 ? exitCodes.refused : exitCodes.ok
}

function question(zone: string | undefined, step: RolloverStep): string {
  const what = zone === undefined ? 'the root' : `the issuing CA of zone ${zone}`
  if (step === 'abandon') return `Take the prepared generation of ${what} back?`
  return step === 'activate'
    ? `Let the next generation of ${what} sign from now on?`
    : `Trust the earlier generation of ${what} no more?`
}

function reportText(output: Output, report: RolloverReport): string {
  const said = report.isDone ? 'went on in spite of it' : 'stands in the way'
  const obstacles = report.obstacles.map((one) => output.state('warning', `${said}: ${one}`))
  const dry = report.isDone ? [] : ['', `dry run: nothing was changed, ${report.step} would ${verdict(report)}`]
  return [
    ...obstacles,
    ...(obstacles.length > 0 ? [''] : []),
    generationTable(output, report.generations),
    ...dry,
  ].join('\n')
}

function verdict({ obstacles }: RolloverReport): string {
  return obstacles.length === 0 ? 'be done' : 'be refused without --force'
}
