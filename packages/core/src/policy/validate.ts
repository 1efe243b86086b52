import type { GroupAnalysis } from './analyze.ts'
import { analyze, candidates, conduitHolding, holdingOf } from './analyze.ts'
import type { SourceMap } from './document.ts'
import { nearest } from './document.ts'
import type { Decision } from './decide.ts'
import { conduitsBetween, decide, decidePair } from './decide.ts'
import type { Conduit, Device, Plant, PlantConnection, PlantKeyKind, Zone } from './model.ts'
import type { Endpoint, EndpointGroup, IndexedConduit, PlantIndex } from './plant-index.ts'
import { compareAuthentication, compareProtection, pairKey } from './plant-index.ts'
import { lastAddress, parseNetwork } from './address.ts'
import type { PolicyProblem } from './problem.ts'
import { ProblemList } from './problem.ts'
import type { Simulation } from './simulation-model.ts'
import { validateSimulation } from './validate-simulation.ts'

/** What validation may know besides the plant. */
export interface ValidationSources {
  /** Where the parts of the plant file stand. */
  readonly positions?: SourceMap | undefined
  /** The simulation beside it, which must fit. */
  readonly simulation?: Simulation | undefined
  /** Where the parts of the simulation file stand. */
  readonly simulationPositions?: SourceMap | undefined
}

/**
 * Checks a plant for contradictions and holes, and for promises that its devices cannot keep. A plant with an error is
 * refused as a whole; warnings say what is not enforceable or was assumed. Time is linear in devices, and quadratic only
 * in the kinds of device that one zone holds.
 */
export function validate(index: PlantIndex, sources: ValidationSources = {}): readonly PolicyProblem[] {
  const problems = new ProblemList(sources.positions)
  checkNames(index, problems)
  checkAddresses(index, problems)
  checkChassis(index, problems)
  checkManager(index, problems)
  const inhabited = new Set([...index.plant.devices, ...index.plant.ranges].map((part) => part.zone))
  for (const zone of index.plant.zones) checkZone(zone, inhabited.has(zone.name), problems)
  for (const device of index.plant.devices) checkDeviceSettings(device, index, problems)
  checkConduits(index, problems)
  checkPairs(index, problems)
  checkGroups(index, problems)
  checkCapabilities(index, problems)
  checkConnections(index, problems)
  const simulated =
    sources.simulation === undefined
      ? []
      : validateSimulation(index.plant, sources.simulation, sources.simulationPositions)
  return [...problems.finish(), ...simulated]
}

/** How many names that do not exist get a suggestion: the search goes through all names. */
const maximumSuggestions = 20

function checkNames(index: PlantIndex, problems: ProblemList): void {
  const { plant } = index
  const owners = new Map<string, string>()
  const own = (kind: string, name: string, path: string): void => {
    const other = owners.get(name)
    if (other === undefined) owners.set(name, kind)
    else {
      const alternative = 'rename one of them: conduits and tests could mean either'
      problems.error('name-twice', path, name, `${name} is the name of a ${other} and of a ${kind}`, alternative)
    }
  }
  for (const zone of plant.zones) own('zone', zone.name, `zones.${zone.name}`)
  for (const device of plant.devices) own('device', device.name, `devices.${device.name}`)
  for (const range of plant.ranges) own('range', range.name, `ranges.${range.name}`)

  let suggestions = 0
  const refer = (name: string | undefined, kinds: readonly string[], path: string, subject: string): void => {
    if (name === undefined || kinds.includes(owners.get(name) ?? '')) return
    const near = ++suggestions > maximumSuggestions ? undefined : nearest(name, known(owners, kinds))
    const spelled = kinds.join(' or ')
    const alternative = near === undefined ? `name a ${spelled} that exists, or add it` : `did you mean ${near}?`
    problems.error('unknown-name', path, subject, `there is no ${spelled} ${name}`, alternative)
  }
  for (const device of plant.devices) refer(device.zone, ['zone'], `devices.${device.name}.zone`, device.name)
  for (const range of plant.ranges) refer(range.zone, ['zone'], `ranges.${range.name}.zone`, range.name)
  refer(plant.manager, ['device'], 'manager', 'manager')
  for (const chassis of plant.chassis) {
    for (const { slot, device } of chassis.slots)
      refer(device, ['device'], `chassis.${chassis.name}.slots.${slot}`, chassis.name)
  }
  for (const [place, conduit] of plant.conduits.entries()) {
    const subject = nameConduit(conduit)
    for (const [side, end] of conduit.between.entries())
      refer(end, ['zone', 'device', 'range'], `conduits[${place}].between[${side}]`, subject)
  }
  for (const [place, connection] of plant.connections.entries()) {
    const path = `connections[${place}]`
    refer(connection.from, ['device'], `${path}.from`, connection.name)
    refer(connection.to, ['device'], `${path}.to`, connection.name)
    if (connection.originator !== connection.from)
      refer(connection.originator, ['device'], `${path}.originator`, connection.name)
    if (connection.target !== connection.to) refer(connection.target, ['device'], `${path}.target`, connection.name)
  }
  const tested = new Set<string>()
  for (const test of plant.tests) {
    for (const end of [test.from, test.to]) {
      const seen = `${test.entry} ${end}`
      if (!tested.has(seen)) refer(end, ['device', 'range'], `tests[${test.entry}]`, 'tests')
      tested.add(seen)
    }
  }
}

