import type { SuiteProtection } from '../security/cipher-suites.ts'
import { suitesFor } from '../security/cipher-suites.ts'
import type { ConduitAuthentication, Protection, Zone } from './model.ts'
import type { Endpoint, EndpointGroup, IndexedConduit, PlantIndex } from './plant-index.ts'
import { compareAuthentication, pairKey, strictestProtection } from './plant-index.ts'

/** Explicit messages (`tcp`: TLS 2221, plain 44818), or class 0/1 connections (`udp`: DTLS 2221, plain 2222). */
export type PolicyTransport = 'tcp' | 'udp'

/** What a decision rests on. */
export type PolicyRule =
  /** A conduit, by its place in the plant file. */
  | { readonly kind: 'conduit'; readonly index: number; readonly between: readonly [string, string] }
  /** Two members of one zone. */
  | { readonly kind: 'zone'; readonly zone: string }
  /** The manager's own way in, implied by the plant. */
  | { readonly kind: 'manager' }
  /** Both sit in one chassis: no network is between them. */
  | { readonly kind: 'backplane'; readonly chassis: string }
  /** Nothing allows it. */
  | { readonly kind: 'none' }

/** Why traffic is denied. */
export type DenialCode =
  | 'unknown-name'
  | 'no-address'
  | 'no-conduit'
  | 'not-capable'
  | 'role'
  | 'direction'
  | 'deny'
  | 'plain-denied'
  | 'contradiction'
  | 'no-common-suite'
  | 'null-suite-one-end'
  | 'manager'

/** May one end open connections to the other, how protected, and why. */
export interface Decision {
  readonly verdict: 'secure' | 'plain' | 'denied'
  readonly protection: Protection
  /** For `secure`: what both may negotiate, in order of preference; empty otherwise. */
  readonly suites: readonly number[]
  readonly authentication: ConduitAuthentication | 'none'
  /** Name of the pre-shared key, for `authentication: psk`. */
  readonly psk: string | undefined
  readonly reason: string
  readonly rule: PolicyRule
  /** Set for `denied`. */
  readonly denial: DenialCode | undefined
}

/** Both transports of one ordered pair. */
export interface PairDecision {
  readonly tcp: Decision
  readonly udp: Decision
}

/** A question to the policy: may `from` open a connection to `to`? Names are of devices or ranges. */
export interface PolicyQuestion {
  readonly from: string
  readonly to: string
  readonly transport: PolicyTransport
}

/**
 * Answers whether `from` may open connections to `to` over a transport, with what protection, and why. It answers for
 * any names and never throws. A device without an address speaks through the first module of its chassis that has one.
 */
export function decide(index: PlantIndex, question: PolicyQuestion): Decision {
  const chassis = index.chassisOf.get(question.from)
  if (chassis !== undefined && question.from !== question.to && chassis === index.chassisOf.get(question.to)) {
    const direct = index.endpoints.has(question.from) && index.endpoints.has(question.to)
    if (!direct) {
      const reason = `${question.from} and ${question.to} sit on the backplane of chassis ${chassis.name}, which is plain`
      const rule = { kind: 'backplane', chassis: chassis.name } as const
      return {
        verdict: 'plain',
        protection: 'none',
        suites: [],
        authentication: 'none',
        psk: undefined,
        reason,
        rule,
        denial: undefined,
      }
    }
  }
  const from = findSpeaker(index, question.from)
  const to = findSpeaker(index, question.to)
  if ('denial' in from) return from
  if ('denial' in to) return to
  if (from === to) return denied('no-conduit', `${question.from} and ${question.to} share one address`)
  const decision = decidePair(index, from.group, to.group)[question.transport]
  const through = [from, to]
    .filter((end) => end.name !== question.from && end.name !== question.to)
    .map((end) => end.name)
  return through.length === 0
    ? decision
    : { ...decision, reason: `through ${through.join(' and ')}: ${decision.reason}` }
}

