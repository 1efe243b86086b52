import type { ForeignAlarm } from '@cordon/core/discovery'
import { spellFingerprint } from '@cordon/core/deployment'
import { type DeviceStanding, Lookout, type Standing, takeBack, type TakeBackResult } from '@cordon/server/deploy'
import { foreignAdvertisers } from '@cordon/server/est'
import { acceptedPlant } from '../accepted-plant.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { namesOfPlant, vendorRoots } from '../deploy-options.ts'
import { parseNumber } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, table } from '../output.ts'
import { authorityPlan, openWorkspace } from '../workspace.ts'

/** What `cordon est foreign` takes. */
export interface EstForeignFlags {
  readonly takeBack?: readonly string[]
  readonly trustVendor?: readonly string[]
  readonly wait: string
  readonly interface?: readonly string[]
  readonly type?: string
  readonly from?: string
  readonly yes?: boolean
  readonly force?: boolean
}

/** `cordon est foreign PLANT` */
export async function run(context: CommandContext, flags: EstForeignFlags, file: string): Promise<ExitCode> {
  const { output, signal } = context
  const waitMs = parseNumber(flags.wait, '--wait', 3600) * 1000
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  const { plant, capabilities } = accepted.files
  const names = flags.takeBack ?? []
  namesOfPlant(plant, names)
  const anchors = await Promise.all((flags.trustVendor ?? []).map((path) => vendorRoots(path)))
  const localAddress = flags.from ?? context.settings['localAddress']
  await using workspace = await openWorkspace(context)
  const { store, authority } = workspace
  await authority.initialize(authorityPlan(plant))
  const options = {
    signal,
    capabilities,
    vendorAnchors: anchors.flat(),
    ...(localAddress === undefined ? {} : { localAddress }),
  }
  const request = { plant, store, authority, options }
  const lookout = await Lookout.open(request)
  const [devices, alarms] = await Promise.all([
    lookout.all(),
    foreignAdvertisers({
      store,
      plant: plant.name,
      interfaces: flags.interface,
      type: flags.type,
      waitMs,
      signal,
      problem: ({ interface: at, error }) => output.note(`${at}: ${error.message}`),
    }),
  ])
  const advertisers = alarms.map(advertiserRow)
  const may = names.length > 0 && (await mayTakeBack(context, flags, names, advertisers.length))
  const takenBack: TakeBackResult[] = []
  for (const name of may ? names : []) {
    output.note(`${name}: resetting it, and waiting for its default certificate …`)
    takenBack.push(await takeBack(request, lookout, name))
  }
  output.document({ plant: plant.name, devices: standings(devices, takenBack), advertisers, takenBack }, () =>
    text(output, standings(devices, takenBack), advertisers, takenBack),
  )
  return exitCode(standings(devices, takenBack), advertisers.length, names.length > 0 && !may, takenBack)
}

async function mayTakeBack(
  context: CommandContext,
  flags: EstForeignFlags,
  names: readonly string[],
  advertisers: number,
): Promise<boolean> {
  if (advertisers > 0 && flags.force !== true) {
    context.output.note(
      'nothing was reset: a foreign EST server is announced, and would catch the devices again; end it first (or --force)',
    )
    return false
  }
  return await confirmed(context, flags.yes, `Reset ${names.join(', ')} to factory default?`)
}

/** The devices as they stand in the end. */
function standings(
  devices: readonly DeviceStanding[],
  takenBack: readonly TakeBackResult[],
): readonly DeviceStanding[] {
  return devices.map((one) => takenBack.find(({ device }) => device === one.device)?.after ?? one)
}

function exitCode(
  devices: readonly DeviceStanding[],
  advertisers: number,
  isRefused: boolean,
  takenBack: readonly TakeBackResult[],
): ExitCode {
  if (isRefused || takenBack.some(({ remedy }) => remedy !== undefined)) return exitCodes.refused
  return advertisers > 0 || devices.some(({ standing }) => standing === 'foreign') ? exitCodes.partly : exitCodes.ok
}

type AdvertiserRow = ReturnType<typeof advertiserRow>

function advertiserRow({ service, reason, interface: at }: ForeignAlarm & { readonly interface: string }) {
  const { instance, host, port, addresses, advertiser } = service
  return { interface: at, instance, host, port, addresses, advertiser, reason }
}

function text(
  output: Output,
  devices: readonly DeviceStanding[],
  advertisers: readonly AdvertiserRow[],
  takenBack: readonly TakeBackResult[],
): string {
  const foreign = devices.filter(({ standing }) => standing === 'foreign')
  return [
    table(
      output,
      devices,
      [
        { title: 'device', value: ({ device }) => device },
        { title: 'address', value: ({ address }) => address, rank: 1 },
        { title: 'standing', value: ({ standing }) => output.state(kinds[standing], words[standing]) },
        { title: 'why', value: ({ reason }) => reason },
        { title: 'generation', value: ({ zone, generation }) => (generation ? `${zone} ${generation}` : ''), rank: 3 },
        { title: 'ends', value: ({ certificate }) => (certificate ? moment(certificate.notAfter) : ''), rank: 2 },
      ],
      'the plant has no device that can CIP Security',
    ),
    ...foreign.flatMap(certificateLines),
    ...advertisers.map(({ reason, interface: at }) => output.state('bad', `foreign EST server on ${at}: ${reason}`)),
    ...takenBack.map((result) => takenBackLine(output, result)),
  ].join('\n')
}

const words: Readonly<Record<Standing, string>> = {
  factory: 'factory default',
  ours: 'ours',
  foreign: 'foreign',
  unreachable: 'unreachable',
  'not-secured': 'not secured',
}

const kinds = {
  factory: 'neutral',
  ours: 'good',
  foreign: 'bad',
  unreachable: 'warning',
  'not-secured': 'warning',
} as const

function certificateLines({ device, certificate }: DeviceStanding): readonly string[] {
  if (certificate === undefined) return []
  const { subject, issuer, issuerKey, fingerprint, notBefore, notAfter } = certificate
  return [
    '',
    `${device} shows the certificate of ${subject}`,
    `  issuer     ${issuer}`,
    ...(issuerKey === undefined ? [] : [`  its key    ${spellFingerprint(issuerKey)}`]),
    `  SHA-256    ${spellFingerprint(fingerprint)}`,
    `  since      ${moment(notBefore)}, until ${moment(notAfter)}`,
  ]
}

function takenBackLine(output: Output, { device, outcome, reason, remedy }: TakeBackResult): string {
  const kind = remedy === undefined ? 'good' : 'bad'
  const said = outcome === 'taken-back' ? 'taken back' : outcome.replaceAll('-', ' ')
  return `\n${device}: ${output.state(kind, said)}: ${reason}${remedy === undefined ? '' : `\n  ${remedy}`}`
}
