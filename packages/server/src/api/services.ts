import type { DeploymentPlan } from '@cordon/core/deployment'
import type { StoreAuthority } from '../authority/authority.ts'
import type { LiveEvents } from '../jobs/live.ts'
import type { PlantReader } from '../plants/reader.ts'
import type { Store } from '../store/store.ts'

/** A manager that works on this store, or did. */
export interface ManagerEntry {
  readonly id: string
  readonly host: string
  readonly pid: number
  /** Where it listens. */
  readonly address: string
  readonly startedAt: Date
  readonly seenAt: Date
}

/** The EST service of this process as the status page tells of it. */
export interface EstSummary {
  readonly addresses: readonly string[]
  readonly labels: readonly string[]
  readonly banners: readonly string[]
}

/** A flow of a capture with its verdict. */
export interface FlowVerdict {
  readonly from: string
  readonly to: string
  readonly protocol: string
  readonly verdict: string
  readonly reason: string
  readonly protection: string
  readonly packets: number
}

/** What a capture says about a plant. */
export interface CaptureVerdict {
  readonly packets: number
  readonly unreadable: number
  readonly flows: readonly FlowVerdict[]
  readonly disobeying: number
  readonly notes: readonly string[]
}

/** By what a caller is signed in. */
export interface SignedIn {
  readonly user: { readonly id: string; readonly name: string; readonly display: string } | undefined
  /** Id of the session, or of the token. */
  readonly session: string | undefined
  readonly token: string | undefined
}

/** An observed connection that a plan would break. */
export interface Breakage {
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly remedy: string
}

/** What handlers work with. The application puts it together once; a resource adds what it needs here. */
export interface Services {
  readonly store: Store
  readonly authority: StoreAuthority
  /** Reads plants in a thread of its own. */
  readonly reader: PlantReader
  /** Version of the product. */
  readonly version: string
  /** The managers that work on this store, or did. */
  managers(): Promise<readonly ManagerEntry[]>
  /** Events of the store as they happen. */
  readonly live: LiveEvents
  /** Whether a caller's session or token still counts: asked again and again while a stream is open. */
  isSignedIn(caller: SignedIn): Promise<boolean>
  /** Number of the newest version of a plant; undefined: there is no such plant. */
  newestVersion(plant: string): Promise<number | undefined>
  /** Observed connections that a plan would break. */
  breaksOf(plan: DeploymentPlan, version: number | undefined): Promise<readonly Breakage[]>
  /** Undefined where this process serves no EST. */
  est?(): EstSummary
  /**
   * Judges a capture by the newest version of a plant, in a process of its own: what people bring is hostile until it
   * is decoded. The stream is read to its end or destroyed.
   */
  judgeCapture(plant: string, capture: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<CaptureVerdict>
}
