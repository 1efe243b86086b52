import { decidePair, type Decision, managedBy } from './decide.ts'
import type { Authentication, ConduitAuthentication, NonSecure, Protection } from './model.ts'
import type { EndpointGroup, IndexedConduit, PlantIndex } from './plant-index.ts'

/** How data is protected on the network: as the pages of devices word it. */
export type ProtectionWord = 'Encrypted' | 'Authenticated' | 'None'

/** A zone with what it promises. */
export interface OutlineZone {
  readonly name: string
  readonly authentication: Authentication
  readonly messaging: Protection
  readonly io: Protection
  readonly nonSecure: NonSecure
  /** Plain ports that it closes, as `tcp/44818`. */
  readonly close: readonly string[]
  readonly devices: number
}

/** One direction of use of a conduit: who opens connections, and how they are protected. */
export interface ConduitUse {
  readonly from: string
  readonly to: string
  /** Undefined: no such traffic. Where pairs of devices differ, the weakest of what is allowed. */
  readonly messaging: ProtectionWord | undefined
  readonly io: ProtectionWord | undefined
  /** Pairs of devices differ in what they get. */
  readonly isMixed: boolean
  /** Why there is no traffic at all. */
  readonly reason: string | undefined
}

/** A conduit with the protection that its traffic gets. */
export interface OutlineConduit {
  readonly between: readonly [string, string]
  /** The zone that each end is or lies in; undefined for a name that does not exist. */
  readonly zones: readonly [string | undefined, string | undefined]
  readonly authentication: ConduitAuthentication
  /** What the conduit itself says; undefined: the stricter of both ends. */
  readonly messaging: Protection | undefined
  readonly io: Protection | undefined
  /** From the first end to the second, and back. */
  readonly uses: readonly [ConduitUse, ConduitUse]
}

/** A plant as a map shows it: zones, and what joins them. Plain data that survives JSON. */
export interface PlantOutline {
  readonly zones: readonly OutlineZone[]
  readonly conduits: readonly OutlineConduit[]
}

/** Whether a deployment has something to do at a device: it has an address, and the plant gives it an identity. */
export function isManaged(index: PlantIndex, device: string): boolean {
  const endpoint = index.endpoints.get(device)
  return endpoint?.device !== undefined && managedBy(index, endpoint.group) !== undefined
}

/** Most kinds of device of one end that are looked at; more would differ in nothing that a map shows. */
const maximumKinds = 32

/** Outlines a plant, in time linear in its devices and conduits. */
export function outlinePlant(index: PlantIndex): PlantOutline {
  const residents = new Map<string, number>()
  for (const { zone } of index.plant.devices) residents.set(zone, (residents.get(zone) ?? 0) + 1)
  return {
    zones: index.plant.zones.map(({ name, authentication, messaging, io, nonSecure, close }) => ({
      name,
      authentication,
      messaging,
      io,
      nonSecure,
      close: close.map(({ protocol, port }) => `${protocol}/${port}`),
      devices: residents.get(name) ?? 0,
    })),
    conduits: [...index.conduits.values()].map((conduit) => outlineConduit(index, conduit)),
  }
}

function outlineConduit(index: PlantIndex, { conduit, authentication }: IndexedConduit): OutlineConduit {
  const [one, other] = conduit.between
  const ends = [groupsOf(index, one), groupsOf(index, other)] as const
  return {
    between: conduit.between,
    zones: [zoneOf(index, one), zoneOf(index, other)],
    authentication,
    messaging: conduit.messaging,
    io: conduit.io,
    uses: [useOf(index, one, other, ends[0], ends[1]), useOf(index, other, one, ends[1], ends[0])],
  }
}

function zoneOf(index: PlantIndex, end: string): string | undefined {
  return index.zones.get(end)?.name ?? index.endpoints.get(end)?.group.zone.name ?? index.devices.get(end)?.zone
}

/** The kinds of device at an end. Devices that other conduits name are not what a zone's conduit is drawn for. */
function groupsOf(index: PlantIndex, end: string): readonly EndpointGroup[] {
  const zone = index.zones.get(end)
  if (zone === undefined) {
    const endpoint = index.endpoints.get(end)
    return endpoint === undefined ? [] : [endpoint.group]
  }
  const all = (index.groupsByZone.get(end) ?? []).filter(({ isManager }) => !isManager)
  const ordinary = all.filter(({ named }) => named === undefined)
  return (ordinary.length > 0 ? ordinary : all).slice(0, maximumKinds)
}

function useOf(
  index: PlantIndex,
  from: string,
  to: string,
  openers: readonly EndpointGroup[],
  targets: readonly EndpointGroup[],
): ConduitUse {
  const pairs = openers.flatMap((opener) =>
    targets.flatMap((target) =>
      opener === target && opener.members.length === 1 ? [] : [decidePair(index, opener, target)],
    ),
  )
  const [first] = pairs
  const messaging = summarize(pairs.map(({ tcp }) => tcp))
  const io = summarize(pairs.map(({ udp }) => udp))
  const isClosed = messaging.word === undefined && io.word === undefined
  return {
    from,
    to,
    messaging: messaging.word,
    io: io.word,
    isMixed: messaging.isMixed || io.isMixed,
    reason: isClosed ? (first?.tcp.reason ?? 'there is no device at one of its ends') : undefined,
  }
}

const words: Readonly<Record<Exclude<Protection, 'deny'>, ProtectionWord>> = {
  none: 'None',
  integrity: 'Authenticated',
  confidentiality: 'Encrypted',
}
const weakest: readonly ProtectionWord[] = ['None', 'Authenticated', 'Encrypted']

function summarize(decisions: readonly Decision[]): {
  readonly word: ProtectionWord | undefined
  readonly isMixed: boolean
} {
  const found = new Set(
    decisions.map(({ verdict, protection }) =>
      verdict === 'denied' || protection === 'deny' ? undefined : words[protection],
    ),
  )
  return { word: weakest.find((word) => found.has(word)), isMixed: found.size > 1 }
}
