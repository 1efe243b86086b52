import { suiteHex } from '../security/cipher-suites.ts'
import type { Rule } from './rules.ts'
import { formatRule, isSameRule } from './rules.ts'
import type { DeviceSettings, ObservedSettings, PortSetting } from './settings.ts'

/** What of a device's settings differs. */
export type ChangeSubject =
  | 'allowedSuites'
  | 'originatorSuites'
  | 'verifyClient'
  | 'sendChain'
  | 'checkExpiration'
  | 'checkName'
  | 'dtlsTimeout'
  | 'authorities'
  | 'identities'
  | 'psk'
  | 'ingress'
  | 'egress'
  | 'port'

/** One setting that a deployment would change. */
export interface Change {
  readonly what: ChangeSubject
  /** What the device holds now, in words; `not known` when it was not read. */
  readonly from: string
  /** What it shall hold. */
  readonly to: string
  /** True when a connection that exists now may have to end or move for it: something is taken away. */
  readonly interrupts: boolean
}

/** A device that holds a policy of this plant although the plant file no longer names it. */
export interface Orphan {
  readonly device: string
  readonly reason: string
  readonly choices: readonly ['release', 'keep']
}

/** The differences of a whole plant. */
export interface PlantDifference {
  /** By device, devices without a difference left out. */
  readonly devices: ReadonlyMap<string, readonly Change[]>
  readonly orphans: readonly Orphan[]
  /** What was compared, so that the next comparison can skip what is still the same. */
  readonly compared: ReadonlyMap<string, Compared>
}

/** A comparison that was made. */
export interface Compared {
  readonly wanted: DeviceSettings
  readonly observed: ObservedSettings | undefined
  readonly changes: readonly Change[]
}

/**
 * Compares what each device shall hold with what it was seen to hold. With the previous difference at hand, pairs that
 * are the same objects as before are not compared again.
 *
 * @param observed by device name; a device that is not there counts as not known
 */
export function difference(
  wanted: ReadonlyMap<string, DeviceSettings>,
  observed: ReadonlyMap<string, ObservedSettings>,
  previous?: PlantDifference,
): PlantDifference {
  const devices = new Map<string, readonly Change[]>()
  const compared = new Map<string, Compared>()
  for (const [name, settings] of wanted) {
    const seen = observed.get(name)
    const before = previous?.compared.get(name)
    const same = before !== undefined && before.wanted === settings && before.observed === seen
    const entry = same ? before : { wanted: settings, observed: seen, changes: compareDevice(settings, seen, before) }
    compared.set(name, entry)
    if (entry.changes.length > 0) devices.set(name, entry.changes)
  }
  return { devices, orphans: findOrphans(wanted, observed), compared }
}

function findOrphans(
  wanted: ReadonlyMap<string, DeviceSettings>,
  observed: ReadonlyMap<string, ObservedSettings>,
): readonly Orphan[] {
  const orphans: Orphan[] = []
  for (const { device, configured } of observed.values()) {
    const settings = wanted.get(device)
    if (configured !== true || (settings !== undefined && settings.enforcement !== 'none')) continue
    const why =
      settings === undefined ? 'the plant file no longer names it' : 'the plant file gives it no policy any more'
    const reason = `policy still in force, although ${why}: release it or keep it`
    orphans.push({ device, reason, choices: ['release', 'keep'] })
  }
  return orphans
}

/** The changes that bring one device from what was observed to what is wanted; everything, when nothing is known of it. */
export function deviceDifference(wanted: DeviceSettings, observed?: ObservedSettings): readonly Change[] {
  return compareDevice(wanted, observed, undefined)
}

