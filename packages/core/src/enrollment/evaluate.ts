import { UsageError } from '../errors.ts'
import { formatTime } from '../wire/calendar.ts'
import type {
  AccountDefinition,
  AdministratorRule,
  EnrollmentPolicy,
  GlobalRule,
  PasswordRule,
  PolicyKind,
  ProvisioningRule,
  Rule,
  SerialRule,
  VendorRule,
} from './approval-policy.ts'
import { type EnrollmentFacts, type Fact, formatUnit, isAssured, sameUnit } from './facts.ts'
import { type SerialList, unitKey } from './serial-list.ts'

/** What a rule says of a request. */
export type RuleResult = 'grant' | 'deny' | 'pend' | 'not-applicable'

/** What one rule said and why, with the rules inside it. */
export interface RuleVerdict {
  readonly rule: Rule['kind']
  readonly result: RuleResult
  readonly reason: string
  readonly of?: readonly RuleVerdict[]
}

/** Something that is wrong with a request whatever the rules say; an operator must see it. */
export interface EnrollmentAlarm {
  /** `clone`: one key, two units or addresses. `contradiction`: the request names another unit than its proof. */
  readonly kind: 'clone' | 'contradiction'
  readonly reason: string
}

/** A credential that counts uses and on which a grant rests: whoever issues must count it in the same transaction. */
export type CountedUse =
  | { readonly kind: 'account'; readonly account: string; readonly most: number }
  | { readonly kind: 'provisioning'; readonly authority: string; readonly fingerprint: string; readonly once: boolean }

/** The answer about a request, complete and plain: it is kept with the certificate. */
export interface Evaluation {
  /** `deny` also when no rule applied: what nobody grants is refused. */
  readonly verdict: 'grant' | 'deny' | 'pend'
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly label: string | null
  /** The key that it is bound to, as in the facts. */
  readonly key: string
  readonly alarms: readonly EnrollmentAlarm[]
  /** What the grant uses up; empty unless granted. */
  readonly uses: readonly CountedUse[]
  /** Every rule of the label, evaluated whether or not it decided; null when there is no such label. */
  readonly tree: RuleVerdict | null
}

/** What is looked up while evaluating. */
export interface EvaluationContext {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Inventories by name; one that a rule names and that is missing is the caller's mistake. */
  readonly lists: ReadonlyMap<string, SerialList>
}

/**
 * Which result wins, strongest first. `anyOf`, `allOf` and `not` are the logic of Kleene over not-applicable (no), pend
 * (not yet known) and grant (yes); a deny, anywhere, decides.
 * Deviation: that an alternative which already grants is not held up by one that waits is ours. Without, no rule could
 * say "a vendor certificate, or else an administrator".
 */
const precedence = {
  anyOf: ['deny', 'grant', 'pend', 'not-applicable'],
  allOf: ['deny', 'not-applicable', 'pend', 'grant'],
} as const satisfies Record<string, readonly RuleResult[]>

/**
 * Whether a request earns a certificate. Denials win, what waits is not granted, and what no rule grants is denied. Never
 * stops early: the tree shows what every rule said.
 * @throws UsageError `missing` for an inventory that a rule names and the context lacks
 */
export function evaluateEnrollment(
  policy: EnrollmentPolicy,
  facts: EnrollmentFacts,
  context: EvaluationContext,
): Evaluation {
  const { label, key } = facts
  const alarms = alarmsOf(facts)
  const rule = policy.labels.get(label)
  const tree = rule === undefined ? null : evaluateRule(rule, { policy, facts, context })
  const base = { at: context.at, label: label ?? null, key, alarms, tree }
  const [alarm] = alarms
  if (alarm !== undefined) return { ...base, verdict: 'deny', reason: alarm.reason, uses: [] }
  if (tree === null) return { ...base, verdict: 'deny', reason: `there are no rules for ${nameLabel(label)}`, uses: [] }
  switch (tree.result) {
    case 'grant':
      return { ...base, verdict: 'grant', reason: tree.reason, uses: usesOf(tree, { policy, facts, context }) }
    case 'pend':
    case 'deny':
      return { ...base, verdict: tree.result, reason: tree.reason, uses: [] }
    case 'not-applicable':
      return { ...base, verdict: 'deny', reason: `no rule grants it: ${tree.reason}`, uses: [] }
  }
}

function nameLabel(label: string | undefined): string {
  return label === undefined ? 'the path without a label' : `label ${label}`
}

interface Scope {
  readonly policy: EnrollmentPolicy
  readonly facts: EnrollmentFacts
  readonly context: EvaluationContext
}

/** What blocks a grant whatever the rules say. */
function alarmsOf(facts: EnrollmentFacts): readonly EnrollmentAlarm[] {
  const alarms: EnrollmentAlarm[] = []
  const proven = facts.units.find(({ assurance }) => assurance === 'proven')
  for (const { value, source } of facts.units) {
    if (proven === undefined || sameUnit(value, proven.value)) continue
    const reason = `${source} says ${formatUnit(value)}, ${proven.source} proves ${formatUnit(proven.value)}`
    alarms.push({ kind: 'contradiction', reason })
    break
  }
  const clone = cloneOf(facts)
  if (clone !== undefined) alarms.push({ kind: 'clone', reason: clone })
  return alarms
}

