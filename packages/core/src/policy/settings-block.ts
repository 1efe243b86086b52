import type { GroupAnalysis, GroupLink } from './analyze.ts'
import { holdingOf, managerAuthority, stillPlain } from './analyze.ts'
import type { PortReference } from './model.ts'
import type { Endpoint, EndpointGroup, PlantIndex } from './plant-index.ts'
import type { Rule } from './rules.ts'
import { makeRule, securePort } from './rules.ts'
import type { DeviceSettings, PolicyPromise, PortSetting } from './settings.ts'
import { everyoneElse } from './settings.ts'

/** The part of settings that is the same for all members of a group, with the places where a member itself is meant. */
export interface SettingsBlock {
  readonly shared: Omit<DeviceSettings, 'device' | 'address' | 'identities' | 'rules' | 'promises'>
  readonly ingress: Section<Rule>
  readonly egress: Section<Rule>
  readonly identities: Section<string>
  readonly promises: Section<PolicyPromise>
  /** True when members get class 0x63 rules. */
  readonly ruled: boolean
}

/** A list over all peers; `own` says which part is about a member of the group itself and is left out for it. */
export interface Section<Item> {
  readonly items: readonly Item[]
  readonly own: ReadonlyMap<string, readonly [start: number, end: number]>
}

/** Every rule once, by what it says and then by the network that it says it about, as one number. */
export type RuleCache = Map<string, Map<number, Rule>>

const plainPorts: readonly PortReference[] = [
  { protocol: 'tcp', port: 44_818 },
  { protocol: 'udp', port: 44_818 },
  { protocol: 'udp', port: 2222 },
]

function portsOf({ group, enforcement }: GroupAnalysis): readonly PortSetting[] {
  if (enforcement === 'none') return []
  const all = [...plainPorts, ...group.close]
  return all
    .filter((port, place) => all.findIndex((other) => isSamePort(other, port)) === place)
    .map(({ port, protocol }) => ({
      port,
      protocol,
      open: !group.close.some((other) => isSamePort(other, { port, protocol })),
    }))
}

function isSamePort(a: PortReference, b: PortReference): boolean {
  return a.port === b.port && a.protocol === b.protocol
}

/** Builds blocks over one index. Rules are taken from the cache and added to it. */
export class BlockBuilder {
  readonly rules: RuleCache
  readonly #index: PlantIndex
  readonly #analyses: readonly GroupAnalysis[]
  readonly #managerAuthority: string

  constructor(index: PlantIndex, analyses: readonly GroupAnalysis[], rules: RuleCache) {
    this.#index = index
    this.#analyses = analyses
    this.rules = rules
    this.#managerAuthority = managerAuthority(index.plant)
  }

  build(analysis: GroupAnalysis): SettingsBlock {
    const { group, enforcement } = analysis
    const { zone, capabilities } = group
    const ingress = new SectionBuilder<Rule>()
    const egress = new SectionBuilder<Rule>()
    const identities = new SectionBuilder<string>()
    const promises = new SectionBuilder<PolicyPromise>()
    const ruled = enforcement === 'rules'
    for (const { endpoint, link, templates } of this.#peers(analysis)) {
      const own = link.peer === group ? endpoint.name : undefined
      if (ruled) {
        ingress.begin()
        this.#write(endpoint, templates.ingress, ingress)
        ingress.end(own)
        egress.begin()
        this.#write(endpoint, templates.egress, egress)
        egress.end(own)
      }
      identities.begin()
      if (templates.identity) identities.push(endpoint.name)
      identities.end(own)
      promises.begin()
      for (const { transport, enforcement, reason } of templates.promises) {
        promises.push({ peer: endpoint.name, transport, enforcement, reason })
      }
      promises.end(own)
    }
    // What still speaks plain goes on; the rules about peers come before, so that these are secured where they can.
    if (ruled && zone.stage === 'protect') {
      for (const rule of plainForAll) {
        ingress.push(rule)
        egress.push(rule)
      }
    }
    for (const promise of this.#everyoneElse(analysis)) promises.push(promise)
    return {
      shared: {
        zone: zone.name,
        enforcement,
        allowedSuites: analysis.allowedSuites,
        originatorSuites: analysis.originatorSuites,
        verifyClient: analysis.certificate,
        sendChain: false, // peers are anchored at the issuing authorities, so the leaf is enough
        checkExpiration: zone.checkExpiration && enforcement !== 'none',
        checkName: zone.checkName && capabilities.revision >= 9,
        dtlsTimeoutS: zone.dtlsTimeoutS,
        authorities: this.#authorities(analysis),
        psk: analysis.psk,
        ports: portsOf(analysis),
      },
      ingress: ingress.finish(),
      egress: egress.finish(),
      identities: identities.finish(),
      promises: promises.finish(),
      ruled,
    }
  }

  /** Every endpoint with which this group may talk, by address, a narrower network before a wider one. */
  #peers(analysis: GroupAnalysis): readonly { endpoint: Endpoint; link: GroupLink; templates: Templates }[] {
    return analysis.links
      .flatMap((link) => {
        const templates = this.#templates(analysis, link)
        return link.peer.members.map((endpoint) => ({ endpoint, link, templates }))
      })
      .sort(
        (a, b) =>
          a.endpoint.network.address - b.endpoint.network.address ||
          b.endpoint.network.prefix - a.endpoint.network.prefix,
      )
  }

