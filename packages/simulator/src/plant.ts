import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { FaultKind, Plant, Device as PlantDevice, SimulatedDevice, Simulation } from '@cordon/core/policy'
import { BroadcastResponder } from '@cordon/node/target'
import { type KeyLog, usableSuites } from '@cordon/node/transports'
import { DeviceFiles, type ExchangedUnit } from './device-files.ts'
import type { Interception } from './man-in-the-middle.ts'
import { EstSearch } from './est-search.ts'
import { Originators } from './originators.ts'
import { PlantSchedule } from './plant-schedule.ts'
import type { ConnectionStatus, DeviceStatus } from './status.ts'
import { type PullMaterials, readPullFiles } from './pull-files.ts'
import { together } from './together.ts'
import { Turnstile } from './turnstile.ts'
import { openVendorPki, type VendorPki, vendorRevocationsFile, vendorRootsFile } from './vendor-pki.ts'
import { type DeviceSurroundings, factoryCredentials, VirtualDevice } from './virtual-device.ts'

/** A line for the log of a plant. */
export interface PlantLogEntry {
  readonly severity: 'info' | 'notice' | 'warning' | 'error'
  readonly device: string
  readonly message: string
}

/** How a virtual plant is brought up. */
export interface PlantOptions {
  readonly plant: Plant
  readonly simulation: Simulation
  /** Where devices keep their state; made when missing. */
  readonly directory: string
  /** 32 bytes under which private keys and PSKs are sealed at rest. */
  readonly sealingKey: Uint8Array
  /** What the plant file says begins after a deployment begins at once. */
  readonly all?: boolean
  /** Hears what the devices report. */
  readonly log?: (entry: PlantLogEntry) => void
  readonly keyLog?: KeyLog
  /** Address of the broadcast responder; `null` for none. Default the loopback's. */
  readonly broadcast?: string | null
  /** Directory that paths of the simulation file are relative to; default the working directory. */
  readonly base?: string
}

/** Exchanges with EST servers that units have at the same time: one unit's takes a few milliseconds of this process. */
const exchangesTogether = 16

/** Units that begin to pull at the same time. */
const beginTogether = 16

/** Devices that are opened at the same time while a plant starts. */
const startTogether = 32

/** Shortest and longest time between two looks at values that move by themselves, milliseconds. */
const fastestTickMs = 10
const slowestTickMs = 100