/** The endpoint by which a name is on the network. */
function findSpeaker(index: PlantIndex, name: string): Endpoint | Decision {
  const direct = index.endpoints.get(name)
  if (direct !== undefined) return direct
  if (!index.devices.has(name)) return denied('unknown-name', `there is no device or range ${name}`)
  const slots = [...(index.chassisOf.get(name)?.slots ?? [])].sort((a, b) => a.slot - b.slot)
  for (const { device } of slots) {
    const module = index.endpoints.get(device)
    if (module !== undefined) return module
  }
  return denied('no-address', `${name} has no address and no module in its chassis has one`)
}

const caches = new WeakMap<PlantIndex, (PairDecision | undefined)[][]>()

/** Decides between two groups, once for each ordered pair. Within a group it is the answer for two different members. */
export function decidePair(index: PlantIndex, from: EndpointGroup, to: EndpointGroup): PairDecision {
  let rows = caches.get(index)
  if (rows === undefined) {
    rows = []
    caches.set(index, rows)
  }
  let row = rows[from.id]
  if (row === undefined) {
    row = []
    rows[from.id] = row
  }
  const known = row[to.id]
  if (known !== undefined) return known
  const made = makeDecision(index, from, to)
  row[to.id] = made
  return made
}

function makeDecision(index: PlantIndex, from: EndpointGroup, to: EndpointGroup): PairDecision {
  if (to.isManager) return both(denied('manager', `${nameOf(to)} is the manager, which accepts no connections`))
  if (from.isManager) return decideManager(index, from, to)
  const conduits = conduitsBetween(index, from, to)
  const capable = from.capabilities.capable && to.capabilities.capable
  const policy = capable ? inStage(securePolicy(conduits, from, to), from, to) : plainPolicy(conduits, from, to)
  if ('denial' in policy) return both(policy)
  if (from.role === 'target')
    return both(denied('role', `${nameOf(from)} is a target and opens no connections`, policy.rule))
  if (to.role === 'originator')
    return both(denied('role', `${nameOf(to)} is an originator and accepts no connections`, policy.rule))
  const blocking = policy.conduits.find(
    ({ conduit }) => conduit.opens !== undefined && conduit.opens !== from.named && conduit.opens !== from.zone.name,
  )
  if (blocking !== undefined) {
    return both(
      denied('direction', `${describeConduit(blocking)} is opened by ${blocking.conduit.opens} only`, policy.rule),
    )
  }
  const tcp = decideTransport(index, policy, policy.messaging, from, to)
  const udp = decideTransport(index, policy, policy.io, from, to)
  if (udp.verdict === 'plain' && tcp.verdict !== 'plain') {
    // A plain I/O connection is opened by a Forward_Open on 44818/tcp.
    const reason = 'plain I/O is opened over plain explicit messages, which are not allowed here'
    return { tcp, udp: denied('contradiction', reason, policy.rule) }
  }
  return { tcp, udp }
}

/** What the conduits and zones say about one pair, before direction, suites and transport. */
interface PairPolicy {
  readonly authentication: ConduitAuthentication | 'none'
  readonly messaging: Protection
  readonly io: Protection
  readonly psk: string | undefined
  readonly suites: readonly (readonly number[])[]
  /** The conduits that count for this pair. */
  readonly conduits: readonly IndexedConduit[]
  readonly rule: PolicyRule
  readonly source: string
  /** The zone that is only observed, so that this pair stays plain for now. */
  readonly observed?: Zone
}

/** Conduits that cover a pair, the most specific first: end to end, end to zone, zone to zone. */
export function conduitsBetween(index: PlantIndex, a: EndpointGroup, b: EndpointGroup): readonly IndexedConduit[] {
  const found: IndexedConduit[] = []
  const look = (one: string | undefined, other: string | undefined): void => {
    const conduit = one === undefined || other === undefined ? undefined : index.conduits.get(pairKey(one, other))
    if (conduit !== undefined) found.push(conduit)
  }
  look(a.named, b.named)
  look(a.named, b.zone.name)
  look(a.zone.name, b.named)
  look(a.zone.name, b.zone.name)
  return found
}

