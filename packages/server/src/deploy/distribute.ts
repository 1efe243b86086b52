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
  outcomeOf,
  surveyDevice,
  targetAsItIs,
  trusts,
} from '@cordon/core/deployment'
import { nodeCrypto } from '@cordon/node/crypto'
import { jsonText } from '../store/schema.ts'
import { Claims, createDeployment } from './claims.ts'
import { readDeviceRecords } from './device-records.ts'
import { guardedPort } from './guarded-port.ts'
import { storedSecrets } from './pre-shared-keys.ts'
import type { DeployRequest } from './prepare.ts'
import type { SessionPorts } from './session-port.ts'
import { systemClock } from './system-clock.ts'

const defaultConcurrency = 64
const defaultCloseDelayMs = 0

/** How devices are opened and by whose leave. */
export interface Opening {
  readonly manager: ManagerCredential
  readonly ports: SessionPorts
}

/** A device that trusts a zone, as it was read. */
export interface TrustingDevice {
  readonly reading: DeviceReading
  readonly zone: string
}

/** Configured devices of a plant that have to hear of revocations, and those that could not be asked. */
export interface Survey {
  readonly trusting: ReadonlyMap<string, TrustingDevice>
  readonly unread: readonly DeviceResult[]
}

/** Reads every configured device and keeps those that trust one of the zones, or one of the certificates. */
export async function surveyTrusting(
  { plant, store, options = {} }: DeployRequest,
  { manager, ports }: Opening,
  wanted: {
    readonly zones: readonly string[]
    /** SHA-256 of single certificates, lower-case hex. */
    readonly certificates: readonly string[]
    readonly materials: Materials
  },
): Promise<Survey> {
  const { zones, certificates, materials } = wanted
  const records = [...(await readDeviceRecords(store, plant.name)).values()].filter(({ configured }) => configured)
  const trusting = new Map<string, TrustingDevice>()
  const unread: DeviceResult[] = []
  await eachOf(records, options.concurrency ?? defaultConcurrency, async ({ device, address, zone = '', serial }) => {
    const means = {
      port: ports.port(address),
      clock: systemClock,
      crypto: nodeCrypto,
      materials,
      manager,
      secrets: storedSecrets(store),
    }
    const knowledge = { contact: { vendorAnchors: [], acceptUnproven: false }, closeConnections: true }
    const seen = await surveyDevice(bareTarget(device, address, zone), means, knowledge, true)
    if (seen.kind === 'failed') {
      unread.push(resultOf(device, address, [message('crl-not-pushed', device, seen.evidence)]))
      return
    }
    const { reading } = seen
    const { serialNumber } = reading.unit
    if (serial !== undefined && serialNumber !== serial) {
      unread.push(resultOf(device, address, [message('device-replaced', device, `serial number ${serialNumber}`)]))
      return
    }
    if (zones.some((one) => trusts(reading, one, certificates, materials, nodeCrypto)))
      trusting.set(device, { reading, zone })
  })
  return { trusting, unread }
}

/**
 * Brings what the authority says now to devices, each by a transaction that changes nothing else: newer revocation lists
 * arrive, revoked certificates leave the trusted identities.
 */
export async function distribute(
  { plant, store, authority, options = {} }: DeployRequest,
  { manager, ports }: Opening,
  wanted: {
    readonly trusting: ReadonlyMap<string, TrustingDevice>
    readonly materials: Materials
    /** What is kept with the deployment about its reason. */
    readonly about: object
    /** What is to be said of a device that holds the lists now. */
    readonly proof: (device: string, address: string) => Promise<readonly Message[]>
  },
  emit: (event: DeploymentEvent) => void,
): Promise<{ readonly deployment: string; readonly results: readonly DeviceResult[] }> {
  const { trusting, materials, about, proof } = wanted
  const deployment = await createDeployment(store, {
    plant: plant.name,
    kind: 'release',
    plan: null,
    options: about,
    devices: [...trusting.keys()],
  })
  const claims = new Claims(store, deployment, plant.name)
  const results: DeviceResult[] = []
  try {
    await eachOf([...trusting], options.concurrency ?? defaultConcurrency, async ([device, { reading, zone }]) => {
      const { address } = reading
      if (!(await claims.claim(device))) {
        results.push(resultOf(device, address, [message('crl-not-pushed', device, 'another process works on it')]))
        return
      }
      const means = {
        port: guardedPort(ports.port(address), () => claims.check(device)),
        clock: systemClock,
        crypto: nodeCrypto,
        materials,
        manager,
        authority,
        secrets: storedSecrets(store),
        journal: claims,
        emit,
        signal: options.signal,
      }
      const target = targetAsItIs(reading, zone, materials, nodeCrypto)
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
      const further =
        pushed.outcome === 'not-complete'
          ? [message('crl-not-pushed', device, 'see the message beside this one')]
          : await proof(device, address)
      const messages = [...pushed.messages.filter(({ code }) => code !== 'nothing-to-do'), ...further]
      const result = { ...pushed, messages, outcome: outcomeOf(messages) }
      await claims.release(result)
      emit({ kind: 'device', result, at: systemClock.now() })
      results.push(result)
    })
  } finally {
    await claims[Symbol.asyncDispose]()
  }
  return { deployment, results }
}

/** Closes the books on a distribution. */
export async function finishDistribution(
  { store }: DeployRequest,
  deployment: string,
  report: { readonly outcome: DeviceResult['outcome'] },
): Promise<void> {
  await store.db
    .updateTable('deployments')
    .set({ status: report.outcome, result: jsonText(report), finished_at: new Date() })
    .where('id', '=', deployment)
    .execute()
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
