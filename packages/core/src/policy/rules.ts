import { MalformedMessage } from '../errors.ts'
import { suiteHex } from '../security/cipher-suites.ts'
import type { Network } from './address.ts'
import { contains, formatNetwork, parseAddress, parseNetwork } from './address.ts'

/**
 * One rule of the Ingress Egress object (class 0x63). A field that is absent matches everything. `allow` lets matching
 * traffic pass, `require-secure` lets it pass over TLS or DTLS only, `deny` refuses it; `ciphers` narrows the suites.
 *
 * Deviation: the grammar of rules is not public; this one is ours (cip-security-wire 4.6), in this file alone.
 */
export interface Rule {
  readonly action: 'allow' | 'deny' | 'require-secure'
  /** The peer: who connects to us (ingress), or whom we connect to (egress). */
  readonly ip?: Network | undefined
  /** Port at the accepting end, both bounds included. */
  readonly ports?: { readonly low: number; readonly high: number } | undefined
  readonly protocol: 'tcp' | 'udp' | 'any'
  /** IANA numbers of the suites that may be used, in order of preference; any when absent. */
  readonly ciphers?: readonly number[] | undefined
}

/** Ingress and egress rules of class 0x63; the first that matches decides. */
export interface RuleSet {
  readonly ingress: readonly Rule[]
  readonly egress: readonly Rule[]
}

/** A rule from its fields. All rules have one shape in memory, which keeps the comparison of a large plant's rules quick. */
export function makeRule(
  action: Rule['action'],
  ip: Rule['ip'],
  ports: Rule['ports'],
  protocol: Rule['protocol'],
  ciphers?: Rule['ciphers'],
): Rule {
  return { action, ip, ports, protocol, ciphers }
}

/** True when two rules say the same; the same rules have the same text. */
export function isSameRule(a: Rule, b: Rule): boolean {
  return (
    a === b ||
    (a.action === b.action &&
      a.protocol === b.protocol &&
      a.ip?.address === b.ip?.address &&
      a.ip?.prefix === b.ip?.prefix &&
      a.ports?.low === b.ports?.low &&
      a.ports?.high === b.ports?.high &&
      isSameCiphers(a.ciphers, b.ciphers))
  )
}

function isSameCiphers(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined || a.length !== b.length) return false
  for (let place = 0; place < a.length; place++) if (a[place] !== b[place]) return false
  return true
}

/** Traffic that rules judge. */
export interface Traffic {
  /** Dotted IPv4 address of the peer. */
  readonly ip: string
  /**
   * Port at the accepting end. For egress it may be absent: a path without a port means what the rules say for that
   * peer, secure if required, else plain.
   */
  readonly port?: number | undefined
  readonly protocol: 'tcp' | 'udp'
  /** The negotiated suite; absent before a handshake, and on plain traffic. */
  readonly suite?: number | undefined
}

/** Extended status words with which a refused connection is answered (general status 0x01, Volume 8 via cip-security-wire 3.7). */
export const ruleStatus = {
  egressDeny: 0x0916,
  egressCipher: 0x0917,
  noIngressRule: 0x0918,
  ingressDeny: 0x0919,
  ingressNonSecure: 0x091a,
  noEgressRule: 0x091b,
} as const

/** What the rules say about some traffic, and why. */
export interface RuleVerdict {
  readonly verdict: 'allow' | 'deny'
  /** True when the traffic goes over TLS or DTLS (2221), false for plain; for a refusal what was asked. */
  readonly secure: boolean
  /** Suites that may be negotiated, in order of preference; undefined means that the rules do not narrow them. */
  readonly suites: readonly number[] | undefined
  readonly reason: string
  /** Index of the rule that decided; undefined when none matched. */
  readonly rule: number | undefined
  /** One of `ruleStatus` for a refusal. */
  readonly extendedStatus: number | undefined
}

/** The port of EtherNet/IP over TLS and DTLS. */
export const securePort = 2221

/**
 * The ports that rules cover: traffic to any other port is not theirs to judge and passes unless a rule names it.
 *
 * Deviation: which ports a device covers is in its class attributes 8 and 9; these four are what Cordon compiles for.
 */