function known(owners: ReadonlyMap<string, string>, kinds: readonly string[]): readonly string[] {
  return [...owners].flatMap(([name, kind]) => (kinds.includes(kind) ? [name] : []))
}

function checkAddresses({ plant }: PlantIndex, problems: ProblemList): void {
  const taken = new Map<string, string>()
  const networks: { readonly name: string; readonly path: string; readonly first: number; readonly last: number }[] = []
  for (const { name, address } of plant.devices) {
    if (address === undefined) continue
    const path = `devices.${name}.address`
    const other = taken.get(address)
    if (other !== undefined) {
      problems.error(
        'duplicate-address',
        path,
        name,
        `${address} is also the address of ${other}`,
        'give each device an address of its own',
      )
      continue
    }
    taken.set(address, name)
    const network = parseNetwork(address)
    if (network !== undefined) networks.push({ name, path, first: network.address, last: network.address })
  }
  for (const { name, addresses } of plant.ranges) {
    const network = parseNetwork(addresses)
    if (network !== undefined)
      networks.push({ name, path: `ranges.${name}.addresses`, first: network.address, last: lastAddress(network) })
  }
  networks.sort((a, b) => a.first - b.first || b.last - a.last)
  let widest = networks[0]
  for (const network of networks.slice(1)) {
    if (widest !== undefined && network.first <= widest.last) {
      const reason = `${network.name} lies within ${widest.name}: rules could not tell them apart`
      problems.error(
        'overlapping-range',
        network.path,
        network.name,
        reason,
        `split ${widest.name} so that each address has one name`,
      )
    }
    if (widest === undefined || network.last > widest.last) widest = network
  }
}

function checkChassis(index: PlantIndex, problems: ProblemList): void {
  const { plant } = index
  const seats = new Map<string, string>()
  for (const { name, slots } of plant.chassis) {
    for (const { slot, device } of slots) {
      const seat = `slot ${slot} of ${name}`
      const path = `chassis.${name}.slots.${slot}`
      const other = seats.get(device)
      if (other !== undefined)
        problems.error('slot-twice', path, device, `${device} sits in ${other} and in ${seat}`, 'leave it in one slot')
      else seats.set(device, seat)
    }
    const twice = slots.find(({ slot }, place) => slots.findIndex((other) => other.slot === slot) !== place)
    if (twice !== undefined) {
      problems.error(
        'slot-twice',
        `chassis.${name}`,
        name,
        `slot ${twice.slot} holds two devices`,
        'give each device a slot of its own',
      )
    }
  }
  for (const device of plant.devices) {
    if (device.address !== undefined) continue
    const chassis = index.chassisOf.get(device.name)
    const reachable = chassis?.slots.some((slot) => index.endpoints.has(slot.device)) === true
    if (reachable) continue
    const reason =
      chassis === undefined
        ? `${device.name} has neither an address nor a place in a chassis`
        : `no module of chassis ${chassis.name} has an address`
    problems.error(
      'no-address',
      `devices.${device.name}`,
      device.name,
      reason,
      'give it an address, or put it behind a module that has one',
    )
  }
}

function checkManager(index: PlantIndex, problems: ProblemList): void {
  const { plant, manager } = index
  const device = plant.devices.find((candidate) => candidate.name === plant.manager)
  if (plant.manager === undefined) {
    const secured =
      plant.zones.some((zone) => zone.authentication !== 'none') || plant.conduits.some((conduit) => isSecured(conduit))
    if (!secured) return
    const reason = 'no device is named as manager, so the settings would shut out Cordon itself'
    problems.error(
      'manager-missing',
      'manager',
      'manager',
      reason,
      'add the computer that Cordon runs on under devices and name it in `manager:`',
    )
  } else if (device !== undefined && (manager === undefined || !manager.group.capabilities.capable)) {
    const reason =
      device.address === undefined ? `${device.name} has no address` : `${device.name} cannot speak CIP Security`
    problems.error(
      'manager-unfit',
      'manager',
      device.name,
      reason,
      'name a computer with an address of its own and without `capability: none`',
    )
  }
}

function isSecured(conduit: Conduit): boolean {
  return conduit.authentication === 'certificate' || conduit.authentication === 'psk'
}

