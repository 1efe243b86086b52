import { forgetDevice, release } from '@cordon/server/deploy'
import { acceptedPlant } from '../accepted-plant.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { outcomeText, resultsText } from '../deployment-text.ts'
import { deviceSteps, reachOptions } from '../deploy-options.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon release PLANT DEVICE…` */
export async function run(
  context: CommandContext,
  flags: { readonly yes?: boolean; readonly forget?: boolean; readonly from?: string },
  file: string,
  devices: readonly string[],
): Promise<ExitCode> {
  const { output } = context
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  if (
    !(await confirmed(
      context,
      flags.yes,
      flags.forget === true
        ? `Forget ${devices.join(', ')}? What stands at their addresses is not touched and keeps what it has.`
        : `Take the policy off ${devices.join(', ')}? They talk in plain to everybody afterwards.`,
    ))
  )
    return exitCodes.refused
  const { plant, capabilities } = accepted.files
  await using workspace = await openWorkspace(context)
  if (flags.forget === true) {
    for (const device of devices) await forgetDevice(workspace.store, plant.name, device)
    output.document(
      { forgotten: devices },
      () => `forgotten: ${devices.join(', ')}. The next plan meets them for the first time.`,
    )
    return exitCodes.ok
  }
  let report: Awaited<ReturnType<typeof release>> | undefined
  await withProgress(output, [
    {
      title: `Release ${devices.join(', ')}`,
      run: async (show) => {
        const { store, authority } = workspace
        const options = reachOptions(context, capabilities, flags.from)
        report = await release({ plant, store, authority, options }, devices, deviceSteps(show))
      },
    },
  ])
  if (report === undefined) return exitCodes.error
  const finished = report
  output.document(finished, () =>
    [resultsText(output, finished.devices), '', `${finished.plant}: ${outcomeText(output, finished.outcome)}`].join(
      '\n',
    ),
  )
  if (finished.outcome !== 'not-complete') return exitCodes.ok
  return finished.devices.some(({ outcome }) => outcome !== 'not-complete') ? exitCodes.partly : exitCodes.error
}
