import { UsageError } from '../errors.ts'
import type { GroupAnalysis } from './analyze.ts'
import { analyze } from './analyze.ts'
import { decide } from './decide.ts'
import type { Device, Plant, PolicyTest, PortReference, Zone } from './model.ts'
import type { EndpointGroup, PlantIndex } from './plant-index.ts'
import { indexPlant } from './plant-index.ts'
import { listNames } from './wording.ts'

/**
 * How far a zone is put in force. `observe`: nothing of it is touched, and everybody speaks plain with it. `protect`:
 * credentials and secured conduits are in force with the other zones that are not merely observed, plain ports stay open
 * to anybody. `enforce`: as the plant file says.
 */
export type Stage = 'observe' | 'protect' | 'enforce'

/** Stages by zone name; a zone that is not there is enforced. */
export type Stages = ReadonlyMap<string, Stage>

/**
 * The plant as it is to be deployed now, while its zones are put in force one after the other. All `enforce` is the plant
 * itself. A plant that is valid stays valid, what it allows is allowed in every mixture, and moving a zone forward never
 * loosens what was protected: a pair of which one zone is observed speaks plain, every other one as the file says. A
 * device of an enforced zone keeps those plain ports open that a peer in an observed zone needs. Statements under
 * `tests` that touch a zone which is not enforced are set aside.
 *
 * @throws UsageError `bad-option` for a zone that the plant does not have
 */
export function stagedPlant(plant: Plant, stages: Stages): Plant {
  const unknown = [...stages.keys()].filter((name) => !plant.zones.some((zone) => zone.name === name))
  if (unknown.length > 0) {
    const known = plant.zones.map(({ name }) => name).join(', ')
    throw new UsageError('bad-option', `the plant has no zone ${unknown.join(', ')}; it has ${known}`)
  }
  const isPartial = plant.zones.some(({ name }) => stageOf(stages, name) !== 'enforce')
  if (!isPartial) return plant
  const zones = plant.zones.map((zone): Zone => {
    const stage = stageOf(stages, zone.name)
    return stage === 'enforce' ? zone : { ...zone, stage }
  })
  const staged = { ...plant, zones }
  const [full, index] = [indexPlant(plant), indexPlant(staged)]
  const tests = plant.tests.filter(
    (test) => isEnforced(plant, stages, test.from, test.to) && isDecidedAlike(full, index, test),
  )
  return { ...staged, ...openedFor(index), tests }
}

/** Devices that a deployment of the staged plant touches, for `onlyDevices`: those of zones that are not observed. */
export function stagedDevices(plant: Plant, stages: Stages): readonly string[] {
  return plant.devices.filter(({ zone }) => stageOf(stages, zone) !== 'observe').map(({ name }) => name)
}

function stageOf(stages: Stages, zone: string): Stage {
  return stages.get(zone) ?? 'enforce'
}

/** A statement can be judged when neither end, nor a module that an end speaks through, is of a zone on its way. */
function isEnforced(plant: Plant, stages: Stages, ...ends: readonly string[]): boolean {
  const names = new Set(ends)
  for (const { slots } of plant.chassis) {
    if (slots.some(({ device }) => ends.includes(device))) for (const { device } of slots) names.add(device)
  }
  return [...plant.devices, ...plant.ranges].every(
    ({ name, zone }) => !names.has(name) || stageOf(stages, zone) === 'enforce',
  )
}

/** A device may owe its identity to a conduit with a zone that is only observed. */
function isDecidedAlike(full: PlantIndex, staged: PlantIndex, { from, to }: PolicyTest): boolean {
  return (['tcp', 'udp'] as const).every((transport) => {
    const [whole, now] = [decide(full, { from, to, transport }), decide(staged, { from, to, transport })]
    return whole.verdict === now.verdict && whole.protection === now.protection
  })
}

/** Zones and devices without the closing of ports that a plain peer needs; each other device keeps its own closed. */
function openedFor(index: PlantIndex): Pick<Plant, 'zones' | 'devices'> {
  const { zones, devices } = index.plant
  const needed = new Map<EndpointGroup, ReadonlySet<string>>()
  for (const analysis of analyze(index)) {
    const ports = plainPortsOf(analysis)
    if (analysis.group.close.length > 0 && ports.size > 0) needed.set(analysis.group, ports)
  }
  if (needed.size === 0) return { zones, devices }
  const opened = new Map<string, Set<string>>()
  for (const [{ zone }, ports] of needed) opened.set(zone.name, new Set([...(opened.get(zone.name) ?? []), ...ports]))
  const isOpened = (zone: string, port: PortReference): boolean => opened.get(zone)?.has(spell(port)) === true
  return {
    zones: zones.map((zone) =>
      opened.has(zone.name) ? { ...zone, close: zone.close.filter((port) => !isOpened(zone.name, port)) } : zone,
    ),
    devices: devices.map((device): Device => {
      const zone = index.zones.get(device.zone)
      if (zone === undefined || !opened.has(zone.name)) return device
      const own = index.endpoints.get(device.name)
      const ports = own === undefined ? undefined : needed.get(own.group)
      const closed = [...zone.close.filter((port) => isOpened(zone.name, port)), ...device.close]
      return { ...device, close: closed.filter((port) => ports?.has(spell(port)) !== true) }
    }),
  }
}