function checkZone(zone: Zone, isInhabited: boolean, problems: ProblemList): void {
  const path = `zones.${zone.name}`
  const subject = `zone ${zone.name}`
  if (!isInhabited) {
    problems.error(
      'empty-zone',
      path,
      subject,
      'no device and no range is in this zone',
      'put a device into it or remove the zone',
    )
  }
  checkPsk(zone, path, subject, problems)
  if (zone.authentication === 'none') {
    for (const transport of ['messaging', 'io'] as const) {
      if (zone[transport] !== 'integrity' && zone[transport] !== 'confidentiality') continue
      const reason = `${transport}: ${zone[transport]} needs peers that prove who they are`
      problems.error(
        'protection-without-identity',
        `${path}.${transport}`,
        subject,
        reason,
        'use authentication: certificate or psk, or none here',
      )
    }
  }
  checkPlain(zone.messaging, zone.io, [zone], path, subject, problems)
  for (const [place, port] of zone.close.entries()) checkClosedPort(port, `${path}.close[${place}]`, subject, problems)
}

function checkPsk(part: Zone, path: string, subject: string, problems: ProblemList): void {
  const uses = part.authentication === 'psk'
  if (uses && part.psk === undefined) {
    problems.error(
      'psk-missing',
      path,
      subject,
      'authentication is psk, but no stored key is named',
      'add `psk:` with the name of a stored key',
    )
  } else if (!uses && part.psk !== undefined) {
    problems.error(
      'psk-unused',
      `${path}.psk`,
      subject,
      `psk is named, but authentication is ${part.authentication}`,
      'remove psk, or use authentication: psk',
    )
  }
  if (uses && part.uniqueIdentity) refuseSharedKey(path, subject, problems)
}

function refuseSharedKey(path: string, subject: string, problems: ProblemList): void {
  const reason = 'each device must have an identity of its own, and all holders of a pre-shared key look alike'
  problems.error('psk-unique-identity', path, subject, reason, 'use authentication: certificate')
}

/** Plain traffic where no plain traffic may be, and plain I/O without the plain messages that open it. */
function checkPlain(
  messaging: string,
  io: string,
  zones: readonly Zone[],
  path: string,
  subject: string,
  problems: ProblemList,
): void {
  const refusing = zones.find((zone) => zone.nonSecure === 'deny')
  if ((messaging === 'none' || io === 'none') && refusing !== undefined) {
    const what = messaging === 'none' && io === 'none' ? 'traffic is' : messaging === 'none' ? 'messages are' : 'I/O is'
    const alternative = `secure it, or say \`nonSecure: allow\` in zone ${refusing.name}`
    problems.error(
      'plain-denied',
      path,
      subject,
      `${what} plain, and zone ${refusing.name} allows no plain traffic`,
      alternative,
    )
  }
  if (io === 'none' && messaging !== 'none') {
    const reason = `plain I/O is opened by plain messages on 44818/tcp, and messages are ${messaging === 'deny' ? 'denied' : 'secured'}`
    problems.error(
      'plain-io-without-messages',
      path,
      subject,
      reason,
      'secure I/O too (io: integrity), deny it (io: deny), or let messages be plain',
    )
  }
}

function checkClosedPort(
  port: { readonly protocol: string; readonly port: number },
  path: string,
  subject: string,
  problems: ProblemList,
): void {
  if (port.port !== 2221) return
  problems.error(
    'close-secure-port',
    path,
    subject,
    `${port.protocol}/2221 is the secured way in`,
    'close plain ports: tcp/44818, udp/44818, udp/2222',
  )
}

function checkDeviceSettings(device: Device, index: PlantIndex, problems: ProblemList): void {
  const path = `devices.${device.name}`
  const zone = index.zones.get(device.zone)
  if (zone === undefined) return
  for (const transport of ['messaging', 'io'] as const) {
    const own = device[transport]
    if (own === undefined) continue
    if (device.capability === 'none' && own !== 'deny' && own !== 'none') {
      const reason = `${device.name} cannot speak CIP Security, so ${transport}: ${own} cannot be`
      problems.error(
        'not-capable',
        `${path}.${transport}`,
        device.name,
        reason,
        `remove ${transport}, or say \`${transport}: deny\``,
      )
    } else if (device.capability !== 'none' && compareProtection(own, zone[transport]) < 0) {
      const reason = `${transport}: ${own} is looser than ${zone[transport]} of zone ${zone.name}`
      problems.error(
        'looser-device',
        `${path}.${transport}`,
        device.name,
        reason,
        'put it into a looser zone, or loosen the zone',
      )
    }
  }
  for (const [place, port] of device.close.entries())
    checkClosedPort(port, `${path}.close[${place}]`, device.name, problems)
}

function nameConduit({ between: [a, b] }: Conduit): string {
  return `conduit ${a} - ${b}`
}