  #templates(analysis: GroupAnalysis, link: GroupLink): Templates {
    const { incoming, outgoing } = link
    const ingress: Omit<Rule, 'ip'>[] = []
    const egress: Omit<Rule, 'ip'>[] = []
    for (const transport of ['tcp', 'udp'] as const) {
      if (incoming[transport].verdict === 'secure')
        ingress.push(secured('allow', transport, incoming[transport].suites))
      if (outgoing[transport].verdict === 'secure')
        egress.push(secured('require-secure', transport, outgoing[transport].suites))
    }
    if (incoming.tcp.verdict === 'plain') ingress.push(plainMessaging)
    if (outgoing.tcp.verdict === 'plain') egress.push(plainMessaging)
    // Plain I/O flows both ways on 2222, whoever opened it.
    if (incoming.udp.verdict === 'plain' || outgoing.udp.verdict === 'plain') ingress.push(plainIo)
    if (outgoing.udp.verdict === 'plain') egress.push(plainIo)
    return {
      ingress: ingress.map((rule) => this.#template(rule)),
      egress: egress.map((rule) => this.#template(rule)),
      identity: this.#trustsIdentity(analysis, link),
      promises: (['tcp', 'udp'] as const).map((transport) => ({
        transport,
        ...holdingOf(this.#analyses, analysis, link, transport),
      })),
    }
  }

  #template(rule: Omit<Rule, 'ip'>): RuleTemplate {
    return { rule, key: `${rule.action} ${rule.protocol} ${rule.ports?.low} ${rule.ciphers?.join()}`, made: undefined }
  }

  /** Appends the rules about one peer. Every rule is made once; the cache knows it by its text without the address. */
  #write({ network }: Endpoint, templates: readonly RuleTemplate[], rules: SectionBuilder<Rule>): void {
    const { address, prefix } = network
    // As a signed number an address is a small integer, which a map finds quicker.
    const key = address | 0
    for (const template of templates) {
      if (template.made?.prefix !== prefix)
        template.made = { prefix, rules: this.#cacheOf(`${template.key}/${prefix}`) }
      const { rule, made } = template
      let found = made.rules.get(key)
      if (found === undefined) {
        found = makeRule(rule.action, network, rule.ports, rule.protocol, rule.ciphers)
        made.rules.set(key, found)
      }
      rules.push(found)
    }
  }

  #cacheOf(key: string): Map<number, Rule> {
    const known = this.rules.get(key)
    if (known !== undefined) return known
    const made = new Map<number, Rule>()
    this.rules.set(key, made)
    return made
  }

  /** True when the peer's own certificate goes to 0x5E attribute 12. */
  #trustsIdentity(analysis: GroupAnalysis, link: GroupLink): boolean {
    if (!usesCertificates(link) || !analysis.group.capabilities.trustedIdentities) return false
    if (analysis.enforcement === 'identities') return true
    return analysis.enforcement === 'rules' && isBetweenDevices(this.#index, analysis, link)
  }

