import { UsageError } from '@cordon/core/errors'
import type { Plant, PlantConnection } from '@cordon/core/policy'
import {
  type ConnectionStatus as HostedConnection,
  OriginatorHost,
  type OriginatorLogEntry,
} from '@cordon/node/originator'
import type { KeyLog } from '@cordon/node/transports'
import { configuredConnection } from './connections.ts'
import type { PlantSchedule } from './plant-schedule.ts'
import type { ConnectionStatus } from './status.ts'
import type { VirtualDevice } from './virtual-device.ts'

/** What the originators of a plant share. */
export interface OriginatorsOptions {
  readonly plant: Plant
  readonly schedule: PlantSchedule
  readonly device: (name: string) => VirtualDevice | undefined
  readonly log: (device: string, entry: OriginatorLogEntry) => void
  readonly keyLog?: KeyLog | undefined
}

/** What earlier hosts of a connection counted: a module that restarts begins to count anew, the plant does not. */
interface Tally {
  readonly received: number
  readonly missed: number
  readonly opens: number
  readonly losses: number
  readonly longestGapMs: number
}

const noTally: Tally = { received: 0, missed: 0, opens: 0, losses: 0, longestGapMs: 0 }

interface Begun {
  readonly connection: PlantConnection
  tally: Tally
  /** The last data or reply that came. */
  data: Uint8Array | undefined
}

/**
 * The connections of a plant on the side that opens them. All that leave through one device share its sessions: one
 * host for each device on the network.
 */
export class Originators {
  readonly #options: OriginatorsOptions
  readonly #hosts = new Map<string, OriginatorHost>()
  readonly #begun = new Map<string, Begun>()

  constructor(options: OriginatorsOptions) {
    this.#options = options
  }

  /** Was this connection begun? */
  has(name: string): boolean {
    return this.#begun.has(name)
  }

  /** Keeps a connection alive from now on. @throws UsageError `missing` where an end is not there */
  begin(connection: PlantConnection): void {
    const begun: Begun = { connection, tally: noTally, data: undefined }
    this.#open(begun)
    this.#begun.set(connection.name, begun)
  }

  #open(begun: Begun): void {
    const { plant, device } = this.#options
    const { connection } = begun
    const through = device(connection.from)
    const originator = device(connection.originator)
    const target = plant.devices.find(({ name }) => name === connection.to)
    if (through === undefined || originator === undefined || target?.address === undefined) {
      throw new UsageError('missing', `connection ${connection.name}: its ends must be devices with an address`)
    }
    const { vendor: vendorId, serial: serialNumber } = originator.simulated.identity
    const own = { vendorId, serialNumber }
    const host = this.#hosts.get(connection.from) ?? this.#host(through, own)
    const keep = (data: Uint8Array) => {
      begun.data = data.slice()
    }
    host.add({
      ...configuredConnection(plant, connection, target.address),
      originator: own,
      ...slotOf(plant, connection),
      onData: keep,
      onReply: (reply) => {
        if (reply.status === 0) keep(reply.data)
      },
    })
  }

  #host(through: VirtualDevice, originator: { vendorId: number; serialNumber: number }): OriginatorHost {
    const { log, keyLog, schedule } = this.#options
    const host = new OriginatorHost({
      device: through.hosted,
      originator,
      schedule: schedule.forHosts,
      cable: through.cable,
      log: (entry) => log(through.name, entry),
      ...(through.host === undefined ? {} : { target: through.host }),
      ...(keyLog === undefined ? {} : { keyLog }),
    })
    this.#hosts.set(through.name, host)
    return host
  }

  /** What opens the connections that leave through a device; undefined where none was begun. */
  host(device: string): OriginatorHost | undefined {
    return this.#hosts.get(device)
  }

  /** The last data or reply that came over a connection; undefined before the first. */
  received(name: string): Uint8Array | undefined {
    return this.#begun.get(name)?.data
  }

  /** A row for each connection that was begun, in that order. */
  connections(): ConnectionStatus[] {
    const rows = this.#rows()
    return [...this.#begun.values()].map(({ connection, tally }) =>
      status(connection, rows.get(connection.name), tally),
    )
  }

  #rows(): Map<string, HostedConnection> {
    const rows = new Map<string, HostedConnection>()
    for (const host of this.#hosts.values()) for (const row of host.connections()) rows.set(row.name, row)
    return rows
  }

  /** Ends everything that leaves through these devices, as when they lose power. {@link resume} begins anew. */
  async suspend(devices: readonly string[]): Promise<void> {
    const ending = devices.flatMap((name) => {
      const host = this.#hosts.get(name)
      this.#hosts.delete(name)
      return host === undefined ? [] : [host]
    })
    for (const host of ending) {
      for (const row of host.connections()) {
        const begun = this.#begun.get(row.name)
        if (begun !== undefined) begun.tally = added(begun.tally, row)
      }
    }
    await Promise.all(ending.map((host) => host.close()))
  }

  /** Opens again what {@link suspend} ended. */
  resume(devices: readonly string[]): void {
    for (const begun of this.#begun.values()) if (devices.includes(begun.connection.from)) this.#open(begun)
  }

  /** Closes all connections in order. */
  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.close()))
  }
}