function checkConduits(index: PlantIndex, problems: ProblemList): void {
  const seen = new Map<string, number>()
  for (const [place, conduit] of index.plant.conduits.entries()) {
    const path = `conduits[${place}]`
    const subject = nameConduit(conduit)
    const [a, b] = conduit.between
    const key = pairKey(a, b)
    const other = seen.get(key)
    if (other !== undefined) {
      problems.error(
        'duplicate-conduit',
        path,
        subject,
        `conduits[${other}] joins the same two ends`,
        'merge them into one',
      )
      continue
    }
    seen.set(key, place)
    if (a === b && !index.zones.has(a)) {
      problems.error(
        'conduit-to-itself',
        path,
        subject,
        'both ends are the same',
        'name two ends; only a zone may be joined with itself',
      )
      continue
    }
    if (conduit.opens !== undefined && !conduit.between.includes(conduit.opens)) {
      const reason = `${conduit.opens} is not one of its ends`
      problems.error(
        'conduit-opens',
        `${path}.opens`,
        subject,
        reason,
        `name ${a} or ${b}, or leave opens out for both`,
      )
    }
    const indexed = index.conduits.get(key)
    if (indexed !== undefined) checkConduit(indexed, path, subject, index, problems)
  }
}

function checkConduit(
  indexed: IndexedConduit,
  path: string,
  subject: string,
  index: PlantIndex,
  problems: ProblemList,
): void {
  const { conduit, authentication } = indexed
  const ends = conduit.between.map((end) => endOf(index, end))
  const zones = ends.flatMap((end) => (end === undefined ? [] : [end.zone]))
  const plain = authentication === 'trusted-ip'
  if (plain) {
    for (const transport of ['messaging', 'io'] as const) {
      if (conduit[transport] === undefined || conduit[transport] === 'none' || conduit[transport] === 'deny') continue
      const reason = `${transport}: ${conduit[transport]} needs peers that prove who they are, trusted-ip does not`
      problems.error(
        'protection-without-identity',
        `${path}.${transport}`,
        subject,
        reason,
        'use authentication: certificate or psk, or none here',
      )
    }
  }
  checkPlain(
    conduit.messaging ?? (plain ? 'none' : ''),
    conduit.io ?? (plain ? 'none' : ''),
    zones,
    path,
    subject,
    problems,
  )
  const pskInside = zones.length === 2 && zones[0] === zones[1] ? zones[0]?.psk : undefined
  if (authentication === 'psk' && conduit.psk === undefined && pskInside === undefined) {
    problems.error(
      'psk-missing',
      path,
      subject,
      'authentication is psk, but no stored key is named',
      'add `psk:` with the name of a stored key',
    )
  } else if (authentication !== 'psk' && conduit.psk !== undefined) {
    problems.error(
      'psk-unused',
      `${path}.psk`,
      subject,
      `psk is named, but authentication is ${authentication}`,
      'remove psk, or use authentication: psk',
    )
  }
  if (authentication === 'psk' && zones.some((zone) => zone.uniqueIdentity)) refuseSharedKey(path, subject, problems)
  if (!plain) checkCapableEnds(indexed, ends, path, subject, problems)
  checkLooser(indexed, ends, path, subject, index, problems)
}

interface ConduitEnd {
  readonly name: string
  readonly zone: Zone
  /** The endpoint that the conduit names; undefined for a zone. */
  readonly endpoint: Endpoint | undefined
  readonly groups: readonly EndpointGroup[]
}

function endOf(index: PlantIndex, name: string): ConduitEnd | undefined {
  const zone = index.zones.get(name)
  if (zone !== undefined) return { name, zone, endpoint: undefined, groups: index.groupsByZone.get(name) ?? [] }
  const endpoint = index.endpoints.get(name)
  return endpoint === undefined ? undefined : { name, zone: endpoint.group.zone, endpoint, groups: [endpoint.group] }
}

function checkCapableEnds(
  { authentication }: IndexedConduit,
  ends: readonly (ConduitEnd | undefined)[],
  path: string,
  subject: string,
  problems: ProblemList,
): void {
  for (const [side, end] of ends.entries()) {
    if (end === undefined || end.groups.length === 0 || end.groups.some((group) => group.capabilities.capable)) continue
    const who = end.endpoint === undefined ? `no device of zone ${end.name} can` : `${end.name} cannot`
    const alternative = 'use authentication: trusted-ip, or put a CIP Security proxy in front of it'
    problems.error(
      'not-capable',
      `${path}.between[${side}]`,
      subject,
      `${who} speak CIP Security, which authentication: ${authentication} needs`,
      alternative,
    )
  }
}

