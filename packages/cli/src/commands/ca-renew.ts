import { deploy, type StoredReport } from '@cordon/server/deploy'
import { UsageError } from '@cordon/core/errors'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { namesOfPlant } from '../deploy-options.ts'
import { deploymentStep } from '../deployment-progress.ts'
import { reportText } from '../deployment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace } from '../workspace.ts'
import { exitOf } from './apply.ts'

/** `cordon ca renew DEVICE…`: a new key pair and certificate, by the same transaction that commissioned the device. */
export async function run(
  context: CommandContext,
  flags: { readonly plant: string; readonly from?: string },
  devices: readonly string[],
): Promise<ExitCode> {
  const accepted = await acceptedPlant(context, flags.plant)
  if (accepted === undefined) return exitCodes.usage
  const { plant, capabilities } = accepted.files
  namesOfPlant(plant, devices)
  for (const { name, capability } of plant.devices) {
    if (devices.includes(name) && capability === 'none')
      throw new UsageError('bad-option', `${name} has no certificate to renew: the plant file says capability: none`)
  }
  const localAddress = flags.from ?? context.settings['localAddress']
  await using workspace = await openWorkspace(context)
  const { store, authority } = workspace
  const options = {
    signal: context.signal,
    capabilities,
    onlyDevices: devices,
    renew: devices,
    ...(localAddress === undefined ? {} : { localAddress }),
  }
  let report: StoredReport | undefined
  await withProgress(context.output, [
    deploymentStep(
      `Renew ${devices.join(', ')}`,
      () => deploy({ plant, store, authority, options }),
      (finished) => {
        report = finished
      },
    ),
  ])
  if (report === undefined) return exitCodes.error
  const finished = report
  context.output.document(finished, () => reportText(context.output, finished))
  return exitOf(finished)
}
