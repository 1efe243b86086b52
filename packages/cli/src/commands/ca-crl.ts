import { UsageError } from '@cordon/core/errors'
import { encodePem } from '@cordon/core/x509'
import { pushLists, type PushReport } from '@cordon/server/deploy'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { outcomeText, resultsText } from '../deployment-text.ts'
import { deviceSteps, reachOptions } from '../deploy-options.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace } from '../workspace.ts'

interface ListFlags {
  readonly push?: boolean
  readonly plant?: string
  readonly force?: boolean
  readonly from?: string
}

/** `cordon ca crl ZONE…`, `cordon ca crl --push --plant PLANT [ZONE…]` */
export async function run(context: CommandContext, flags: ListFlags, zones: readonly string[]): Promise<ExitCode> {
  if (flags.push === true) return await push(context, flags, zones)
  if (zones.length === 0) throw new UsageError('missing', 'name a zone, or say --push --plant FILE for all of a plant')
  if (flags.plant !== undefined || flags.force === true)
    throw new UsageError('bad-option', '--plant and --force go with --push: printing a list needs neither')
  return await print(context, zones)
}

async function print(context: CommandContext, zones: readonly string[]): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const lists: { readonly zone: string; readonly crl: string }[] = []
  for (const zone of zones) {
    const held = await workspace.authority.crls(zone)
    if (held.length === 0) context.output.note(`nothing was ever revoked in zone ${zone}: there is no list`)
    lists.push(...held.map((der) => ({ zone, crl: encodePem('X509 CRL', der) })))
  }
  context.output.document({ lists }, () => lists.map(({ crl }) => crl).join(''))
  return exitCodes.ok
}

async function push(context: CommandContext, flags: ListFlags, zones: readonly string[]): Promise<ExitCode> {
  const { output } = context
  if (flags.plant === undefined) throw new UsageError('missing', '--push needs the plant file: --plant FILE')
  const accepted = await acceptedPlant(context, flags.plant)
  if (accepted === undefined) return exitCodes.usage
  const { plant, capabilities } = accepted.files
  await using workspace = await openWorkspace(context)
  let report: PushReport | undefined
  await withProgress(output, [
    {
      title: 'Bring the newest revocation lists to every device that trusts their zones',
      run: async (show) => {
        const { store, authority } = workspace
        const options = reachOptions(context, capabilities, flags.from)
        const wanted = { zones, force: flags.force === true }
        report = await pushLists({ plant, store, authority, options }, wanted, deviceSteps(show))
      },
    },
  ])
  if (report === undefined) return exitCodes.error
  const finished = report
  output.document(finished, () => pushText(output, finished))
  if (finished.outcome !== 'not-complete') return exitCodes.ok
  return finished.devices.some(({ outcome }) => outcome !== 'not-complete') ? exitCodes.partly : exitCodes.error
}

function pushText(output: Output, report: PushReport): string {
  if (report.lists.length === 0) return 'nothing was ever revoked: there is no list to push'
  return [
    ...report.lists.map(
      ({ zone, number, nextUpdate }) => `zone ${zone}: list number ${number}, holds until ${moment(nextUpdate)}`,
    ),
    '',
    resultsText(output, report.devices),
    '',
    `${report.plant}: ${outcomeText(output, report.outcome)}`,
  ].join('\n')
}
