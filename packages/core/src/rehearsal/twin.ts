import { decide } from '../policy/decide.ts'
import type { Device, Plant, PlantConnection } from '../policy/model.ts'
import { assumedCapabilities, indexPlant } from '../policy/plant-index.ts'
import type {
  SimulatedAssembly,
  SimulatedDevice,
  SimulatedIdentity,
  SimulatedSecurity,
  SimulatedTag,
  SimulatedVendor,
  Simulation,
} from '../policy/simulation-model.ts'
import { tagSize } from '../policy/validate-simulation.ts'
import { findSuite, suiteHex } from '../security/cipher-suites.ts'
import { securityProfiles } from '../security/profiles.ts'
import { type AddressMap, mapAddresses } from './addresses.ts'
import type { KnownDevice, KnownDevices, SeenConnection } from './known.ts'

/** Something about the real plant that is not known, and what the twin has in its place. */
export interface Assumption {
  readonly what: string
  /** The devices that it is about; none when it is about the plant. */
  readonly devices: readonly string[]
}

/** A plant that is like another one as far as that is known, with addresses of its own. */
export interface Twin {
  readonly plant: Plant
  readonly simulation: Simulation
  readonly addresses: AddressMap
  readonly assumptions: readonly Assumption[]
  /** Connections that were seen and that the plant file does not list, by their names in the twin. */
  readonly observed: readonly string[]
}

/** What a twin is built from. */
export interface TwinRequest {
  /** The plant as it is to be deployed. */
  readonly plant: Plant
  readonly known: KnownDevices
  /** Connections that were seen; those that the plant file lists need not be among them. */
  readonly seen?: readonly SeenConnection[] | undefined
  /** The simulation of a plant that is virtual itself. */
  readonly simulation?: Simulation | undefined
  /** First two octets of the twin's network, `127.61`. */
  readonly network: string
}

/**
 * Builds the virtual twin of a plant: a unit for each device with what was read of it, its connections, and addresses of
 * its own in all places. What is not known is in the list of assumptions, each with the devices that it is about.
 *
 * @throws UsageError `bad-option` for a plant that does not fit into a /16
 */
export function buildTwin({ plant, known, seen = [], simulation, network }: TwinRequest): Twin {
  const notes = new Assumptions()
  const { connections, observed } = withSeen(plant, seen, notes)
  const whole: Plant = { ...plant, connections }
  const addresses = mapAddresses(whole, network)
  for (const name of addresses.narrowed) notes.add(`range ${name} is smaller in the twin; nothing of it takes part`)
  const units = new Map(simulation?.devices.map((unit) => [unit.name, unit]))
  const vendors = new Map(simulation?.vendors.map((vendor) => [vendor.name, vendor]))
  const makers = new UnitMaker(whole, known, units, vendors, notes)
  const devices = whole.devices.filter(({ name }) => name !== whole.manager).map((device) => makers.make(device))
  notePlant(whole, notes)
  return {
    plant: {
      ...whole,
      authority: { ...whole.authority, hardware: undefined },
      devices: whole.devices.map((device) => ({
        ...device,
        address: device.address === undefined ? undefined : addresses.twin.get(device.address),
        fingerprint: undefined,
      })),
      ranges: whole.ranges.map((range) => ({
        ...range,
        addresses: addresses.ranges.get(range.name) ?? range.addresses,
      })),
    },
    simulation: {
      version: 1,
      plant: whole.name,
      vendors: [...vendors.values()],
      discovery: { interfaces: undefined, type: undefined, subtype: undefined },
      devices,
    },
    addresses,
    assumptions: notes.list(),
    observed,
  }
}

class Assumptions {
  readonly #found = new Map<string, string[]>()

  add(what: string, device?: string): void {
    const devices = this.#found.get(what) ?? []
    if (device !== undefined) devices.push(device)
    this.#found.set(what, devices)
  }