/** The slot of a controller that opens a connection through a module of its chassis. */
function slotOf(plant: Plant, { from, originator }: PlantConnection): { readonly slot?: number } {
  if (originator === from) return {}
  const place = plant.chassis.flatMap(({ slots }) => slots).find(({ device }) => device === originator)
  return place === undefined ? {} : { slot: place.slot }
}

function added(tally: Tally, row: HostedConnection): Tally {
  return {
    received: tally.received + row.packets,
    missed: tally.missed + row.missed,
    opens: tally.opens + row.opens,
    // What was open is lost with the power.
    losses: tally.losses + row.losses + (row.state === 'open' ? 1 : 0),
    longestGapMs: Math.max(tally.longestGapMs, row.longestGapMs),
  }
}

const protections = { none: 'None', authenticated: 'Authenticated', encrypted: 'Encrypted' } as const

function status(connection: PlantConnection, row: HostedConnection | undefined, tally: Tally): ConnectionStatus {
  const { name, from, to, class: transportClass } = connection
  const ends = { name, from, to, class: transportClass }
  const sizes = [connection.outputSize, connection.inputSize] as const
  if (row === undefined) {
    return {
      ...ends,
      ...nothingYet,
      ...tally,
      sizes,
      rpiMs: connection.rpiUs / 1000,
      state: 'stopped',
      serial: connection.serial,
      problem: `${from} is switched off`,
    }
  }
  const { packets: received, missed, opens, losses, lastMove } = row
  return {
    ...ends,
    sizes,
    state: row.state,
    transport: row.transport,
    suite: row.suite,
    protection: row.protection === undefined ? undefined : protections[row.protection],
    serial: row.serial,
    rpiMs: row.rpiMs,
    received: tally.received + received,
    missed: tally.missed + missed,
    opens: tally.opens + opens,
    losses: tally.losses + losses,
    lastDataAt: row.lastDataAt === undefined ? undefined : new Date(row.lastDataAt).toISOString(),
    movedAt: lastMove === undefined ? undefined : new Date(lastMove.movedAt).toISOString(),
    movedFrom: lastMove?.from,
    gapMs: lastMove?.gapMs,
    intervalMs: lastMove?.intervalMs,
    longestGapMs: Math.max(tally.longestGapMs, row.longestGapMs),
    problem: row.state === 'open' ? undefined : row.lastError,
  }
}

const nothingYet = {
  transport: undefined,
  suite: undefined,
  protection: undefined,
  lastDataAt: undefined,
  movedAt: undefined,
  movedFrom: undefined,
  gapMs: undefined,
  intervalMs: undefined,
} as const
