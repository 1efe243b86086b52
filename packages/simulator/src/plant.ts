import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '@cordon/core/errors'
import type { FaultKind, Plant, PlantConnection, Simulation } from '@cordon/core/policy'
import type { ConnectionStatus as HostedConnection } from '@cordon/node/originator'
import { OriginatorHost } from '@cordon/node/originator'
import { BroadcastResponder } from '@cordon/node/target'
import type { KeyLog } from '@cordon/node/transports'
import { configuredConnection } from './connections.ts'
import { DeviceFiles } from './device-files.ts'
import type { ConnectionStatus, DeviceStatus } from './status.ts'
import { openVendorPki, type VendorPki, vendorRootsFile } from './vendor-pki.ts'
import { VirtualDevice } from './virtual-device.ts'

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
  readonly log?: (entry: PlantLogEntry) => void
  readonly keyLog?: KeyLog
  /** Address of the broadcast responder; `null` for none. Default the loopback's, when all devices are there. */
  readonly broadcast?: string | null
}

/** Devices that are opened at the same time while a plant starts. */
const startTogether = 32

/** How often tags that count by themselves are looked at, milliseconds. */
const tagPeriodMs = 100

/** A running plant of virtual devices. */
export class VirtualPlant implements AsyncDisposable {
  readonly plant: Plant
  readonly directory: string
  readonly #options: PlantOptions
  readonly #devices = new Map<string, VirtualDevice>()
  readonly #originators = new Map<string, OriginatorHost>()
  readonly #connections = new Map<string, { readonly connection: PlantConnection; readonly host: string }>()
  #broadcast: BroadcastResponder | undefined
  #timer: NodeJS.Timeout | undefined
  #stopping: Promise<void> | undefined

  private constructor(options: PlantOptions) {
    this.plant = options.plant
    this.directory = options.directory
    this.#options = options
  }

