import { UsageError } from '../errors.ts'
import type { Protection } from '../policy/model.ts'
import { baseName, isName, NameList, suffixes, unnamed } from './names.ts'
import {
  compareAddresses,
  compareText,
  mergeObservations,
  type Observation,
  type Observed,
  type ObservedConnection,
  type ObservedEnd,
  realSlot,
  transportOf,
  unusableAddress,
} from './observation.ts'

/** What is known of the unit at an address, besides its traffic. */
export interface LearnedDevice {
  readonly address: string
  /** What it calls itself; empty or absent where nobody named it. */
  readonly name?: string | undefined
  readonly productName?: string | undefined
  readonly vendorId?: number | undefined
  readonly serialNumber?: number | undefined
  /** It speaks CIP Security. Undefined: it was not asked, or did not say. */
  readonly capable: boolean | undefined
  /** Its slot on the backplane, where it says. */
  readonly slot?: number | undefined
  /** From where that is known: `ListIdentity`, `identity page`. */
  readonly source: string
}

/** What a plant file is proposed from. */
export interface LearningInput {
  /** Name of the plant: a name as plant files take them. */
  readonly plant: string
  readonly observations: readonly Observation[]
  readonly devices: readonly LearnedDevice[]
  /** Address of the computer that Cordon runs on, where it is known. */
  readonly manager?: string | undefined
  /** What could not be read, each in a sentence. */
  readonly unread?: readonly string[] | undefined
  /** Devices of which nobody knows whether they speak CIP Security are taken for such that do. */
  readonly assumeCapable?: boolean | undefined
}

/** A zone of the proposal, with the reason for it. */
export interface ProposedZone {
  readonly name: string
  readonly kind: 'cell' | 'network' | 'plain' | 'operations'
  readonly reason: string
  /** Plain traffic was seen with one of its devices that stays plain. */
  readonly plain: boolean
}

/** A device of the proposal: one with an address, or a unit behind one. */
export interface ProposedDevice {
  readonly name: string
  readonly address: string | undefined
  readonly zone: string
  readonly capable: boolean
  /** It is the computer that Cordon runs on. */
  readonly isManager: boolean
  /** What it is, for the reader. */
  readonly description: string
  readonly expect: { readonly vendor: number; readonly serial: number } | undefined
  readonly questions: readonly string[]
}

/** A chassis of the proposal. */
export interface ProposedChassis {
  readonly name: string
  readonly slots: readonly { readonly slot: number; readonly device: string }[]
  readonly questions: readonly string[]
}

/** A conduit of the proposal. */
export interface ProposedConduit {
  readonly between: readonly [string, string]
  readonly authentication: 'certificate' | 'trusted-ip'
  readonly io: Protection | undefined
  readonly opens: string | undefined
  readonly reason: string
}

/** A connection of the proposal. */
export interface ProposedConnection {
  readonly from: string
  readonly originator: string
  readonly to: string
  readonly target: string
  readonly seen: ObservedConnection
}

/** A proposal before it is written. */
export interface Proposal {
  readonly plant: string
  readonly zones: readonly ProposedZone[]
  readonly chassis: readonly ProposedChassis[]
  readonly devices: readonly ProposedDevice[]
  readonly conduits: readonly ProposedConduit[]
  readonly connections: readonly ProposedConnection[]
  /** Name of the manager; undefined where nothing can be secured. */
  readonly manager: { readonly name: string; readonly address: string; readonly isKnown: boolean } | undefined
  /** What could not be known about the plant as a whole. */
  readonly questions: readonly string[]
}

/** Networks for documentation (RFC 5737): an address of them stands for the manager's until a person knows that. */
const placeholderNetworks = ['192.0.2', '198.51.100', '203.0.113'] as const

/** Most devices without a usable address that are told of. */
const mostStrangers = 50

/**
 * Proposes zones, devices, conduits and connections from what was seen. Deterministic: the same observations in any
 * order give the same proposal.
 */