/** A conduit may not be looser than its ends, nor than a wider conduit, as far as devices can do better. */
function checkLooser(
  indexed: IndexedConduit,
  ends: readonly (ConduitEnd | undefined)[],
  path: string,
  subject: string,
  index: PlantIndex,
  problems: ProblemList,
): void {
  const { conduit, authentication } = indexed
  const [a, b] = ends
  if (a === undefined || b === undefined) return
  const pair = firstCapablePair(a.groups, b.groups)
  if (pair === undefined) return
  const parents: { name: string; authentication?: string; messaging?: Conduit['messaging']; io?: Conduit['io'] }[] = [
    a,
    b,
  ].map((end) => ({
    name: end.endpoint === undefined ? `zone ${end.name}` : `${end.name} (zone ${end.zone.name})`,
    authentication: end.zone.authentication,
    messaging: end.endpoint?.group.messaging ?? end.zone.messaging,
    io: end.endpoint?.group.io ?? end.zone.io,
  }))
  for (const wider of conduitsBetween(index, ...pair)) {
    const isWider =
      wider !== indexed && ends.filter((end) => end?.endpoint !== undefined).length > namedEnds(index, wider.conduit)
    if (isWider)
      parents.push({ name: nameConduit(wider.conduit), ...wider.conduit, authentication: wider.authentication })
  }
  for (const parent of parents) {
    const than = `of ${parent.name}`
    const alternative = `use at least that, or loosen ${parent.name}`
    if (
      parent.authentication !== undefined &&
      compareAuthentication(authentication, asAuthentication(parent.authentication)) < 0
    ) {
      problems.error(
        'looser-conduit',
        path,
        subject,
        `authentication: ${authentication} is looser than ${parent.authentication} ${than}`,
        alternative,
      )
      return
    }
    for (const transport of ['messaging', 'io'] as const) {
      const own = conduit[transport]
      const theirs = parent[transport]
      if (own === undefined || theirs === undefined || compareProtection(own, theirs) >= 0) continue
      problems.error(
        'looser-conduit',
        `${path}.${transport}`,
        subject,
        `${transport}: ${own} is looser than ${theirs} ${than}`,
        alternative,
      )
      return
    }
  }
}

function asAuthentication(text: string): 'certificate' | 'psk' | 'none' {
  return text === 'certificate' || text === 'psk' ? text : 'none'
}

function namedEnds(index: PlantIndex, conduit: Conduit): number {
  return conduit.between.filter((end) => !index.zones.has(end)).length
}

function firstCapablePair(
  a: readonly EndpointGroup[],
  b: readonly EndpointGroup[],
): [EndpointGroup, EndpointGroup] | undefined {
  const capable = (group: EndpointGroup): boolean => group.capabilities.capable && !group.isManager
  const one = a.find(capable)
  const other = b.find((group) => capable(group) && (group !== one || group.members.length > 1))
  return one === undefined || other === undefined ? undefined : [one, other]
}

/** What the decisions between kinds of devices bring to light. */
function checkPairs(index: PlantIndex, problems: ProblemList): void {
  const analyses = analyze(index)
  const reported = new Set<string>()
  const once = (decision: Decision, code: string, detail: string): boolean => {
    const key = `${code} ${pathOf(decision)} ${detail}`
    if (reported.has(key)) return false
    reported.add(key)
    return true
  }
  const effective = new Set<number>()
  for (const target of index.groups) {
    for (const originator of candidates(index, target)) {
      if (originator === target && target.members.length === 1) continue
      const pair = decidePair(index, originator, target)
      for (const decision of [pair.tcp, pair.udp]) {
        if (decision.verdict !== 'denied')
          for (const { index: place } of conduitsBetween(index, originator, target)) effective.add(place)
        const noSuite = decision.denial === 'no-common-suite' || decision.denial === 'null-suite-one-end'
        if (noSuite && once(decision, 'suite', decision.reason))
          reportSuite(index, decision, originator, target, problems)
        if (decision.verdict !== 'secure') continue
        const [from, to] = [analyses[originator.id], analyses[target.id]]
        if (from === undefined || to === undefined) continue
        const holding = conduitHolding(from, to, decision)
        const between = `${describe(originator)} and ${describe(target)}`
        if (!holding.originator && !holding.target && !holding.together && once(decision, 'hold', '')) {
          const reason = `neither end can keep ${decision.protection} between ${between}: both hold one list of suites for all peers, and the lists share others`
          const alternative =
            'use one protection for messages and I/O and for all peers of these devices, or a device with the Ingress Egress object'
          problems.error('conduit-not-holdable', pathOf(decision), subjectOf(decision), reason, alternative)
        }
      }
    }
  }
  for (const { index: place, conduit } of index.conduits.values()) {
    if (effective.has(place)) continue
    const reason = 'it lets nobody talk: its ends deny it, open nothing or accept nothing'
    problems.warning(
      'conduit-without-effect',
      `conduits[${place}]`,
      nameConduit(conduit),
      reason,
      'remove it, or correct the roles and protections of its ends',
    )
  }
}

function reportSuite(
  index: PlantIndex,
  decision: Decision,
  from: EndpointGroup,
  to: EndpointGroup,
  problems: ProblemList,
): void {
  const code = decision.denial === 'null-suite-one-end' ? 'null-suite-one-end' : 'no-common-suite'
  const alternative =
    code === 'null-suite-one-end'
      ? 'use confidentiality, or leave this device out by a zone or conduit of its own'
      : `choose a protection and authentication that both offer, or add a suite to \`suites:\` (now ${index.plant.suites.length} of 13)`
  const reason = `${decision.reason} (${describe(from)} to ${describe(to)})`
  problems.error(code, pathOf(decision), subjectOf(decision), reason, alternative)
}

