import { findSuite } from '../security/cipher-suites.ts'
import type { Decision, PairDecision, PolicyTransport } from './decide.ts'
import { decidePair, managedBy } from './decide.ts'
import type { Plant } from './model.ts'
import type { EndpointGroup, PlantIndex } from './plant-index.ts'
import type { Enforcement, PromiseEnforcement, PskReference } from './settings.ts'

/** Two groups that may talk, seen from one of them. */
export interface GroupLink {
  readonly peer: EndpointGroup
  /** The peer opens. */
  readonly incoming: PairDecision
  /** This group opens. */
  readonly outgoing: PairDecision
}

/** What all members of a group have in common once it is known with whom they talk. */
export interface GroupAnalysis {
  readonly group: EndpointGroup
  readonly enforcement: Enforcement
  /** Peers with at least one transport that is not denied; the group itself among them when its members talk. */
  readonly links: readonly GroupLink[]
  /** 0x5E attribute 4. */
  readonly allowedSuites: readonly number[]
  /** 0x5E attribute 19; empty before revision 9. */
  readonly originatorSuites: readonly number[]
  /** Holds a certificate of the plant. */
  readonly certificate: boolean
  readonly psk: readonly PskReference[]
}

/** The name of the issuing authority of the manager's credential when the plant has no zone of certificates for it. */
export const operationsAuthority = 'operations'

/** Whose authority signs the manager's own credential: its zone's, else the one that is kept for it. */
export function managerAuthority(plant: Plant): string {
  const device = plant.devices.find((candidate) => candidate.name === plant.manager)
  const zone = plant.zones.find((candidate) => candidate.name === device?.zone)
  return zone?.authentication === 'certificate' ? zone.name : operationsAuthority
}

const caches = new WeakMap<PlantIndex, readonly GroupAnalysis[]>()

/** Analyses every group, once per index; the position is the group's id. */
export function analyze(index: PlantIndex): readonly GroupAnalysis[] {
  const known = caches.get(index)
  if (known !== undefined) return known
  const made = index.groups.map((group) => analyzeGroup(index, group))
  caches.set(index, made)
  return made
}

function analyzeGroup(index: PlantIndex, group: EndpointGroup): GroupAnalysis {
  const links: GroupLink[] = []
  for (const peer of candidates(index, group)) {
    const link = { peer, incoming: decidePair(index, peer, group), outgoing: decidePair(index, group, peer) }
    const decisions = [link.incoming.tcp, link.incoming.udp, link.outgoing.tcp, link.outgoing.udp]
    if (peer === group && group.members.length === 1) continue
    if (decisions.some((decision) => decision.verdict !== 'denied')) links.push(link)
  }
  const way = managedBy(index, group)
  const incoming = links.flatMap((link) => [link.incoming.tcp, link.incoming.udp])
  const outgoing = links.flatMap((link) => [link.outgoing.tcp, link.outgoing.udp])
  const certificate =
    way === 'certificate' || [...incoming, ...outgoing].some((decision) => decision.authentication === 'certificate')
  const { revision, ingressEgress, trustedIdentities } = group.capabilities
  const enforcement =
    way === undefined
      ? 'none'
      : ingressEgress
        ? 'rules'
        : !certificate
          ? 'psk'
          : trustedIdentities
            ? 'identities'
            : 'authorities'
  const separate = revision >= 9
  return {
    group,
    enforcement,
    links,
    allowedSuites: way === undefined ? [] : union(index, group, separate ? incoming : [...incoming, ...outgoing]),
    originatorSuites: way === undefined || !separate ? [] : union(index, group, outgoing),
    certificate: way !== undefined && certificate,
    psk: way === undefined ? [] : pskReferences(group, incoming, outgoing),
  }
}

/** Groups with which a decision other than "denied" is possible. */
export function candidates(index: PlantIndex, group: EndpointGroup): ReadonlySet<EndpointGroup> {
  const found = new Set<EndpointGroup>(index.groupsByZone.get(group.zone.name))
  if (index.manager !== undefined) found.add(index.manager.group)
  for (const end of [group.named, group.zone.name]) {
    if (end === undefined) continue
    for (const { conduit } of index.conduitsByEnd.get(end) ?? []) {
      const other = conduit.between[0] === end ? conduit.between[1] : conduit.between[0]
      const endpoint = index.endpoints.get(other)
      for (const peer of endpoint === undefined ? (index.groupsByZone.get(other) ?? []) : [endpoint.group])
        found.add(peer)
    }
  }
  return found
}

function union(index: PlantIndex, group: EndpointGroup, decisions: readonly Decision[]): readonly number[] {
  const used = new Set(decisions.flatMap((decision) => decision.suites))
  const order = [...new Set([...(group.zone.suites ?? []), ...index.plant.suites])]
  return order.filter((id) => used.has(id))
}

