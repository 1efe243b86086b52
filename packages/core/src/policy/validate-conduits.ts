import { conduitsBetween } from './decide.ts'
import type { Conduit, Zone } from './model.ts'
import type { Endpoint, EndpointGroup, IndexedConduit, PlantIndex } from './plant-index.ts'
import { compareAuthentication, compareProtection, pairKey } from './plant-index.ts'
import type { ProblemList } from './problem.ts'
import { checkPlain, refuseSharedKey } from './validate-zones.ts'
import { nameConduit } from './wording.ts'

/** Conduits that contradict themselves, their ends or each other. */
export function checkConduits(index: PlantIndex, problems: ProblemList): void {
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
