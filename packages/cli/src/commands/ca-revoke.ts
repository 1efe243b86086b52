import type { RevocationReason } from '@cordon/core/authority'
import { UsageError } from '@cordon/core/errors'
import { revoke } from '@cordon/server/deploy'
import { acceptedPlant } from '../accepted-plant.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { outcomeText, resultsText } from '../deployment-text.ts'
import { deviceSteps, reachOptions } from '../deploy-options.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace } from '../workspace.ts'

const reasons: readonly RevocationReason[] = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
]

interface RevokeFlags {
  readonly plant: string
  readonly reason: string
  readonly yes?: boolean
  readonly from?: string
}

/** `cordon ca revoke DEVICE` */
export async function run(context: CommandContext, flags: RevokeFlags, subject: string): Promise<ExitCode> {
  const { output } = context
  const reason = reasons.find((known) => known === flags.reason)
  if (reason === undefined)
    throw new UsageError('bad-option', `--reason expects one of ${reasons.join(', ')}, got "${flags.reason}"`)
  const accepted = await acceptedPlant(context, flags.plant)
  if (accepted === undefined) return exitCodes.usage
  if (!(await confirmed(context, flags.yes, `Revoke every certificate of ${subject}? Its associations end now.`)))
    return exitCodes.refused
  const { plant, capabilities } = accepted.files
  await using workspace = await openWorkspace(context)
  let report: Awaited<ReturnType<typeof revoke>> | undefined
  await withProgress(output, [
    {
      title: `Revoke ${subject} and tell every device that trusts its issuer`,
      run: async (show) => {
        const { store, authority } = workspace
        const options = reachOptions(context, capabilities, flags.from)
        report = await revoke({ plant, store, authority, options }, subject, reason, deviceSteps(show))
      },
    },
  ])
  if (report === undefined) return exitCodes.error
  const finished = report
  output.document(finished, () =>
    [
      `revoked ${finished.subject}: serial ${finished.serials.join(', ')}`,
      '',
      resultsText(output, finished.devices),
      '',
      `${finished.plant}: ${outcomeText(output, finished.outcome)}`,
    ].join('\n'),
  )
  if (finished.outcome !== 'not-complete') return exitCodes.ok
  return finished.devices.some(({ outcome }) => outcome !== 'not-complete') ? exitCodes.partly : exitCodes.error
}
