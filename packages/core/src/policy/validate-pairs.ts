import type { GroupAnalysis } from './analyze.ts'
import { analyze, candidates, conduitHolding, holdingOf } from './analyze.ts'
import type { Decision } from './decide.ts'
import { conduitsBetween, decidePair } from './decide.ts'
import type { EndpointGroup, PlantIndex } from './plant-index.ts'
import type { ProblemList } from './problem.ts'
import { describeGroup, listNames, nameConduit } from './wording.ts'

/** What the decisions between kinds of devices bring to light. */
export function checkPairs(index: PlantIndex, problems: ProblemList): void {
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
        const between = `${describeGroup(originator)} and ${describeGroup(target)}`
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
  const reason = `${decision.reason} (${describeGroup(from)} to ${describeGroup(to)})`
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

/** What holds for all devices of a kind: closed ports, promises that nobody keeps, devices that nobody reaches. */
export function checkGroups(index: PlantIndex, problems: ProblemList): void {
  const analyses = analyze(index)
  for (const analysis of analyses) {
    const { group, links } = analysis
    const [first] = group.members
    if (first === undefined) continue
    const path = first.device === undefined ? `ranges.${first.name}` : `devices.${first.name}`
    const subject = describeGroup(group)
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
    const reason = `udp/2222 is closed, but it has plain I/O with ${describeGroup(io.peer)}`
    problems.error('close-plain-io', path, subject, reason, 'leave udp/2222 open here, or secure or deny that I/O')
  }
  const client = links.find(({ incoming }) => incoming.tcp.verdict === 'plain')
  if (client !== undefined && closes('tcp', 44_818)) {
    const reason = `tcp/44818 is closed, but ${describeGroup(client.peer)} is a plain client of it`
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
      kept[holdingOf(analyses, analysis, link, transport).enforcement].add(describeGroup(link.peer))
  }
  if (kept.peer.size > 0) {
    const reason = `it has no rules of class 0x63: what is promised for ${listNames(kept.peer)} rests on the other end`
    problems.warning(
      'promise-on-peer',
      path,
      subject,
      reason,
      'keep rules on those peers, or use a device with the Ingress Egress object',
    )
  }
  if (kept['not-enforceable'].size > 0) {
    const reason = `it has no rules of class 0x63: traffic with ${listNames(kept['not-enforceable'])} cannot be limited to what the policy says`
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