function pathOf({ rule }: Decision): string {
  return rule.kind === 'conduit'
    ? `conduits[${rule.index}]`
    : rule.kind === 'zone'
      ? `zones.${rule.zone}`
      : rule.kind === 'manager'
        ? 'manager'
        : ''
}

function subjectOf({ rule }: Decision): string {
  return rule.kind === 'conduit'
    ? `conduit ${rule.between.join(' - ')}`
    : rule.kind === 'zone'
      ? `zone ${rule.zone}`
      : rule.kind
}

function describe(group: EndpointGroup): string {
  const [first, second] = group.members
  if (first === undefined) return `zone ${group.zone.name}`
  return second === undefined
    ? first.name
    : `${first.name} and ${group.members.length - 1} like it in zone ${group.zone.name}`
}

/** What holds for all devices of a kind: closed ports, promises that nobody keeps, devices that nobody reaches. */
function checkGroups(index: PlantIndex, problems: ProblemList): void {
  const analyses = analyze(index)
  for (const analysis of analyses) {
    const { group, links } = analysis
    const [first] = group.members
    if (first === undefined) continue
    const path = first.device === undefined ? `ranges.${first.name}` : `devices.${first.name}`
    const subject = describe(group)
    checkClosing(analysis, path, subject, problems)
    if (links.length === 0 && !group.isManager) {
      const secureZone = group.zone.authentication !== 'none'
      if (!group.capabilities.capable && secureZone) {
        const reason = `it cannot speak CIP Security, and zone ${group.zone.name} is for devices that prove who they are`
        problems.error(
          'incapable-without-conduit',
          path,
          subject,
          reason,
          'add a conduit that names it, with authentication: trusted-ip, or move it to a zone without authentication',
        )
      } else
        problems.warning(
          'isolated',
          path,
          subject,
          'the policy lets it talk to nobody',
          'add a conduit if it has a purpose',
        )
    } else if (!group.capabilities.capable && group.zone.authentication !== 'none' && group.named === undefined) {
      const reason = `it cannot speak CIP Security, and no conduit names it in zone ${group.zone.name}`
      problems.error(
        'incapable-without-conduit',
        path,
        subject,
        reason,
        'add a conduit that names it, with authentication: trusted-ip',
      )
    }
    if (group.zone.checkName && analysis.certificate && group.capabilities.revision < 9) {
      const reason = `checkName needs class revision 9 of 0x5E, this device has ${group.capabilities.revision}`
      problems.warning('not-enforceable', path, subject, reason, 'rely on its rules by address, or update the device')
    }
    checkPromises(analyses, analysis, path, subject, problems)
    const way = index.manager === undefined ? undefined : decidePair(index, index.manager.group, group).tcp
    if (way?.verdict === 'secure' && way.protection !== 'confidentiality') {
      const reason = 'it has no suite that encrypts, so everything that the manager sends can be read'
      problems.warning(
        'manager-readable',
        path,
        subject,
        reason,
        'configure it on a link that nobody else can reach; pre-shared keys are not sent',
      )
    }
  }
}

function checkClosing({ group, links }: GroupAnalysis, path: string, subject: string, problems: ProblemList): void {
  const closes = (protocol: string, port: number): boolean =>
    group.close.some((closed) => closed.protocol === protocol && closed.port === port)
  const io = links.find(
    ({ incoming, outgoing }) => incoming.udp.verdict === 'plain' || outgoing.udp.verdict === 'plain',
  )
  if (io !== undefined && closes('udp', 2222)) {
    const reason = `udp/2222 is closed, but it has plain I/O with ${describe(io.peer)}`
    problems.error('close-plain-io', path, subject, reason, 'leave udp/2222 open here, or secure or deny that I/O')
  }
  const client = links.find(({ incoming }) => incoming.tcp.verdict === 'plain')
  if (client !== undefined && closes('tcp', 44_818)) {
    const reason = `tcp/44818 is closed, but ${describe(client.peer)} is a plain client of it`
    problems.error(
      'close-plain-clients',
      path,
      subject,
      reason,
      'leave tcp/44818 open here, or secure or deny these messages',
    )
  }
}

function checkPromises(
  analyses: readonly GroupAnalysis[],
  analysis: GroupAnalysis,
  path: string,
  subject: string,
  problems: ProblemList,
): void {
  if (analysis.enforcement === 'rules' || analysis.enforcement === 'none') return
  const kept = { peer: new Set<string>(), 'not-enforceable': new Set<string>(), here: new Set<string>() }
  for (const link of analysis.links) {
    for (const transport of ['tcp', 'udp'] as const)
      kept[holdingOf(analyses, analysis, link, transport).enforcement].add(describe(link.peer))
  }
  if (kept.peer.size > 0) {
    const reason = `it has no rules of class 0x63: what is promised for ${list(kept.peer)} rests on the other end`
    problems.warning(
      'promise-on-peer',
      path,
      subject,
      reason,
      'keep rules on those peers, or use a device with the Ingress Egress object',
    )
  }
  if (kept['not-enforceable'].size > 0) {
    const reason = `it has no rules of class 0x63: traffic with ${list(kept['not-enforceable'])} cannot be limited to what the policy says`
    problems.warning(
      'not-enforceable',
      path,
      subject,
      reason,
      'limit it in a switch or firewall, or use a device with the Ingress Egress object',
    )
  }
  const open = [44_818, 2222].filter((port) => !analysis.group.close.some((closed) => closed.port === port))
  if (open.length > 0) {
    const reason = `it has no rules of class 0x63: plain traffic to port ${open.join(' and ')} cannot be limited by address`
    problems.warning(
      'not-enforceable',
      path,
      subject,
      reason,
      'close the port if nobody needs it, else limit it in a switch or firewall',
    )
  }
}

