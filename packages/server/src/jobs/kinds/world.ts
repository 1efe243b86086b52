import type { Capabilities, Plant, PlantIndex } from '@cordon/core/policy'
import type { RehearsalReport } from '@cordon/core/rehearsal'
import type { LiveConnection } from '@cordon/core/verification'
import type { DiscoveryReply } from '@cordon/node/originator'
import type { PlantReading } from '@cordon/node/pages'
import type { StoreAuthority } from '../../authority/authority.ts'
import type { ApplyOptions } from '../../deploy/deploy.ts'
import type { Store } from '../../store/store.ts'

/** A version of a plant, with what is known about its devices. */
export interface PlantModel {
  readonly plant: Plant
  readonly capabilities: Capabilities
  /** CA certificates of the devices' vendors, DER. */
  readonly vendorAnchors: readonly Uint8Array[]
}

/** What jobs need of the rest of the manager. */
export interface JobWorld {
  readonly store: Store
  readonly authority: StoreAuthority
  /** How long a claim on a device holds without being renewed, milliseconds; default 60 s. */
  readonly deviceLeaseMs?: number | undefined
  /** Local address from which devices are reached; default the manager's in the plant file, else the system's choice. */
  readonly localAddress?: string | undefined
  /**
   * A version of a plant; undefined: the newest.
   * @throws UsageError `missing` where there is none, `bad-value` where its file has errors
   */
  plantAt(plant: string, version: number | undefined): Promise<PlantModel>
  /** Keeps who answered a discovery. */
  recordDiscovered(found: Discovery): Promise<void>
  /** Keeps what the devices of a plant showed of their connections. */
  recordObserved(observed: ObservedTables): Promise<void>
  /** Rehearses a deployment on a virtual twin, in a process of its own; undefined where there is no simulator. */
  rehearse?(request: RehearsalRequest): Promise<RehearsalReport>
  /** Reports of connections that moved, where somebody gives them: of a virtual plant. */
  connectionMoves?(plant: string): ApplyOptions['connectionMoves']
  /** The live connections of a virtual plant, for a verification. */
  liveConnections?(plant: string): Promise<readonly LiveConnection[] | undefined>
}

/** What is rehearsed. */
export interface RehearsalRequest {
  readonly plant: string
  /** Undefined: the newest. */
  readonly version: number | undefined
  readonly onlyDevices?: readonly string[]
  readonly zones?: readonly string[]
  readonly closeConnections: boolean
  readonly signal: AbortSignal
  /** Hears how far it is, in words. */
  readonly tell: (current: string) => void
}

/** Who answered a discovery. */
export interface Discovery {
  /** The plant that it was made for, if for one. */
  readonly plant: string | undefined
  readonly replies: readonly DiscoveryReply[]
  /** Networks and addresses that were asked and may have been silent. */
  readonly asked: readonly string[]
  /** Milliseconds since 1970. */
  readonly at: number
}

/** The live tables of a plant's devices at one moment. */
export interface ObservedTables {
  readonly plant: string
  /** Of the version that they were read for. */
  readonly index: PlantIndex
  readonly reading: PlantReading
  /** Milliseconds since 1970. */
  readonly at: number
}
