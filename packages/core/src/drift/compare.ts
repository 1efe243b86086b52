import type { Crypto } from '../crypto/provider.ts'
import { assess, effectiveSettings, type PlannedChange } from '../deployment/assess.ts'
import { spellSerial, unexpectedUnit } from '../deployment/judge.ts'
import type { Materials } from '../deployment/materials.ts'
import { type DeviceReading, isConfigured, observedSettings, type UnitIdentity } from '../deployment/observe.ts'
import type { Discovered, Observation } from '../deployment/plan.ts'
import type { DeviceTarget } from '../deployment/target.ts'
import type { DeviceRole } from '../policy/model.ts'
import { formatRule, type Rule } from '../policy/rules.ts'
import { type AttributePlace, settingPlaces, statePlaces } from './attributes.ts'
import type { Finding } from './finding.ts'

/** A device with everything that a comparison knows of it. */
export interface ComparedDevice {
  readonly target: DeviceTarget
  /** What was read from it; undefined where the policy gives it no settings. */
  readonly observation: Observation | undefined
  /** Its answer to ListIdentity; undefined where it gave none. */
  readonly heard: Discovered | undefined
  readonly role: DeviceRole
  /** What was remembered when it was commissioned; undefined where it never was. */
  readonly record: CommissionedUnit | undefined
}

/** The unit that was commissioned under a name. */
export interface CommissionedUnit {
  readonly serialNumber: number | undefined
  /** Firmware revision, `major.minor`. */
  readonly revision: string | undefined
  readonly configured: boolean
}

/** What every comparison needs. */
export interface ComparisonMeans {
  readonly materials: Materials
  readonly crypto: Crypto
  /** Milliseconds since 1970. */
  readonly date: number
  /** A certificate that ends within so many milliseconds is a warning. */
  readonly nearMs: number
  /** A moment in the words of whoever reads it. */
  readonly spell: (ms: number) => string
}

/** How one device differs from the model, in the order of its objects. */
export function compareDevice(device: ComparedDevice, means: ComparisonMeans): readonly Finding[] {
  const { target, observation, heard, role } = device
  const about = aboutDevice(target)
  if (target.settings.enforcement === 'none') {
    if (heard !== undefined) return otherUnit(device, heard.unit, undefined)
    // A pure originator serves nobody, so its silence says nothing.
    return role === 'originator' ? [] : [{ ...about, ...missing, found: 'no answer to ListIdentity' }]
  }
  if (observation?.kind !== 'read') {
    const evidence = observation?.evidence ?? 'it was not asked'
    const wrong = heard === undefined ? [] : otherUnit(device, heard.unit, undefined)
    if (wrong.length > 0) return wrong
    const isSilent = observation?.code === 'unreachable' || observation?.code === 'timed-out'
    if (isSilent && heard === undefined) return [{ ...about, ...missing, found: evidence }]
    return [{ ...about, kind: 'unreadable', weight: 'unread', expected: 'to be read', found: evidence }]
  }
  const { reading } = observation
  const [shown] = reading.presented
  const holder = shown === undefined ? undefined : means.materials.holderOf(shown)
  const wrong = otherUnit(device, reading.unit, holder)
  // Another unit holds other settings: what it must be is the finding, not each of them.
  if (wrong.length > 0) return wrong
  if (device.record?.configured !== true && !isConfigured(reading)) {
    const expected = 'commissioned under the policy of the model'
    return [{ ...about, kind: 'not-deployed', weight: 'drift', expected, found: stateText(reading) }]
  }
  return [...revisionFindings(device, reading), ...settingFindings(target, reading, means)]
}

function aboutDevice({ settings }: DeviceTarget) {
  const { device, address } = settings
  return { device, address, place: undefined, setting: undefined, aim: undefined } as const
}

const missing = { kind: 'missing', weight: 'drift', expected: 'it answers' } as const

/** Whether another unit than the one of the model or of the records stands there. */
function otherUnit(
  { target, record }: ComparedDevice,
  unit: UnitIdentity,
  holder: string | undefined,
): readonly Finding[] {
  const about = { ...aboutDevice(target), kind: 'replaced', weight: 'drift' } as const
  const found = `${unit.productName.trim()} ${spellSerial(unit.serialNumber)}`.trim()
  const wrong = unexpectedUnit(target.expect, unit)
  if (wrong !== undefined) return [{ ...about, expected: `as the plant file expects (${wrong})`, found }]
  if (record?.configured === true && record.serialNumber !== undefined && record.serialNumber !== unit.serialNumber)
    return [{ ...about, expected: `the unit that was commissioned, ${spellSerial(record.serialNumber)}`, found }]
  if (holder !== undefined && holder !== target.settings.device)
    return [{ ...about, expected: 'its own certificate', found: `${found} with the certificate of ${holder}` }]
  return []
}

function stateText({ cipSecurityState, security }: DeviceReading): string {
  return `0x5D ${cipSecurityState}, 0x5E ${security.state}`
}

function attributeFinding(
  target: DeviceTarget,
  place: AttributePlace,
  expected: string,
  found: string,
  change?: PlannedChange,
): Finding {
  return {
    ...aboutDevice(target),
    kind: 'attribute',
    weight: 'drift',
    place,
    expected,
    found,
    setting: change?.what,
    aim: change?.to,
  }
}

