import { createDevice, type Device, type DeviceOptions, type HostedDevice, type Tag } from '@cordon/core/device'
import type { Device as PlantDevice, FaultKind, Plant, SimulatedDevice, SimulatedSecurity } from '@cordon/core/policy'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeCrypto } from '@cordon/node/crypto'
import { TargetHost, type TargetLogEntry } from '@cordon/node/target'
import type { KeyLog } from '@cordon/node/transports'
import { withFaults } from './faults.ts'
import type { DeviceStatus } from './status.ts'
import type { DeviceFiles, StoredDevice } from './device-files.ts'
import { electronicDataSheet } from './eds.ts'
import { countUp, virtualTag } from './tags.ts'
import { selfSignedCredentials, type VendorPki } from './vendor-pki.ts'

/** States of 0x5D as tables show them. */
const securityStates = {
  factoryDefault: 'factory-default',
  firstConfiguration: 'configuring',
  reconfiguration: 'configuring',
  configured: 'configured',
  incompleteConfiguration: 'incomplete',
} as const

/** What virtual devices of one plant share. */
export interface DeviceSurroundings {
  readonly plant: Plant
  readonly files: DeviceFiles
  readonly vendors: VendorPki
  /** Milliseconds since 1970, for default certificates. */
  readonly now: number
  readonly log: (device: string, entry: TargetLogEntry) => void
  readonly keyLog?: KeyLog | undefined
  /** What sits in a slot of a device's chassis. */
  readonly neighbour: (device: string, slot: number) => VirtualDevice | undefined
}

/** One virtual unit: a device with its storage, on the network where it has an address. */
export class VirtualDevice {
  readonly name: string
  readonly simulated: SimulatedDevice
  /** The device itself. */
  device: Device
  /** The device as the network meets it: with its faults. */
  hosted: HostedDevice
  readonly #plantDevice: PlantDevice
  readonly #around: DeviceSurroundings
  #stored: StoredDevice
  readonly #tags: readonly { tag: Tag; simulated: SimulatedDevice['tags'][number] }[]
  #host: TargetHost | undefined
  #saving: Promise<void> | undefined
  #dirty = false
  readonly #faults = new Map<FaultKind['kind'], FaultKind>()

  private constructor(
    plantDevice: PlantDevice,
    simulated: SimulatedDevice,
    stored: StoredDevice,
    around: DeviceSurroundings,
  ) {
    this.name = plantDevice.name
    this.#plantDevice = plantDevice
    this.simulated = simulated
    this.#around = around
    this.#stored = stored
    this.#tags = simulated.tags.map((tag) => ({ tag: virtualTag(tag), simulated: tag }))
    this.device = this.#powerUp()
    this.hosted = this.#onNetwork()
  }