export function propose(input: LearningInput): Proposal {
  const observed = mergeObservations(input.observations)
  const connections = withoutManager(observed, input.manager)
  const units = unitsOf(input, connections)
  const zones = zonesOf(units, connections)
  const names = new NameList()
  const named = nameUnits(units, names, input.manager)
  const behind = nameBehind(units, connections, named, names)
  const zoneNames = nameZones(zones, units, names)
  const isCapable = (address: string): boolean => units.get(address)?.capable === true
  const zoneOf = (address: string): string => zoneNames.get(zones.get(address) ?? '')?.name ?? plainZone
  const conduits = conduitsOf(connections, { isCapable, zoneOf, nameOf: (address) => named.get(address) ?? address })
  const manager = managerOf(input, units, connections, names)
  const strangers = new Set(input.devices.flatMap(({ address }) => unusableAddress(address) ?? []))
  const zoneList = zoneListOf(zoneNames, conduits, named, zoneOf, manager !== undefined)
  return {
    plant: input.plant,
    zones: zoneList,
    chassis: behind.chassis,
    devices: devicesOf(units, { named, behind, zoneOf, manager }),
    conduits,
    connections: connections.map((seen) => ({
      from: named.get(seen.originator.address) ?? '',
      originator: behind.nameOf(seen.originator),
      to: named.get(seen.target.address) ?? '',
      target: behind.nameOf(seen.target),
      seen,
    })),
    manager,
    questions: [
      ...observed.leftOut,
      ...[...strangers].sort(compareText).slice(0, mostStrangers),
      ...(input.unread ?? []),
    ],
  }
}

/** Cordon's own sessions are no traffic of the plant: its way in is implied. What it opens as a connection counts. */
function withoutManager({ connections }: Observed, manager: string | undefined): readonly ObservedConnection[] {
  return connections.filter((seen) => seen.class !== undefined || seen.originator.address !== manager)
}

/** Everything that is known of one address. */
interface Unit extends LearnedDevice {
  /** The one address of a chassis that its zone goes by. */
  readonly chassis: string
  /** Nobody knows whether it speaks CIP Security. */
  readonly isAssumed: boolean
}

function unitsOf(input: LearningInput, connections: readonly ObservedConnection[]): ReadonlyMap<string, Unit> {
  const known = new Map<string, LearnedDevice>()
  const devices = input.devices
    .filter(({ address }) => unusableAddress(address) === undefined)
    .sort((a, b) => compareAddresses(a.address, b.address) || compareText(JSON.stringify(a), JSON.stringify(b)))
    .map((device) => ({ ...device, slot: realSlot(device.slot) }))
  for (const device of devices) known.set(device.address, joinDevices(known.get(device.address), device))
  // The manager is asked by nobody and gets its place by itself, unless it takes part in the plant's traffic.
  const addresses = new Set(connections.flatMap(({ originator, target }) => [originator.address, target.address]))
  for (const address of known.keys()) if (address !== input.manager) addresses.add(address)
  const heads = chassisHeads(
    [...known.values()].filter(({ address }) => addresses.has(address)),
    connections,
  )
  // Whoever was seen in a TLS or DTLS session can speak CIP Security.
  const secured = new Set(
    connections.flatMap(({ over, originator, target }) =>
      over === 'plain' ? [] : [originator.address, target.address],
    ),
  )
  const units = new Map<string, Unit>()
  for (const address of [...addresses].sort(compareAddresses)) {
    const device = known.get(address) ?? { address, capable: undefined, source: '' }
    const capable = device.capable ?? (secured.has(address) ? true : undefined)
    const isAssumed = capable === undefined && input.assumeCapable === true
    units.set(address, {
      ...device,
      capable: isAssumed ? true : capable,
      isAssumed,
      chassis: heads.get(address) ?? address,
    })
  }
  return units
}

function joinDevices(one: LearnedDevice | undefined, other: LearnedDevice): LearnedDevice {
  if (one === undefined) return other
  return {
    address: one.address,
    name: one.name === undefined || one.name === '' ? other.name : one.name,
    productName: one.productName ?? other.productName,
    vendorId: one.vendorId ?? other.vendorId,
    serialNumber: one.serialNumber ?? other.serialNumber,
    capable: one.capable ?? other.capable,
    slot: one.slot ?? other.slot,
    source: one.source === other.source ? one.source : `${one.source}, ${other.source}`,
  }
}

