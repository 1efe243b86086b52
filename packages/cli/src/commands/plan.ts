import { prepare } from '@cordon/server/deploy'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { type DeployFlags, deployOptions, withFingerprints } from '../deploy-options.ts'
import { planText } from '../deployment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon plan PLANT` */
export async function run(context: CommandContext, flags: DeployFlags, file: string): Promise<ExitCode> {
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  const plant = withFingerprints(accepted.files.plant, flags.fingerprint)
  const options = await deployOptions(context, plant, flags)
  await using workspace = await openWorkspace(context)
  let preparation: Awaited<ReturnType<typeof prepare>> | undefined
  await withProgress(context.output, [
    {
      title: `Read the devices of ${plant.name}`,
      run: async () => {
        preparation = await prepare({ plant, store: workspace.store, authority: workspace.authority, options })
      },
    },
  ])
  if (preparation === undefined) return exitCodes.error
  const { plan } = preparation
  context.output.document(plan, () => planText(context.output, plan))
  return plan.outcome === 'not-complete' ? exitCodes.refused : exitCodes.ok
}
