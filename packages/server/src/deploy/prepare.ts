import { type Authority, backdateMs } from '@cordon/core/authority'
import {
  capabilitiesOf,
  type DeploymentPlan,
  type DeviceReading,
  type DeviceTarget,
  type Discovered,
  eachOf,
  type Knowledge,
  loadMaterials,
  type ManagerCredential,
  type Materials,
  type Message,
  message,
  type Observation,
  planDeployment,
  surveyDevice,
  targetsOf,
  worst,
  outcomeOf,
} from '@cordon/core/deployment'
import {
  type Capabilities,
  compile,
  type DeviceCapabilities,
  type DeviceSettings,
  indexPlant,
  managerAuthority,
  type Plant,
  type PlantIndex,
  validate,
} from '@cordon/core/policy'
import { nodeCrypto } from '@cordon/node/crypto'
import { discover } from '@cordon/node/originator'
import { networkInterfaces } from 'node:os'
import type { Store } from '../store/store.ts'
import { findDeployment } from './claims.ts'
import { type DeviceRecord, formerDevices, readDeviceRecords, rememberCapabilities } from './device-records.ts'
import { managerCredential } from './manager-credential.ts'
import { listPsks, type StoredPsk, storedSecrets } from './pre-shared-keys.ts'
import { type ReachOptions, SessionPorts } from './session-port.ts'
import { systemClock } from './system-clock.ts'

/** What a plan or a deployment is about, and how devices are treated. */
export interface DeployOptions extends ReachOptions {
  /** Devices at a time; default 64. */
  readonly concurrency?: number
  /** Apply_Config closes the associations of the old settings: needed where keys cannot overlap. */
  readonly closeConnections?: boolean
  /** Milliseconds until then; default 3000. */
  readonly closeDelayMs?: number
  /** Whether plain ports close in this deployment; default `now`. */
  readonly closePorts?: 'now' | 'later'
  /** Only these devices are changed. */
  readonly onlyDevices?: readonly string[]
  /** Devices that get a new certificate although theirs is not due. */
  readonly renew?: readonly string[]
  /** When that was asked for, milliseconds since 1970: who got one since then gets no other. Default now. */
  readonly renewSince?: number
  /** Devices whose default certificate proves nothing and that may be used all the same; `all` for every one. */
  readonly acceptSelfSigned?: readonly string[] | 'all'
  /** CA certificates of vendors, DER. */
  readonly vendorAnchors?: readonly Uint8Array[]
  /** What is known about devices that cannot be asked: from `simulation.yaml`, or from people. */
  readonly capabilities?: Capabilities
  /** Stops: every device is left in its old or its new settings. */
  readonly signal?: AbortSignal
}

/** A plant with everything that its deployment is run on. */
export interface DeployRequest {
  readonly plant: Plant
  readonly store: Store
  readonly authority: Authority
  readonly options?: DeployOptions
}

/** A plan, and what it takes to follow it. */
export interface Preparation {
  readonly plan: DeploymentPlan
  readonly index: PlantIndex
  readonly targets: ReadonlyMap<string, DeviceTarget>
  readonly observations: ReadonlyMap<string, Observation>
  readonly materials: Materials
  readonly manager: ManagerCredential
  readonly records: ReadonlyMap<string, DeviceRecord>
  readonly psks: readonly StoredPsk[]
  readonly ports: SessionPorts
  /** What is known about a device besides what it answers. */
  readonly knowledge: (device: string) => Knowledge
  /** Devices that could not be read now, never were, and are not described: the targets assume that they can do all. */
  readonly assumed: ReadonlySet<string>
}

/** Devices read at a time. */
const defaultConcurrency = 64

/**
 * Reads every device and makes the plan: what would change, device by device. Nothing is written to any device; the
 * authority of the plant and the manager's own credential are made where they are missing.
 *
 * @throws UsageError for a state that belongs to another plant, TransportError when the store cannot be reached
 */