export const coveredPorts = [
  { port: 2221, protocol: 'tcp' },
  { port: 2221, protocol: 'udp' },
  { port: 44818, protocol: 'tcp' },
  { port: 2222, protocol: 'udp' },
] as const

/** Most bytes of a rule's text: it travels as SHORT_STRING. */
export const maximumRuleLength = 255

/** Most rules in one direction that a reader accepts, against memory exhaustion by a hostile device. */
export const maximumRules = 65_535

/** Writes a rule: `allow ip=192.0.2.7 port=2221 proto=tcp cipher=C023,C024`. */
export function formatRule(rule: Rule): string {
  const fields: string[] = [rule.action]
  if (rule.ip !== undefined) fields.push(`ip=${formatNetwork(rule.ip)}`)
  if (rule.ports !== undefined) {
    fields.push(
      rule.ports.low === rule.ports.high ? `port=${rule.ports.low}` : `port=${rule.ports.low}-${rule.ports.high}`,
    )
  }
  fields.push(`proto=${rule.protocol}`)
  if (rule.ciphers !== undefined) fields.push(`cipher=${rule.ciphers.map(suiteHex).join(',')}`)
  return fields.join(' ')
}

/**
 * Reads a rule. Fields come in any order, each once; unknown fields are refused, because a rule that is half understood
 * is a hole. Time is linear in the text.
 *
 * @throws MalformedMessage `out-of-range` above 255 characters, `bad-text` for everything else
 */
export function parseRule(text: string): Rule {
  if (text.length > maximumRuleLength) {
    throw new MalformedMessage(
      'out-of-range',
      `a rule has at most ${maximumRuleLength} characters, this one has ${text.length}`,
    )
  }
  const [action = '', ...fields] = text.split(' ')
  if (action !== 'allow' && action !== 'deny' && action !== 'require-secure') {
    throw malformed(text, `begins with allow, deny or require-secure, not ${quote(action)}`)
  }
  const found = new Map<string, string>()
  for (const field of fields) {
    const equals = field.indexOf('=')
    const name = field.slice(0, Math.max(equals, 0))
    if (!fieldNames.has(name)) throw malformed(text, `has the fields ip, port, proto and cipher, not ${quote(field)}`)
    if (found.has(name)) throw malformed(text, `has each field once, ${name} came twice`)
    found.set(name, field.slice(equals + 1))
  }
  const ip = found.get('ip')
  const port = found.get('port')
  const cipher = found.get('cipher')
  return makeRule(
    action,
    ip === undefined ? undefined : readNetwork(text, ip),
    port === undefined ? undefined : readPorts(text, port),
    readProtocol(text, found.get('proto') ?? 'any'),
    cipher === undefined ? undefined : readCiphers(text, cipher),
  )
}

/**
 * Reads a list of rules as a device gives it. Equal texts give the same object through `known`, so that the read-back
 * of a large plant stays small; hand in one map per plant.
 *
 * @throws MalformedMessage naming the index of the rule that is wrong
 */
export function parseRules(texts: readonly string[], known: Map<string, Rule> = new Map()): readonly Rule[] {
  if (texts.length > maximumRules) {
    throw new MalformedMessage(
      'out-of-range',
      `a device has at most ${maximumRules} rules in one direction, got ${texts.length}`,
    )
  }
  return texts.map((text, index) => {
    const seen = known.get(text)
    if (seen !== undefined) return seen
    try {
      const rule = parseRule(text)
      known.set(text, rule)
      return rule
    } catch (cause) {
      if (!(cause instanceof MalformedMessage)) throw cause
      throw new MalformedMessage(cause.code, `rule ${index}: ${cause.message}`, { cause, details: { rule: index } })
    }
  })
}

const fieldNames: ReadonlySet<string> = new Set(['ip', 'port', 'proto', 'cipher'])

function readNetwork(text: string, value: string): Network {
  const network = parseNetwork(value)
  if (network === undefined)
    throw malformed(text, `has ip=a.b.c.d or ip=a.b.c.d/len with zero host bits, not ${quote(value)}`)
  return network
}