  list(): readonly Assumption[] {
    return [...this.#found].map(([what, devices]) => ({ what, devices }))
  }
}

function notePlant(plant: Plant, notes: Assumptions): void {
  if (plant.authority.hardware !== undefined) notes.add('the keys of the authority are made in software in the twin')
  for (const { name, fingerprint } of plant.devices) {
    if (fingerprint !== undefined) notes.add('the default certificate matches the fingerprint in the plant file', name)
  }
}

/** Connections of the file, and those that were seen besides, with what is assumed about them. */
function withSeen(
  plant: Plant,
  seen: readonly SeenConnection[],
  notes: Assumptions,
): { readonly connections: readonly PlantConnection[]; readonly observed: readonly string[] } {
  const names = new Map(plant.devices.flatMap(({ name, address }) => (address === undefined ? [] : [[address, name]])))
  const listed = new Set(plant.connections.map(({ from, to, class: one }) => `${from} ${to} ${one}`))
  const index = indexPlant(plant)
  const added: PlantConnection[] = []
  for (const one of seen) {
    const [from, to] = [names.get(one.from), names.get(one.to)]
    if (from === undefined || to === undefined) {
      notes.add(`the connection from ${one.from} to ${one.to} is left out: not both ends are devices of the plant file`)
      continue
    }
    if (from === to || from === plant.manager || to === plant.manager) continue
    const key = `${from} ${to} ${one.class}`
    if (listed.has(key)) continue
    listed.add(key)
    const isMessages = one.class === 3
    if (one.rpiUs === undefined) notes.add('packet interval of connections that were seen: 100 ms', to)
    if (one.outputSize === undefined && !isMessages)
      notes.add('sizes of connections that were seen: 4 bytes of data', to)
    const header = one.class === 1 ? 2 : 0
    const isDenied = decide(index, { from, to, transport: isMessages ? 'tcp' : 'udp' }).verdict === 'denied'
    added.push({
      name: `seen-${from}-${to}-${one.class}`,
      from,
      originator: from,
      to,
      target: to,
      class: one.class,
      rpiUs: one.rpiUs ?? 100_000,
      targetRpiUs: one.targetRpiUs ?? one.rpiUs ?? 100_000,
      multiplier: 16,
      outputSize: isMessages ? 500 : (one.outputSize ?? 4 + header),
      inputSize: isMessages ? 500 : (one.inputSize ?? 4 + header),
      variable: isMessages,
      priority: isMessages ? 'low' : 'scheduled',
      multicast: false,
      runIdle: false,
      application: isMessages
        ? { kind: 'messages' }
        : { kind: 'assembly', output: 60_000 + added.length, input: 61_000 + added.length },
      // What the policy has no place for must not make the whole plan be refused: that it ends is what the rehearsal tells.
      when: isDenied ? 'before' : 'both',
    })
  }
  return { connections: [...plant.connections, ...added], observed: added.map(({ name }) => name) }
}

/** Makes units. What is not known of one is noted once for all devices that it is true of. */
class UnitMaker {
  readonly #known: KnownDevices
  readonly #units: ReadonlyMap<string, SimulatedDevice>
  readonly #vendors: Map<string, SimulatedVendor>
  readonly #notes: Assumptions
  readonly #targets = new Map<string, PlantConnection[]>()
  readonly #busy = new Map<string, PlantConnection[]>()
  readonly #serials = new Set<number>()
  #serial = 0x0d000001

  constructor(
    plant: Plant,
    known: KnownDevices,
    units: ReadonlyMap<string, SimulatedDevice>,
    vendors: Map<string, SimulatedVendor>,
    notes: Assumptions,
  ) {
    this.#known = known
    this.#units = units
    this.#vendors = vendors
    this.#notes = notes
    for (const { name, expect } of plant.devices) {
      const serial = known.get(name)?.identity?.serial ?? units.get(name)?.identity.serial ?? expect?.serial
      if (serial !== undefined) this.#serials.add(serial)
    }
    for (const connection of plant.connections) {
      const { from, originator, to, target } = connection
      this.#targets.set(target, [...(this.#targets.get(target) ?? []), connection])
      for (const end of new Set([from, originator, to, target]))
        this.#busy.set(end, [...(this.#busy.get(end) ?? []), connection])
    }
  }