function compareDevice(
  wanted: DeviceSettings,
  observed: ObservedSettings = { device: wanted.device },
  before: Compared | undefined,
): readonly Change[] {
  if (wanted.enforcement === 'none') return []
  const changes: Change[] = []
  compareList(changes, 'allowedSuites', observed.allowedSuites, wanted.allowedSuites, suiteHex, true)
  if (wanted.originatorSuites.length > 0 || (observed.originatorSuites?.length ?? 0) > 0) {
    compareList(changes, 'originatorSuites', observed.originatorSuites, wanted.originatorSuites, suiteHex, true)
  }
  compareFlag(changes, 'verifyClient', observed.verifyClient, wanted.verifyClient)
  compareFlag(changes, 'sendChain', observed.sendChain, wanted.sendChain)
  compareFlag(changes, 'checkExpiration', observed.checkExpiration, wanted.checkExpiration)
  // A device whose class revision has no attribute 17 is never asked for it, so that "not known" means "not there".
  if (wanted.checkName || observed.checkName !== undefined)
    compareFlag(changes, 'checkName', observed.checkName, wanted.checkName)
  if (observed.dtlsTimeoutS !== wanted.dtlsTimeoutS) {
    const from = observed.dtlsTimeoutS === undefined ? unknown : `${observed.dtlsTimeoutS} s`
    changes.push({ what: 'dtlsTimeout', from, to: `${wanted.dtlsTimeoutS} s`, interrupts: false })
  }
  compareList(changes, 'authorities', observed.authorities, wanted.authorities, String, false)
  compareList(changes, 'identities', observed.identities, wanted.identities, String, false)
  const spellPsk = ({ identity, usage }: { identity: string; usage: string }): string => `${identity} (${usage})`
  compareList(changes, 'psk', observed.psk?.map(spellPsk), wanted.psk.map(spellPsk), String, false)
  compareRules(changes, wanted, observed, before?.observed === observed ? before : undefined)
  for (const port of wanted.ports) comparePort(changes, port, observed.ports)
  return changes
}

const unknown = 'not known'

/** Lists of what is accepted: whatever leaves the list may be in use now. Only for suites the order means something. */
function compareList<Item>(
  changes: Change[],
  what: ChangeSubject,
  from: readonly Item[] | undefined,
  to: readonly Item[],
  spell: (item: Item) => string,
  ordered: boolean,
): void {
  if (from !== undefined && from.length === to.length) {
    const same = ordered ? from.every((item, place) => item === to[place]) : isSameSet(from, to)
    if (same) return
  }
  const kept = new Set(to)
  const list = (items: readonly Item[]): string => (items.length === 0 ? 'none' : abbreviate(items, spell))
  changes.push({
    what,
    from: from === undefined ? unknown : list(from),
    to: list(to),
    interrupts: from === undefined || from.some((item) => !kept.has(item)),
  })
}

function isSameSet<Item>(a: readonly Item[], b: readonly Item[]): boolean {
  const all = new Set(a)
  return all.size === new Set(b).size && b.every((item) => all.has(item))
}

/** Checks that are switched on may turn a peer away that is connected now. */
function compareFlag(changes: Change[], what: ChangeSubject, from: boolean | undefined, to: boolean): void {
  if (from === to) return
  changes.push({
    what,
    from: from === undefined ? unknown : onOff(from),
    to: onOff(to),
    interrupts: to && from !== true && what !== 'sendChain',
  })
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off'
}

/**
 * Rules that were found equal to those wanted before are compared by those instead: compiled rules are the same objects
 * from one compilation to the next.
 */
function compareRules(
  changes: Change[],
  wanted: DeviceSettings,
  observed: ObservedSettings,
  before: Compared | undefined,
): void {
  if (wanted.rules === undefined) return
  for (const direction of ['ingress', 'egress'] as const) {
    const to = wanted.rules[direction]
    const wasEqual = before?.changes.every((change) => change.what !== direction) === true
    const from = (wasEqual ? before.wanted : observed).rules?.[direction]
    if (from !== undefined && isSameRules(from, to)) continue
    const { added, taken, isReordered } =
      from === undefined ? { added: to, taken: [], isReordered: true } : compareLists(from, to)
    const counts = `${to.length} rules (${added.length} new, ${taken.length} taken away)`
    const shown = added.length === 0 ? '' : `: ${abbreviate(added, formatRule)}`
    changes.push({
      what: direction,
      from: from === undefined ? unknown : from.length === 0 ? 'no rules, everything passes' : `${from.length} rules`,
      to: `${counts}${shown}`,
      // Without any rules everything passes today, so the first rules close what they do not name.
      interrupts: isReordered || taken.length > 0 || from?.length === 0,
    })
  }
}