  /** Switches every device on, then begins the connections. What cannot be started ends all that was. */
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
    const { plant, simulation, directory, sealingKey } = this.#options
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const now = Date.now()
    const vendors = await openVendorPki(directory, simulation.vendors, sealingKey, now)
    const files = await DeviceFiles.open(join(directory, 'devices'), sealingKey)
    const units = new Map(simulation.devices.map((unit) => [unit.name, unit]))
    const made = await together(
      plant.devices.filter((device) => device.name !== plant.manager),
      async (device) => {
        const simulated = units.get(device.name)
        if (simulated === undefined) {
          throw new UsageError(
            'missing',
            `device ${device.name}: the plant file has it and the simulation file does not; add it under "devices"`,
          )
        }
        return VirtualDevice.create(device, simulated, this.#surroundings(vendors, files, now))
      },
    )
    for (const device of made) this.#devices.set(device.name, device)
    const here = made.filter(
      (device) => this.#options.all === true || device.simulated.startsWhen === 'plant' || device.simulated.listens,
    )
    await together(here, (device) => device.start())
    await this.#openBroadcast()
    for (const connection of plant.connections) {
      if (connection.when !== 'after' || this.#options.all === true) this.#open(connection)
    }
    this.#timer = setInterval(() => this.#tick(), tagPeriodMs)
  }

  #surroundings(vendors: VendorPki, files: DeviceFiles, now: number): Parameters<typeof VirtualDevice.create>[2] {
    return {
      plant: this.plant,
      files,
      vendors,
      now,
      keyLog: this.#options.keyLog,
      log: (device, entry) =>
        this.#log({
          severity: entry.severity,
          device,
          message: `${entry.event}${entry.peer === undefined ? '' : ` ${entry.peer}`}: ${entry.message}`,
        }),
      neighbour: (device, slot) => this.#neighbour(device, slot),
    }
  }

  #neighbour(device: string, slot: number): VirtualDevice | undefined {
    const chassis = this.plant.chassis.find(({ slots }) => slots.some((place) => place.device === device))
    const name = chassis?.slots.find((place) => place.slot === slot)?.device
    return name === undefined ? undefined : this.#devices.get(name)
  }

  async #openBroadcast(): Promise<void> {
    const listening = [...this.#devices.values()].flatMap((device) => (device.host === undefined ? [] : [device.host]))
    const { broadcast } = this.#options
    if (broadcast === null || listening.length === 0) return
    this.#broadcast = await BroadcastResponder.open(broadcast === undefined ? {} : { address: broadcast })
    for (const host of listening) this.#broadcast.add(host)
  }

  /** Connections of one originator through one device share their sessions: one host for each such pair. */
  #open(connection: PlantConnection): void {
    const through = this.#devices.get(connection.from)
    const originator = this.#devices.get(connection.originator)
    const target = this.plant.devices.find((device) => device.name === connection.to)
    if (through === undefined || originator === undefined || target?.address === undefined) {
      throw new UsageError('missing', `connection ${connection.name}: its ends must be devices with an address`)
    }
    const key = `${connection.from} ${connection.originator}`
    let host = this.#originators.get(key)
    if (host === undefined) {
      const { identity } = originator.simulated
      host = new OriginatorHost({
        device: through.hosted,
        originator: { vendorId: identity.vendor, serialNumber: identity.serial },
        log: (entry) =>
          this.#log({
            severity: entry.severity,
            device: connection.from,
            message: `${entry.connection} to ${entry.peer}: ${entry.message}`,
          }),
        ...(through.host === undefined ? {} : { target: through.host }),
        ...(this.#options.keyLog === undefined ? {} : { keyLog: this.#options.keyLog }),
      })
      this.#originators.set(key, host)
    }
    host.add(configuredConnection(this.plant, connection, target.address))
    this.#connections.set(connection.name, { connection, host: key })
  }

  /** Starts what the plant file says begins after a deployment; returns the names of its connections. */
  async startLater(): Promise<string[]> {
    const later = [...this.#devices.values()].filter(
      (device) => device.simulated.startsWhen !== 'plant' && device.host === undefined,
    )
    await together(later, (device) => device.start())
    for (const device of later) if (device.host !== undefined) this.#broadcast?.add(device.host)
    const started: string[] = []
    for (const connection of this.plant.connections) {
      if (connection.when !== 'after' || this.#connections.has(connection.name)) continue
      this.#open(connection)
      started.push(connection.name)
    }
    return started
  }

  /** Makes a device misbehave; null makes it well again. @throws UsageError `missing` for an unknown device */
  async fault(name: string, fault: FaultKind | null): Promise<void> {
    const device = this.#devices.get(name)
    if (device === undefined) {
      throw new UsageError('missing', `no device "${name}"; this plant has ${[...this.#devices.keys()].join(', ')}`)
    }
    if (fault === null) return device.heal()
    this.#log({ severity: 'notice', device: name, message: `fault: ${fault.kind}` })
    if (fault.kind !== 'power-cycle') return device.fail(fault)
    await device.stop()
    await sleep(fault.downMs)
    await device.reload()
    await device.start()
  }

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
    const rows = new Map<string, HostedConnection>()
    for (const host of this.#originators.values()) for (const row of host.connections()) rows.set(row.name, row)
    return [...this.#connections.values()].flatMap(({ connection }) => {
      const row = rows.get(connection.name)
      return row === undefined ? [] : [connectionStatus(connection, row)]
    })
  }

  /** PEM file with the makers' roots, for `--trust-vendor`. */
  get vendorRoots(): string {
    return vendorRootsFile(this.directory)
  }

  #tick(): void {
    const now = performance.now()
    for (const device of this.#devices.values()) device.tick(now)
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
    clearInterval(this.#timer)
    await Promise.all([...this.#originators.values()].map((host) => host.close()))
    await this.#broadcast?.close()
    await together([...this.#devices.values()], (device) => device.stop())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

const protections = { none: 'None', authenticated: 'Authenticated', encrypted: 'Encrypted' } as const

function connectionStatus(connection: PlantConnection, row: HostedConnection): ConnectionStatus {
  return {
    name: connection.name,
    from: connection.from,
    to: connection.to,
    class: connection.class,
    state: row.state,
    transport: row.transport,
    suite: row.suite,
    protection: row.protection === undefined ? undefined : protections[row.protection],
    serial: row.serial,
    sizes: [row.outputSize, row.inputSize],
    rpiMs: row.rpiMs,
    received: row.packets,
    missed: row.missed,
    opens: row.opens,
    losses: row.losses,
    movedAt: row.lastMove === undefined ? undefined : new Date(row.lastMove.movedAt).toISOString(),
    movedFrom: row.lastMove?.from,
    gapMs: row.lastMove?.gapMs,
    intervalMs: row.lastMove?.intervalMs,
    longestGapMs: row.longestGapMs,
    problem: row.state === 'open' ? undefined : row.lastError,
  }
}

/** Does the same for many, some at a time. */
async function together<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length)
  let next = 0
  const workers = Array.from({ length: Math.min(startTogether, items.length) }, async () => {
    while (next < items.length) {
      const i = next++
      const item = items[i]
      if (item !== undefined) results[i] = await work(item)
    }
  })
  await Promise.all(workers)
  return results
}
