import {
  type BackplaneDevice,
  createDevice,
  type Device,
  type DeviceOptions,
  pagesPort,
  type Tag,
} from '@cordon/core/device'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { FaultKind, Device as PlantDevice, Plant, SimulatedDevice, SimulatedSecurity } from '@cordon/core/policy'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OriginatorHost } from '@cordon/node/originator'
import { deviceSource, PageServer } from '@cordon/node/pages'
import { type BroadcastResponder, type OpenPort, TargetHost, type TargetLogEntry } from '@cordon/node/target'
import { Cable, type KeyLog } from '@cordon/node/transports'
import type { DeviceFiles, StoredDevice } from './device-files.ts'
import { electronicDataSheet } from './eds.ts'
import { FaultSchedule } from './fault-schedule.ts'
import { type AskedService, Faults } from './faults.ts'
import { type FrontPlace, insideAddress } from './front-place.ts'
import { HostedUnit, type PortName } from './hosted-unit.ts'
import { unitCrypto } from './lazy-key.ts'
import { type Interception, ManInTheMiddle } from './man-in-the-middle.ts'
import type { PlantSchedule } from './plant-schedule.ts'
import { type DeviceStatus, pullWord } from './status.ts'
import { countBytes, countUp, Steps, virtualTag } from './tags.ts'
import { UnitPull, type PullSurroundings } from './unit-pull.ts'
import { selfSignedCredentials, type VendorPki } from './vendor-pki.ts'

/** States of 0x5D as tables show them. */
const securityStates = {
  factoryDefault: 'factory-default',
  firstConfiguration: 'configuring',
  reconfiguration: 'configuring',
  configured: 'configured',
  incompleteConfiguration: 'incomplete',
} as const

/** Identity attribute 19 while the fault `protection-mode` is in force: bit 0 is implicit protection. */
const protectionMode = 0x0001

/** Ports that a man in the middle takes over. Plain I/O he meets where the unit takes and gives it. */
const takenPorts: readonly PortName[] = ['44818/tcp', '2221/tcp', '2221/udp']

/** How long a failed save of a unit without sockets waits to be tried again, milliseconds. */
const saveAgainMs = 1_000

/** How long links may take to end when their port closes, and how often it is looked, milliseconds. */
const closingMs = 1_000
const pollMs = 5

/** What virtual devices of one plant share. */
export interface DeviceSurroundings {
  readonly plant: Plant
  readonly files: DeviceFiles
  readonly schedule: PlantSchedule
  readonly log: (device: string, entry: TargetLogEntry) => void
  readonly keyLog?: KeyLog | undefined
  /** What sits in a slot of a device's chassis. */
  readonly neighbour: (device: string, slot: number) => VirtualDevice | undefined
  /** What opens the connections of a device. */
  readonly originator: (device: string) => OriginatorHost | undefined
  /** Name of the device at an address. */
  readonly nameOf: (address: string) => string | undefined
  /** Answers ListIdentity to all for those that listen. */
  readonly broadcast: () => BroadcastResponder | undefined
  /** A fault of the simulation file begins, or a request asks for a restart. */
  readonly strike: (device: string, fault: FaultKind) => void
  readonly over: (device: string, kind: FaultKind['kind']) => void
  readonly restarted: (device: string) => Promise<void>
  readonly pull: PullSurroundings
}

/** A value of a unit that moves by itself. */
interface MovingValue {
  readonly everyMs: number
  readonly move: (by: number, now: number) => void
}