/** What a device must keep open for peers that speak plain with it. */
function plainPortsOf({ links }: GroupAnalysis): ReadonlySet<string> {
  const ports = new Set<string>()
  for (const { incoming, outgoing } of links) {
    if (incoming.tcp.verdict === 'plain') ports.add('tcp/44818')
    if (incoming.udp.verdict === 'plain' || outgoing.udp.verdict === 'plain') ports.add('udp/2222')
  }
  return ports
}

function spell({ protocol, port }: PortReference): string {
  return `${protocol}/${port}`
}

/** What a stage means for one zone, in sentences for people. */
export interface ZoneConsequence {
  readonly zone: string
  readonly stage: Stage
  /** Devices of the zone that a deployment gives settings. */
  readonly devices: number
  /** What is in force. */
  readonly protects: readonly string[]
  /** What still is open, and why. */
  readonly open: readonly string[]
}

/** A device that holds a policy although its zone is only observed now. */
export interface Release {
  readonly device: string
  readonly zone: string
  readonly reason: string
}

/** What the stages of a plant mean. */
export interface StageConsequences {
  readonly zones: readonly ZoneConsequence[]
  /** Devices to release before the staged plant is deployed: their peers would speak plain to closed doors. */
  readonly release: readonly Release[]
  /** How many statements under `tests` are not judged yet. */
  readonly testsSetAside: number
}

/**
 * Tells what is protected in each zone, what still is open and why.
 *
 * @param held names of devices that are under a policy of this plant now
 * @throws UsageError as `stagedPlant`
 */
export function stageConsequences(
  plant: Plant,
  stages: Stages,
  held: ReadonlySet<string> = new Set(),
): StageConsequences {
  const staged = stagedPlant(plant, stages)
  const index = indexPlant(staged)
  const byZone = new Map<string, GroupAnalysis[]>()
  for (const analysis of analyze(index)) {
    const { name } = analysis.group.zone
    byZone.set(name, [...(byZone.get(name) ?? []), analysis])
  }
  const full = new Map(plant.zones.map((zone) => [zone.name, zone]))
  const zones = staged.zones.map((zone): ZoneConsequence => {
    const analyses = byZone.get(zone.name) ?? []
    const set = analyses.filter(({ enforcement }) => enforcement !== 'none')
    const stage = zone.stage ?? 'enforce'
    return {
      zone: zone.name,
      stage,
      devices: set.reduce((sum, { group }) => sum + group.members.length, 0),
      protects: protectionOf(set),
      open: openings(full.get(zone.name) ?? zone, stage, analyses, plant),
    }
  })
  const observed = new Set(zones.filter(({ stage }) => stage === 'observe').map(({ zone }) => zone))
  const release = plant.devices
    .filter(({ name, zone }) => held.has(name) && observed.has(zone))
    .map(({ name, zone }) => ({
      device: name,
      zone,
      reason: `it holds a policy, and zone ${zone} is only observed now: release it first, or its peers speak plain to a device that refuses them`,
    }))
  return { zones, release, testsSetAside: plant.tests.length - staged.tests.length }
}

/** Secured traffic by the zone of the peer. */
function protectionOf(analyses: readonly GroupAnalysis[]): readonly string[] {
  const found = new Map<string, Set<string>>()
  for (const { group, links } of analyses) {
    for (const { peer, incoming, outgoing } of links) {
      if (peer.isManager) continue
      const whom = peer.zone === group.zone ? 'within the zone' : `with zone ${peer.zone.name}`
      for (const [what, decisions] of [
        ['messages', [incoming.tcp, outgoing.tcp]],
        ['I/O', [incoming.udp, outgoing.udp]],
      ] as const) {
        for (const { verdict, protection, authentication } of decisions) {
          if (verdict !== 'secure') continue
          found.set(whom, (found.get(whom) ?? new Set()).add(`${what} with ${protection} (${authentication})`))
        }
      }
    }
  }
  return [...found].map(([whom, what]) => `${whom}: ${[...what].join(', ')}`)
}

function openings(zone: Zone, stage: Stage, analyses: readonly GroupAnalysis[], plant: Plant): readonly string[] {
  if (stage === 'observe')
    return ['everything: nothing of this zone is touched, its devices and their peers speak plain as before']
  const capable = analyses.filter(({ enforcement }) => enforcement !== 'none')
  const lines: string[] = []
  if (stage === 'protect' && capable.length > 0) {
    lines.push('plain EtherNet/IP from and to anybody, so that what still speaks plain goes on')
    const members = plant.devices.filter((device) => device.zone === zone.name)
    const closing = new Set([...zone.close, ...members.flatMap(({ close }) => close)].map(spell))
    if (closing.size > 0) lines.push(`${[...closing].join(', ')}: closed once the zone is enforced`)
  }
  const peers = new Map<string, { readonly names: Set<string>; readonly ports: Set<string> }>()
  for (const analysis of capable) {
    for (const link of analysis.links) {
      const ports = plainPortsOf({ ...analysis, links: [link] })
      if (link.peer.zone.stage !== 'observe' || ports.size === 0) continue
      const entry = peers.get(link.peer.zone.name) ?? { names: new Set(), ports: new Set() }
      for (const { name } of analysis.group.members) entry.names.add(name)
      for (const port of ports) entry.ports.add(port)
      peers.set(link.peer.zone.name, entry)
    }
  }
  for (const [peer, { names, ports }] of peers)
    lines.push(
      `zone ${peer} is only observed: ${listNames(names)} let its addresses in on ${[...ports].join(', ')}, and anybody where a device has no rules of class 0x63`,
    )
  if (capable.length === 0) lines.push('plain EtherNet/IP, as the plant file says: no device here gets an identity')
  return lines
}
