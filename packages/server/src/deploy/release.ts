import {
  type DeploymentEvent,
  type DeviceResult,
  eachOf,
  loadMaterials,
  message,
  type Outcome,
  outcomeOf,
  type PskCredential,
  releaseDevice,
  worst,
} from '@cordon/core/deployment'
import { UsageError } from '@cordon/core/errors'
import { compile, indexPlant, managerAuthority } from '@cordon/core/policy'
import { nodeCrypto } from '@cordon/node/crypto'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { Claims, createDeployment } from './claims.ts'
import type { ApplyOptions } from './deploy.ts'
import { type DeviceRecord, forgetDevice, readDeviceRecords } from './device-records.ts'
import { guardedPort } from './guarded-port.ts'
import { managerCredential } from './manager-credential.ts'
import { storedSecrets } from './pre-shared-keys.ts'
import { type DeployOptions, type DeployRequest, ownAddress } from './prepare.ts'
import { SessionPorts } from './session-port.ts'
import { systemClock } from './system-clock.ts'

/** A finished release. Plain data that survives JSON. */
export interface ReleaseReport {
  readonly plant: string
  readonly outcome: Outcome
  readonly devices: readonly DeviceResult[]
}

/** A release: a plant, and how its devices are treated. */
export interface ReleaseRequest extends DeployRequest {
  readonly options?: DeployOptions & Pick<ApplyOptions, 'begun' | 'leaseMs' | 'mayBegin'>
}

/** Everything that work on configured devices needs besides the devices. */
export async function openingMeans(request: DeployRequest) {
  const { plant, store, authority, options = {} } = request
  const index = indexPlant(plant, options.capabilities ?? new Map())
  const managerZone = managerAuthority(plant)
  const localAddress = options.localAddress ?? ownAddress(index.manager?.address)
  const manager = await managerCredential(store, authority, {
    name: plant.name,
    zone: managerZone,
    manager: plant.manager ?? 'cordon-manager',
    addresses: localAddress === undefined ? [] : [localAddress],
  })
  const zones = plant.zones.filter(({ authentication }) => authentication === 'certificate').map(({ name }) => name)
  const materials = () =>
    loadMaterials(authority, nodeCrypto, { zones, managerZone, manager, date: systemClock.date() })
  const ports = new SessionPorts({ ...options, localAddress })
  return { manager, materials, ports, zones: [...new Set([...zones, managerZone])], settings: compile(index).settings }
}

/** The keys that a device was given, with their secrets. */
export async function givenKeys(store: Store, record: DeviceRecord | undefined): Promise<readonly PskCredential[]> {
  const secrets = storedSecrets(store)
  const keys: PskCredential[] = []
  for (const { name, identity } of record?.keys ?? []) {
    const key = await secrets.psk(name)
    if (key !== undefined) keys.push({ name, identity: new TextEncoder().encode(identity), key })
  }
  return keys
}

/**
 * Takes the policy off devices, also off such as the plant file does not name any more, and proves each release. A device
 * whose release is proven is forgotten; the others stay on record.
 *
 * @throws UsageError `missing` for a name that neither the plant file nor the records know
 */
export async function release(
  request: ReleaseRequest,
  devices: readonly string[],
  emit: (event: DeploymentEvent) => void = () => {},
): Promise<ReleaseReport> {
  const { plant, store, authority, options = {} } = request
  const records = await readDeviceRecords(store, plant.name)
  for (const { name, capability } of plant.devices) {
    // On record it may be all the same: the plant file was changed after it got the policy.
    if (devices.includes(name) && capability === 'none' && !records.has(name))
      throw new UsageError('bad-option', `${name} has no policy to take off: the plant file says capability: none`)
  }
  const { manager, materials, ports, settings } = await openingMeans(request)
  const addresses = new Map(
    devices.map((device) => {
      const address = records.get(device)?.address ?? settings.get(device)?.address
      if (address !== undefined) return [device, address]
      throw new UsageError('missing', `neither the plant file nor the records know ${device}`)
    }),
  )
  const known = await materials()
  const made = { plant: plant.name, kind: 'release', plan: null, options: { release: devices }, devices } as const
  const deployment = await createDeployment(store, made, options.begun)
  const claims = new Claims(store, deployment, plant.name, options.leaseMs)
  const results: DeviceResult[] = []
  try {
    await eachOf([...addresses], options.concurrency ?? defaultConcurrency, async ([device, address]) => {
      if (options.signal?.aborted === true || options.mayBegin?.() === false) {
        const code = options.signal?.aborted === true ? 'cancelled' : 'window-closed'
        const messages = [message(code, device, 'it was not begun')]
        results.push({ device, address, outcome: 'not-complete', configuration: 'unchanged', messages, steps: [] })
        return
      }
      if (!(await claims.claim(device))) {
        throw new UsageError('bad-value', `another process works on ${device}; try again when it is done`)
      }
      const record = records.get(device)
      const result = await releaseDevice(
        {
          device,
          address,
          psk: await givenKeys(store, record),
          knownUnit: record?.serial === undefined ? undefined : { serialNumber: record.serial },
        },
        {
          port: guardedPort(ports.port(address), () => claims.check(device)),
          clock: systemClock,
          crypto: nodeCrypto,
          materials: known,
          manager,
          authority,
          secrets: storedSecrets(store),
          journal: claims,
          emit,
          signal: options.signal,
        },
      )
      if (result.outcome !== 'not-complete') await forgetDevice(store, plant.name, device)
      await claims.release(result)
      emit({ kind: 'device', result, at: systemClock.now() })
      results.push(result)
    })
  } finally {
    await claims[Symbol.asyncDispose]()
  }
  const outcome = worst(results.map((result) => outcomeOf(result.messages)))
  const report = { plant: plant.name, outcome, devices: results }
  await store.db
    .updateTable('deployments')
    .set({ status: outcome, result: jsonText(report), finished_at: new Date() })
    .where('id', '=', deployment)
    .execute()
  return report
}

const defaultConcurrency = 64
