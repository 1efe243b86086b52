import { analyze, candidates } from './analyze.ts'
import type { Endpoint, EndpointGroup, PlantIndex } from './plant-index.ts'
import type { Rule } from './rules.ts'
import { formatRule, isSameRule, makeRule } from './rules.ts'
import type { DeviceSettings } from './settings.ts'
import type { RuleCache, Section, SettingsBlock } from './settings-block.ts'
import { BlockBuilder } from './settings-block.ts'

/** The settings of all devices of a plant, with what the next compilation of a changed plant takes over. */
export interface CompiledPlant {
  /** The plant as it was compiled. */
  readonly index: PlantIndex
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
  /** Every rule once, for the next compilation. */
  readonly rules: RuleCache
}

/**
 * Compiles a plant to settings per device. With the previous compilation at hand only what a change touches is made anew,
 * and settings that did not change are the same objects as before, so that what follows can skip them.
 */
export function compile(index: PlantIndex, previous?: CompiledPlant): CompiledPlant {
  const analyses = analyze(index)
  const builder = new BlockBuilder(index, analyses, previous === undefined ? new Map() : keptRules(previous))
  const untouched = previous === undefined ? new Set<EndpointGroup>() : untouchedGroups(previous.index, index)
  const blocks = new Map<string, SettingsBlock>()
  for (const analysis of analyses) {
    const { group, enforcement } = analysis
    if (group.isManager || group.members[0]?.device === undefined) continue
    const before = previous?.blocks.get(group.key)
    // Without rules of its own a group's promises depend on all who share a credential with it, not on its peers alone.
    if (before !== undefined && enforcement === 'rules' && untouched.has(group)) blocks.set(group.key, before)
    else {
      const block = builder.build(analysis)
      blocks.set(group.key, before !== undefined && isSameBlock(before, block) ? before : block)
    }
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
  return { index, settings, changed, removed, blocks, blockOf, rules: builder.rules }
}

/**
 * The compiled rules by their text, to begin the reading of rules from devices with (`parseRules`): what a device already
 * holds is then the same object as what it shall hold, and comparing is quick.
 */
export function knownRules(compiled: CompiledPlant): Map<string, Rule> {
  const known = new Map<string, Rule>()
  for (const rules of compiled.rules.values()) for (const rule of rules.values()) known.set(formatRule(rule), rule)
  return known
}

/** Rules of addresses that are gone stay in the cache; when they outnumber those in use by far, it begins anew. */
function keptRules({ rules, index }: CompiledPlant): RuleCache {
  let size = 0
  for (const part of rules.values()) size += part.size
  return size > 10_000 + 16 * index.endpoints.size ? new Map() : rules
}

/** Groups for which nothing changed: neither the frame of the plant, nor their members, nor those of any possible peer. */
function untouchedGroups(before: PlantIndex, after: PlantIndex): ReadonlySet<EndpointGroup> {
  if (!isSameFrame(before, after)) return new Set()
  const groups = new Map(before.groups.map((group) => [group.key, group]))
  const same = new Map<EndpointGroup, EndpointGroup>()
  for (const group of after.groups) {
    const old = groups.get(group.key)
    if (old !== undefined && isSameMembers(old.members, group.members)) same.set(group, old)
  }
  const untouched = [...same].filter(([group, old]) => {
    const peers = candidates(after, group)
    return peers.size === candidates(before, old).size && [...peers].every((peer) => same.has(peer))
  })
  return new Set(untouched.map(([group]) => group))
}

function isSameFrame({ plant: before }: PlantIndex, { plant: after }: PlantIndex): boolean {
  const frame = ({ authority, suites, manager, zones, conduits }: PlantIndex['plant']): string =>
    JSON.stringify([authority, suites, manager, zones, conduits])
  const isSame =
    before.authority === after.authority &&
    before.suites === after.suites &&
    before.manager === after.manager &&
    before.zones === after.zones &&
    before.conduits === after.conduits
  return isSame || frame(before) === frame(after)
}

function isSameMembers(before: readonly Endpoint[], after: readonly Endpoint[]): boolean {
  if (before.length !== after.length) return false
  return before.every((member, place) => member.name === after[place]?.name && member.address === after[place]?.address)
}

function settle(endpoint: Endpoint, block: SettingsBlock): DeviceSettings {
  const without = <Item>(section: Section<Item>): readonly Item[] => {
    const own = section.own.get(endpoint.name)
    return own === undefined ? section.items : section.items.toSpliced(own[0], own[1] - own[0])
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

function isSameBlock(a: SettingsBlock, b: SettingsBlock): boolean {
  return (
    a.ruled === b.ruled &&
    isSameShared(a.shared, b.shared) &&
    isSameSection(a.ingress, b.ingress, isSameRule) &&
    isSameSection(a.egress, b.egress, isSameRule) &&
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