/** Both ends can speak CIP Security: the strictest of conduits, zones and devices. */
function securePolicy(
  conduits: readonly IndexedConduit[],
  from: EndpointGroup,
  to: EndpointGroup,
): PairPolicy | Decision {
  const [first] = conduits
  if (first === undefined && from.zone !== to.zone)
    return denied('no-conduit', `there is no conduit between ${placeOf(from)} and ${placeOf(to)}`)
  const authentication = [
    ...conduits.map((conduit) => conduit.authentication),
    from.zone.authentication,
    to.zone.authentication,
  ].reduce((a, b) => (compareAuthentication(a, b) >= 0 ? a : b))
  return {
    authentication,
    messaging: strictestProtection(from.messaging, to.messaging, ...conduits.map(({ conduit }) => conduit.messaging)),
    io: strictestProtection(from.io, to.io, ...conduits.map(({ conduit }) => conduit.io)),
    psk: pskOf(conduits, from.zone, to.zone),
    suites: [...conduits.map(({ conduit }) => conduit.suites), from.zone.suites, to.zone.suites].filter(
      (list) => list !== undefined,
    ),
    conduits,
    ...(first === undefined ? zoneRule(from.zone) : conduitRule(first)),
  }
}

/**
 * A zone that is only observed speaks plain, whatever will be in force later. Nothing is opened that the policy denies,
 * but for messages that open I/O: secured I/O can do without plain messages, plain I/O cannot.
 */
function inStage(policy: PairPolicy | Decision, from: EndpointGroup, to: EndpointGroup): PairPolicy | Decision {
  const observed = [from.zone, to.zone].find((zone) => zone.stage === 'observe')
  if (observed === undefined || 'denial' in policy) return policy
  const { messaging, io, rule } = policy
  const never = io === 'deny' || (io === 'none' && messaging !== 'none')
  return {
    ...policy,
    authentication: rule.kind === 'conduit' ? 'trusted-ip' : 'none',
    messaging: messaging === 'deny' && never ? 'deny' : 'none',
    io: never ? 'deny' : 'none',
    psk: undefined,
    observed,
  }
}

/**
 * One end cannot speak CIP Security: it has no standing of its own, so only conduits with trusted addresses count. In a
 * zone of devices with identities such a device needs a conduit that names it.
 */
function plainPolicy(
  conduits: readonly IndexedConduit[],
  from: EndpointGroup,
  to: EndpointGroup,
): PairPolicy | Decision {
  const usable = conduits.filter(
    (indexed) => indexed.authentication === 'trusted-ip' && [from, to].every((group) => covers(indexed, group)),
  )
  const [first] = usable
  if (first === undefined) {
    const weak = [from, to].filter((group) => !group.capabilities.capable).map(nameOf)
    const [secured] = conduits
    const reason =
      secured === undefined
        ? `${weak.join(' and ')} cannot speak CIP Security, and no conduit with trusted-ip joins ${placeOf(from)} and ${placeOf(to)}`
        : `${weak.join(' and ')} cannot speak CIP Security, which ${describeConduit(secured)} needs`
    return denied(secured === undefined ? 'no-conduit' : 'not-capable', reason)
  }
  // Of the zones only a denial counts: what this device cannot do is no reason to refuse what its conduit grants.
  const refusal = (own: Protection): Protection => (own === 'deny' ? 'deny' : 'none')
  return {
    authentication: 'trusted-ip',
    messaging: strictestProtection(
      refusal(from.messaging),
      refusal(to.messaging),
      ...usable.map(({ conduit }) => conduit.messaging),
    ),
    io: strictestProtection(refusal(from.io), refusal(to.io), ...usable.map(({ conduit }) => conduit.io)),
    psk: undefined,
    suites: [],
    conduits: usable,
    ...conduitRule(first),
  }
}

function covers({ conduit }: IndexedConduit, group: EndpointGroup): boolean {
  if (group.capabilities.capable || group.zone.authentication === 'none') return true
  return group.named !== undefined && conduit.between.includes(group.named)
}

function pskOf(conduits: readonly IndexedConduit[], from: Zone, to: Zone): string | undefined {
  for (const { conduit } of conduits) if (conduit.psk !== undefined) return conduit.psk
  return from === to ? from.psk : undefined
}

