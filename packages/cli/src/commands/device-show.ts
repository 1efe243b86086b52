import type { CommandContext } from '../context.ts'
import { readDetails } from '../device-details.ts'
import { detailsText } from '../device-details-text.ts'
import { openTarget, type ReachOptions } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/** `cordon device show TARGET` */
export async function run(context: CommandContext, options: ReachOptions, target: string): Promise<ExitCode> {
  const { output } = context
  await using device = await openTarget(context, options, target)
  const { security } = device.peer
  const access =
    security === undefined
      ? { transport: device.peer.transport, suite: null }
      : {
          transport: device.peer.transport,
          suite: security.suite,
          suiteName: security.suiteName,
          peerProof: options.pin === undefined ? security.authenticated : 'pin',
        }
  const details = await readDetails(device)
  output.document({ target, access, ...details }, () => detailsText(output, details))
  if (security === undefined) output.note('read in plain: whoever is on the wire reads along and could change it')
  return exitCodes.ok
}