/**
 * The chassis of each address, by the lowest address in it. Units with an address of their own also sit behind another
 * address where a witness calls its slot by the name that the unit at the other address calls itself, and the slot is the
 * one that it says. What is seen so belongs together however many modules see each other. Two units that both say that
 * they sit in one slot share no chassis: one of them is mistaken.
 */
function chassisHeads(
  known: readonly LearnedDevice[],
  connections: readonly ObservedConnection[],
): ReadonlyMap<string, string> {
  const places = new Map<string, LearnedDevice[]>()
  for (const unit of known) {
    const place = `${unit.slot} ${unit.name}`
    places.set(place, [...(places.get(place) ?? []), unit])
  }
  const links = new Map<string, readonly [string, string]>()
  for (const { address, slot, name } of connections.flatMap(({ originator, target }) => [originator, target])) {
    if (slot === undefined || name === undefined || name === '') continue
    const [only, another] = places.get(`${slot} ${name}`) ?? []
    if (only === undefined || another !== undefined || only.address === address) continue
    const link = [address, only.address].sort(compareAddresses)
    const [low = '', high = ''] = link
    links.set(link.join(' '), [low, high])
  }
  const slotOf = new Map(known.map(({ address, slot }) => [address, slot]))
  const members = new Map<string, readonly string[]>()
  for (const [, [low, high]] of [...links].sort(([a], [b]) => compareText(a, b))) {
    const [one, other] = [members.get(low) ?? [low], members.get(high) ?? [high]]
    if (one === other) continue
    const all = [...one, ...other].sort(compareAddresses)
    const taken = all.flatMap((address) => slotOf.get(address) ?? [])
    if (new Set(taken).size !== taken.length || all.length > highestSlot + 1) continue
    for (const address of all) members.set(address, all)
  }
  return new Map([...members].map(([address, [head = address]]) => [address, head]))
}

const plainKey = 'plain'

/**
 * The zone of each address, by a key. What is not known to speak CIP Security shares one zone. Each unit that originates
 * class 0/1 connections is the head of a cell, with its chassis and with the devices that it alone opens such connections
 * to; the others share a zone by their /24 network.
 * Deviation: this division is ours; a person who knows the plant divides it better.
 */
function zonesOf(
  units: ReadonlyMap<string, Unit>,
  connections: readonly ObservedConnection[],
): ReadonlyMap<string, string> {
  const chassisOf = (address: string): string => units.get(address)?.chassis ?? address
  const heads = new Set<string>()
  const servants = new Map<string, Set<string>>()
  for (const { originator, target, ...seen } of connections) {
    const [from, to] = [chassisOf(originator.address), chassisOf(target.address)]
    for (const [end, key] of [
      [originator, from],
      [target, to],
    ] as const)
      if (end.slot !== undefined) heads.add(key)
    if (transportOf(seen) !== 'udp') continue
    heads.add(from)
    servants.set(to, (servants.get(to) ?? new Set()).add(from))
  }
  const zones = new Map<string, string>()
  for (const [address, { capable, chassis }] of units) {
    const [master, another] = servants.get(chassis) ?? []
    if (capable !== true) zones.set(address, plainKey)
    else if (heads.has(chassis)) zones.set(address, `cell ${chassis}`)
    else if (master !== undefined && another === undefined && units.get(master)?.capable === true)
      zones.set(address, `cell ${master}`)
    else zones.set(address, `network ${address.split('.').slice(0, 3).join('.')}`)
  }
  return zones
}

const plainZone = 'plain'
const operationsZone = 'operations'

