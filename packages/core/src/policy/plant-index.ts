import { defaultSuiteOrder } from '../security/cipher-suites.ts'
import type { Network } from './address.ts'
import { formatNetwork, parseNetwork } from './address.ts'
import type { Capabilities, DeviceCapabilities } from './capabilities.ts'
import type {
  Authentication,
  Chassis,
  Conduit,
  ConduitAuthentication,
  Device,
  DeviceRole,
  Plant,
  PortReference,
  Protection,
  Zone,
} from './model.ts'

/** What a device can do, with assumptions in place of what is not known. */
export interface ResolvedCapabilities {
  readonly capable: boolean
  readonly suites: readonly number[]
  readonly originatorSuites: readonly number[]
  /** Class revision of 0x5E. */
  readonly revision: number
  readonly ingressEgress: boolean
  readonly trustedIdentities: boolean
}

/** One end of traffic: a device with an address, or a range of addresses. */
export interface Endpoint {
  readonly name: string
  /** Undefined for a range. */
  readonly device: Device | undefined
  readonly network: Network
  /** Dotted address, or CIDR for a range. */
  readonly address: string
  readonly group: EndpointGroup
}

/**
 * Endpoints for which every decision is the same: same zone, same settings, same capabilities, no conduit of their own.
 * An endpoint that a conduit names is a group of one. Policy is decided between groups, so that a plant of ten thousand
 * like devices costs hardly more than one of a hundred.
 */
export interface EndpointGroup {
  readonly id: number
  /** Equal for equal groups of two versions of a plant. */
  readonly key: string
  readonly zone: Zone
  /** The endpoint that conduits name, for a group of one. */
  readonly named: string | undefined
  readonly isManager: boolean
  readonly role: DeviceRole
  /** Stricter of zone and device. */
  readonly messaging: Protection
  /** Stricter of zone and device. */
  readonly io: Protection
  /** Plain ports that the zone and the device close. */
  readonly close: readonly PortReference[]
  readonly capabilities: ResolvedCapabilities
  readonly members: Endpoint[]
}

/** A conduit with its place in the plant file. */
export interface IndexedConduit {
  readonly index: number
  readonly conduit: Conduit
  /** The stated way to prove identity, or the stricter of both zones. */
  readonly authentication: ConduitAuthentication
}

/** A plant made ready for questions. It never throws: what is wrong is left out here and reported by `validate`. */
export interface PlantIndex {
  readonly plant: Plant
  readonly capabilities: Capabilities
  readonly zones: ReadonlyMap<string, Zone>
  readonly devices: ReadonlyMap<string, Device>
  /** By name of device or range; devices without an address are not among them. */
  readonly endpoints: ReadonlyMap<string, Endpoint>
  readonly groups: readonly EndpointGroup[]
  readonly groupsByZone: ReadonlyMap<string, readonly EndpointGroup[]>
  /** Conduits by `pairKey` of their ends as written. */
  readonly conduits: ReadonlyMap<string, IndexedConduit>
  /** Conduits by each end. */
  readonly conduitsByEnd: ReadonlyMap<string, readonly IndexedConduit[]>
  /** The chassis that a device sits in, first mention. */
  readonly chassisOf: ReadonlyMap<string, Chassis>
  readonly manager: Endpoint | undefined
}

/** What is taken for granted about a device that has not been asked yet: a current one. Deployment asks before it acts. */
export const assumedCapabilities: ResolvedCapabilities = {
  capable: true,
  suites: defaultSuiteOrder.filter((id) => id !== 0xd001), // no TLS library has this one
  originatorSuites: defaultSuiteOrder.filter((id) => id !== 0xd001),
  revision: 9,
  ingressEgress: true,
  trustedIdentities: true,
}

const strictness: Readonly<Record<Protection, number>> = { none: 0, integrity: 1, confidentiality: 2, deny: 3 }

/** Order of strictness: negative when `a` is looser than `b`. */
export function compareProtection(a: Protection, b: Protection): number {
  return strictness[a] - strictness[b]
}

/** The strictest of the given protections; absent ones do not count. */
export function strictestProtection(...all: readonly (Protection | undefined)[]): Protection {
  return all.reduce<Protection>(
    (strictest, one) => (one !== undefined && strictness[one] > strictness[strictest] ? one : strictest),
    'none',
  )
}

const trust: Readonly<Record<Authentication | ConduitAuthentication, number>> = {
  none: 0,
  'trusted-ip': 0,
  psk: 1,
  certificate: 2,
}

/** Order of strictness: negative when `a` proves less than `b`. */
export function compareAuthentication(
  a: Authentication | ConduitAuthentication,
  b: Authentication | ConduitAuthentication,
): number {
  return trust[a] - trust[b]
}