  /** Zones whose issuing authorities go to 0x5E attribute 7: its own first, then those of its peers in plant order. */
  #authorities(analysis: GroupAnalysis): readonly string[] {
    if (!analysis.certificate || (analysis.enforcement !== 'rules' && analysis.enforcement !== 'authorities')) return []
    const own = analysis.group.zone.name
    const trusted = new Set([own])
    for (const link of analysis.links) {
      if (!usesCertificates(link)) continue
      if (link.peer.isManager) trusted.add(this.#managerAuthority)
      else if (!this.#trustsIdentity(analysis, link)) trusted.add(link.peer.zone.name)
    }
    const order = this.#index.plant.zones.map((zone) => zone.name).filter((name) => name !== own)
    return [
      own,
      ...[...order, this.#managerAuthority].filter(
        (name, place, all) => trusted.has(name) && name !== own && all.indexOf(name) === place,
      ),
    ]
  }

  #everyoneElse(analysis: GroupAnalysis): readonly PolicyPromise[] {
    const { enforcement, group } = analysis
    return (['tcp', 'udp'] as const).map((transport): PolicyPromise => {
      const promise = (kept: PolicyPromise['enforcement'], reason: string): PolicyPromise => ({
        peer: everyoneElse,
        transport,
        enforcement: kept,
        reason,
      })
      if (group.zone.stage === 'protect') return promise('not-enforceable', stillPlain(group.zone.name))
      if (enforcement === 'rules') return promise('here', 'the rules of class 0x63 on this device let nobody else in')
      const port = transport === 'tcp' ? 44_818 : 2222
      const closes = group.close.some((closed) => closed.port === port && closed.protocol === transport)
      if (enforcement === 'none' || !closes) {
        return promise(
          'not-enforceable',
          `plain traffic on ${transport}/${port} cannot be limited by address on this device`,
        )
      }
      if (enforcement === 'identities')
        return promise('here', `only the certificates in 0x5E attribute 12 are accepted on ${transport}/${securePort}`)
      const credential =
        enforcement === 'psk'
          ? 'the pre-shared key of this device'
          : 'a certificate of an authority that this device trusts'
      const others = this.#trustedStrangers(analysis, transport)
      if (others.length === 0) return promise('here', `only peers of the policy hold ${credential}`)
      const held = others.every((other) => this.#analyses[other.id]?.enforcement === 'rules')
      const reason = `devices that may not connect also hold ${credential}`
      return promise(held ? 'peer' : 'not-enforceable', held ? `${reason}; their own rules keep them away` : reason)
    })
  }

  /** Groups whose credential this one would accept although the policy says no. The manager is none: it is Cordon. */
  #trustedStrangers(analysis: GroupAnalysis, transport: 'tcp' | 'udp'): readonly EndpointGroup[] {
    const welcome = new Set(
      analysis.links.filter((link) => link.incoming[transport].verdict === 'secure').map((link) => link.peer),
    )
    const authorities = new Set(this.#authorities(analysis))
    const keys = new Set(analysis.psk.map((psk) => psk.name))
    const holds = ({ group, certificate, psk }: GroupAnalysis): boolean =>
      (certificate && authorities.has(group.zone.name)) || psk.some(({ name }) => keys.has(name))
    return this.#analyses.flatMap((other) => {
      const { group } = other
      const isOther = group !== analysis.group || group.members.length > 1
      return isOther && !group.isManager && !welcome.has(group) && holds(other) ? [group] : []
    })
  }
}

interface RuleTemplate {
  readonly rule: Omit<Rule, 'ip'>
  readonly key: string
  /** The cache for the prefix length that came last. */
  made: { readonly prefix: number; readonly rules: Map<number, Rule> } | undefined
}

interface Templates {
  readonly ingress: readonly RuleTemplate[]
  readonly egress: readonly RuleTemplate[]
  readonly identity: boolean
  readonly promises: readonly Omit<PolicyPromise, 'peer'>[]
}

const plainMessaging: Omit<Rule, 'ip'> = { action: 'allow', ports: { low: 44_818, high: 44_818 }, protocol: 'tcp' }

const plainIo: Omit<Rule, 'ip'> = { action: 'allow', ports: { low: 2222, high: 2222 }, protocol: 'udp' }

/** The same from and to everybody, while a zone is protected and not enforced yet. */
const plainForAll: readonly Rule[] = [plainMessaging, plainIo].map(({ action, ports, protocol }) =>
  makeRule(action, undefined, ports, protocol),
)

function secured(action: Rule['action'], protocol: 'tcp' | 'udp', ciphers: readonly number[]): Omit<Rule, 'ip'> {
  return { action, ports: { low: securePort, high: securePort }, protocol, ciphers }
}

function usesCertificates({ incoming, outgoing }: GroupLink): boolean {
  return [incoming.tcp, incoming.udp, outgoing.tcp, outgoing.udp].some(
    (decision) => decision.verdict === 'secure' && decision.authentication === 'certificate',
  )
}

/** True for peers of another zone that are joined by a conduit which names both devices. */
function isBetweenDevices(
  index: PlantIndex,
  analysis: GroupAnalysis,
  { peer, incoming, outgoing }: GroupLink,
): boolean {
  if (peer.zone === analysis.group.zone || peer.isManager) return false
  return [incoming.tcp, incoming.udp, outgoing.tcp, outgoing.udp]
    .filter((decision) => decision.verdict === 'secure')
    .every(({ rule }) => rule.kind === 'conduit' && rule.between.every((end) => index.endpoints.has(end)))
}

class SectionBuilder<Item> {
  readonly #items: Item[] = []
  readonly #own = new Map<string, readonly [number, number]>()

  #start = 0

  /** Begins the part about one peer. */
  begin(): void {
    this.#start = this.#items.length
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  /** Ends the part about one peer; `own` is its name when it is a member of the group itself. */
  end(own: string | undefined): void {
    if (own !== undefined) this.#own.set(own, [this.#start, this.#items.length])
  }

  finish(): Section<Item> {
    return { items: this.#items, own: this.#own }
  }
}