function readPorts(text: string, value: string): { readonly low: number; readonly high: number } {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(value)
  const low = Number(match?.[1])
  const high = Number(match?.[2] ?? match?.[1])
  if (!(low >= 1 && low <= high && high <= 65_535))
    throw malformed(text, `has port=n or port=n-m from 1 to 65535, not ${quote(value)}`)
  return { low, high }
}

function readProtocol(text: string, value: string): Rule['protocol'] {
  if (value === 'tcp' || value === 'udp' || value === 'any') return value
  throw malformed(text, `has proto=tcp, udp or any, not ${quote(value)}`)
}

function readCiphers(text: string, value: string): readonly number[] {
  const ciphers = value.split(',').map((hex) => (/^[0-9A-Fa-f]{4}$/.test(hex) ? Number.parseInt(hex, 16) : -1))
  if (ciphers.includes(-1)) throw malformed(text, `has cipher= with numbers of four hex digits, not ${quote(value)}`)
  if (new Set(ciphers).size !== ciphers.length) throw malformed(text, `names each cipher once, not ${quote(value)}`)
  return ciphers
}

function malformed(text: string, expected: string): MalformedMessage {
  return new MalformedMessage('bad-text', `a rule ${expected}, in ${quote(text)}`)
}

/** Printable and short: the text comes from the network and ends in logs. */
function quote(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u2028\u2029]/g, '?')
}

/**
 * What ingress rules say about a peer that connects to this device. On 2221 an absent suite means that the handshake is
 * still to come: the answer's `suites` are what it may choose from. First match wins; with no rules at all everything
 * passes; with at least one rule the covered ports are closed by default.
 */
export function matchIngress(rules: readonly Rule[], traffic: Traffic & { readonly port: number }): RuleVerdict {
  const secure = traffic.port === securePort || traffic.suite !== undefined
  if (rules.length === 0) return passed(secure, undefined, undefined, 'there are no ingress rules')
  const index = firstMatch(rules, traffic, traffic.port)
  const rule = rules[index]
  if (rule === undefined) {
    if (!isCovered(traffic.port, traffic.protocol)) {
      return passed(secure, undefined, undefined, `${traffic.protocol}/${traffic.port} is not covered by ingress rules`)
    }
    return refused(secure, undefined, ruleStatus.noIngressRule, `no ingress rule for ${spell(traffic, traffic.port)}`)
  }
  const named = `ingress rule ${index} (${formatRule(rule)})`
  if (rule.action === 'deny') return refused(secure, index, ruleStatus.ingressDeny, `denied by ${named}`)
  if (!secure && (rule.action === 'require-secure' || rule.ciphers !== undefined)) {
    return refused(secure, index, ruleStatus.ingressNonSecure, `plain traffic denied by ${named}`)
  }
  if (traffic.suite !== undefined && rule.ciphers?.includes(traffic.suite) === false) {
    return refused(secure, index, ruleStatus.ingressDeny, `suite ${suiteHex(traffic.suite)} denied by ${named}`)
  }
  return passed(secure, rule.ciphers, index, `allowed by ${named}`)
}

/**
 * What egress rules say about a peer that this device connects to. Without a port the first rule for that peer and
 * protocol tells which way to go: `require-secure`, or `allow` on 2221 alone, means 2221 with its suites; `allow`
 * otherwise means plain. With a port the rule must let exactly that port pass: `:2221` forces secure, and plain to a peer
 * for which secure is required is denied.
 */
