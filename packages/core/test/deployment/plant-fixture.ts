import {
  type ConnectionMove,
  type DeploymentEvent,
  type DeploymentPlan,
  type DeploymentReport,
  type Knowledge,
  loadMaterials,
  type ManagerCredential,
  type Materials,
  memoryJournal,
  type Observation,
  planDeployment,
  type PlanRequest,
  type RunRequest,
  runDeployment,
  surveyDevice,
  targetsOf,
} from '@cordon/core/deployment'
import { compile, indexPlant, parsePlant, type Plant, type PlantIndex } from '@cordon/core/policy'
import { nodeCrypto } from '@cordon/node/crypto'
import type { Device } from '../../src/device/device.ts'
import type { SecurityOptions } from '../../src/device/options.ts'
import { factoryDevice, testVendor } from './fixture.ts'
import { MemoryAuthority } from './memory-authority.ts'
import { MemoryPort } from './memory-port.ts'
import { VirtualTime } from './virtual-time.ts'

/** A plant from the text of its file. */
export function plantOf(text: string): Plant {
  const { plant, problems } = parsePlant(text, 'plant.yaml')
  if (plant === undefined) throw new Error(JSON.stringify(problems, undefined, 1))
  return plant
}

/** Reports of moves that a test makes. Every iteration hears those that come while it runs. */
export class Moves implements AsyncIterable<ConnectionMove> {
  readonly #listeners = new Set<(move: ConnectionMove) => void>()

  report(move: ConnectionMove): void {
    for (const listener of this.#listeners) listener(move)
  }

  [Symbol.asyncIterator](): AsyncIterator<ConnectionMove> {
    const reported: ConnectionMove[] = []
    let wake: () => void = () => {}
    const listener = (move: ConnectionMove) => {
      reported.push(move)
      wake()
    }
    this.#listeners.add(listener)
    return {
      next: async () => {
        while (reported.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
        const value = reported.shift()
        return value === undefined ? { done: true, value: undefined } : { done: false, value }
      },
      return: () => {
        this.#listeners.delete(listener)
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }
}

/** A plant of devices in memory, in virtual time, with everything that a deployment of it needs. */
export class PlantInMemory {
  readonly plant: Plant
  readonly time = new VirtualTime()
  readonly devices = new Map<string, Device>()
  readonly ports = new Map<string, MemoryPort>()
  readonly journal = memoryJournal()
  readonly authority: MemoryAuthority
  readonly manager: ManagerCredential
  readonly moves = new Moves()
  /** Hears the progress of devices and of phases. */
  heard: (event: DeploymentEvent) => void = () => {}
  index: PlantIndex
  #materials: Materials | undefined

  private constructor(plant: Plant, authority: MemoryAuthority, manager: ManagerCredential) {
    this.plant = plant
    this.authority = authority
    this.manager = manager
    this.index = indexPlant(plant)
  }

  static async create(
    text: string,
    options: Readonly<Record<string, Partial<SecurityOptions>>> = {},
  ): Promise<PlantInMemory> {
    const plant = plantOf(text)
    const zones = plant.zones.filter(({ authentication }) => authentication === 'certificate').map(({ name }) => name)
    const authority = await MemoryAuthority.create([...new Set([...zones, 'operations'])], () => VirtualTime.epoch)
    const made = new PlantInMemory(plant, authority, await authority.manager('operations', plant.manager ?? 'manager'))
    for (const [place, { name, address, capability }] of plant.devices.entries()) {
      if (name === plant.manager || capability === 'none' || address === undefined) continue
      const device = await factoryDevice({ address, serial: 0x1000 + place, ...options[name] })
      made.devices.set(name, device)
      made.ports.set(name, new MemoryPort(device, made.time))
    }
    return made
  }

  /** A new process: ways to the devices that nothing has cut. */
  revive(): void {
    for (const [name, device] of this.devices) this.ports.set(name, new MemoryPort(device, this.time))
  }

  device(name: string): Device {
    const found = this.devices.get(name)
    if (found === undefined) throw new Error(`no device ${name}`)
    return found
  }

  port(name: string): MemoryPort {
    const found = this.ports.get(name)
    if (found === undefined) throw new Error(`no port of ${name}`)
    return found
  }

  async knowledge(): Promise<Knowledge> {
    const vendor = await testVendor()
    return { contact: { vendorAnchors: [vendor.certificate.der], acceptUnproven: false }, closeConnections: false }
  }

  async materials(): Promise<Materials> {
    this.#materials ??= await loadMaterials(this.authority, nodeCrypto, {
      zones: [
        ...this.plant.zones.filter(({ authentication }) => authentication === 'certificate').map(({ name }) => name),
        'operations',
      ],
      managerZone: 'operations',
      manager: this.manager,
      date: this.time.date(),
    })
    return this.#materials
  }

  targets() {
    return targetsOf(this.plant, compile(this.index).settings)
  }

  /** Surveys all devices and plans. */
  async plan(change: Partial<PlanRequest> = {}): Promise<DeploymentPlan> {
    this.#materials = undefined
    const materials = await this.materials()
    const knowledge = await this.knowledge()
    const secrets = { psk: () => Promise.resolve(undefined) }
    const observations = new Map<string, Observation>()
    for (const [name, target] of this.targets()) {
      const port = this.ports.get(name)
      if (port === undefined) continue
      const means = { port, clock: this.time, crypto: nodeCrypto, materials, manager: this.manager, secrets }
      const seen = await this.time.run(surveyDevice(target, means, knowledge, this.device(name).isConfigured()))
      if (seen !== undefined) observations.set(name, seen.value)
    }
    return planDeployment({
      index: this.index,
      targets: this.targets(),
      observations,
      former: [],
      unfinished: new Set(),
      storedKeys: new Set(),
      materials,
      crypto: nodeCrypto,
      date: this.time.date(),
      closePorts: 'now',
      ...change,
    })
  }

  /** Plans and deploys; undefined when it never ends. */
  async deploy(change: Partial<RunRequest> = {}): Promise<DeploymentReport | undefined> {
    const plan = change.plan ?? (await this.plan())
    const materials = await this.materials()
    const knowledge = await this.knowledge()
    const report = runDeployment({
      plan,
      targets: this.targets(),
      means: (name) => ({
        port: this.port(name),
        clock: this.time,
        crypto: nodeCrypto,
        materials,
        manager: this.manager,
        authority: { issueDevice: (request) => this.time.during(this.authority.issueDevice(request)) },
        secrets: { psk: () => Promise.resolve(undefined) },
        journal: this.journal,
        emit: (event) => this.heard(event),
      }),
      options: ({ device, digest }) => ({
        ...knowledge,
        plannedDigest: digest,
        configured: this.device(device).isConfigured(),
        closeDelayMs: 0,
        closePorts: 'now',
      }),
      clock: this.time,
      emit: (event) => this.heard(event),
      concurrency: 64,
      moves: this.moves,
      moveTimeoutMs: 30_000,
      ...change,
    })
    return (await this.time.run(report))?.value
  }
}

/** Codes of the messages of each device that are more than information. */
export function problems(report: DeploymentReport | undefined): Record<string, readonly string[]> {
  const found =
    report?.devices.map(
      ({ device, messages }) =>
        [device, messages.filter(({ severity }) => severity !== 'information').map(({ code }) => code)] as const,
    ) ?? []
  return Object.fromEntries(found.filter(([, codes]) => codes.length > 0))
}
