import type { GroupAnalysis, GroupLink } from './analyze.ts'
import { analyze, holdingOf, managerAuthority } from './analyze.ts'
import type { PortReference } from './model.ts'
import type { Endpoint, EndpointGroup, PlantIndex } from './plant-index.ts'
import type { Rule } from './rules.ts'
import { formatRule, makeRule, securePort } from './rules.ts'
import type { DeviceSettings, PolicyPromise, PortSetting } from './settings.ts'
import { everyoneElse } from './settings.ts'

/** The settings of all devices of a plant, with what the next compilation of a changed plant takes over. */
export interface CompiledPlant {
  /** By device name, in the order of the plant file; ranges, the manager and devices without an address have none. */
  readonly settings: ReadonlyMap<string, DeviceSettings>
  /** Devices whose settings differ from the previous compilation or are new; all of them when there was none. */
  readonly changed: readonly string[]
  /** Devices of the previous compilation that are gone. */
  readonly removed: readonly string[]
  /** What groups of like devices share, by group key, for the next compilation. */
  readonly blocks: ReadonlyMap<string, SettingsBlock>
  /** The block that each device's settings were made from, for the next compilation. */
  readonly blockOf: ReadonlyMap<string, SettingsBlock>
  /** Rules by their subject, for the next compilation. */
  readonly rules: ReadonlyMap<string, Rule>
}

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
interface Section<Item> {
  readonly items: readonly Item[]
  readonly own: ReadonlyMap<string, readonly [start: number, end: number]>
}

/**
 * Compiles a plant to settings per device. With the previous compilation at hand, settings that did not change are the
 * same objects as before, so that what follows can skip them.
 */
export function compile(index: PlantIndex, previous?: CompiledPlant): CompiledPlant {
  const analyses = analyze(index)
  const builder = new BlockBuilder(index, analyses, previous)
  const blocks = new Map<string, SettingsBlock>()
  for (const analysis of analyses) {
    if (analysis.group.isManager || analysis.group.members[0]?.device === undefined) continue
    const block = builder.build(analysis)
    const before = previous?.blocks.get(analysis.group.key)
    blocks.set(analysis.group.key, before !== undefined && isSameBlock(before, block) ? before : block)
  }
  const settings = new Map<string, DeviceSettings>()
  const blockOf = new Map<string, SettingsBlock>()
  const changed: string[] = []
  for (const endpoint of index.endpoints.values()) {
    const block = blocks.get(endpoint.group.key)
    if (endpoint.device === undefined || block === undefined) continue
    const before = previous?.settings.get(endpoint.name)
    const isSame = before?.address === endpoint.address && previous?.blockOf.get(endpoint.name) === block
    const after = isSame ? before : settle(endpoint, block)
    settings.set(endpoint.name, after)
    blockOf.set(endpoint.name, block)
    if (after !== before) changed.push(endpoint.name)
  }
  const removed = previous === undefined ? [] : [...previous.settings.keys()].filter((name) => !settings.has(name))
  return { settings, changed, removed, blocks, blockOf, rules: builder.rules }
}

/**
 * The compiled rules by their text, to begin the reading of rules from devices with (`parseRules`): what a device already
 * holds is then the same object as what it shall hold, and comparing is quick.
 */
export function knownRules(compiled: CompiledPlant): Map<string, Rule> {
  return new Map([...compiled.rules.values()].map((rule) => [formatRule(rule), rule]))
}

function settle(endpoint: Endpoint, block: SettingsBlock): DeviceSettings {
  const without = <Item>(section: Section<Item>): readonly Item[] => {
    const own = section.own.get(endpoint.name)
    return own === undefined ? section.items : section.items.slice(0, own[0]).concat(section.items.slice(own[1]))
  }
  return {
    device: endpoint.name,
    address: endpoint.address,
    ...block.shared,
    identities: without(block.identities),
    rules: block.ruled ? { ingress: closed(without(block.ingress)), egress: closed(without(block.egress)) } : undefined,
    promises: without(block.promises),
  }
}

/** No rules at all would let everything pass: a device that may talk to nobody gets rules that say so. */
function closed(rules: readonly Rule[]): readonly Rule[] {
  return rules.length === 0 ? denyAll : rules
}

const denyAll: readonly Rule[] = [
  makeRule('deny', undefined, { low: 2221, high: 2222 }, 'any'),
  makeRule('deny', undefined, { low: 44_818, high: 44_818 }, 'tcp'),
]

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