/** One virtual unit: a device with its storage, on the network where it has an address. */
export class VirtualDevice {
  readonly name: string
  readonly simulated: SimulatedDevice
  /** What everything of the unit leads over, listening or calling. */
  readonly cable = new Cable(() => this.#faults.loses(Math.random))
  /** The unit as hosts meet it: the same object for good, whatever power cycles and faults there are. */
  readonly hosted: HostedUnit
  /** The unit as modules of its chassis meet it. */
  readonly neighbour: BackplaneDevice
  readonly #plantDevice: PlantDevice
  readonly #around: DeviceSurroundings
  readonly #tags: readonly Tag[]
  readonly #faults = new Faults()
  readonly #schedule: FaultSchedule
  readonly #moving: readonly (MovingValue & { readonly steps: Steps })[]
  #device: Device
  #stored: StoredDevice
  #host: TargetHost | undefined
  #pages: PageServer | undefined
  #leaveBroadcast: (() => void) | undefined
  #saving: Promise<void> | undefined
  #dirty = false
  #intruder: { readonly man: ManInTheMiddle; readonly ports: readonly PortName[] } | undefined
  #interceptions: readonly Interception[] = []
  #cablePulled = false
  #pull: UnitPull | undefined
  #movingSockets = false
  /** What moves sockets: one after the other. */
  #socketWork: Promise<void> = Promise.resolve()

  private constructor(
    plantDevice: PlantDevice,
    simulated: SimulatedDevice,
    stored: StoredDevice,
    around: DeviceSurroundings,
  ) {
    this.name = plantDevice.name
    this.#plantDevice = plantDevice
    this.simulated = exchanged(simulated, stored)
    this.#around = around
    this.#stored = stored
    this.#tags = simulated.tags.map(virtualTag)
    this.#schedule = new FaultSchedule(simulated.faults, {
      strike: (fault) => around.strike(this.name, fault),
      over: (kind) => around.over(this.name, kind),
    })
    this.#device = this.#powerUp()
    this.hosted = new HostedUnit({
      unit: () => this.#device,
      faults: this.#faults,
      room: (protocol) => this.#room(protocol),
      asked: (service: AskedService) => this.#schedule.asked(service),
      random: Math.random,
      wait: (ms) => sleep(ms, undefined, { ref: false }),
    })
    this.neighbour = this.hosted.neighbour(() => this.#used())
    const now = around.schedule.now()
    this.#moving = this.#movingValues().map((value) => ({ ...value, steps: new Steps(value.everyMs, now) }))
  }

  /** A unit with what its storage holds. */
  static async create(
    plantDevice: PlantDevice,
    simulated: SimulatedDevice,
    around: DeviceSurroundings,
  ): Promise<VirtualDevice> {
    const stored = await around.files.load(plantDevice.name)
    if (stored === undefined) throw new UsageError('missing', `device ${plantDevice.name} was never made`)
    return new VirtualDevice(plantDevice, simulated, stored, around)
  }

  /** The device itself; another object after each power cycle. */
  get device(): Device {
    return this.#device
  }

  /** The host of its sockets; undefined while it is off and for units that do not listen. */
  get host(): TargetHost | undefined {
    return this.#host
  }

