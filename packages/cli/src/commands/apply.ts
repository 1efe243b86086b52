import { PlantControl, defaultDirectory } from '@cordon/simulator/control'
import { deploy, prepare, type Preparation, type StoredReport } from '@cordon/server/deploy'
import { acceptedPlant } from '../accepted-plant.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { type DeployFlags, deployOptions, withFingerprints } from '../deploy-options.ts'
import { deploymentStep } from '../deployment-progress.ts'
import { planText, reportText } from '../deployment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { plantMoves } from '../plant-moves.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace } from '../workspace.ts'

interface ApplyFlags extends DeployFlags {
  readonly resume?: boolean | string
  readonly closeConnections?: boolean
  readonly closePorts: 'now' | 'later'
  readonly dryRun?: boolean
  readonly yes?: boolean
}

/** `cordon apply PLANT` */
export async function run(context: CommandContext, flags: ApplyFlags, file: string): Promise<ExitCode> {
  const { output } = context
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  const plant = withFingerprints(accepted.files.plant, flags.fingerprint)
  await using moves = await liveMoves(context, plant.name)
  const { control } = moves
  const options = {
    ...(await deployOptions(context, plant, flags)),
    closePorts: flags.closePorts,
    ...(flags.closeConnections === undefined ? {} : { closeConnections: flags.closeConnections }),
    ...(flags.resume === undefined ? {} : { resume: flags.resume }),
    ...(control === undefined ? {} : { connectionMoves: () => plantMoves(control, moves.ended) }),
  }
  await using workspace = await openWorkspace(context)
  const request = { plant, store: workspace.store, authority: workspace.authority, options }
  let preparation: Preparation | undefined
  await withProgress(output, [
    {
      title: `Read the devices of ${plant.name}`,
      run: async () => {
        preparation = await prepare(request)
      },
    },
  ])
  if (preparation === undefined) return exitCodes.error
  const { plan } = preparation
  if (flags.dryRun === true) {
    output.document(plan, () => planText(output, plan))
    return plan.outcome === 'not-complete' ? exitCodes.refused : exitCodes.ok
  }
  const changing = plan.devices.filter(
    ({ action }) => action !== 'nothing' && action !== 'leave' && action !== 'refused',
  )
  if (changing.length > 0 && flags.yes !== true) {
    output.note(planText(output, plan))
    if (!(await confirmed(context, flags.yes, `Change ${changing.length} devices of ${plant.name}?`)))
      return exitCodes.refused
  }
  const agreed = preparation
  let report: StoredReport | undefined
  await withProgress(output, [
    deploymentStep(
      `Deploy ${plant.name}`,
      () => deploy({ ...request, preparation: agreed }),
      (finished) => {
        report = finished
      },
    ),
  ])
  if (report === undefined) return exitCodes.error
  const finished = report
  output.document(finished, () => reportText(output, finished))
  return exitOf(finished)
}

/** 0 complete, 3 when some devices are done and others not, 1 when none is. */
export function exitOf(report: StoredReport): ExitCode {
  if (report.outcome !== 'not-complete') return exitCodes.ok
  return report.devices.some(({ outcome, configuration }) => outcome !== 'not-complete' && configuration === 'new')
    ? exitCodes.partly
    : exitCodes.error
}

/** The moves of a virtual plant that runs in this state; nothing on a real plant, where nobody reports them. */
async function liveMoves(
  context: CommandContext,
  plant: string,
): Promise<AsyncDisposable & { readonly control: PlantControl | undefined; readonly ended: AbortSignal }> {
  const end = new AbortController()
  const control = await PlantControl.connect(defaultDirectory(context.state, plant)).catch(() => undefined)
  return {
    control,
    ended: end.signal,
    [Symbol.asyncDispose]: async () => {
      end.abort()
      await control?.[Symbol.asyncDispose]()
    },
  }
}
