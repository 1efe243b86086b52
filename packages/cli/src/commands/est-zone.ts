import { zoneSnippet } from '@cordon/core/discovery'
import type { Plant } from '@cordon/core/policy'
import { loadEnrollmentFiles } from '@cordon/server/enrollment'
import { estPort, estServices } from '@cordon/server/est'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { parseNumber } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { printProblems } from '../plant-file.ts'
import { serviceText } from '../service-text.ts'
import { authorityPlan } from '../workspace.ts'

/** What `cordon est zone` takes: what `est serve` announces, and where. */
export interface EstZoneFlags {
  readonly domain: string
  readonly host?: string
  readonly port?: string
  readonly rules?: string
  readonly label?: readonly string[]
  readonly instance?: string
  readonly serviceType?: string
  readonly subtype?: readonly string[]
  readonly text?: readonly string[]
}

/** `cordon est zone PLANT --domain DOMAIN` */
export async function run(context: CommandContext, flags: EstZoneFlags, file: string): Promise<ExitCode> {
  const { output } = context
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  const { plant } = accepted.files
  const port = flags.port === undefined ? estPort : parseNumber(flags.port, '--port', 65_535)
  const rules = flags.rules === undefined ? undefined : await rulesOf(context, plant, flags.rules)
  if (flags.rules !== undefined && rules === undefined) return exitCodes.usage
  const labels = flags.label?.map((label) => (label === '' ? undefined : label)) ?? rules ?? [undefined]
  const { domain, host = `cordon-${plant.name.toLowerCase().replaceAll('_', '-')}.${domain}` } = flags
  const text = serviceText(flags.text ?? [])
  const services = estServices({
    name: flags.instance ?? plant.name,
    listen: [{ address: '0.0.0.0', port }],
    labels,
    ...(flags.serviceType === undefined ? {} : { type: flags.serviceType }),
    ...(flags.subtype === undefined ? {} : { subtypes: flags.subtype }),
    ...(text === undefined ? {} : { text }),
  })
  const zone = zoneSnippet({ domain, host, services })
  output.document({ plant: plant.name, domain, host, services, zone }, () => zone.trimEnd())
  output.note(`the zone must resolve ${host} already: its A or AAAA record is yours to write`)
  return exitCodes.ok
}

/** The labels of an enrollment file; undefined after its problems were printed. */
async function rulesOf(
  { output }: CommandContext,
  plant: Plant,
  file: string,
): Promise<readonly (string | undefined)[] | undefined> {
  const { files, problems } = await loadEnrollmentFiles(file, [...authorityPlan(plant).zones, 'operations'])
  if (files === undefined) {
    printProblems(output, problems)
    return undefined
  }
  return [...files.policy.labels.keys()]
}