  #powerUp(): Device {
    const { state, secrets } = this.#stored
    const options = this.#options(this.#plantDevice)
    const device =
      state === undefined || secrets === undefined ? createDevice(options) : createDevice(options, { state, secrets })
    // The mode is stored, the fault that set it is not: it may have ended with an earlier run of the plant.
    const mode = this.#faults.has('protection-mode') ? protectionMode : 0
    if ((state?.identity.protectionMode ?? 0) !== mode) device.setProtectionMode(mode)
    return device
  }

  /** What it is now. */
  status(): DeviceStatus {
    return {
      name: this.name,
      address: this.#device.address,
      running: this.#host !== undefined,
      security: this.simulated.security === undefined ? 'none' : securityStates[this.#device.securityState()],
      pull: this.simulated.pull === undefined ? 'none' : pullWord(this.#device.pull),
      faults: this.#faults.kinds(),
      cablePulled: this.#cablePulled,
      pages: this.#pages?.port,
    }
  }

  // Power and sockets

  /** Opens its ports. Units without an address or without listeners have nothing to open. */
  async start(): Promise<void> {
    this.#schedule.start()
    if (this.#host !== undefined || this.#plantDevice.address === undefined) return
    if (!this.simulated.listens) {
      // Software that only originates has pages as well, and nobody who could close them.
      if (this.simulated.web && this.#pages === undefined) await this.#openPages()
      return
    }
    const host = new TargetHost({
      device: this.hosted,
      log: (entry) => this.#hostSays(entry),
      save: () => this.save(),
      schedule: this.#around.schedule.forHosts,
      cable: this.cable,
      restart: () => this.#restart(),
      openPages: () => this.#openPages(),
      handshakeDelayMs: () => this.#faults.get('slow-handshake')?.delayMs ?? 0,
      ...(this.#around.keyLog === undefined ? {} : { keyLog: this.#around.keyLog }),
    })
    await host.start()
    this.#host = host
    this.joinBroadcast()
    this.#applySilence()
    this.#startPull()
    await this.#inTurn(() => this.#adjustIntruder()).catch((error: unknown) => {
      this.#warn('fault-failed', error instanceof Error ? error.message : String(error))
    })
  }

  /** Serves its pages; a unit whose pages find no port runs without them. */
  async #openPages(): Promise<OpenPort | undefined> {
    const { schedule, log, nameOf } = this.#around
    const source = deviceSource({
      device: () => this.#device,
      target: () => this.#host,
      originator: () => this.#around.originator(this.name),
      web: () => this.#pages?.rows() ?? [],
      webPort: () => this.#pages?.port,
      now: () => schedule.now(),
      name: this.name,
      nameOf,
      nameOfSlot: (slot) => this.#around.neighbour(this.name, slot)?.name,
    })
    const { address } = this.#device
    try {
      const pages = await PageServer.open(source, {
        address,
        names: [this.name],
        isSilent: () => this.cable.isPulled || this.#faults.silent,
        defect: (error) => log(this.name, { severity: 'error', event: 'defect', message: stackOf(error) }),
      })
      this.#pages = pages
      if (pages.port !== pagesPort) {
        const message = `port ${pagesPort} may not be bound, so its pages are at http://${address}:${pages.port}/`
        log(this.name, { severity: 'info', event: 'pages', message })
      }
      return { close: () => this.#closePages(pages) }
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      this.#warn('pages', `it has no pages: ${error.message}`)
      return undefined
    }
  }

  async #closePages(pages: PageServer): Promise<void> {
    if (this.#pages === pages) this.#pages = undefined
    await pages.close()
  }

  /** A power cycle that a request asked for. */
  async #restart(): Promise<void> {
    await this.#pull?.close()
    this.#device.restart(this.#around.schedule.now())
    this.#startPull()
    await this.#around.restarted(this.name)
  }

  /** Begins to pull, or goes on with it, where the unit has the pull model. */
  #startPull(): void {
    const { pull: simulated } = this.simulated
    const { pull: shared, schedule, log } = this.#around
    const materials = shared.materials(this.name)
    if (simulated === undefined || materials === undefined || this.#host === undefined) return
    this.#pull = new UnitPull(this.#device, {
      name: this.name,
      simulated,
      materials,
      shared,
      schedule: schedule.forHosts,
      cable: this.cable,
      faults: this.#faults,
      log: (entry) => log(this.name, entry),
      used: () => this.#used(),
      wait: (ms) => sleep(ms, undefined, { ref: false }),
    })
  }

  /** Sockets that are moved close and open again: that is nothing that the unit did. */
  #hostSays(entry: TargetLogEntry): void {
    const severity = this.#movingSockets && entry.event === 'port-closed' ? 'info' : entry.severity
    this.#around.log(this.name, { ...entry, severity })
  }

  /** Answers ListIdentity to all from now on, where there is somebody who hears it. */
  joinBroadcast(): void {
    this.#leaveBroadcast?.()
    this.#leaveBroadcast = this.#host === undefined ? undefined : this.#around.broadcast()?.add(this.#host)
  }

  /** Closes its ports and everything that runs over them; what it wanted stored is stored. */
  async stop(): Promise<void> {
    await this.#end((host) => host.close())
  }

  /** Answers nothing any more: what is under way when the power goes is lost. */
  goDark(downMs: number): void {
    this.#faults.set({ kind: 'power-cycle', downMs })
  }

  /** Ends as in a power failure: no peer is told. {@link reload} and {@link start} bring it back. */
  async powerOff(downMs: number): Promise<void> {
    this.goDark(downMs)
    await this.#end((host) => host.powerOff())
  }

  async #end(close: (host: TargetHost) => Promise<void>): Promise<void> {
    this.#leaveBroadcast?.()
    this.#leaveBroadcast = undefined
    const pull = this.#pull
    this.#pull = undefined
    await pull?.close()
    await this.#inTurn(() => this.#dismissIntruder())
    const host = this.#host
    this.#host = undefined
    if (host !== undefined) await close(host)
    // Those of a unit with a host went with its ports already.
    if (this.#pages !== undefined) await this.#closePages(this.#pages)
    await this.#saving
  }

  /** Comes up again with what its storage holds, after {@link powerOff}. */
  async reload(): Promise<void> {
    this.#stored = (await this.#around.files.load(this.name)) ?? this.#stored
    this.#device = this.#powerUp()
    this.#faults.clear('power-cycle')
  }

  /** No fault of the simulation file strikes any more. */
  endSchedule(): void {
    this.#schedule.stop()
  }

  /** As if its cable were pulled out, or put in again: nothing is heard or sent meanwhile, and no peer is told. */
  setCable(pulled: boolean): void {
    this.#cablePulled = pulled
    this.#applySilence()
  }

  #applySilence(): void {
    if (this.#cablePulled || this.#faults.has('hang')) this.cable.pull()
    else this.cable.plug()
  }

  #room(protocol: 'tcp' | 'udp'): number {
    const { tls, dtls } = this.simulated.capacity
    const transport = protocol === 'tcp' ? 'tls' : 'dtls'
    const open = this.#host?.associations().filter((row) => row.transport === transport).length ?? 0
    return (protocol === 'tcp' ? tls : dtls) - open
  }

  // Storage

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
      const { state, secrets } = this.#device.persist()
      try {
        await this.#around.files.save(this.name, { ...this.#stored, state, secrets })
      } catch (error) {
        // Still to be written: the host tries again, and so does the next change.
        this.#dirty = true
        throw error
      }
    }
  }

  /** A module has used it over the backplane: its actions are taken. Resolves when what it confirmed is stored. */
  #used(): Promise<void> | undefined {
    if (this.#host === undefined) this.#carryOut()
    else this.#host.deviceChanged()
    return this.#saving
  }

  /** What a unit without sockets of its own asks for. */
  #carryOut(): void {
    for (const action of this.hosted.takeActions()) {
      if (action.kind === 'save') this.#saveModule()
      else if (action.kind === 'restart') {
        this.#device.restart(this.#around.schedule.now())
        void this.#around.restarted(this.name)
      } else if (action.kind === 'event') {
        const { name: event, severity, message, peer } = action.event
        this.#around.log(this.name, { event, severity, message, ...(peer === undefined ? {} : { peer }) })
      }
    }
  }

  /** As a host does it for a unit with sockets: what could not be stored is tried again. */
  #saveModule(isAgain = false): void {
    void this.save().catch((error: unknown) => {
      if (!isAgain) this.#warn('save-failed', error instanceof Error ? error.message : String(error))
      this.#around.schedule.after(saveAgainMs, () => {
        if (this.#dirty) this.#saveModule(true)
      })
    })
  }

  #warn(event: string, message: string): void {
    this.#around.log(this.name, { severity: 'warning', event, message })
  }

  // Values

  #movingValues(): MovingValue[] {
    const { tags, assemblies } = this.simulated
    const counting = tags.flatMap(({ change, type }, i): MovingValue[] => {
      const tag = this.#tags[i]
      if (change.kind !== 'count' || tag === undefined) return []
      return [{ everyMs: change.everyMs, move: (by) => countUp(tag, type, by) }]
    })
    const inputs = assemblies.flatMap(({ instance, countEveryMs }): MovingValue[] => {
      if (countEveryMs === undefined) return []
      const move = (by: number, now: number) => {
        const data = this.#device.assembly(instance)
        countBytes(data, by)
        this.#device.setAssembly(instance, data, now)
      }
      return [{ everyMs: countEveryMs, move }]
    })
    return [...counting, ...inputs]
  }

  /** How often {@link tick} is to be called, milliseconds; undefined where no value moves. */
  get period(): number | undefined {
    return this.#moving.length === 0 ? undefined : Math.min(...this.#moving.map(({ everyMs }) => everyMs))
  }

  /** Moves the values that count by themselves. */
  tick(now: number): void {
    // A unit that hangs or is off computes nothing.
    if (this.#faults.silent) return
    let moved = false
    for (const { steps, move } of this.#moving) {
      const by = steps.take(now)
      if (by === 0) continue
      move(by, now)
      moved = true
    }
    if (moved) this.#host?.deviceChanged()
  }

  // Faults

  /** Misbehaves from now on; resolves when it does. A power cycle is the plant's to do. */
  async fail(fault: FaultKind): Promise<void> {
    this.#faults.set(fault)
    if (fault.kind === 'hang') this.#applySilence()
    if (fault.kind === 'protection-mode') this.#protect(protectionMode)
    if (fault.kind === 'man-in-the-middle') await this.#inTurn(() => this.#adjustIntruder())
  }

  /** Is itself again, in one respect or in all. */
  async heal(kind?: FaultKind['kind']): Promise<void> {
    for (const each of kind === undefined ? this.#faults.kinds() : [kind]) {
      // A power cycle ends by itself.
      if (!this.#faults.has(each) || each === 'power-cycle') continue
      this.#faults.clear(each)
      if (each === 'protection-mode') this.#protect(0)
    }
    this.#applySilence()
    await this.#inTurn(() => this.#adjustIntruder())
  }

  #protect(mode: number): void {
    this.#device.setProtectionMode(mode)
    void this.#used()
  }

  /** What a man in the middle got between, while he is there and after; empty when there never was one. */
  interceptions(): readonly Interception[] {
    return this.#intruder?.man.interceptions() ?? this.#interceptions
  }

  /** DER of the certificate that a man in the middle shows now. */
  get intruderCertificate(): Uint8Array | undefined {
    return this.#intruder?.man.certificate
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.#socketWork.then(async () => {
      this.#movingSockets = true
      try {
        await work()
      } finally {
        this.#movingSockets = false
      }
    })
    this.#socketWork = next.catch(() => undefined)
    return next
  }

  /** Lets a man in the middle in, or shows him out, as the faults say. */
  async #adjustIntruder(): Promise<void> {
    const host = this.#host
    if (!this.#faults.has('man-in-the-middle') || host === undefined) return this.#dismissIntruder()
    if (this.#intruder !== undefined) return
    const ports = takenPorts.filter((port) => this.hosted.wants(port))
    const { address, options } = this.#device
    try {
      const place = { outside: address, inside: insideAddress(address), ports }
      await this.#move(host, place)
      this.#intruder = { ports, man: await ManInTheMiddle.open(place, options.identity) }
    } catch (error) {
      this.#faults.clear('man-in-the-middle')
      await this.#giveBack(ports)
      throw error
    }
  }

  async #dismissIntruder(): Promise<void> {
    const intruder = this.#intruder
    if (intruder === undefined) return
    this.#intruder = undefined
    this.#interceptions = intruder.man.interceptions()
    await intruder.man.close()
    await this.#giveBack(intruder.ports)
  }

  /** Closes the unit's sockets on these ports and opens them at an address where nobody looks. */
  async #move(host: TargetHost, { ports, inside }: FrontPlace): Promise<void> {
    await this.#closePorts(host, ports)
    this.hosted.hold(ports, true, inside)
    host.deviceChanged()
    await host.settled()
    this.hosted.settle()
    const open = host.ports()
    const missing = ports.filter((port) => !open.includes(port))
    if (missing.length > 0) {
      throw new TransportError(
        'unreachable',
        `device ${this.name}: ${missing.join(', ')} cannot be moved to ${inside}; is that address there? On macOS: sudo ifconfig lo0 alias ${inside} up`,
      )
    }
  }

  async #giveBack(ports: readonly PortName[]): Promise<void> {
    const host = this.#host
    if (host !== undefined) await this.#closePorts(host, ports)
    this.hosted.release(ports)
    host?.deviceChanged()
    await host?.settled()
  }

  /** Closes ports of the unit, and waits until its host has ended what came in there: what comes later is not meant. */
  async #closePorts(host: TargetHost, ports: readonly PortName[]): Promise<void> {
    this.hosted.hold(ports, false)
    host.deviceChanged()
    await host.settled()
    const left = () =>
      host
        .associations()
        .some(({ transport, localPort }) => ports.includes(`${localPort}/${transport === 'dtls' ? 'udp' : 'tcp'}`))
    for (let waited = 0; waited === 0 || (left() && waited < closingMs); waited += pollMs) await sleep(pollMs)
  }

  #options(plantDevice: PlantDevice): DeviceOptions {
    const { capacity, security, assemblies } = this.simulated
    const place = this.#around.plant.chassis
      .flatMap((chassis) => chassis.slots)
      .find(({ device }) => device === plantDevice.name)
    return {
      address: plantDevice.address ?? plantDevice.name,
      hostName: hostNameOf(plantDevice.name),
      identity: identityOf(this.simulated),
      crypto: unitCrypto,
      capacity: { connections: capacity.connections, sessions: capacity.sessions, minimumRpiUs: capacity.minimumRpiUs },
      assemblies: assemblies.map(({ instance, direction, size, onLoss }) => ({ instance, direction, size, onLoss })),
      tags: this.#tags,
      eds: electronicDataSheet(this.simulated),
      pages: this.simulated.web,
      ...(security === undefined || this.#stored.credentials === undefined
        ? {}
        : { security: securityOptions(this.simulated, security, this.#stored.credentials) }),
      ...(place === undefined
        ? {}
        : { slot: place.slot, backplane: (slot: number) => this.#around.neighbour(plantDevice.name, slot)?.neighbour }),
    }
  }
}

function securityOptions(
  { pull }: SimulatedDevice,
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
    plainReset: security.plainReset,
    fileLimit: security.fileLimit,
    ingressEgress: security.ingressEgress,
    trustedIdentities: security.trustedIdentities,
    pull: pull !== undefined,
  }
}

/** What the unit in its place is: another one than the simulation file describes, where it was exchanged. */
function exchanged(simulated: SimulatedDevice, { unit }: StoredDevice): SimulatedDevice {
  return unit === undefined ? simulated : { ...simulated, identity: { ...simulated.identity, ...unit } }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** The name of a unit as a host name: letters, digits and hyphens, because certificate requests carry it as a DNS name. */
function hostNameOf(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9-]+/g, '-').replaceAll(/^-+|-+$/g, '')
}

/** What the Identity object of a unit answers. */
export function identityOf({ identity }: SimulatedDevice): DeviceOptions['identity'] {
  return {
    vendorId: identity.vendor,
    deviceType: identity.type,
    productCode: identity.product,
    majorRevision: identity.major,
    minorRevision: identity.minor,
    serialNumber: identity.serial,
    productName: identity.name,
  }
}

/**
 * Makes what a unit leaves the factory with; undefined for one without CIP Security.
 * @param original what another unit left it with, for a clone
 */
export async function factoryCredentials(
  simulated: SimulatedDevice,
  vendors: VendorPki,
  now: number,
  original: (unit: string) => Promise<StoredDevice['credentials']>,
): Promise<StoredDevice['credentials']> {
  const { security } = simulated
  if (security === undefined) return undefined
  const identity = identityOf(simulated)
  const { credential } = security
  switch (credential.kind) {
    case 'vendor':
      return vendors.issue(credential.vendor, identity, credential.condition)
    case 'self-signed':
      return selfSignedCredentials(identity, now)
    case 'clone':
      return original(credential.of)
  }
}