function list(names: ReadonlySet<string>): string {
  const all = [...names]
  return all.length <= 4 ? all.join(', ') : `${all.slice(0, 4).join(', ')} and ${all.length - 4} more`
}

/** Bytes of a device certificate of this plant in DER, rounded up: what a File instance must take. */
export function estimateCertificateSize(plant: Plant, device: Device): number {
  const { authority } = plant
  const subject: readonly (string | undefined)[] = Object.values(authority.subject)
  // Two bytes for a character outside ASCII; the name stands in issuer and subject.
  const names = subject.reduce((sum, text) => sum + (text === undefined ? 0 : text.length * 2 + 16), 0)
  const structure = 560 // version, serial, algorithms, dates, extensions and their headers
  const alternativeNames = 16 + (device.dnsName?.length ?? 0)
  const commonNames = device.name.length + plant.name.length + device.zone.length + 64
  return (
    structure +
    publicKeySize[authority.device.key] +
    signatureSize[authority.key] +
    names * 2 +
    alternativeNames +
    commonNames
  )
}

/** SubjectPublicKeyInfo in DER. */
const publicKeySize: Readonly<Record<PlantKeyKind, number>> = {
  'ecdsa-p256': 91,
  'ecdsa-p384': 120,
  'ecdsa-p521': 158,
  'rsa-2048': 294,
  'rsa-3072': 422,
  'rsa-4096': 550,
}

const signatureSize: Readonly<Record<PlantKeyKind, number>> = {
  'ecdsa-p256': 72,
  'ecdsa-p384': 104,
  'ecdsa-p521': 139,
  'rsa-2048': 256,
  'rsa-3072': 384,
  'rsa-4096': 512,
}

/** What single devices can hold, and what was assumed about those that were not asked. */
function checkCapabilities(index: PlantIndex, problems: ProblemList): void {
  const analyses = analyze(index)
  const load = countConnections(index.plant.connections)
  const assumed: string[] = []
  for (const device of index.plant.devices) {
    const path = `devices.${device.name}`
    const known = index.capabilities.get(device.name)
    const limit = known?.maxConnections
    const connections = load.get(device.name) ?? 0
    if (limit !== undefined && connections > limit) {
      const reason = `it would hold ${connections} connections and states room for ${limit}`
      problems.error(
        'connection-capacity',
        path,
        device.name,
        reason,
        'move connections to another module, or remove some',
      )
    }
    const endpoint = index.endpoints.get(device.name)
    if (endpoint === undefined || endpoint.group.isManager) continue
    if (device.capability === 'none') {
      if (known?.capable !== true) continue
      const reason = 'the plant file says capability: none, but it speaks CIP Security'
      problems.warning(
        'capable-after-all',
        path,
        device.name,
        reason,
        'remove `capability: none` and give it a secured conduit',
      )
      continue
    }
    if (known?.capable === false) {
      const reason = 'the plant file counts on CIP Security, but the device does not have it'
      problems.error(
        'not-capable',
        path,
        device.name,
        reason,
        'say `capability: none` and give it a conduit with trusted-ip',
      )
      continue
    }
    const analysis = analyses[endpoint.group.id]
    if (analysis === undefined || analysis.enforcement === 'none') continue
    if (known?.suites === undefined || known.ingressEgress === undefined) assumed.push(device.name)
    if (known?.pskSlots !== undefined && analysis.psk.length > known.pskSlots) {
      const keys = analysis.psk.map((psk) => psk.name).join(', ')
      const reason = `it needs ${analysis.psk.length} pre-shared keys (${keys}) and holds ${known.pskSlots}`
      problems.error(
        'psk-slots',
        path,
        device.name,
        reason,
        'use certificates for some of its conduits, or one key for all',
      )
    }
    const size = analysis.certificate ? estimateCertificateSize(index.plant, device) : 0
    if (known?.fileLimit !== undefined && size > known.fileLimit) {
      const reason = `its certificate would have about ${size} bytes and it takes files of ${known.fileLimit}`
      problems.error(
        'certificate-size',
        path,
        device.name,
        reason,
        'use an ECDSA authority and shorter subject names, or a pre-shared key',
      )
    }
  }
  reportAssumed(assumed, problems)
  checkRedundancy(index, analyses, problems)
}