  make(device: Device): SimulatedDevice {
    const { name } = device
    const known = this.#known.get(name) ?? {}
    const unit = this.#units.get(name)
    const identity = this.#identity(device, known, unit)
    if (known.configured === true)
      this.#note('it begins as it left the factory, although it is under a policy now', name)
    if (unit !== undefined && unit.faults.length > 0)
      this.#note('the faults of the simulation file do not happen', name)
    return {
      name,
      kind: unit?.kind ?? 'adapter',
      identity,
      security: this.#security(device, known, unit, identity),
      pull: undefined,
      capacity: this.#capacity(name, known, unit),
      tags: this.#tags(name, unit),
      assemblies: this.#assemblies(name, unit),
      faults: [],
      startsWhen: unit?.startsWhen ?? 'plant',
      web: false,
      listens: unit?.listens ?? !(device.capability === 'none' && device.role === 'originator'),
    }
  }

  #note(what: string, device: string): void {
    this.#notes.add(what, device)
  }

  #identity({ name, expect }: Device, { identity }: KnownDevice, unit: SimulatedDevice | undefined): SimulatedIdentity {
    const one = (field: 'vendor' | 'type' | 'product' | 'serial', assumed: () => number): number => {
      const value = identity?.[field] ?? unit?.identity[field] ?? expect?.[field]
      if (value !== undefined) return value
      this.#note(`identity: a made-up ${field}`, name)
      return assumed()
    }
    return {
      vendor: one('vendor', () => 1),
      type: one('type', () => 12),
      product: one('product', () => 1),
      serial: one('serial', () => this.#freshSerial()),
      major: identity?.major ?? unit?.identity.major ?? 1,
      minor: identity?.minor ?? unit?.identity.minor ?? 1,
      name: identity?.name ?? unit?.identity.name ?? name.slice(0, 32),
    }
  }

  #freshSerial(): number {
    while (this.#serials.has(this.#serial)) this.#serial++
    return this.#serial++
  }