function revisionFindings({ target, record }: ComparedDevice, { unit }: DeviceReading): readonly Finding[] {
  const found = `${unit.major}.${unit.minor}`
  if (record?.revision === undefined || record.revision === found) return []
  return [attributeFinding(target, statePlaces.revision, record.revision, found)]
}

/** Every setting that a deployment would change, one finding for each attribute. */
function settingFindings(target: DeviceTarget, reading: DeviceReading, means: ComparisonMeans): readonly Finding[] {
  const { materials, crypto, date } = means
  const findings: Finding[] = []
  const add = (place: AttributePlace, expected: string, found: string, change?: PlannedChange) => {
    const isThere = findings.some((one) => one.place?.class === place.class && isSamePlace(one.place, place))
    // By name and by content an attribute may differ at once: it is one difference.
    if (!isThere) findings.push(attributeFinding(target, place, expected, found, change))
  }
  let due: PlannedChange | undefined
  for (const change of assess(target, reading, materials, crypto, date).changes) {
    const { what, from, to } = change
    if (what === 'state') {
      const { cipSecurityState, security } = reading
      if (cipSecurityState !== 'configured')
        add(statePlaces.cipSecurityState, 'configured', String(cipSecurityState), change)
      if (security.state !== 'configured') add(statePlaces.securityState, 'configured', String(security.state), change)
    } else if (what === 'port') {
      const [part = '', found = ''] = split(from)
      add({ ...settingPlaces.port, part }, split(to)[1] ?? to, found, change)
    } else if (what === 'ingress' || what === 'egress') {
      const wanted = effectiveSettings(target.settings, materials).rules?.[what] ?? []
      const held = observedSettings(reading, materials, crypto).rules?.[what]
      add(settingPlaces[what], ...rulesText(wanted, held), change)
    } else if (
      what === 'certificate' &&
      (from === 'due for renewal' || from === 'expired' || from === 'to be renewed')
    ) {
      due = change
    } else add(settingPlaces[what], to, from, change)
  }
  const ends = certificateFinding(target, reading, means, due)
  if (ends !== undefined) findings.push(ends)
  return findings.sort(byPlace)
}

/** `tcp/44818 open` in its two parts. */
function split(text: string): readonly [string, string] {
  const space = text.indexOf(' ')
  return space < 0 ? [text, ''] : [text.slice(0, space), text.slice(space + 1)]
}

function isSamePlace(one: AttributePlace, other: AttributePlace): boolean {
  return one.instance === other.instance && one.attribute === other.attribute && one.part === other.part
}

function byPlace(a: Finding, b: Finding): number {
  const number = ({ place }: Finding): number =>
    place === undefined ? Number.MAX_SAFE_INTEGER : place.class * 0x10000 + place.attribute
  return number(a) - number(b)
}

/** Most rules that are written out. */
const mostRules = 8

/** What was to be there and is not, and what is there and was not to be. */
function rulesText(wanted: readonly Rule[], held: readonly Rule[] | undefined): [expected: string, found: string] {
  const expected = `${wanted.length} rules`
  if (held === undefined) return [expected, 'rules in nobody’s grammar, or none at all']
  if (held.length === 0) return [expected, 'no rules: everything passes']
  const [aim, now] = [wanted.map(formatRule), held.map(formatRule)]
  const lacking = aim.filter((rule) => !now.includes(rule))
  const strange = now.filter((rule) => !aim.includes(rule))
  if (lacking.length === 0 && strange.length === 0) return [expected, `${now.length} rules, the same in another order`]
  const parts = [
    ...(lacking.length === 0 ? [] : [`without ${some(lacking)}`]),
    ...(strange.length === 0 ? [] : [`with ${some(strange)}`]),
  ]
  return [expected, `${now.length} rules, ${parts.join('; ')}`]
}

function some(rules: readonly string[]): string {
  const shown = rules.slice(0, mostRules).map((rule) => `"${rule}"`)
  return rules.length <= mostRules ? shown.join(', ') : `${shown.join(', ')} and ${rules.length - mostRules} more`
}

/** The certificate that it shows, where that ends soon or has ended, or is due by the plant's own rule. */
function certificateFinding(
  target: DeviceTarget,
  reading: DeviceReading,
  { materials, date, nearMs, spell }: ComparisonMeans,
  due: PlannedChange | undefined,
): Finding | undefined {
  const der = reading.active?.certificate
  const held = der === undefined ? undefined : materials.certificates.read(der)?.certificate
  // Of no certificate, and of a default one, attribute 6 has been said already.
  if (held === undefined || der === undefined || materials.holderOf(der) === undefined) return undefined
  const isOver = date >= held.notAfter
  const isNear = held.notAfter - date <= nearMs
  if (!isOver && !isNear && due === undefined) return undefined
  return {
    ...aboutDevice(target),
    kind: 'certificate',
    weight: isOver ? 'drift' : 'warning',
    expected: 'a certificate that is not due for renewal',
    found: `${isOver ? 'expired' : 'expires'} ${spell(held.notAfter)}`,
    setting: 'certificate',
    aim: due?.to,
  }
}