export async function prepare(request: DeployRequest): Promise<Preparation> {
  const { plant, store, authority, options = {} } = request
  const known = options.capabilities ?? new Map()
  const beforehand = indexPlant(plant, known)
  const assumedSettings = compile(beforehand).settings
  await authority.initialize({
    name: plant.name,
    key: plant.authority.key,
    hardware: plant.authority.hardware,
    subject: targetsOf(plant, assumedSettings).values().next().value?.certificate.subject ?? {},
    zones: plant.zones.filter((zone) => zone.authentication === 'certificate').map((zone) => zone.name),
  })
  const managerZone = managerAuthority(plant)
  const localAddress = options.localAddress ?? ownAddress(beforehand.manager?.address)
  const manager = await managerCredential(store, authority, {
    name: plant.name,
    zone: managerZone,
    manager: plant.manager ?? 'cordon-manager',
    addresses: localAddress === undefined ? [] : [localAddress],
  })
  const [records, psks, materials] = await Promise.all([
    readDeviceRecords(store, plant.name),
    listPsks(store),
    loadMaterials(authority, nodeCrypto, {
      zones: zonesOf(assumedSettings),
      managerZone,
      manager,
      date: systemClock.date(),
    }),
  ])
  const ports = new SessionPorts({ ...options, localAddress })
  const knowledge = (device: string) => knowledgeOf(device, records, psks, assumedSettings, options)
  const secrets = storedSecrets(store)
  const observations = new Map<string, Observation>()
  const asked = [...targetsOf(plant, assumedSettings).values()].filter(
    ({ settings }) => settings.enforcement !== 'none',
  )
  await eachOf(asked, options.concurrency ?? defaultConcurrency, async (target) => {
    const { device, address } = target.settings
    const means = { port: ports.port(address), clock: systemClock, crypto: nodeCrypto, materials, manager, secrets }
    const configured = records.get(device)?.configured === true
    observations.set(device, await surveyDevice(target, means, knowledge(device), configured))
  })
  // What devices say of themselves, now or when they were last read, replaces what was assumed about them.
  const capabilities = new Map<string, DeviceCapabilities>(known)
  const assumed = new Set<string>()
  const readings: DeviceReading[] = []
  for (const [device, observation] of observations) {
    const isRead = observation.kind === 'read'
    if (isRead) readings.push(observation.reading)
    const said = isRead ? capabilitiesOf(observation.reading) : records.get(device)?.capabilities
    if (said !== undefined) capabilities.set(device, { ...known.get(device), ...said })
    else if (!known.has(device)) assumed.add(device)
  }
  await rememberCapabilities(store, plant.name, records, readings)
  const index = indexPlant(plant, capabilities)
  const { settings } = compile(index)
  const targets = renewing(targetsOf(plant, settings), options.renew ?? [], options.renewSince ?? systemClock.date())
  const unfinished = await findDeployment(store, plant.name)
  const plan = withProblems(
    planDeployment({
      index,
      targets,
      observations,
      discovered: await discoverOthers(assumedSettings, localAddress, options.signal),
      former: formerDevices(records, new Set(settings.keys())),
      unfinished: new Set(unfinished?.unfinished),
      storedKeys: new Set(psks.map(({ name }) => name)),
      materials,
      crypto: nodeCrypto,
      date: systemClock.date(),
      closePorts: options.closePorts ?? 'now',
    }),
    problemsOf(index),
  )
  return { plan, index, targets, observations, materials, manager, records, psks, ports, knowledge, assumed }
}

/** Targets of which some are to get a new certificate. */
function renewing(
  targets: ReadonlyMap<string, DeviceTarget>,
  devices: readonly string[],
  since: number,
): ReadonlyMap<string, DeviceTarget> {
  if (devices.length === 0) return targets
  // Certificates are dated back, and know whole seconds only.
  const beginsAfter = Math.floor((since - backdateMs) / 1000) * 1000
  return new Map(
    [...targets].map(([name, target]) => [
      name,
      devices.includes(name) ? { ...target, certificate: { ...target.certificate, beginsAfter } } : target,
    ]),
  )
}

/** How long an answer to ListIdentity is waited for, milliseconds. */
const discoveryMs = 1000

/** Asks the devices that are not opened who they are: whether the right unit stands there can be told of them too. */
async function discoverOthers(
  settings: ReadonlyMap<string, DeviceSettings>,
  localAddress: string | undefined,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Discovered>> {
  const names = new Map<string, string>()
  for (const { device, address, enforcement } of settings.values()) {
    if (enforcement === 'none') names.set(address, device)
  }
  const found = new Map<string, Discovered>()
  if (names.size === 0) return found
  const replies = await discover({
    targets: [...names.keys()],
    waitMs: discoveryMs,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(signal === undefined ? {} : { signal }),
  })
  for (const { address, identity, security } of replies) {
    const device = names.get(address)
    const { revision, ...unit } = identity
    if (device !== undefined) found.set(device, { unit: { ...unit, ...revision }, capable: security !== undefined })
  }
  return found
}

/** Refusals that only show once the real capabilities of the devices are known. */
function problemsOf(index: PlantIndex): readonly Message[] {
  return validate(index)
    .filter(({ severity }) => severity === 'error')
    .map(({ subject, reason, alternative }) => message('settings-not-possible', subject, `${reason}; ${alternative}`))
}

function withProblems(plan: DeploymentPlan, problems: readonly Message[]): DeploymentPlan {
  if (problems.length === 0) return plan
  return { ...plan, messages: [...plan.messages, ...problems], outcome: worst([plan.outcome, outcomeOf(problems)]) }
}

function zonesOf(settings: ReadonlyMap<string, DeviceSettings>): readonly string[] {
  const zones = new Set<string>()
  for (const { authorities, zone, verifyClient } of settings.values()) {
    for (const one of authorities) zones.add(one)
    if (verifyClient) zones.add(zone)
  }
  return [...zones]
}

function knowledgeOf(
  device: string,
  records: ReadonlyMap<string, DeviceRecord>,
  psks: readonly StoredPsk[],
  settings: ReadonlyMap<string, DeviceSettings>,
  options: DeployOptions,
): Knowledge {
  const record = records.get(device)
  const { acceptSelfSigned = [], vendorAnchors = [] } = options
  const accepted = acceptSelfSigned === 'all' || acceptSelfSigned.includes(device)
  const wanted = new Set(settings.get(device)?.psk.map(({ name }) => name))
  const given = record?.keys ?? []
  return {
    contact: {
      vendorAnchors,
      seenBefore: record?.pinned,
      // Who was accepted once and still shows the same certificate need not be asked about again.
      acceptUnproven: accepted || record?.pinned !== undefined,
    },
    knownUnit: record?.serial === undefined || !record.configured ? undefined : { serialNumber: record.serial },
    earlierKeys: given,
    changedKeys: given
      .filter(
        ({ name, version }) => wanted.has(name) && psks.some((psk) => psk.name === name && psk.version !== version),
      )
      .map(({ name }) => name),
    closeConnections: options.closeConnections ?? false,
  }
}

/** The manager's address in the plant file, where this machine has it: rules let in that address and no other. */
export function ownAddress(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  if (address.startsWith('127.')) return address
  const own = Object.values(networkInterfaces()).some((list) => list?.some((entry) => entry.address === address))
  return own ? address : undefined
}
