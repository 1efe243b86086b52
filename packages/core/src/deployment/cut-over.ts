import { contains, parseAddress } from '../policy/address.ts'
import { formatRule, overlap, type Rule } from '../policy/rules.ts'
import type { RuleSet } from '../policy/settings.ts'

/** A peer of an originator, by address and transport: what an egress rule can tell apart. */
export interface PeerWay {
  /** Dotted IPv4 address. */
  readonly ip: string
  readonly protocol: 'tcp' | 'udp'
}

/**
 * The rules of the first phase of a cut-over: whoever the device let in before and whoever it is to let in are both
 * accepted, and what it originates goes its old way until {@link switchedRules} says otherwise.
 *
 * @param final what the device will hold in the end
 * @param before what it holds now; absent or empty where everything was allowed
 */
export function overlapRules(final: RuleSet, before: RuleSet | undefined): RuleSet {
  const bare = before === undefined || (before.ingress.length === 0 && before.egress.length === 0)
  if (bare) return overlap(final)
  const lasting = overlap(final, [])
  return {
    ingress: unique([
      ...before.ingress.filter(permits).map((rule) => widened(rule, final.ingress)),
      ...lasting.ingress,
    ]),
    egress: unique([...before.egress.filter(permits), ...lasting.egress]),
  }
}

function permits(rule: Rule): boolean {
  return rule.action !== 'deny'
}

/** An old rule comes first and would keep a peer on its old suites alone: it takes in those of the new rules as well. */
function widened(rule: Rule, final: readonly Rule[]): Rule {
  if (rule.ciphers === undefined) return rule
  const ciphers = [...rule.ciphers]
  for (const other of final) {
    if (!permits(other) || !covers(rule, other)) continue
    for (const id of other.ciphers ?? []) if (!ciphers.includes(id)) ciphers.push(id)
  }
  return { ...rule, ciphers }
}

/** Whether an old rule decides about traffic that a new rule is for. */
function covers(rule: Rule, other: Rule): boolean {
  const peers = rule.ip === undefined || (other.ip !== undefined && contains(rule.ip, other.ip.address))
  const low = rule.ports?.low ?? 1
  const high = rule.ports?.high ?? 65_535
  const ports = (other.ports?.low ?? 1) >= low && (other.ports?.high ?? 65_535) <= high
  return peers && ports && (rule.protocol === 'any' || rule.protocol === other.protocol)
}

function unique(rules: readonly Rule[]): readonly Rule[] {
  const seen = new Set<string>()
  return rules.filter((rule) => {
    const text = formatRule(rule)
    if (seen.has(text)) return false
    seen.add(text)
    return true
  })
}

/** The rules of an originator of which some peers have moved: for them the final egress rules come first. */
export function switchedRules(final: RuleSet, during: RuleSet, moved: readonly PeerWay[]): RuleSet {
  const ahead = final.egress.filter((rule) => moved.some((way) => isFor(rule, way)))
  return { ingress: during.ingress, egress: unique([...ahead, ...during.egress]) }
}

function isFor(rule: Rule, { ip, protocol }: PeerWay): boolean {
  if (rule.ip === undefined || (rule.protocol !== 'any' && rule.protocol !== protocol)) return false
  const address = parseAddress(ip)
  return address !== undefined && contains(rule.ip, address)
}
