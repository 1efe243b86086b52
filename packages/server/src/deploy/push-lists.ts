import { type DeploymentEvent, type DeviceResult, message, type Outcome, worst } from '@cordon/core/deployment'
import { decodeRevocationList } from '@cordon/core/x509'
import type { StoreAuthority } from '../authority/authority.ts'
import { distribute, finishDistribution, surveyTrusting } from './distribute.ts'
import type { DeployRequest } from './prepare.ts'
import { openingMeans } from './release.ts'

/** A list that was brought to the devices. */
export interface PushedList {
  readonly zone: string
  /** CRL number (RFC 5280 5.2.3). */
  readonly number: number
  /** Milliseconds since 1970. */
  readonly nextUpdate: number
}

/** A finished distribution of revocation lists. Plain data that survives JSON. */
export interface PushReport {
  readonly plant: string
  readonly lists: readonly PushedList[]
  readonly outcome: Outcome
  readonly devices: readonly DeviceResult[]
}

/**
 * Brings the newest revocation lists of zones to every device that trusts them. A list past half of its life is made
 * anew before; with `force` every list is. Zones in which nothing was ever revoked have no list and are left out.
 *
 * @throws UsageError `missing` for a zone without an issuing CA
 */
export async function pushLists(
  request: DeployRequest & { readonly authority: StoreAuthority },
  wanted: { readonly zones: readonly string[]; readonly force: boolean },
  emit: (event: DeploymentEvent) => void = () => {},
): Promise<PushReport> {
  const { plant, authority } = request
  const { manager, materials, ports, zones: all } = await openingMeans(request)
  const lists: PushedList[] = []
  for (const zone of wanted.zones.length > 0 ? wanted.zones : all) {
    const held = wanted.force ? await authority.renewLists(zone) : await authority.crls(zone)
    lists.push(...held.map((der) => pushed(zone, der)))
  }
  const zones = [...new Set(lists.map(({ zone }) => zone))]
  if (zones.length === 0) return { plant: plant.name, lists, outcome: 'complete', devices: [] }
  const opening = { manager, ports }
  const now = await materials()
  const { trusting, unread } = await surveyTrusting(request, opening, { zones, certificates: [], materials: now })
  const named = lists.map(({ zone, number }) => `zone ${zone}, number ${number}`).join('; ')
  const { deployment, results } = await distribute(
    request,
    opening,
    {
      trusting,
      materials: now,
      about: { lists: zones },
      proof: (device) => Promise.resolve([message('crl-pushed', device, named)]),
    },
    emit,
  )
  const devices = [...unread, ...results]
  const outcome = worst(devices.map((result) => result.outcome))
  const report = { plant: plant.name, lists, outcome, devices }
  await finishDistribution(request, deployment, report)
  return report
}

function pushed(zone: string, der: Uint8Array): PushedList {
  const { extensions, nextUpdate } = decodeRevocationList(der)
  return { zone, number: Number(extensions.crlNumber ?? 0), nextUpdate: nextUpdate ?? 0 }
}