function decideTransport(
  index: PlantIndex,
  policy: PairPolicy,
  protection: Protection,
  from: EndpointGroup,
  to: EndpointGroup,
): Decision {
  const { authentication, rule, source, observed } = policy
  const psk = authentication === 'psk' ? policy.psk : undefined
  if (protection === 'deny') return denied('deny', `${source} allows no such traffic`, rule)
  const plain = authentication === 'none' || authentication === 'trusted-ip'
  if (protection === 'none') {
    const refusing = [from.zone, to.zone].find((zone) => zone.nonSecure === 'deny')
    if (refusing !== undefined && observed === undefined)
      return denied('plain-denied', `${source} is plain, and zone ${refusing.name} allows no plain traffic`, rule)
    const forNow = observed === undefined ? '' : ` for now, as zone ${observed.name} is only observed`
    const reason = `${source}: plain${forNow}${plain ? ', peers are known by address' : ''}`
    return {
      verdict: 'plain',
      protection,
      suites: [],
      authentication: plain ? authentication : 'none',
      psk: undefined,
      reason,
      rule,
      denial: undefined,
    }
  }
  if (plain) return denied('contradiction', `${source} asks for ${protection} without a way to prove identity`, rule)
  if (authentication === 'psk' && psk === undefined)
    return denied('contradiction', `${source} names no pre-shared key`, rule)
  const suites = commonSuites(index, policy, protection, from, to)
  if (suites.length === 0) return denyForSuite(index, policy, protection, from, to)
  return {
    verdict: 'secure',
    protection,
    suites,
    authentication,
    psk,
    reason: `${source}: ${authentication}, ${protection}`,
    rule,
    denial: undefined,
  }
}

/** The suites that a policy wants for a protection: the plant's order, narrowed by conduit and zones. */
function wantedSuites(index: PlantIndex, policy: PairPolicy, protection: SuiteProtection): readonly number[] {
  const { plant } = index
  const kind = policy.authentication === 'psk' ? 'psk' : plant.authority.device.key.startsWith('rsa') ? 'rsa' : 'ecdsa'
  const [order = plant.suites, ...narrowing] = [...policy.suites, plant.suites]
  return suitesFor(kind, protection, order).filter((id) => narrowing.every((list) => list.includes(id)))
}

function commonSuites(
  index: PlantIndex,
  policy: PairPolicy,
  protection: SuiteProtection,
  from: EndpointGroup,
  to: EndpointGroup,
): readonly number[] {
  return wantedSuites(index, policy, protection).filter(
    (id) => from.capabilities.originatorSuites.includes(id) && to.capabilities.suites.includes(id),
  )
}

function denyForSuite(
  index: PlantIndex,
  policy: PairPolicy,
  protection: SuiteProtection,
  from: EndpointGroup,
  to: EndpointGroup,
): Decision {
  const { authentication, rule, source } = policy
  const wanted = wantedSuites(index, policy, protection)
  const deny = (code: DenialCode, reason: string): Decision => denied(code, `${source}: ${reason}`, rule)
  if (wanted.length === 0)
    return deny(
      'no-common-suite',
      `the suites of plant, zones and conduit hold none for ${authentication} with ${protection}`,
    )
  const offers = wanted.some((id) => from.capabilities.originatorSuites.includes(id))
  const accepts = wanted.some((id) => to.capabilities.suites.includes(id))
  if (offers === accepts) {
    const between = [nameOf(from), nameOf(to)].sort().join(' and ')
    return deny('no-common-suite', `no common suite for ${protection} between ${between}`)
  }
  const reason = `only ${nameOf(offers ? from : to)} has a suite for ${protection}, ${nameOf(offers ? to : from)} has none`
  return deny(protection === 'integrity' ? 'null-suite-one-end' : 'no-common-suite', reason)
}