/** A running plant of virtual devices. */
export class VirtualPlant implements AsyncDisposable {
  readonly plant: Plant
  readonly directory: string
  readonly #options: PlantOptions
  readonly #devices = new Map<string, VirtualDevice>()
  readonly #originators: Originators
  /** Devices by address. */
  readonly #names: ReadonlyMap<string, string>
  readonly #schedule = new PlantSchedule()
  readonly #stop = new AbortController()
  /** Power cycles and other faults under way; they never reject. */
  readonly #busy = new Set<Promise<void>>()
  /** The last power cycle of each supply, by its first unit. */
  readonly #cycles = new Map<VirtualDevice, Promise<void>>()
  #around: DeviceSurroundings | undefined
  #vendors: VendorPki | undefined
  readonly #search: EstSearch
  readonly #exchanges = new Turnstile(exchangesTogether)
  readonly #beginnings = new Turnstile(beginTogether)
  readonly #materials = new Map<string, PullMaterials>()
  #isReady: () => void = () => undefined
  readonly #ready = new Promise<void>((resolve) => {
    this.#isReady = resolve
  })
  #broadcast: BroadcastResponder | undefined
  #timer: NodeJS.Timeout | undefined
  #moving: readonly VirtualDevice[] = []
  #stopping: Promise<void> | undefined

  private constructor(options: PlantOptions) {
    this.plant = options.plant
    this.directory = options.directory
    this.#options = options
    this.#search = new EstSearch({
      discovery: options.simulation.discovery,
      addresses: options.plant.devices.flatMap(({ address }) => address ?? []),
      problem: (message) => this.#log({ severity: 'warning', device: options.plant.name, message }),
    })
    this.#names = new Map(
      options.plant.devices.flatMap(({ name, address }) => (address === undefined ? [] : [[address, name] as const])),
    )
    this.#originators = new Originators({
      plant: options.plant,
      schedule: this.#schedule,
      device: (name) => this.#devices.get(name),
      keyLog: options.keyLog,
      log: (device, { severity, connection, peer, message }) =>
        this.#log({ severity, device, message: `${connection} to ${peer}: ${message}` }),
    })
  }

  /**
   * Switches every device on, then begins the connections. What cannot be started ends all that was.
   * @throws UsageError `missing` for a device without a unit in the simulation, MalformedMessage for a state that cannot
   * be read, TransportError `address-in-use`, `unreachable`, `io`
   */
  static async start(options: PlantOptions): Promise<VirtualPlant> {
    const plant = new VirtualPlant(options)
    try {
      await plant.#start()
    } catch (error) {
      await plant.stop()
      throw error
    }
    return plant
  }

  async #start(): Promise<void> {
    const { plant, simulation, directory, all } = this.#options
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const units = new Map(simulation.devices.map((unit) => [unit.name, unit]))
    const pairs = plant.devices
      .filter(({ name }) => name !== plant.manager)
      .map((device) => [device, unitOf(device, units)] as const)
    // Loading the (D)TLS engine looks at every socket of the process, which takes minutes once a thousand units have
    // theirs: it is loaded while there is none.
    if (pairs.some(([, unit]) => unit.security !== undefined)) usableSuites('server', {})
    await this.#readPullFiles(pairs)
    const files = await this.#open(pairs)
    const around = this.#surroundings(files)
    this.#around = around
    const made = await together(pairs, startTogether, ([device, unit]) => VirtualDevice.create(device, unit, around))
    for (const device of made) this.#devices.set(device.name, device)
    const here = made.filter(({ simulated }) => all === true || simulated.startsWhen === 'plant' || simulated.listens)
    await together(here, startTogether, (device) => device.start())
    await this.#openBroadcast(here)
    for (const connection of plant.connections) {
      if (connection.when !== 'after' || all === true) this.#originators.begin(connection)
    }
    this.#startClock()
    this.#isReady()
  }

  async #readPullFiles(pairs: readonly (readonly [PlantDevice, SimulatedDevice])[]): Promise<void> {
    const { base = '.' } = this.#options
    for (const [{ name }, { pull }] of pairs) {
      if (pull !== undefined) this.#materials.set(name, await readPullFiles(name, pull, base))
    }
  }

  /** Opens the storage and makes the units that are not there yet. */
  async #open(pairs: readonly (readonly [PlantDevice, SimulatedDevice])[]): Promise<DeviceFiles> {
    const { directory, simulation, sealingKey } = this.#options
    const now = Date.now()
    const vendors = await openVendorPki(directory, simulation.vendors, sealingKey, now)
    this.#vendors = vendors
    const files = await DeviceFiles.open(join(directory, 'devices'), sealingKey)
    const fresh = pairs.filter(([{ name }]) => !files.has(name))
    const original = async (unit: string) => (await files.load(unit))?.credentials
    const isClone = ([, { security }]: (typeof fresh)[number]) => security?.credential.kind === 'clone'
    // Clones after what they are clones of.
    for (const some of [fresh.filter((pair) => !isClone(pair)), fresh.filter(isClone)]) {
      const credentials = await together(some, startTogether, ([, unit]) =>
        factoryCredentials(unit, vendors, now, original),
      )
      await files.record(new Map(some.map(([{ name }], i) => [name, credentials[i]])))
    }
    await this.#revoke(pairs, files, vendors)
    return files
  }

  /** Hands out the revocation lists of makers of whose certificates the simulation says that they are revoked. */
  async #revoke(
    pairs: readonly (readonly [PlantDevice, SimulatedDevice])[],
    files: DeviceFiles,
    vendors: VendorPki,
  ): Promise<void> {
    const revoked = new Map<string, Uint8Array[]>()
    for (const [{ name }, { security }] of pairs) {
      const credential = security?.credential
      if (credential?.kind !== 'vendor' || credential.condition !== 'revoked') continue
      const [leaf] = (await files.load(name))?.credentials?.chain ?? []
      if (leaf !== undefined) revoked.set(credential.vendor, [...(revoked.get(credential.vendor) ?? []), leaf])
    }
    if (revoked.size > 0) await vendors.revoke(revoked)
  }

  #surroundings(files: DeviceFiles): DeviceSurroundings {
    return {
      plant: this.plant,
      files,
      schedule: this.#schedule,
      keyLog: this.#options.keyLog,
      log: (device, { severity, event, peer, message }) =>
        this.#log({ severity, device, message: `${event}${peer === undefined ? '' : ` ${peer}`}: ${message}` }),
      neighbour: (device, slot) => this.#neighbour(device, slot),
      originator: (device) => this.#originators.host(device),
      nameOf: (address) => this.#names.get(address),
      broadcast: () => this.#broadcast,
      strike: (device, fault) => this.#do(device, () => this.fault(device, fault)),
      over: (device, kind) => this.#do(device, () => this.#heal(device, kind)),
      restarted: (device) => this.#restarted(device),
      pull: {
        look: (signal) => this.#search.look(signal),
        materials: (device) => this.#materials.get(device),
        exchanges: this.#exchanges,
        beginnings: this.#beginnings,
        ready: this.#ready,
      },
    }
  }

  #neighbour(device: string, slot: number): VirtualDevice | undefined {
    const chassis = this.plant.chassis.find(({ slots }) => slots.some((place) => place.device === device))
    const name = chassis?.slots.find((place) => place.slot === slot)?.device
    return name === undefined ? undefined : this.#devices.get(name)
  }

  async #openBroadcast(devices: readonly VirtualDevice[]): Promise<void> {
    const { broadcast } = this.#options
    if (broadcast === null || devices.every(({ host }) => host === undefined)) return
    this.#broadcast = await BroadcastResponder.open(broadcast === undefined ? {} : { address: broadcast }).catch(
      (error: unknown) => {
        if (!(error instanceof TransportError) || error.code !== 'address-in-use') throw error
        const whose = `another plant of this machine answers discovery by broadcast: ${error.message}`
        const next = 'end it, or leave discovery to it with `--no-broadcast` (`broadcast: null`)'
        throw new TransportError('address-in-use', `${whose}; ${next}`, { cause: error })
      },
    )
    for (const device of devices) device.joinBroadcast()
  }

  /** One timer for all values that move by themselves, as fast as the fastest of them needs. */
  #startClock(): void {
    this.#moving = [...this.#devices.values()].filter(({ period }) => period !== undefined)
    const period = Math.min(slowestTickMs, ...this.#moving.map((device) => device.period ?? slowestTickMs))
    if (this.#moving.length > 0) this.#timer = setInterval(() => this.#tick(), Math.max(fastestTickMs, period))
  }

  #tick(): void {
    const now = this.#schedule.now()
    for (const device of this.#moving) device.tick(now)
  }

  /** Starts what the plant file says begins after a deployment; returns the names of its connections. */
  async startLater(): Promise<string[]> {
    const later = [...this.#devices.values()].filter(
      ({ simulated, host }) => simulated.startsWhen !== 'plant' && host === undefined,
    )
    await together(later, startTogether, (device) => device.start())
    const begins = this.plant.connections.filter(({ name, when }) => when === 'after' && !this.#originators.has(name))
    for (const connection of begins) this.#originators.begin(connection)
    return begins.map(({ name }) => name)
  }

  // Faults

  /**
   * Makes a device misbehave; null makes it well again. Resolves when it does, after a power cycle when it is back.
   * @throws UsageError `missing` for an unknown device, `not-supported`, TransportError where a man in the middle cannot
   * take its place
   */
  async fault(name: string, fault: FaultKind | null): Promise<void> {
    const device = this.#require(name)
    if (fault === null) {
      await device.heal()
      this.#log({ severity: 'notice', device: name, message: 'faults are over' })
      return
    }
    this.#log({ severity: 'notice', device: name, message: `fault: ${fault.kind}` })
    if (fault.kind !== 'power-cycle') return device.fail(fault)
    const units = this.#onOneSupply(device)
    const [first = device] = units
    for (const unit of units) unit.goDark(fault.downMs)
    // One after the other: a unit cannot lose power that it does not have.
    const cycle = (this.#cycles.get(first) ?? Promise.resolve()).then(() => this.#powerCycle(units, fault.downMs))
    const settled = cycle.catch(() => undefined)
    this.#cycles.set(first, settled)
    this.#busy.add(settled)
    void settled.then(() => this.#busy.delete(settled))
    await cycle
  }

  async #heal(name: string, kind: FaultKind['kind']): Promise<void> {
    await this.#require(name).heal(kind)
    this.#log({ severity: 'notice', device: name, message: `fault is over: ${kind}` })
  }

  /** Pulls the cable of a device out, or puts it in again. @throws UsageError `missing` for an unknown device */
  setCable(name: string, pulled: boolean): void {
    this.#require(name).setCable(pulled)
    this.#log({
      severity: 'notice',
      device: name,
      message: pulled ? 'its cable is pulled out' : 'its cable is in again',
    })
  }

  /**
   * Puts another unit of the same model in a device's place: factory-new, with a serial number, a default certificate and
   * a key of its own. Resolves when it runs.
   * @throws UsageError `missing` for an unknown device, `not-supported` for one that shares a chassis
   */
  async exchange(name: string, unit: ExchangedUnit): Promise<void> {
    const device = this.#require(name)
    if (this.#onOneSupply(device).length > 1 || this.#around === undefined || this.#vendors === undefined) {
      throw new UsageError('not-supported', `device ${name}: a module of a chassis cannot be exchanged alone`)
    }
    const { files } = this.#around
    const original = async (other: string) => (await files.load(other))?.credentials
    const isRunning = device.host !== undefined
    device.goDark(0)
    await Promise.all([device.powerOff(0), this.#originators.suspend([name])])
    device.endSchedule()
    const simulated = { ...device.simulated, identity: { ...device.simulated.identity, ...unit } }
    const credentials = await factoryCredentials(simulated, this.#vendors, Date.now(), original)
    await files.save(name, { unit, credentials, state: undefined, secrets: undefined })
    const plantDevice = this.plant.devices.find((one) => one.name === name)
    if (plantDevice === undefined) return
    const fresh = await VirtualDevice.create(plantDevice, simulated, this.#around)
    this.#devices.set(name, fresh)
    this.#moving = [...this.#moving.filter((one) => one !== device), fresh].filter(({ period }) => period !== undefined)
    if (isRunning) await fresh.start()
    this.#originators.resume([name])
    this.#log({ severity: 'notice', device: name, message: `another unit stands here: serial number ${unit.serial}` })
  }

  /** What a man in the middle of a device got between. @throws UsageError `missing` for an unknown device */
  interceptions(name: string): readonly Interception[] {
    return this.#require(name).interceptions()
  }

  #require(name: string): VirtualDevice {
    const device = this.#devices.get(name)
    if (device !== undefined) return device
    throw new UsageError('missing', `no device "${name}"; this plant has ${[...this.#devices.keys()].join(', ')}`)
  }

  /** The units of a chassis share its power supply. */
  #onOneSupply(device: VirtualDevice): VirtualDevice[] {
    const chassis = this.plant.chassis.find(({ slots }) => slots.some((place) => place.device === device.name))
    if (chassis === undefined) return [device]
    return chassis.slots.flatMap((place) => this.#devices.get(place.device) ?? [])
  }

  async #powerCycle(units: readonly VirtualDevice[], downMs: number): Promise<void> {
    const running = units.filter(({ host }) => host !== undefined)
    const names = units.map(({ name }) => name)
    await Promise.all([...units.map((unit) => unit.powerOff(downMs)), this.#originators.suspend(names)])
    await sleep(downMs, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    if (this.#stop.signal.aborted) throw new TransportError('aborted', 'the plant ends')
    for (const unit of units) await unit.reload()
    for (const unit of running) await unit.start()
    this.#originators.resume(names)
  }

  /** A device has restarted by itself, as a reset of its Identity object asks: what it originates begins anew. */
  async #restarted(name: string): Promise<void> {
    await this.#originators.suspend([name])
    if (!this.#stop.signal.aborted) this.#originators.resume([name])
  }

  /** Something that begins by itself: what it throws goes to the log. */
  #do(device: string, work: () => Promise<void>): void {
    if (this.#stop.signal.aborted) return
    const done = work()
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return
        this.#log({ severity: 'error', device, message: error instanceof Error ? error.message : String(error) })
      })
      .finally(() => this.#busy.delete(done))
    this.#busy.add(done)
  }

  // What it shows

  /** The virtual device of that name. */
  device(name: string): VirtualDevice | undefined {
    return this.#devices.get(name)
  }

  /** Every device, in the order of the plant file. */
  devices(): DeviceStatus[] {
    return [...this.#devices.values()].map((device) => device.status())
  }

  /** Every connection that was begun, in the order of the plant file. */
  connections(): ConnectionStatus[] {
    return this.#originators.connections()
  }

  /** The last data (class 0/1) or reply (class 3) that came over a connection; undefined before the first. */
  received(connection: string): Uint8Array | undefined {
    return this.#originators.received(connection)
  }

  /** The plant's own time, milliseconds: it stands still while this process does. */
  now(): number {
    return this.#schedule.now()
  }

  /** What the machine took away from the plant since its start: in all, and at most at once, milliseconds. */
  get stalls(): { readonly totalMs: number; readonly longestMs: number } {
    return { totalMs: this.#schedule.stalledMs, longestMs: this.#schedule.longestStallMs }
  }

  /** PEM file with the makers' roots, for `--trust-vendor`. */
  get vendorRoots(): string {
    return vendorRootsFile(this.directory)
  }

  /** PEM file with the makers' revocation lists; there once the simulation has a certificate that is revoked. */
  get vendorRevocations(): string {
    return vendorRevocationsFile(this.directory)
  }

  #log(entry: PlantLogEntry): void {
    this.#options.log?.(entry)
  }

  /** Ends connections, then devices; their storage is written. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end()
    return this.#stopping
  }

  async #end(): Promise<void> {
    this.#stop.abort()
    clearInterval(this.#timer)
    const devices = [...this.#devices.values()]
    for (const device of devices) device.endSchedule()
    await Promise.all(this.#busy)
    await this.#originators.close()
    await this.#broadcast?.close()
    await together(devices, startTogether, (device) => device.stop())
    await this.#search.close()
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

function unitOf(device: PlantDevice, units: ReadonlyMap<string, SimulatedDevice>): SimulatedDevice {
  const unit = units.get(device.name)
  if (unit !== undefined) return unit
  throw new UsageError(
    'missing',
    `device ${device.name}: the plant file has it and the simulation file does not; add it under "devices"`,
  )
}