function reportAssumed(assumed: readonly string[], problems: ProblemList): void {
  const [first] = assumed
  if (first === undefined) return
  const reason = `not all is known about ${list(new Set(assumed))}: assumed are all suites but 0xD001, class revision 9 of 0x5E, rules of class 0x63 and one place for each key`
  problems.warning(
    'assumed-capabilities',
    `devices.${first}`,
    first,
    reason,
    'run `cordon discover`; a deployment asks each device before it acts',
  )
}

function countConnections(connections: readonly PlantConnection[]): ReadonlyMap<string, number> {
  const load = new Map<string, number>()
  for (const connection of connections) {
    for (const name of new Set([connection.from, connection.originator, connection.to, connection.target]))
      load.set(name, (load.get(name) ?? 0) + 1)
  }
  return load
}

function checkRedundancy(index: PlantIndex, analyses: readonly GroupAnalysis[], problems: ProblemList): void {
  for (const chassis of index.plant.chassis) {
    if (!chassis.redundant) continue
    for (const { slot, device } of chassis.slots) {
      const analysis = analyses[index.endpoints.get(device)?.group.id ?? -1]
      const link = analysis?.links.find(
        ({ incoming, outgoing }) => incoming.udp.verdict === 'secure' || outgoing.udp.verdict === 'secure',
      )
      if (link === undefined) continue
      const reason = `chassis ${chassis.name} is redundant, and ${device} has secured I/O with ${describe(link.peer)}: an association cannot move to the partner`
      const alternative = 'say `io: deny` for this device, or do without redundancy'
      problems.error('redundant-secured-io', `chassis.${chassis.name}.slots.${slot}`, device, reason, alternative)
    }
  }
}

function checkConnections(index: PlantIndex, problems: ProblemList): void {
  const names = new Map<string, number>()
  const serials = new Map<string, string>()
  for (const [place, connection] of index.plant.connections.entries()) {
    const path = `connections[${place}]`
    const { name, from, to, originator, target, serial } = connection
    const twin = names.get(name)
    if (twin !== undefined)
      problems.error(
        'connection-twice',
        path,
        name,
        `connections[${twin}] has the same name`,
        'give each connection a name of its own',
      )
    names.set(name, place)
    if (serial !== undefined) {
      const triad = `${originator} ${serial}`
      const other = serials.get(triad)
      if (other !== undefined) {
        const reason = `${other} of ${originator} has serial number ${serial} too, so the target takes them for one`
        problems.error('connection-twice', `${path}.serial`, name, reason, 'choose another serial number')
      }
      serials.set(triad, name)
    }
    if (![from, to, originator, target].every((end) => index.devices.has(end))) continue
    if (checkRoute(index, connection, path, problems)) checkAllowed(index, connection, path, problems)
  }
}

function checkRoute(
  index: PlantIndex,
  { name, from, to, originator, target }: PlantConnection,
  path: string,
  problems: ProblemList,
): boolean {
  let sound = true
  for (const [end, behind, side] of [
    [from, originator, 'originator'],
    [to, target, 'target'],
  ] as const) {
    const chassis = index.chassisOf.get(end)
    if (!index.endpoints.has(end)) {
      const reason = `${end} has no address; connections run between addresses`
      problems.error(
        'connection-route',
        `${path}.${side === 'target' ? 'to' : 'from'}`,
        name,
        reason,
        `name its module, and ${end} as ${side}`,
      )
      sound = false
    } else if (end !== behind && (chassis === undefined || chassis !== index.chassisOf.get(behind))) {
      const reason = `${behind} is not in the chassis of ${end}, so there is no backplane between them`
      problems.error('connection-route', `${path}.${side}`, name, reason, 'name a device of the same chassis')
      sound = false
    }
  }
  if (from === to) {
    problems.error('connection-route', path, name, 'both ends are the same device', 'name two devices')
    sound = false
  }
  return sound
}

function checkAllowed(index: PlantIndex, connection: PlantConnection, path: string, problems: ProblemList): void {
  const { name, from, to } = connection
  const decision = decide(index, { from, to, transport: connection.class === 3 ? 'tcp' : 'udp' })
  if (decision.verdict === 'denied') {
    if (connection.when === 'before') return // it ends with the deployment, as the policy wants
    const alternative =
      decision.denial === 'no-conduit' || decision.denial === 'not-capable'
        ? `add a conduit between ${from} and ${to}, or say \`when: before\` if it is to end with the deployment`
        : 'loosen what denies it, or say `when: before` if it is to end with the deployment'
    problems.error(
      'connection-without-conduit',
      path,
      name,
      `${from} may not open it to ${to}: ${decision.reason}`,
      alternative,
    )
  } else if (decision.verdict === 'secure' && connection.multicast) {
    const reason = 'T->O is multicast, and a DTLS association has one peer'
    problems.error('multicast-secured', `${path}.multicast`, name, reason, 'make it point to point')
  }
}