class BlockBuilder {
  readonly rules = new Map<string, Rule>()
  readonly #index: PlantIndex
  readonly #analyses: readonly GroupAnalysis[]
  readonly #previousRules: ReadonlyMap<string, Rule>
  readonly #managerAuthority: string

  constructor(index: PlantIndex, analyses: readonly GroupAnalysis[], previous: CompiledPlant | undefined) {
    this.#index = index
    this.#analyses = analyses
    this.#previousRules = previous?.rules ?? new Map<string, Rule>()
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
        ingress.add(own, this.#write(endpoint, templates.ingress))
        egress.add(own, this.#write(endpoint, templates.egress))
      }
      identities.add(own, templates.identity ? [endpoint.name] : [])
      promises.add(
        own,
        templates.promises.map((promise) => ({ peer: endpoint.name, ...promise })),
      )
    }
    promises.add(undefined, this.#everyoneElse(analysis))
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
    const ingress: RuleTemplate[] = []
    const egress: RuleTemplate[] = []
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
      ingress,
      egress,
      identity: this.#trustsIdentity(analysis, link),
      promises: (['tcp', 'udp'] as const).map((transport) => ({
        transport,
        ...holdingOf(this.#analyses, analysis, link, transport),
      })),
    }
  }

  #write(endpoint: Endpoint, templates: readonly RuleTemplate[]): readonly Rule[] {
    return templates.map(({ key, rule }) => {
      const subject = `${endpoint.address} ${key}`
      const known = this.rules.get(subject)
      if (known !== undefined) return known
      const made = this.#previousRules.get(subject) ?? makeRule(rule.action, endpoint.network, rule.ports, rule.protocol, rule.ciphers)
      this.rules.set(subject, made)
      return made
    })
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
  readonly key: string
  readonly rule: Omit<Rule, 'ip'>
}

interface Templates {
  readonly ingress: readonly RuleTemplate[]
  readonly egress: readonly RuleTemplate[]
  readonly identity: boolean
  readonly promises: readonly Omit<PolicyPromise, 'peer'>[]
}

const plainMessaging: RuleTemplate = {
  key: 'plain tcp',
  rule: { action: 'allow', ports: { low: 44_818, high: 44_818 }, protocol: 'tcp' },
}

const plainIo: RuleTemplate = {
  key: 'plain udp',
  rule: { action: 'allow', ports: { low: 2222, high: 2222 }, protocol: 'udp' },
}

function secured(
  action: 'allow' | 'require-secure',
  protocol: 'tcp' | 'udp',
  ciphers: readonly number[],
): RuleTemplate {
  const ports = { low: securePort, high: securePort }
  return { key: `${action} ${protocol} ${ciphers.join()}`, rule: { action, ports, protocol, ciphers } }
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

  add(own: string | undefined, items: readonly Item[]): void {
    if (own !== undefined) this.#own.set(own, [this.#items.length, this.#items.length + items.length])
    for (const item of items) this.#items.push(item)
  }

  finish(): Section<Item> {
    return { items: this.#items, own: this.#own }
  }
}

function isSameBlock(a: SettingsBlock, b: SettingsBlock): boolean {
  return (
    a.ruled === b.ruled &&
    isSameShared(a.shared, b.shared) &&
    isSameSection(a.ingress, b.ingress, (one, other) => one === other) &&
    isSameSection(a.egress, b.egress, (one, other) => one === other) &&
    isSameSection(a.identities, b.identities, (one, other) => one === other) &&
    isSameSection(
      a.promises,
      b.promises,
      (one, other) =>
        one.peer === other.peer &&
        one.transport === other.transport &&
        one.enforcement === other.enforcement &&
        one.reason === other.reason,
    )
  )
}

function isSameShared(a: SettingsBlock['shared'], b: SettingsBlock['shared']): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function isSameSection<Item>(a: Section<Item>, b: Section<Item>, isSame: (one: Item, other: Item) => boolean): boolean {
  if (a.items.length !== b.items.length || a.own.size !== b.own.size) return false
  for (const [place, item] of a.items.entries()) {
    const other = b.items[place]
    if (other === undefined || !isSame(item, other)) return false
  }
  for (const [name, [start, end]] of a.own) {
    const other = b.own.get(name)
    if (other === undefined || other[0] !== start || other[1] !== end) return false
  }
  return true
}