/** Names of the units by address: their own, else their product's, with octets of the address where several are alike. */
function nameUnits(
  units: ReadonlyMap<string, Unit>,
  names: NameList,
  manager: string | undefined,
): ReadonlyMap<string, string> {
  for (const reserved of [plainZone, operationsZone]) names.take(reserved)
  const own = new Map<string, string[]>()
  const bases = new Map<string, string[]>()
  for (const [address, { name, productName }] of units) {
    if (name !== undefined && isName(name)) own.set(name, [...(own.get(name) ?? []), address])
    else {
      const base = address === manager ? managerName : baseName(productName)
      bases.set(base, [...(bases.get(base) ?? []), address])
    }
  }
  const named = new Map<string, string>()
  for (const list of [own, bases]) {
    for (const [base, addresses] of list) {
      const ends = suffixes(addresses)
      for (const address of addresses) {
        const full = `${base.slice(0, 44)}_${address.replaceAll('.', '_')}`
        // A name that says nothing gets a part of the address in any case.
        const end = base === unnamed && addresses.length === 1 ? `_${address.split('.')[3]}` : (ends.get(address) ?? '')
        named.set(address, names.take(`${base.slice(0, 46)}${end}`.slice(0, 63), full))
      }
    }
  }
  return named
}

interface Behind {
  readonly chassis: readonly ProposedChassis[]
  /** Units without an address of their own, by name, with the address they sit behind. */
  readonly units: ReadonlyMap<string, { readonly front: string; readonly slot: number }>
  nameOf(end: ObservedEnd): string
}

/** Units behind an address: those with an address of their own keep its name, the others get one by their slot. */
function nameBehind(
  units: ReadonlyMap<string, Unit>,
  connections: readonly ObservedConnection[],
  named: ReadonlyMap<string, string>,
  names: NameList,
): Behind {
  const slots = new Map<string, Map<number, string>>()
  const inside = new Map<string, { front: string; slot: number }>()
  const ends = connections
    .flatMap(({ originator, target }) => [originator, target])
    .sort(
      (a, b) =>
        compareAddresses(a.address, b.address) ||
        (a.slot ?? -1) - (b.slot ?? -1) ||
        compareText(a.name ?? '\uffff', b.name ?? '\uffff'),
    )
  // Modules with an address of their own sit where they say, before anything is put behind them.
  const unplaced = new Map<string, string[]>()
  for (const unit of units.values()) {
    if (unit.slot === undefined) {
      unplaced.set(unit.chassis, [...(unplaced.get(unit.chassis) ?? []), named.get(unit.address) ?? unit.address])
      continue
    }
    const own = slots.get(unit.chassis) ?? new Map<number, string>()
    slots.set(unit.chassis, own.set(unit.slot, named.get(unit.address) ?? unit.address))
  }
  for (const { address, slot, name } of ends) {
    if (slot === undefined) continue
    const front = units.get(address)?.chassis ?? address
    const own = slots.get(front) ?? new Map<number, string>()
    slots.set(front, own)
    if (own.has(slot) || own.size + (unplaced.get(front)?.length ?? 0) > highestSlot) continue
    const wish = `${(named.get(front) ?? front).slice(0, 54)}_slot${slot}`
    const found = name !== undefined && isName(name) && !names.has(name) ? names.take(name, wish) : names.take(wish)
    own.set(slot, found)
    inside.set(found, { front, slot })
  }
  const chassis: ProposedChassis[] = []
  const chassisNames = new NameList()
  for (const [front, own] of [...slots].sort(([a], [b]) => compareAddresses(a, b))) {
    const guessed = unplaced.get(front) ?? []
    if (own.size + guessed.length < 2) continue
    const seats = [...own].map(([slot, device]) => ({ slot, device }))
    const taken = new Set(own.keys())
    const questions = guessed.map((device) => {
      const place = freeSlot(taken)
      taken.add(place)
      seats.push({ slot: place, device })
      return `in which slot ${device} sits; ${place} is assumed`
    })
    chassis.push({
      name: chassisNames.take(`${(named.get(front) ?? front).slice(0, 55)}_rack`),
      slots: seats.sort((a, b) => a.slot - b.slot),
      questions,
    })
  }
  return {
    chassis,
    units: inside,
    nameOf: ({ address, slot }) => {
      const front = units.get(address)?.chassis ?? address
      const found = slot === undefined ? undefined : slots.get(front)?.get(slot)
      return found ?? named.get(address) ?? address
    },
  }
}

/** Highest number of a slot that a plant file takes. */
const highestSlot = 255

