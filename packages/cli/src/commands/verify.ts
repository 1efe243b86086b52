import type { LiveConnection, VerificationResult } from '@cordon/core/verification'
import { defaultDirectory, PlantControl } from '@cordon/simulator/control'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { namesOfPlant } from '../deploy-options.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { withProgress } from '../progress.ts'
import { verificationStep, verificationText } from '../verification.ts'
import { openWorkspace } from '../workspace.ts'

interface VerifyFlags {
  readonly only?: readonly string[]
  readonly details?: boolean
  readonly from?: string
}

/** `cordon verify PLANT` */
export async function run(context: CommandContext, flags: VerifyFlags, file: string): Promise<ExitCode> {
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  const { plant, capabilities } = accepted.files
  namesOfPlant(plant, flags.only ?? [])
  await using workspace = await openWorkspace(context)
  const live = await liveConnections(defaultDirectory(context.state, plant.name))
  let result: VerificationResult | undefined
  await withProgress(context.output, [
    verificationStep(
      context,
      async () => ({
        plant,
        workspace,
        capabilities,
        ...(live === undefined ? {} : { live }),
        ...(flags.only === undefined ? {} : { only: flags.only }),
        ...(flags.from === undefined ? {} : { verifierAddress: flags.from }),
      }),
      (finished) => {
        result = finished
      },
    ),
  ])
  if (result === undefined) return exitCodes.error
  const finished = result
  context.output.document(finished, () => verificationText(context.output, finished, flags.details === true))
  return finished.verdict === 'pass' ? exitCodes.ok : exitCodes.refused
}

/** The connections of a virtual plant that runs in this state; undefined on a real plant. */
async function liveConnections(directory: string): Promise<readonly LiveConnection[] | undefined> {
  const control = await PlantControl.connect(directory).catch(() => undefined)
  if (control === undefined) return undefined
  try {
    return (await control.call('connections', {})).connections
  } finally {
    await control[Symbol.asyncDispose]()
  }
}