function cloneOf({ address, units, macs, sightings }: EnrollmentFacts): string | undefined {
  for (const seen of sightings) {
    if (seen.address !== address) return `the key was seen at ${seen.address} too; this request came from ${address}`
    const { unit, mac } = seen
    const other = unit === undefined ? undefined : units.find(({ value }) => !sameUnit(value, unit))
    if (unit !== undefined && other !== undefined) {
      return `the key was seen with ${formatUnit(unit)} too; this request is of ${formatUnit(other.value)}`
    }
    if (mac !== undefined && macs.length > 0 && !macs.some(({ value }) => value === mac)) {
      return `the key was seen with MAC address ${mac} too; this request is of ${macs[0]?.value}`
    }
  }
  return undefined
}

function evaluateRule(rule: Rule, scope: Scope): RuleVerdict {
  switch (rule.kind) {
    case 'anyOf':
    case 'allOf':
      return join(
        rule.kind,
        rule.of.map((each) => evaluateRule(each, scope)),
      )
    case 'not':
      return negate(evaluateRule(rule.of, scope))
    case 'vendorCertificate':
      return vendorCertificate(rule, scope)
    case 'administrator':
      return administrator(rule, scope)
    case 'serialList':
      return serialList(rule, scope)
    case 'password':
      return password(rule, scope)
    case 'provisioningCertificate':
      return provisioningCertificate(rule, scope)
    case 'globalGrant':
      return globalGrant(rule, scope)
  }
}

function join(rule: 'anyOf' | 'allOf', of: readonly RuleVerdict[]): RuleVerdict {
  for (const result of precedence[rule]) {
    const decisive = of.find((each) => each.result === result)
    if (decisive !== undefined) return { rule, result, reason: decisive.reason, of }
  }
  return { rule, result: 'not-applicable', reason: 'there is nothing in it', of }
}

function negate(inner: RuleVerdict): RuleVerdict {
  const of = [inner]
  const rule = 'not'
  switch (inner.result) {
    case 'grant':
      return { rule, result: 'not-applicable', reason: `excluded: ${inner.reason}`, of }
    case 'not-applicable':
      return { rule, result: 'grant', reason: `not excluded: ${inner.reason}`, of }
    case 'pend':
    case 'deny':
      return { rule, result: inner.result, reason: inner.reason, of }
  }
}

/** One result of a policy. */
function say(rule: PolicyKind, result: RuleResult, reason: string): RuleVerdict {
  return { rule, result, reason }
}

function vendorCertificate({ kind, vendors }: VendorRule, { facts }: Scope): RuleVerdict {
  const { vendor } = facts
  if (vendor === undefined) return say(kind, 'not-applicable', 'no vendor certificate was shown')
  switch (vendor.verdict) {
    case 'trusted':
      return vendors.includes(vendor.vendor)
        ? say(kind, 'grant', `${formatUnit(vendor.unit)}: ${vendor.reason}`)
        : say(kind, 'not-applicable', `a certificate of ${vendor.vendor}, which this rule does not name`)
    case 'unknown':
      return say(kind, 'not-applicable', `the certificate shown: ${vendor.reason}`)
    case 'revoked':
    case 'refused':
      return say(kind, 'deny', `the certificate shown: ${vendor.reason}`)
  }
}

function administrator({ kind, approvals }: AdministratorRule, { facts }: Scope): RuleVerdict {
  const denial = facts.administrators.find(({ verdict }) => verdict === 'deny')
  if (denial !== undefined) return say(kind, 'deny', `${denial.by} denied it: ${denial.reason}`)
  const people = [...new Set(facts.administrators.map(({ by }) => by))]
  return people.length >= approvals
    ? say(kind, 'grant', `approved by ${people.join(' and ')}`)
    : say(kind, 'pend', `waits for an administrator, ${people.length} of ${approvals} approved`)
}

function serialList({ kind, list: name, by, needs }: SerialRule, { facts, context }: Scope): RuleVerdict {
  const list = context.lists.get(name)
  if (list === undefined) throw new UsageError('missing', `inventory ${name}: a rule names it, and it was not given`)
  const units = by === 'mac' ? [] : facts.units
  const macs = by === 'serial' ? [] : facts.macs
  const listed: { readonly fact: Fact<unknown>; readonly text: string }[] = []
  for (const fact of units) {
    if (list.units.has(unitKey(fact.value))) listed.push({ fact, text: formatUnit(fact.value) })
  }
  for (const fact of macs) if (list.macs.has(fact.value)) listed.push({ fact, text: `MAC address ${fact.value}` })
  const match = listed.find(({ fact }) => isAssured(fact.assurance, needs))
  if (match !== undefined) {
    const { text, fact } = match
    return say(kind, 'grant', `${text}, ${fact.assurance} by ${fact.source}, stands in ${name}`)
  }
  const [weak] = listed
  if (weak !== undefined) {
    const { text, fact } = weak
    const reason = `${text} stands in ${name}, but is only ${fact.assurance} (${fact.source}); the rule needs ${needs}`
    return say(kind, 'not-applicable', reason)
  }
  const [unit] = units
  const [mac] = macs
  const shown = unit === undefined ? mac && `MAC address ${mac.value}` : formatUnit(unit.value)
  const reason = shown === undefined ? 'no serial number or MAC address is known' : `${shown} does not stand in ${name}`
  return say(kind, 'not-applicable', reason)
}