/** A slot for a module that does not say its own: 0 is mostly that of a controller, and comes last. */
function freeSlot(taken: ReadonlySet<number>): number {
  let place = 1
  while (place <= highestSlot && taken.has(place)) place++
  return place > highestSlot ? 0 : place
}

interface NamedZone {
  readonly name: string
  readonly kind: ProposedZone['kind']
  readonly reason: string
}

function nameZones(
  zones: ReadonlyMap<string, string>,
  units: ReadonlyMap<string, Unit>,
  names: NameList,
): ReadonlyMap<string, NamedZone> {
  const keys = [...new Set(zones.values())]
  const addressOf = (key: string): string => key.split(' ')[1] ?? ''
  const cells = keys
    .filter((key) => key.startsWith('cell '))
    .sort((a, b) => compareAddresses(addressOf(a), addressOf(b)))
  const networks = keys.filter((key) => key.startsWith('network ')).sort(compareText)
  const ends = suffixes(cells.map(addressOf))
  const named = new Map<string, NamedZone>()
  for (const key of cells) {
    const head = addressOf(key)
    const product = units.get(head)?.productName
    const what = product === undefined || product === '' ? head : `${product} at ${head}`
    const reason = `what belongs to the controller behind ${what}: its chassis, and devices to which it alone opens I/O`
    const wish = `cell${ends.get(head) ?? ''}`
    named.set(key, { name: names.take(wish, `cell_${head.replaceAll('.', '_')}`), kind: 'cell', reason })
  }
  for (const key of networks) {
    const network = addressOf(key)
    const reason = `devices of ${network}.0/24 that open no I/O and belong to no controller`
    named.set(key, { name: names.take(`net_${network.replaceAll('.', '_')}`), kind: 'network', reason })
  }
  if (keys.includes(plainKey)) {
    const reason = 'what does not speak CIP Security, or is not known to'
    named.set(plainKey, { name: plainZone, kind: 'plain', reason })
  }
  return named
}

interface Lookup {
  readonly isCapable: (address: string) => boolean
  readonly zoneOf: (address: string) => string
  readonly nameOf: (address: string) => string
}

/** The traffic seen between two ends. */
interface Traffic {
  readonly ends: readonly [string, string]
  readonly plain: boolean
  readonly openers: Set<string>
  readonly transports: Set<'tcp' | 'udp'>
  connections: number
}

/** Conduits between zones for devices that can prove who they are, else between the two devices alone. */
function conduitsOf(connections: readonly ObservedConnection[], lookup: Lookup): readonly ProposedConduit[] {
  const traffic = new Map<string, Traffic>()
  for (const { originator, target, ...seen } of connections) {
    const plain = !lookup.isCapable(originator.address) || !lookup.isCapable(target.address)
    const spell = plain ? lookup.nameOf : lookup.zoneOf
    const [from, to] = [spell(originator.address), spell(target.address)]
    if (from === to) continue
    const ends: readonly [string, string] = compareText(from, to) < 0 ? [from, to] : [to, from]
    const key = `${plain ? 1 : 0} ${ends.join(' ')}`
    const known = traffic.get(key) ?? { ends, plain, openers: new Set(), transports: new Set(), connections: 0 }
    known.openers.add(from)
    known.transports.add(transportOf(seen))
    known.connections++
    traffic.set(key, known)
  }
  return [...traffic]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, { ends, plain, openers, transports, connections: count }]) => {
      const [opener, another] = openers
      const only = another === undefined ? opener : undefined
      const seen = `${count} ${count === 1 ? 'connection' : 'connections'} seen`
      const what = !transports.has('udp') ? 'messages only' : transports.has('tcp') ? 'messages and I/O' : 'I/O only'
      const way = only === undefined ? 'opened by both' : `opened by ${only}`
      return {
        between: ends,
        authentication: plain ? 'trusted-ip' : 'certificate',
        // I/O is cyclic: none seen is none there. Messages may come once a shift.
        io: transports.has('udp') ? undefined : 'deny',
        opens: only,
        reason: `${seen}, ${what}, ${way}`,
      }
    })
}

