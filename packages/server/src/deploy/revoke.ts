import type { IssuedClient, RevocationReason } from '@cordon/core/authority'
import {
  type DeploymentEvent,
  type DeviceReading,
  type DeviceResult,
  DeviceTransaction,
  eachOf,
  type ManagerCredential,
  type Materials,
  type Message,
  message,
  type Outcome,
  outcomeOf,
  surveyDevice,
  targetAsItIs,
  trusts,
  worst,
} from '@cordon/core/deployment'
import { PeerError, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { jsonText } from '../store/schema.ts'
import { Claims, createDeployment } from './claims.ts'
import { readDeviceRecords } from './device-records.ts'
import { storedSecrets } from './pre-shared-keys.ts'
import type { DeployRequest } from './prepare.ts'
import { openingMeans } from './release.ts'
import type { SessionPorts } from './session-port.ts'
import { systemClock } from './system-clock.ts'

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
const defaultCloseDelayMs = 0

/** A short-lived certificate of a zone that is revoked together with what is revoked, to try the refusal with. */
interface Probe {
  readonly zone: string
  readonly issued: IssuedClient
  readonly credential: ManagerCredential
}

interface Affected {
  readonly reading: DeviceReading
  readonly zone: string
  /** Probes that the device let in before the revocation: only such a refusal proves anything. */
  readonly accepted: Probe[]
  /** Why a probe could not be tried; undefined when all were. */
  untried?: string
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
  const { plant, store, authority, options = {} } = request
  const concurrency = options.concurrency ?? defaultConcurrency
  const { manager, materials, ports } = await openingMeans(request)
  const revoked = (await authority.list()).filter(
    ({ serial, name, profile }) =>
      (serial === serialOrName.toLowerCase() || name === serialOrName) &&
      (profile === 'device' || profile === 'client'),
  )
  const zones = [...new Set(revoked.map(({ zone }) => zone).filter((zone) => zone !== undefined))]
  if (zones.length === 0) throw new UsageError('missing', `no certificate of ${serialOrName} was issued`)
  const records = await readDeviceRecords(store, plant.name)
  const before = await materials()
  const prints = revoked.map(({ fingerprint }) => fingerprint)
  const probes = await Promise.all(zones.map((zone) => makeProbe(request, zone)))
  const affected = new Map<string, Affected>()
  const unread: DeviceResult[] = []
  await eachOf(
    [...records.values()].filter(({ configured }) => configured),
    concurrency,
    async ({ device, address, zone = '', serial }) => {
      const port = ports.port(address)
      const means = {
        port,
        clock: systemClock,
        crypto: nodeCrypto,
        materials: before,
        manager,
        secrets: storedSecrets(store),
      }
      const knowledge = { contact: { vendorAnchors: [], acceptUnproven: false }, closeConnections: true }
      const seen = await surveyDevice(bareTarget(device, address, zone), means, knowledge, true)
      if (seen.kind === 'failed') {
        const messages = [message('crl-not-pushed', device, seen.evidence)]
        unread.push(resultOf(device, address, messages))
        return
      }
      const { reading } = seen
      if (serial !== undefined && reading.unit.serialNumber !== serial) {
        unread.push(
          resultOf(device, address, [message('device-replaced', device, `serial number ${reading.unit.serialNumber}`)]),
        )
        return
      }
      if (!zones.some((one) => trusts(reading, one, prints, before, nodeCrypto))) return
      const one: Affected = { reading, zone, accepted: [] }
      for (const probe of probes) {
        try {
          if (await isLetIn(ports, address, probe, before)) one.accepted.push(probe)
        } catch (error) {
          one.untried = error instanceof Error ? error.message : String(error)
        }
      }
      affected.set(device, one)
    },
  )
  const revocation = await authority.revoke(serialOrName, reason)
  for (const { issued } of probes) await authority.revoke(issued.serial, 'cessationOfOperation')
  const now = await materials()
  const deployment = await createDeployment(store, {
    plant: plant.name,
    kind: 'release',
    plan: null,
    options: { revocation: serialOrName },
    devices: [...affected.keys()],
  })
  const claims = new Claims(store, deployment, plant.name)
  const results: DeviceResult[] = [...unread]
  try {
    await eachOf([...affected], concurrency, async ([device, { reading, zone, accepted, untried }]) => {
      const { address } = reading
      const messages: Message[] = []
      if (!(await claims.claim(device))) {
        results.push(resultOf(device, address, [message('crl-not-pushed', device, 'another process works on it')]))
        return
      }
      const means = {
        port: ports.port(address),
        clock: systemClock,
        crypto: nodeCrypto,
        materials: now,
        manager,
        authority,
        secrets: storedSecrets(store),
        journal: claims,
        emit,
        signal: options.signal,
      }
      const target = targetAsItIs(reading, zone, now, nodeCrypto)
      const transaction = new DeviceTransaction(target, means, {
        contact: { vendorAnchors: [], acceptUnproven: false },
        knownUnit: { serialNumber: reading.unit.serialNumber },
        configured: true,
        closeConnections: true,
        closeDelayMs: options.closeDelayMs ?? defaultCloseDelayMs,
        closePorts: 'later',
        leaveOutMissing: true,
      })
      await transaction.read()
      await transaction.configure()
      await transaction.complete()
      await transaction.end()
      const pushed = transaction.result()
      if (pushed.outcome === 'not-complete')
        messages.push(message('crl-not-pushed', device, 'see the message beside this one'))
      else {
        messages.push(message('crl-pushed', device, zones.map((one) => `zone ${one}`).join(', ')))
        if (untried !== undefined) messages.push(message('revocation-not-proved', device, untried))
        else messages.push(await proof(device, address, ports, accepted, now))
      }
      const all = [...pushed.messages.filter(({ code }) => code !== 'nothing-to-do'), ...messages]
      const result = { ...pushed, messages: all, outcome: outcomeOf(all) }
      await claims.release(result)
      emit({ kind: 'device', result, at: systemClock.now() })
      results.push(result)
    })
  } finally {
    await claims[Symbol.asyncDispose]()
  }
  const serials = [revocation, ...revocation.further].flatMap((one) => one.serials)
  const outcome = worst(results.map((result) => result.outcome))
  const report = { plant: plant.name, subject: serialOrName, serials, outcome, devices: results }
  await store.db
    .updateTable('deployments')
    .set({ status: outcome, result: jsonText(report), finished_at: new Date() })
    .where('id', '=', deployment)
    .execute()
  return report
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
async function proof(
  device: string,
  address: string,
  ports: SessionPorts,
  accepted: readonly Probe[],
  materials: Materials,
): Promise<Message> {
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

function resultOf(device: string, address: string, messages: readonly Message[]): DeviceResult {
  return { device, address, outcome: outcomeOf(messages), configuration: 'unchanged', messages, steps: [] }
}

/** Enough of a target to open and read a configured device. */
function bareTarget(device: string, address: string, zone: string) {
  return {
    settings: {
      device,
      address,
      zone,
      enforcement: 'authorities',
      allowedSuites: [],
      originatorSuites: [],
      verifyClient: true,
      sendChain: false,
      checkExpiration: false,
      checkName: false,
      dtlsTimeoutS: 12,
      authorities: [],
      identities: [],
      psk: [],
      rules: undefined,
      ports: [],
      promises: [],
    },
    certificate: { key: 'ecdsa-p256', validityMs: 0, renewAt: 1, subject: {} },
  } as const
}