export function matchEgress(rules: readonly Rule[], traffic: Traffic): RuleVerdict {
  const asked = traffic.port === securePort || traffic.suite !== undefined
  if (rules.length === 0) return passed(asked, undefined, undefined, 'there are no egress rules')
  const index = firstMatch(rules, traffic, traffic.port)
  const rule = rules[index]
  if (rule === undefined) {
    const required = traffic.port === undefined || asked ? -1 : firstMatch(rules, traffic, undefined)
    if (rules[required]?.action === 'require-secure') {
      return refused(
        false,
        required,
        ruleStatus.egressDeny,
        `egress rule ${required} requires security to ${traffic.ip}`,
      )
    }
    if (traffic.port !== undefined && !isCovered(traffic.port, traffic.protocol)) {
      return passed(asked, undefined, undefined, `${traffic.protocol}/${traffic.port} is not covered by egress rules`)
    }
    return refused(asked, undefined, ruleStatus.noEgressRule, `no egress rule for ${spell(traffic, traffic.port)}`)
  }
  const named = `egress rule ${index} (${formatRule(rule)})`
  if (rule.action === 'deny') return refused(asked, index, ruleStatus.egressDeny, `denied by ${named}`)
  const secureRule =
    rule.action === 'require-secure' || (rule.ports?.low === securePort && rule.ports.high === securePort)
  const secure = traffic.port === undefined ? secureRule : asked
  if (!secure && (rule.action === 'require-secure' || rule.ciphers !== undefined)) {
    return refused(false, index, ruleStatus.egressDeny, `plain traffic denied by ${named}`)
  }
  if (traffic.suite !== undefined && rule.ciphers?.includes(traffic.suite) === false) {
    return refused(secure, index, ruleStatus.egressCipher, `suite ${suiteHex(traffic.suite)} denied by ${named}`)
  }
  return passed(secure, secure ? rule.ciphers : undefined, index, `allowed by ${named}`)
}

function firstMatch(rules: readonly Rule[], traffic: Traffic, port: number | undefined): number {
  const address = parseAddress(traffic.ip)
  return rules.findIndex(
    (rule) =>
      (rule.ip === undefined || (address !== undefined && contains(rule.ip, address))) &&
      (rule.protocol === 'any' || rule.protocol === traffic.protocol) &&
      (rule.ports === undefined || port === undefined || (port >= rule.ports.low && port <= rule.ports.high)),
  )
}

function isCovered(port: number, protocol: 'tcp' | 'udp'): boolean {
  return coveredPorts.some((covered) => covered.port === port && covered.protocol === protocol)
}

function spell(traffic: Traffic, port: number | undefined): string {
  return `${traffic.ip} on ${traffic.protocol}/${port ?? 'any port'}`
}

function passed(
  secure: boolean,
  suites: readonly number[] | undefined,
  rule: number | undefined,
  reason: string,
): RuleVerdict {
  return { verdict: 'allow', secure, suites, reason, rule, extendedStatus: undefined }
}

function refused(secure: boolean, rule: number | undefined, extendedStatus: number, reason: string): RuleVerdict {
  return { verdict: 'deny', secure, suites: undefined, reason, rule, extendedStatus }
}

/**
 * The transitional rules of a deployment: everything that the final rules allow, and plain from and to the peers that
 * spoke plain before, so that old and new work side by side. Plain comes first in egress: a path without a port stays
 * plain until the final egress rules are set, which is the moment a connection moves.
 *
 * @param final the settings' rules
 * @param spokePlain addresses of the peers that spoke plain before; every peer with a secured rule when absent
 */
export function overlap(final: RuleSet, spokePlain?: readonly string[]): RuleSet {
  const peers = spokePlain?.map((ip) => parseNetwork(ip)).filter((network) => network !== undefined)
  return {
    ingress: [...plainRules(peers ?? securedPeers(final.ingress)), ...final.ingress],
    egress: [...plainRules(peers ?? securedPeers(final.egress)), ...final.egress],
  }
}

function securedPeers(rules: readonly Rule[]): readonly Network[] {
  const peers = new Map<string, Network>()
  for (const rule of rules) {
    if (rule.action !== 'deny' && rule.ip !== undefined && rule.ciphers !== undefined)
      peers.set(formatNetwork(rule.ip), rule.ip)
  }
  return [...peers.values()]
}

function plainRules(peers: readonly Network[]): readonly Rule[] {
  return peers.flatMap((ip): readonly Rule[] => [
    makeRule('allow', ip, { low: 44_818, high: 44_818 }, 'tcp'),
    makeRule('allow', ip, { low: 2222, high: 2222 }, 'udp'),
  ])
}