  #security(
    { name, capability, address }: Device,
    { capabilities = {}, fileSlots, cipSecurityRevision }: KnownDevice,
    unit: SimulatedDevice | undefined,
    identity: SimulatedIdentity,
  ): SimulatedSecurity | undefined {
    if (capability === 'none' || capabilities.capable === false) return undefined
    const read = unit?.security
    const or = <Value>(value: Value | undefined, simulated: Value | undefined, assumed: Value, said: string): Value => {
      const found = value ?? simulated
      if (found !== undefined) return found
      // A device behind a backplane holds no policy of its own.
      if (address !== undefined) this.#note(said, name)
      return assumed
    }
    const revisions = capabilities.objectRevisions
    const { suites: allSuites } = assumedCapabilities
    const usable = (offered: readonly number[]): readonly number[] =>
      offered.filter((id) => {
        const isUsable = findSuite(id) !== undefined && id !== 0xd001
        if (!isUsable) this.#note(`suite ${suiteHex(id)} is not offered: no TLS library has it`, name)
        return isUsable
      })
    const suites = usable(or(capabilities.suites, read?.suites, allSuites, 'suites offered: all but 0xD001'))
    return {
      suites,
      originatorSuites: usable(
        capabilities.originatorSuites ?? capabilities.suites ?? read?.originatorSuites ?? suites,
      ),
      objectRevisions: {
        cipSecurity: or(cipSecurityRevision, read?.objectRevisions.cipSecurity, 4, 'class revision of 0x5D: 4'),
        ethernetIpSecurity: or(
          revisions?.ethernetIpSecurity,
          read?.objectRevisions.ethernetIpSecurity,
          assumedCapabilities.revision,
          `class revision of 0x5E: ${assumedCapabilities.revision}`,
        ),
        certificateManagement: or(
          revisions?.certificateManagement,
          read?.objectRevisions.certificateManagement,
          3,
          'class revision of 0x5F: 3',
        ),
      },
      pskSlots: or(capabilities.pskSlots, read?.pskSlots, 16, 'places for pre-shared keys: 16'),
      ingressEgress: or(capabilities.ingressEgress, read?.ingressEgress, true, 'it has the rules of class 0x63'),
      trustedIdentities: or(
        capabilities.trustedIdentities,
        read?.trustedIdentities,
        true,
        '0x5E attribute 12 can be set (seen only by setting it)',
      ),
      fileLimit: or(capabilities.fileLimit, read?.fileLimit, 16_384, 'largest file: 16384 bytes'),
      fileSlots: or(fileSlots, read?.fileSlots, 32, 'files that it can hold: 32'),
      plainReset: read?.plainReset ?? false,
      profiles: capabilities.profiles ?? read?.profiles ?? securityProfiles.confidentiality,
      credential: read?.credential ?? this.#vendorCredential(name, identity),
    }
  }

  /** A maker for each vendor number. */
  #vendorCredential(name: string, { vendor }: SimulatedIdentity): SimulatedSecurity['credential'] {
    this.#note('its default certificate is accepted at first contact', name)
    const maker = `vendor-${vendor}`
    if (!this.#vendors.has(maker)) {
      this.#vendors.set(maker, {
        name: maker,
        vendor,
        organization: `Vendor ${vendor}`,
        country: 'US',
        signature: 'ecdsa-sha256',
        commonName: '{name} ({serial})',
        trusted: true,
      })
    }
    return { kind: 'vendor', vendor: maker, condition: 'good' }
  }

  #capacity(
    name: string,
    { capabilities, capacity }: KnownDevice,
    unit: SimulatedDevice | undefined,
  ): SimulatedDevice['capacity'] {
    const or = (value: number | undefined, simulated: number | undefined, assumed: number, said: string): number => {
      const found = value ?? simulated
      if (found === undefined) this.#note(said, name)
      return found ?? assumed
    }
    const shortest = Math.min(
      10_000,
      ...(this.#busy.get(name) ?? []).flatMap(({ rpiUs, targetRpiUs }) => [rpiUs, targetRpiUs]),
    )
    const stated = unit?.capacity
    return {
      connections: or(capabilities?.maxConnections, stated?.connections, 1024, 'room for all of its CIP connections'),
      sessions: or(capacity?.sessions, stated?.sessions, 1024, 'room for all of its sessions'),
      tls: or(capacity?.tls, stated?.tls, 1024, 'room for all of its TLS sessions'),
      dtls: or(capacity?.dtls, stated?.dtls, 1024, 'room for all of its DTLS associations'),
      minimumRpiUs: or(
        capacity?.minimumRpiUs,
        stated?.minimumRpiUs,
        shortest,
        'every packet interval of its connections',
      ),
    }
  }

  /** Its tags, and those that connections open or read and that nobody described. */
  #tags(name: string, unit: SimulatedDevice | undefined): readonly SimulatedTag[] {
    const tags = new Map(unit?.tags.map((tag) => [tag.name, tag]))
    for (const { application, reads, inputSize, class: one } of this.#targets.get(name) ?? []) {
      if (application.kind === 'tag') {
        const size = inputSize - (one === 0 ? 0 : 2)
        const tag = tags.get(application.tag)
        if (tag === undefined || tagSize(tag) !== size || !tag.produced)
          tags.set(application.tag, bytesTag(application.tag, size, true))
      }
      if (reads !== undefined && !tags.has(reads.tag)) tags.set(reads.tag, bytesTag(reads.tag, 4, false))
    }
    return [...tags.values()]
  }

  #assemblies(name: string, unit: SimulatedDevice | undefined): readonly SimulatedAssembly[] {
    const assemblies = new Map(unit?.assemblies.map((assembly) => [assembly.instance, assembly]))
    const put = (instance: number, direction: SimulatedAssembly['direction'], size: number): void => {
      if (!assemblies.has(instance))
        assemblies.set(instance, {
          instance,
          direction,
          size: Math.max(size, 0),
          onLoss: 'zero',
          countEveryMs: direction === 'input' ? 100 : undefined,
        })
    }
    for (const { application, outputSize, inputSize, runIdle, class: one } of this.#targets.get(name) ?? []) {
      if (application.kind !== 'assembly') continue
      const header = one === 0 ? 0 : 2
      put(application.output, 'output', outputSize - header - (runIdle ? 4 : 0))
      put(application.input, 'input', inputSize - header)
      if (application.configuration !== undefined) put(application.configuration, 'configuration', 0)
    }
    return [...assemblies.values()]
  }
}

function bytesTag(name: string, length: number, produced: boolean): SimulatedTag {
  return {
    name,
    type: 'SINT',
    length: Math.max(length, 1),
    value: Array.from({ length: Math.max(length, 1) }, () => 0),
    produced,
    change: { kind: 'count', everyMs: 100 },
  }
}