function isSameRules(a: readonly Rule[], b: readonly Rule[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let place = 0; place < a.length; place++) {
    const one = a[place]
    const other = b[place]
    if (one === undefined || other === undefined || !isSameRule(one, other)) return false
  }
  return true
}

/** What differs between two lists of rules. */
interface RuleChanges {
  readonly added: readonly Rule[]
  readonly taken: readonly Rule[]
  /** Rules that stay may decide differently than before: they changed places, or a new one is about the same peer. */
  readonly isReordered: boolean
}

/**
 * Finds the rules that come and go. Both lists are normally by address, so one walk over both finds what differs; what
 * stands in both after all, in another place, is taken out again by its text.
 */
function compareLists(from: readonly Rule[], to: readonly Rule[]): RuleChanges {
  const added: Rule[] = []
  const taken: Rule[] = []
  let old = 0
  let fresh = 0
  while (old < from.length || fresh < to.length) {
    const a = from[old]
    const b = to[fresh]
    if (a !== undefined && b !== undefined && isSameRule(a, b)) {
      old++
      fresh++
      continue
    }
    const order = a === undefined ? 1 : b === undefined ? -1 : (a.ip?.address ?? 0) - (b.ip?.address ?? 0)
    if (a !== undefined && order <= 0) {
      taken.push(a)
      old++
    }
    if (b !== undefined && order >= 0) {
      added.push(b)
      fresh++
    }
  }
  // What only comes, or only goes, stands in one list alone.
  if (taken.length === 0 || added.length === 0) return { added, taken, isReordered: overlaps(added, from) }
  const before = new Set(taken.map(formatRule))
  const after = new Set(added.map(formatRule))
  const isMoved = [...after].some((text) => before.has(text))
  const really = added.filter((rule) => !before.has(formatRule(rule)))
  const gone = taken.filter((rule) => !after.has(formatRule(rule)))
  return { added: really, taken: gone, isReordered: isMoved || overlaps(really, from) }
}

/** True when a new rule is about a peer that an old one is about; a rule without an address is about everybody. */
function overlaps(added: readonly Rule[], from: readonly Rule[]): boolean {
  if (added.length === 0) return false
  const peers = new Set(added.map((rule) => rule.ip?.address))
  if (peers.has(undefined)) return true
  for (const rule of from) if (rule.ip === undefined || peers.has(rule.ip.address)) return true
  return false
}

function comparePort(changes: Change[], wanted: PortSetting, observed: readonly PortSetting[] | undefined): void {
  const seen = observed?.find((port) => port.port === wanted.port && port.protocol === wanted.protocol)
  if (seen?.open === wanted.open) return
  // A port that is to stay open and was not read is no change; one that is to be closed is.
  if (seen === undefined && wanted.open) return
  const port = `${wanted.protocol}/${wanted.port}`
  changes.push({
    what: 'port',
    from: seen === undefined ? `${port} ${unknown}` : `${port} ${seen.open ? 'open' : 'closed'}`,
    to: `${port} ${wanted.open ? 'open' : 'closed'}`,
    interrupts: !wanted.open,
  })
}

/** Long lists would hide the rest of a plan. */
function abbreviate<Item>(items: readonly Item[], spell: (item: Item) => string): string {
  const most = 12
  const shown = items.slice(0, most).map(spell).join(', ')
  return items.length <= most ? shown : `${shown} and ${items.length - most} more`
}