/** The manager opens TLS to every device that has or gets an identity, with confidentiality: it carries secrets. */
function decideManager(index: PlantIndex, from: EndpointGroup, to: EndpointGroup): PairDecision {
  const rule = { kind: 'manager' } as const
  const authentication = managedBy(index, to)
  const udp = denied('manager', 'the manager opens no I/O', rule)
  if (!to.capabilities.capable)
    return {
      tcp: denied('not-capable', `${nameOf(to)} cannot speak CIP Security, so the manager has no secured way in`, rule),
      udp,
    }
  if (authentication === undefined)
    return { tcp: denied('manager', `${nameOf(to)} gets no identity from this plant`, rule), udp }
  const suites = to.zone.suites === undefined ? [] : [to.zone.suites]
  const policy: PairPolicy = {
    authentication,
    messaging: 'confidentiality',
    io: 'deny',
    psk: managerPsk(index, to),
    suites,
    conduits: [],
    rule,
    source: "the manager's own way in",
  }
  const secret = decideTransport(index, policy, 'confidentiality', from, to)
  if (secret.verdict === 'secure') return { tcp: secret, udp }
  // A unit that has NULL suites alone can still be configured, but nothing secret goes there.
  const readable = decideTransport(index, policy, 'integrity', from, to)
  return { tcp: readable.verdict === 'secure' ? readable : secret, udp }
}

/** How a device proves itself to the manager; undefined when the plant gives it no identity. */
export function managedBy(index: PlantIndex, group: EndpointGroup): 'certificate' | 'psk' | undefined {
  if (!group.capabilities.capable || group.isManager || group.zone.stage === 'observe') return undefined
  if (group.zone.authentication !== 'none') return group.zone.authentication
  const ways = conduitsOf(index, group)
    .filter((conduit) => !isObserved(index, conduit))
    .map((conduit) => conduit.authentication)
  if (ways.includes('certificate')) return 'certificate'
  return ways.includes('psk') ? 'psk' : undefined
}

function managerPsk(index: PlantIndex, group: EndpointGroup): string | undefined {
  if (group.zone.authentication === 'psk') return group.zone.psk
  return conduitsOf(index, group).find((indexed) => indexed.conduit.psk !== undefined && !isObserved(index, indexed))
    ?.conduit.psk
}

/** One end of the conduit is only observed, so that nobody needs an identity for it yet. */
function isObserved(index: PlantIndex, { conduit }: IndexedConduit): boolean {
  return conduit.between.some(
    (end) => (index.zones.get(end) ?? index.endpoints.get(end)?.group.zone)?.stage === 'observe',
  )
}

function conduitsOf(index: PlantIndex, group: EndpointGroup): readonly IndexedConduit[] {
  const own = group.named === undefined ? [] : (index.conduitsByEnd.get(group.named) ?? [])
  return [...own, ...(index.conduitsByEnd.get(group.zone.name) ?? [])]
}

function zoneRule(zone: Zone): { readonly rule: PolicyRule; readonly source: string } {
  return { rule: { kind: 'zone', zone: zone.name }, source: `zone ${zone.name}` }
}

function conduitRule(indexed: IndexedConduit): { readonly rule: PolicyRule; readonly source: string } {
  return {
    rule: { kind: 'conduit', index: indexed.index, between: indexed.conduit.between },
    source: describeConduit(indexed),
  }
}

/** A conduit as people name it. */
export function describeConduit({ conduit }: IndexedConduit): string {
  return `conduit ${conduit.between[0]} - ${conduit.between[1]}`
}

/** An endpoint of its own by name, else some device of its zone. */
function nameOf(group: EndpointGroup): string {
  if (group.named !== undefined) return group.named
  const [only, more] = group.members
  return only !== undefined && more === undefined ? only.name : `a device of zone ${group.zone.name}`
}

function placeOf(group: EndpointGroup): string {
  return group.named === undefined ? `zone ${group.zone.name}` : `${group.named} (zone ${group.zone.name})`
}

function both(decision: Decision): PairDecision {
  return { tcp: decision, udp: decision }
}

function denied(denial: DenialCode, reason: string, rule: PolicyRule = { kind: 'none' }): Decision {
  return {
    verdict: 'denied',
    protection: 'deny',
    suites: [],
    authentication: 'none',
    psk: undefined,
    reason,
    rule,
    denial,
  }
}