/** One key for both orders of two names. */
export function pairKey(a: string, b: string): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`
}

/** Makes a plant ready for questions, in time linear in its size. */
export function indexPlant(plant: Plant, capabilities: Capabilities = new Map()): PlantIndex {
  const zones = new Map(plant.zones.map((zone) => [zone.name, zone]))
  const devices = new Map(plant.devices.map((device) => [device.name, device]))
  const zoneOfEnd = new Map<string, Zone>()
  for (const zone of plant.zones) zoneOfEnd.set(zone.name, zone)
  const named = new Set(plant.conduits.flatMap((conduit) => conduit.between))
  for (const parts of [plant.devices, plant.ranges]) {
    for (const part of parts) {
      const zone = named.has(part.name) ? zones.get(part.zone) : undefined
      if (zone !== undefined && !zoneOfEnd.has(part.name)) zoneOfEnd.set(part.name, zone)
    }
  }
  const { conduits, conduitsByEnd } = indexConduits(plant, zoneOfEnd)
  const builder = new GroupBuilder(plant, capabilities, zones, conduitsByEnd)
  for (const device of plant.devices)
    if (device.address !== undefined) builder.add(device.name, device.zone, device.address, device)
  for (const range of plant.ranges) builder.add(range.name, range.zone, range.addresses, undefined)
  const chassisOf = new Map<string, Chassis>()
  for (const chassis of plant.chassis) {
    for (const { device } of chassis.slots) if (!chassisOf.has(device)) chassisOf.set(device, chassis)
  }
  const { endpoints, groups, groupsByZone } = builder
  const manager = plant.manager === undefined ? undefined : endpoints.get(plant.manager)
  return {
    plant,
    capabilities,
    zones,
    devices,
    endpoints,
    groups,
    groupsByZone,
    conduits,
    conduitsByEnd,
    chassisOf,
    manager,
  }
}

function indexConduits(
  plant: Plant,
  zoneOfEnd: ReadonlyMap<string, Zone>,
): { readonly conduits: Map<string, IndexedConduit>; readonly conduitsByEnd: Map<string, IndexedConduit[]> } {
  const conduits = new Map<string, IndexedConduit>()
  const conduitsByEnd = new Map<string, IndexedConduit[]>()
  for (const [index, conduit] of plant.conduits.entries()) {
    const [a, b] = conduit.between
    const [zoneA, zoneB] = [zoneOfEnd.get(a), zoneOfEnd.get(b)]
    const key = pairKey(a, b)
    if (zoneA === undefined || zoneB === undefined || conduits.has(key)) continue
    const indexed = { index, conduit, authentication: conduit.authentication ?? derivedAuthentication(zoneA, zoneB) }
    conduits.set(key, indexed)
    for (const end of new Set([a, b])) {
      const list = conduitsByEnd.get(end)
      if (list === undefined) conduitsByEnd.set(end, [indexed])
      else list.push(indexed)
    }
  }
  return { conduits, conduitsByEnd }
}

function derivedAuthentication(a: Zone, b: Zone): ConduitAuthentication {
  const stricter = compareAuthentication(a.authentication, b.authentication) >= 0 ? a.authentication : b.authentication
  return stricter === 'none' ? 'trusted-ip' : stricter
}

class GroupBuilder {
  readonly endpoints = new Map<string, Endpoint>()
  readonly groups: EndpointGroup[] = []
  readonly groupsByZone = new Map<string, EndpointGroup[]>()
  readonly #byKey = new Map<string, EndpointGroup>()
  readonly #ordinary = new Map<Zone, Map<Resolved, EndpointGroup>>()
  readonly #taken = new Set<string>()
  readonly #resolved = new Map<string, Resolved>()
  readonly #plant: Plant
  readonly #capabilities: Capabilities
  readonly #zones: ReadonlyMap<string, Zone>
  readonly #conduitsByEnd: ReadonlyMap<string, readonly IndexedConduit[]>

  constructor(
    plant: Plant,
    capabilities: Capabilities,
    zones: ReadonlyMap<string, Zone>,
    conduitsByEnd: ReadonlyMap<string, readonly IndexedConduit[]>,
  ) {
    this.#plant = plant
    this.#capabilities = capabilities
    this.#zones = zones
    this.#conduitsByEnd = conduitsByEnd
  }

  add(name: string, zoneName: string, addresses: string, device: Device | undefined): void {
    const zone = this.#zones.get(zoneName)
    const network = parseNetwork(addresses)
    if (zone === undefined || network === undefined || this.endpoints.has(name) || this.#zones.has(name)) return
    const address = device === undefined ? formatNetwork(network) : addresses // one address has one spelling
    if (this.#taken.has(address)) return
    this.#taken.add(address)
    const group = this.#groupOf(name, zone, device)
    const endpoint = { name, device, network, address, group }
    group.members.push(endpoint)
    this.endpoints.set(name, endpoint)
  }

  /** Most devices say nothing of their own: their zone and capabilities name their group without a key being spelled. */
  #groupOf(name: string, zone: Zone, device: Device | undefined): EndpointGroup {
    const isManager = device !== undefined && this.#plant.manager === name
    const capable = device !== undefined && device.capability !== 'none'
    const resolved = this.#resolve(capable, device === undefined ? undefined : this.#capabilities.get(name))
    const role = device?.role ?? 'both'
    const named = this.#conduitsByEnd.has(name) ? name : undefined
    const own = device?.close ?? []
    const settings = device?.messaging ?? device?.io
    const isOrdinary =
      !isManager && role === 'both' && named === undefined && own.length === 0 && settings === undefined
    if (!isOrdinary) return this.#spelledGroup({ zone, resolved, role, named, isManager, own, device })
    let ordinary = this.#ordinary.get(zone)
    if (ordinary === undefined) {
      ordinary = new Map()
      this.#ordinary.set(zone, ordinary)
    }
    const known = ordinary.get(resolved)
    if (known !== undefined) return known
    const group = this.#spelledGroup({ zone, resolved, role, named, isManager, own, device })
    ordinary.set(resolved, group)
    return group
  }

  #spelledGroup(parts: GroupParts): EndpointGroup {
    const { zone, resolved, role, named, isManager, own, device } = parts
    const messaging = strictestProtection(zone.messaging, device?.messaging)
    const io = strictestProtection(zone.io, device?.io)
    const closes = own.map(({ protocol, port }) => `${protocol}/${port}`).join()
    const key = `${zone.name} ${named ?? ''} ${isManager ? 'manager ' : ''}${role} ${messaging} ${io} ${closes} ${resolved.key}`
    const existing = this.#byKey.get(key)
    if (existing !== undefined) return existing
    const { capabilities } = resolved
    const close = zone.stage === undefined ? [...zone.close, ...own] : [] // ports close when a zone is enforced
    const id = this.groups.length
    const group = { id, key, zone, named, isManager, role, messaging, io, close, capabilities, members: [] }
    this.groups.push(group)
    this.#byKey.set(key, group)
    const list = this.groupsByZone.get(zone.name)
    if (list === undefined) this.groupsByZone.set(zone.name, [group])
    else list.push(group)
    return group
  }

  #resolve(mayBeCapable: boolean, known: DeviceCapabilities | undefined): Resolved {
    const capable = mayBeCapable && known?.capable !== false
    if (!capable) return resolvedIncapable
    const before = known === undefined ? undefined : resolvedOf.get(known)
    if (before !== undefined) return before
    const suites = known?.suites ?? assumedCapabilities.suites
    const originatorSuites = known?.originatorSuites ?? known?.suites ?? assumedCapabilities.originatorSuites
    const revision = known?.objectRevisions?.ethernetIpSecurity ?? assumedCapabilities.revision
    const ingressEgress = known?.ingressEgress ?? assumedCapabilities.ingressEgress
    const trustedIdentities = known?.trustedIdentities ?? assumedCapabilities.trustedIdentities
    const key = `${suites.join()}/${originatorSuites.join()}/${revision}/${ingressEgress}/${trustedIdentities}`
    const shared = this.#resolved.get(key)
    const resolved = shared ?? {
      key,
      capabilities: { capable, suites, originatorSuites, revision, ingressEgress, trustedIdentities },
    }
    if (shared === undefined) this.#resolved.set(key, resolved)
    if (known !== undefined) resolvedOf.set(known, resolved)
    return resolved
  }
}

/** What makes a group. */
interface GroupParts {
  readonly zone: Zone
  readonly resolved: Resolved
  readonly role: DeviceRole
  readonly named: string | undefined
  readonly isManager: boolean
  readonly own: readonly PortReference[]
  readonly device: Device | undefined
}

/** Capabilities with a key that is equal for equal ones. */
interface Resolved {
  readonly key: string
  readonly capabilities: ResolvedCapabilities
}

/** What was resolved before: one plant is indexed again and again while the capabilities of its devices stay. */
const resolvedOf = new WeakMap<DeviceCapabilities, Resolved>()

const resolvedIncapable: Resolved = {
  key: 'none',
  capabilities: {
    capable: false,
    suites: [],
    originatorSuites: [],
    revision: 0,
    ingressEgress: false,
    trustedIdentities: false,
  },
}
