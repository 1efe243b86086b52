import type { IssuedClient, RevocationReason } from '@cordon/core/authority'
import {
  type DeploymentEvent,
  type DeviceResult,
  eachOf,
  type ManagerCredential,
  type Materials,
  type Message,
  message,
  type Outcome,
  worst,
} from '@cordon/core/deployment'
import { PeerError, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { distribute, finishDistribution, surveyTrusting } from './distribute.ts'
import type { DeployRequest } from './prepare.ts'
import { openingMeans } from './release.ts'
import type { SessionPorts } from './session-port.ts'

/** A finished revocation. Plain data that survives JSON. */
export interface RevocationReport {
  readonly plant: string
  /** What was revoked: name or serial number. */
  readonly subject: string
  /** Serial numbers, lower-case hex. */
  readonly serials: readonly string[]
  readonly outcome: Outcome
  readonly devices: readonly DeviceResult[]
}

/** How long a probe's certificate holds: longer than a revocation takes over any plant. */
const probeValidityMs = 3_600_000
const defaultConcurrency = 64

/** A short-lived certificate of a zone that is revoked together with what is revoked, to try the refusal with. */
interface Probe {
  readonly zone: string
  readonly issued: IssuedClient
  readonly credential: ManagerCredential
}

/** What came of the probes at a device before the revocation. */
interface Tried {
  readonly accepted: readonly Probe[]
  /** Why a probe could not be tried; undefined when all were. */
  readonly untried: string | undefined
}

/**
 * Revokes certificates by name or serial number, and brings the new lists to every device that trusts the issuer. Live
 * associations end, as Apply_Config closes them, and the refusal is tried by a probe that every device had let in before.
 *
 * @throws UsageError `missing` when nothing of that name or serial number was issued
 */
export async function revoke(
  request: DeployRequest,
  serialOrName: string,
  reason: RevocationReason = 'unspecified',
  emit: (event: DeploymentEvent) => void = () => {},
): Promise<RevocationReport> {
  const { plant, authority, options = {} } = request
  const { manager, materials, ports } = await openingMeans(request)
  const revoked = (await authority.list()).filter(
    ({ serial, name, profile }) =>
      (serial === serialOrName.toLowerCase() || name === serialOrName) &&
      (profile === 'device' || profile === 'client'),
  )
  const zones = [...new Set(revoked.map(({ zone }) => zone).filter((zone) => zone !== undefined))]
  if (zones.length === 0) throw new UsageError('missing', `no certificate of ${serialOrName} was issued`)
  const before = await materials()
  const certificates = revoked.map(({ fingerprint }) => fingerprint)
  const probes = await Promise.all(zones.map((zone) => makeProbe(request, zone)))
  const opening = { manager, ports }
  const { trusting, unread } = await surveyTrusting(request, opening, { zones, certificates, materials: before })
  const tried = new Map<string, Tried>()
  await eachOf([...trusting], options.concurrency ?? defaultConcurrency, async ([device, { reading }]) => {
    tried.set(device, await tryProbes(ports, reading.address, probes, before))
  })
  const revocation = await authority.revoke(serialOrName, reason)
  for (const { issued } of probes) await authority.revoke(issued.serial, 'cessationOfOperation')
  const now = await materials()
  const proof = async (device: string, address: string) => [
    message('crl-pushed', device, zones.map((one) => `zone ${one}`).join(', ')),
    await refusal(device, address, ports, tried.get(device), now),
  ]
  const about = { revocation: serialOrName }
  const { deployment, results } = await distribute(request, opening, { trusting, materials: now, about, proof }, emit)
  const devices = [...unread, ...results]
  const serials = [revocation, ...revocation.further].flatMap((one) => one.serials)
  const outcome = worst(devices.map((result) => result.outcome))
  const report = { plant: plant.name, subject: serialOrName, serials, outcome, devices }
  await finishDistribution(request, deployment, report)
  return report
}

/** Tries which probes a device lets in: only the refusal of such a one proves anything. */
async function tryProbes(
  ports: SessionPorts,
  address: string,
  probes: readonly Probe[],
  materials: Materials,
): Promise<Tried> {
  const accepted: Probe[] = []
  let untried: string | undefined
  for (const probe of probes) {
    try {
      if (await isLetIn(ports, address, probe, materials)) accepted.push(probe)
    } catch (error) {
      untried = error instanceof Error ? error.message : String(error)
    }
  }
  return { accepted, untried }
}

async function makeProbe({ authority }: DeployRequest, zone: string): Promise<Probe> {
  const name = `probe-${Buffer.from(nodeCrypto.random(6)).toString('hex')}`
  const issued = await authority.issueClient({ zone, name, validityMs: probeValidityMs })
  if (issued.key === undefined) throw new Error('the authority gave no key with the certificate of the probe')
  const chain = [issued.certificate, ...issued.chain.slice(0, 1)]
  return { zone, issued, credential: { chain, key: issued.key, serial: issued.serial, notAfter: issued.notAfter } }
}

async function isLetIn(ports: SessionPorts, address: string, probe: Probe, materials: Materials): Promise<boolean> {
  try {
    const session = await ports.port(address).open(accessOf(probe, materials))
    await session.close()
    return true
  } catch (error) {
    if (error instanceof PeerError) return false
    throw error
  }
}

function accessOf({ credential }: Probe, materials: Materials) {
  return { kind: 'certificate', credential, anchors: materials.allAnchors() } as const
}

/** Tries each probe again that the device had let in: now it must be refused, and by the device. */
async function refusal(
  device: string,
  address: string,
  ports: SessionPorts,
  { accepted, untried }: Tried = { accepted: [], untried: 'it was not tried before' },
  materials: Materials,
): Promise<Message> {
  if (untried !== undefined) return message('revocation-not-proved', device, untried)
  if (accepted.length === 0) {
    return message(
      'revocation-proved',
      device,
      'it knows single certificates only, and the revoked one reads back as gone',
    )
  }
  const refusals: string[] = []
  for (const probe of accepted) {
    try {
      const session = await ports.port(address).open(accessOf(probe, materials))
      await session.close()
      return message('revocation-not-proved', device, `a revoked certificate of zone ${probe.zone} was let in`)
    } catch (error) {
      if (!(error instanceof PeerError)) {
        return message('revocation-not-proved', device, error instanceof Error ? error.message : String(error))
      }
      refusals.push(`zone ${probe.zone}: ${error.message}`)
    }
  }
  return message('revocation-proved', device, refusals.join('; '))
}