function zoneListOf(
  zones: ReadonlyMap<string, NamedZone>,
  conduits: readonly ProposedConduit[],
  named: ReadonlyMap<string, string>,
  zoneOf: (address: string) => string,
  hasManager: boolean,
): readonly ProposedZone[] {
  const plain = new Set<string>([plainZone])
  const addresses = new Map([...named].map(([address, name]) => [name, address]))
  for (const { authentication, between } of conduits) {
    if (authentication !== 'trusted-ip') continue
    for (const end of between) plain.add(zoneOf(addresses.get(end) ?? ''))
  }
  const list = [...zones.values()].map((zone): ProposedZone => ({ ...zone, plain: plain.has(zone.name) }))
  if (!hasManager) return list
  const reason = 'Cordon itself'
  return [...list, { name: operationsZone, kind: 'operations', reason, plain: false }]
}

const managerName = 'Manager'

/**
 * The manager of the proposal: the address that is given, where the plant's traffic lets it be that, else one that a
 * person must put right. None where no device can be secured.
 */
function managerOf(
  { manager }: LearningInput,
  units: ReadonlyMap<string, Unit>,
  connections: readonly ObservedConnection[],
  names: NameList,
): Proposal['manager'] {
  if (![...units.values()].some(({ capable }) => capable === true)) return undefined
  const takesPart = connections.some(({ originator, target }) =>
    [originator.address, target.address].includes(manager ?? ''),
  )
  const isKnown = manager !== undefined && !takesPart
  const address = isKnown ? manager : placeholderFor(units)
  return { name: names.take(managerName, 'Cordon_Manager'), address, isKnown }
}

/** The first address for documentation that no device has. */
function placeholderFor(units: ReadonlyMap<string, Unit>): string {
  for (const network of placeholderNetworks) {
    for (let host = 1; host < 255; host++) if (!units.has(`${network}.${host}`)) return `${network}.${host}`
  }
  throw new UsageError('bad-value', 'every address for documentation is a device’s; say the address of the manager')
}

function devicesOf(
  units: ReadonlyMap<string, Unit>,
  about: {
    readonly named: ReadonlyMap<string, string>
    readonly behind: Behind
    readonly zoneOf: (address: string) => string
    readonly manager: Proposal['manager']
  },
): readonly ProposedDevice[] {
  const { named, behind, zoneOf, manager } = about
  const devices: ProposedDevice[] = []
  for (const [address, unit] of units) {
    const { productName, vendorId, serialNumber, capable, source } = unit
    const questions: string[] = []
    if (unit.isAssumed) questions.push('does it speak CIP Security? it is counted on')
    else if (capable === undefined) {
      const asked = source === '' ? 'it answered no question' : 'it does not say'
      questions.push(`does it speak CIP Security? ${asked}; until that is known it stays plain`)
    }
    devices.push({
      name: named.get(address) ?? address,
      address,
      zone: zoneOf(address),
      capable: capable === true,
      isManager: false,
      description:
        source === ''
          ? 'seen in traffic alone'
          : `${productName === undefined || productName === '' ? 'unnamed product' : productName} by ${source}`,
      expect:
        isUnsigned(vendorId, 0xffff) && isUnsigned(serialNumber, 0xffff_ffff)
          ? { vendor: vendorId, serial: serialNumber }
          : undefined,
      questions,
    })
    for (const [name, { front, slot }] of behind.units) {
      if (front !== address) continue
      devices.push({
        name,
        address: undefined,
        zone: zoneOf(address),
        capable: capable === true,
        isManager: false,
        description: `in slot ${slot} behind ${named.get(address) ?? address}`,
        expect: undefined,
        questions: [],
      })
    }
  }
  if (manager === undefined) return devices
  const questions = manager.isKnown
    ? []
    : ['the address of the computer that Cordon runs on; this one stands for it and reaches nobody']
  return [
    ...devices,
    {
      name: manager.name,
      address: manager.address,
      zone: operationsZone,
      capable: true,
      isManager: true,
      description: 'the computer that Cordon runs on',
      expect: undefined,
      questions,
    },
  ]
}

function isUnsigned(value: number | undefined, most: number): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= most
}