  #powerUp(): Device {
    const { state, secrets } = this.#stored
    const options = this.#options(this.#plantDevice)
    return state === undefined || secrets === undefined
      ? createDevice(options)
      : createDevice(options, { state, secrets })
  }

  #onNetwork(): HostedDevice {
    return withFaults(this.device, { faults: this.#faults, random: Math.random, wait: (ms) => sleep(ms) })
  }

  /** Comes up again with what its storage holds, as after a power cycle; it must be stopped. */
  async reload(): Promise<void> {
    this.#stored = (await this.#around.files.load(this.name)) ?? this.#stored
    this.device = this.#powerUp()
    this.hosted = this.#onNetwork()
  }

  /** Misbehaves from now on. */
  fail(fault: FaultKind): void {
    this.#faults.set(fault.kind, fault)
  }

  /** Is itself again. */
  heal(): void {
    this.#faults.clear()
  }

  /** What it is now. */
  status(): DeviceStatus {
    return {
      name: this.name,
      address: this.device.address,
      running: this.#host !== undefined,
      security:
        this.simulated.security === undefined ? 'none' : securityStates[this.device.persist().state.cipSecurity],
      faults: [...this.#faults.keys()],
    }
  }

  /** Switches a unit on for the first time, or again with what its storage holds. */
  static async create(
    plantDevice: PlantDevice,
    simulated: SimulatedDevice,
    around: DeviceSurroundings,
  ): Promise<VirtualDevice> {
    const kept = await around.files.load(plantDevice.name)
    const stored = kept ?? {
      credentials: await factoryCredentials(simulated, around),
      state: undefined,
      secrets: undefined,
    }
    if (kept === undefined) await around.files.save(plantDevice.name, stored)
    return new VirtualDevice(plantDevice, simulated, stored, around)
  }

  /** The host of its sockets; undefined while it is off and for units that do not listen. */
  get host(): TargetHost | undefined {
    return this.#host
  }

  /** Opens its ports. Units without an address or without listeners have nothing to open. */
  async start(): Promise<void> {
    if (
      this.#host !== undefined ||
      !this.simulated.listens ||
      this.device.address === '' ||
      !isAddress(this.device.address)
    )
      return
    const host = new TargetHost({
      device: this.hosted,
      log: (entry) => this.#around.log(this.name, entry),
      save: () => this.save(),
      ...(this.#around.keyLog === undefined ? {} : { keyLog: this.#around.keyLog }),
    })
    await host.start()
    this.#host = host
  }

  /** Closes its ports and everything that runs over them. */
  async stop(): Promise<void> {
    const host = this.#host
    this.#host = undefined
    await host?.close()
    await this.#saving
  }

  /** Writes its storage; durable when the promise resolves. Changes during a write cause one more write. */
  save(): Promise<void> {
    this.#dirty = true
    this.#saving ??= this.#write().finally(() => {
      this.#saving = undefined
    })
    return this.#saving
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false
      const { state, secrets } = this.device.persist()
      await this.#around.files.save(this.name, { credentials: this.#stored.credentials, state, secrets })
    }
  }

  /** Moves the values that count by themselves; called once a period by the plant. */
  tick(now: number): void {
    for (const { tag, simulated } of this.#tags) {
      if (simulated.change.kind !== 'count') continue
      if (Math.floor(now / simulated.change.everyMs) === Math.floor((now - 100) / simulated.change.everyMs)) continue
      countUp(tag, simulated.type)
    }
  }

  #options(plantDevice: PlantDevice): DeviceOptions {
    const { identity, capacity, security, assemblies } = this.simulated
    const place = this.#around.plant.chassis
      .flatMap((chassis) => chassis.slots)
      .find(({ device }) => device === plantDevice.name)
    return {
      address: plantDevice.address ?? plantDevice.name,
      hostName: plantDevice.name,
      identity: {
        vendorId: identity.vendor,
        deviceType: identity.type,
        productCode: identity.product,
        majorRevision: identity.major,
        minorRevision: identity.minor,
        serialNumber: identity.serial,
        productName: identity.name,
      },
      crypto: nodeCrypto,
      capacity: { connections: capacity.connections, sessions: capacity.sessions, minimumRpiUs: capacity.minimumRpiUs },
      assemblies: assemblies.map(({ instance, direction, size, onLoss }) => ({ instance, direction, size, onLoss })),
      tags: this.#tags.map(({ tag }) => tag),
      eds: electronicDataSheet(this.simulated),
      ...(security === undefined || this.#stored.credentials === undefined
        ? {}
        : { security: securityOptions(security, this.#stored.credentials) }),
      ...(place === undefined
        ? {}
        : { slot: place.slot, backplane: (slot: number) => this.#around.neighbour(plantDevice.name, slot)?.device }),
    }
  }
}

function securityOptions(
  security: SimulatedSecurity,
  credentials: NonNullable<StoredDevice['credentials']>,
): NonNullable<DeviceOptions['security']> {
  const { objectRevisions } = security
  return {
    credentials,
    suites: security.suites,
    originatorSuites: security.originatorSuites,
    ethernetIpSecurityRevision: objectRevisions.ethernetIpSecurity >= 9 ? 9 : 7,
    certificateManagementRevision:
      objectRevisions.certificateManagement >= 3 ? 3 : objectRevisions.certificateManagement === 2 ? 2 : 1,
    cipSecurityRevision: objectRevisions.cipSecurity >= 4 ? 4 : 3,
    profiles: security.profiles,
    pskSlots: security.pskSlots,
    fileSlots: security.fileSlots,
    fileLimit: security.fileLimit,
    ingressEgress: security.ingressEgress,
    trustedIdentities: security.trustedIdentities,
  }
}

async function factoryCredentials(
  simulated: SimulatedDevice,
  around: DeviceSurroundings,
): Promise<StoredDevice['credentials']> {
  const { security, identity } = simulated
  if (security === undefined) return undefined
  return security.credential.kind === 'vendor'
    ? around.vendors.issue(security.credential.vendor, identity)
    : selfSignedCredentials(identity, around.now)
}

function isAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text)
}