function pskReferences(
  group: EndpointGroup,
  incoming: readonly Decision[],
  outgoing: readonly Decision[],
): readonly PskReference[] {
  const usages = new Map<string, Set<'server' | 'client'>>()
  const note = (name: string | undefined, usage: 'server' | 'client'): void => {
    if (name !== undefined) usages.set(name, (usages.get(name) ?? new Set()).add(usage))
  }
  if (group.zone.authentication === 'psk')
    for (const usage of ['server', 'client'] as const) note(group.zone.psk, usage)
  for (const decision of incoming) note(decision.psk, 'server')
  for (const decision of outgoing) note(decision.psk, 'client')
  return [...usages].map(([name, used]) => {
    const [only] = used
    return { name, identity: name, usage: used.size === 2 || only === undefined ? 'any' : only }
  })
}

/** Who keeps the promise about one transport with a peer, as seen from a group, and a reason for people. */
export interface Holding {
  readonly enforcement: PromiseEnforcement
  readonly reason: string
}

const rank: Readonly<Record<PromiseEnforcement, number>> = { here: 0, peer: 1, 'not-enforceable': 2 }

/**
 * Judges who keeps what the policy says about a link: rules of class 0x63 keep everything; without them a device holds
 * one union of suites, which keeps a promise only when no other suite of the union fits.
 */
export function holdingOf(
  analyses: readonly GroupAnalysis[],
  own: GroupAnalysis,
  link: GroupLink,
  transport: PolicyTransport,
): Holding {
  const peer = analyses[link.peer.id]
  const incoming = link.incoming[transport]
  const outgoing = link.outgoing[transport]
  if (peer === undefined) return { enforcement: 'not-enforceable', reason: 'the peer is not part of the plant' }
  const promised = [incoming, outgoing].some(({ verdict }) => verdict !== 'plain')
  if (own.group.zone.stage === 'protect' && promised)
    return { enforcement: 'not-enforceable', reason: stillPlain(own.group.zone.name) }
  if (own.enforcement === 'rules') return { enforcement: 'here', reason: heldByRules }
  const holdings: Holding[] = []
  if (incoming.verdict === 'secure') holdings.push(holdSecure(own, peer, own, incoming))
  if (outgoing.verdict === 'secure') holdings.push(holdSecure(own, own, peer, outgoing))
  if (incoming.verdict === 'plain' || outgoing.verdict === 'plain')
    holdings.push(holdByPeer(peer, 'plain traffic cannot be limited by address here'))
  if (holdings.length === 0)
    holdings.push(holdByPeer(peer, 'this transport is denied, which needs rules of class 0x63'))
  return holdings.reduce((worst, one) => (rank[one.enforcement] > rank[worst.enforcement] ? one : worst))
}

/** Why nothing is refused in plain yet. */
export function stillPlain(zone: string): string {
  return `zone ${zone} is protected and not enforced yet: plain traffic is let in from anybody`
}

const heldByRules = 'held by the rules of class 0x63 on this device'

function holdByPeer(peer: GroupAnalysis, lack: string): Holding {
  if (peer.group.isManager)
    return { enforcement: 'peer', reason: `${lack}; the manager is Cordon and keeps to the policy` }
  return peer.enforcement === 'rules'
    ? { enforcement: 'peer', reason: `${lack}; held by the rules of the peer` }
    : { enforcement: 'not-enforceable', reason: `${lack}, and the peer has no rules either` }
}

function holdSecure(own: GroupAnalysis, originator: GroupAnalysis, target: GroupAnalysis, decision: Decision): Holding {
  const holding = conduitHolding(originator, target, decision)
  const ownSide = own === target ? holding.target : holding.originator
  if (ownSide) return { enforcement: 'here', reason: 'held by the suites of this device: no other one fits' }
  const lack = `this device holds one list of suites for all peers, wider than ${decision.protection}`
  if (own === target ? holding.originator : holding.target)
    return { enforcement: 'peer', reason: `${lack}; held by the peer` }
  if (holding.together) return { enforcement: 'peer', reason: `${lack}; both lists together leave no other suite` }
  return { enforcement: 'not-enforceable', reason: `${lack}, and the peer cannot narrow it` }
}

/** Which end of a secured link keeps the suites to what was decided. */
export function conduitHolding(
  originator: GroupAnalysis,
  target: GroupAnalysis,
  decision: Decision,
): { readonly originator: boolean; readonly target: boolean; readonly together: boolean } {
  // The manager holds a certificate and every key; it offers a peer what the policy says and nothing else.
  const { isManager } = originator.group
  const certificates = (isManager || originator.certificate) && target.certificate
  const shared = target.psk.some((one) => isManager || originator.psk.some((other) => other.name === one.name))
  const usable = (id: number): boolean => (findSuite(id)?.authentication === 'psk' ? shared : certificates)
  const fits = (id: number): boolean => decision.suites.includes(id) || !usable(id)
  const offered = originator.group.capabilities.revision >= 9 ? originator.originatorSuites : originator.allowedSuites
  return {
    originator: isManager || originator.enforcement === 'rules' || offered.every(fits),
    target: target.enforcement === 'rules' || target.allowedSuites.every(fits),
    together: offered.filter((id) => target.allowedSuites.includes(id)).every(fits),
  }
}