function password({ kind, accounts }: PasswordRule, { policy, facts }: Scope): RuleVerdict {
  const given = facts.password
  if (given === undefined) return say(kind, 'not-applicable', 'no user name and password were given')
  const account = accounts.includes(given.account) ? policy.accounts.get(given.account) : undefined
  if (account === undefined) return say(kind, 'not-applicable', `account ${given.account} does not count here`)
  if (given.verdict === 'refused') return say(kind, 'deny', `wrong password for account ${given.account}`)
  const fault = accountFault(account, facts, given.granted)
  return fault === undefined
    ? say(kind, 'grant', `account ${account.name}, ${given.granted} of ${account.most} granted before`)
    : say(kind, 'not-applicable', `account ${account.name} ${fault}`)
}

function accountFault(account: AccountDefinition, facts: EnrollmentFacts, granted: number): string | undefined {
  const { most, labels, subject } = account
  if (granted >= most) return `is used up: ${granted} of ${most} granted`
  if (labels !== undefined && !labels.includes(facts.label)) return `does not count for ${nameLabel(facts.label)}`
  if (subject === undefined) return undefined
  const values = facts.subject.attributes.filter(({ type }) => type === subject.type)
  const fits = values.length > 0 && values.every(({ value }) => value.length <= 256 && subject.pattern.test(value))
  return fits ? undefined : `does not cover subject ${facts.subject.text}`
}

function provisioningCertificate({ kind, authorities }: ProvisioningRule, { policy, facts }: Scope): RuleVerdict {
  const shown = facts.provisioning
  if (shown === undefined) return say(kind, 'not-applicable', 'no provisioning certificate was shown')
  const authority = authorities.includes(shown.authority) ? policy.provisioning.get(shown.authority) : undefined
  if (authority === undefined) {
    return say(
      kind,
      'not-applicable',
      `a provisioning certificate of ${shown.authority}, which this rule does not name`,
    )
  }
  const text = `provisioning certificate ${shown.fingerprint.slice(0, 16)}… of ${authority.name}`
  if (shown.revoked) return say(kind, 'deny', `${text} is revoked`)
  if (authority.use === 'once' && shown.consumedBy !== undefined && shown.consumedBy !== facts.key) {
    return say(kind, 'deny', `${text} was used for another key`)
  }
  return say(kind, 'grant', text)
}

function globalGrant({ kind, from, until }: GlobalRule, { context }: Scope): RuleVerdict {
  if (context.at < from) return say(kind, 'not-applicable', `the global grant begins at ${formatTime(from)}`)
  if (context.at >= until) return say(kind, 'not-applicable', `the global grant ended at ${formatTime(until)}`)
  return say(kind, 'grant', `global grant until ${formatTime(until)}`)
}

/** The counted credentials among what a grant rests on: of alternatives, the first that grants. */
function usesOf(tree: RuleVerdict, scope: Scope): readonly CountedUse[] {
  const { policy, facts } = scope
  switch (tree.rule) {
    case 'anyOf': {
      const first = tree.of?.find(({ result }) => result === 'grant')
      return first === undefined ? [] : usesOf(first, scope)
    }
    case 'allOf':
      return (tree.of ?? []).flatMap((each) => usesOf(each, scope))
    case 'password': {
      const account = policy.accounts.get(facts.password?.account ?? '')
      return account === undefined ? [] : [{ kind: 'account', account: account.name, most: account.most }]
    }
    case 'provisioningCertificate': {
      const shown = facts.provisioning
      if (shown === undefined) return []
      const once = policy.provisioning.get(shown.authority)?.use === 'once'
      return [{ kind: 'provisioning', authority: shown.authority, fingerprint: shown.fingerprint, once }]
    }
    // What holds because something is absent uses nothing up.
    case 'not':
    case 'vendorCertificate':
    case 'administrator':
    case 'serialList':
    case 'globalGrant':
      return []
  }
}

/** An evaluation for people, one rule per line, indented as the rules are. */
export function formatEvaluation({ verdict, reason, tree }: Evaluation): string {
  const lines = [`${verdict}: ${reason}`]
  const write = (each: RuleVerdict, depth: number): void => {
    const text = each.of === undefined ? `: ${each.reason}` : ''
    lines.push(`${'  '.repeat(depth)}${each.rule} ${each.result}${text}`)
    for (const inner of each.of ?? []) write(inner, depth + 1)
  }
  if (tree !== null) write(tree, 1)
  return lines.join('\n')
}
