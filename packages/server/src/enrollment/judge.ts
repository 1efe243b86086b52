import {
  type AdministratorWord,
  evaluateEnrollment,
  type Evaluation,
  type ReplacementRule,
  defaultReplacementRule,
} from '@cordon/core/enrollment'
import { attributeTypes } from '@cordon/core/x509'
import type { StoredReplacement } from './commit.ts'
import type { EnrollmentFiles } from './files.ts'
import { placeOf, type PlantPlaces, unlistedName } from './place.ts'
import type { KeyRecords, NameRecords, StoredFacts } from './records.ts'
import { standing } from './standing.ts'
import { formatFormer, formerOf, isFormer, judgeTakeover } from './takeover.ts'
import { overrule } from './verdict.ts'

/**
 * The decision about one request: the rules of its label, and what stands above them.
 * @module
 */

/** Who somebody is to be: what its certificate will say. */
export interface Target {
  readonly name: string
  readonly zone: string
  readonly addresses: readonly string[]
  readonly dnsNames: readonly string[]
  /** A device of the plant file. */
  readonly listed: boolean
  /** Why it has to wait whatever the rules say. */
  readonly fault: string | undefined
}

/** A target, or why there is none. */
export type TargetResult =
  | { readonly target: Target; readonly reason?: undefined }
  | { readonly target: undefined; readonly reason: string }

/** Who a requester is, by the plant file. */
export function targetOf(facts: StoredFacts, files: EnrollmentFiles, places: PlantPlaces): TargetResult {
  const { address, units, observed, label, key, subject } = facts
  const place = placeOf(places, {
    address,
    units,
    deviceType: observed?.deviceType,
    productCode: observed?.productCode,
  })
  if (place.kind === 'refused') return { target: undefined, reason: place.reason }
  if (place.kind === 'device') {
    const { name, zone, dnsName, fault } = place
    const dnsNames = dnsName === undefined ? [] : [dnsName]
    return { target: { name, zone, addresses: [place.address], dnsNames, listed: true, fault } }
  }
  const zone = files.policy.unlisted.get(label)
  if (zone === undefined) {
    const where = label === undefined ? 'the path without a label' : `label ${label}`
    const reason = `the plant file lists no device at ${address} or with its unit, and ${where} is for none else (unlisted)`
    return { target: undefined, reason }
  }
  const commonName = subject.attributes.find(({ type }) => type === attributeTypes.CN)?.value
  const { name } = unlistedName(units, commonName, key)
  if (places.names.has(name.toLowerCase())) {
    return { target: undefined, reason: `it would be called ${name}, as a device of the plant file is that it is not` }
  }
  return { target: { name, zone, addresses: [address], dnsNames: [], listed: false, fault: undefined } }
}

/** What a decision is made of. */
export interface Case {
  readonly facts: StoredFacts
  readonly files: EnrollmentFiles
  readonly records: KeyRecords
  readonly target: TargetResult
  /** About the target's name. */
  readonly names: NameRecords | undefined
  /** What stands above the rules: a refusal whatever they say. */
  readonly refusal: string | undefined
  /** Of a renewal, why it is granted without asking the rules. */
  readonly renewal: string | undefined
  /** The wait of this request is over: what people said does not count any more. */
  readonly isOver: boolean
  readonly at: number
}

/** A decision, and what it rests on. */
export interface Judged {
  readonly facts: StoredFacts
  readonly evaluation: Evaluation
  readonly replacement: StoredReplacement | undefined
  /** Who approved it, as far as it counts. */
  readonly approvedBy: readonly string[]
  /** What the network says of the requester might change it. */
  readonly lacksIdentity: boolean
}

/** Decides about a request. Pure: all that is known is handed in. */
export function judge(subject: Case): Judged {
  const { records, target, isOver, files, at, refusal, renewal } = subject
  const approved = { subject: subject.facts.subject.text, device: target.target?.name ?? null }
  const administrators = isOver ? [] : standing(records.words, approved)
  const facts = { ...subject.facts, administrators }
  const rules = evaluateEnrollment(files.policy, facts, { at, lists: files.lists })
  const denial = isOver ? undefined : records.denials[0]
  const approvedBy = administrators.flatMap(({ by, verdict }) => (verdict === 'approve' ? [by] : []))
  const base = { facts, replacement: undefined, approvedBy, lacksIdentity: false }
  if (refusal !== undefined) return { ...base, evaluation: overrule(rules, 'deny', refusal) }
  if (denial !== undefined) {
    return { ...base, evaluation: overrule(rules, 'deny', `${denial.by} denied it: ${denial.reason}`) }
  }
  if (rules.alarms.length > 0) return { ...base, evaluation: rules }
  const evaluation: Evaluation =
    renewal === undefined ? rules : { ...rules, verdict: 'grant', reason: renewal, uses: [], tree: null }
  if (evaluation.verdict === 'deny') return { ...base, evaluation }
  return judgeRole(subject, { ...base, evaluation }, administrators)
}

function judgeRole(subject: Case, judged: Judged, administrators: readonly AdministratorWord[]): Judged {
  const { evaluation } = judged
  const { target } = subject.target
  if (target === undefined) return { ...judged, evaluation: overrule(evaluation, 'deny', subject.target.reason) }
  if (target.fault !== undefined) return { ...judged, evaluation: overrule(evaluation, 'pend', target.fault) }
  if (subject.renewal !== undefined || subject.names === undefined) return judged
  return target.listed
    ? judgeDevice(subject, target, subject.names, judged, administrators)
    : judgeUnlisted(subject, target, subject.names, judged)
}

/** Whoever has the name of another's certificate in force would pass for it. */
function judgeUnlisted({ facts }: Case, target: Target, names: NameRecords, judged: Judged): Judged {
  const holder = names.live.find(({ key }) => key !== facts.key)
  const former = formerOf(names, facts.key)
  if (holder === undefined || (former !== undefined && isFormer(former, { ...facts, identity: facts.observed })))
    return judged
  const reason = `another key holds certificate ${holder.serial} with the name ${target.name}; revoke that first if it is given up`
  return { ...judged, evaluation: overrule(judged.evaluation, 'deny', reason) }
}

function judgeDevice(
  { facts, files }: Case,
  target: Target,
  names: NameRecords,
  judged: Judged,
  administrators: readonly AdministratorWord[],
): Judged {
  const former = formerOf(names, facts.key)
  const newcomer = { ...facts, identity: facts.observed }
  if (former === undefined || isFormer(former, newcomer)) return judged
  const rules = files.policy.replacement
  const rule: ReplacementRule = rules.get(target.zone) ?? rules.get(undefined) ?? defaultReplacementRule
  const verdict = judgeTakeover(former, newcomer, rule)
  const serials = names.live.flatMap((each) => (each.key === facts.key ? [] : [each.serial]))
  const replacement = { ...verdict, device: target.name, serial: serials[0] ?? null, serials }
  const takeover = { ...judged, replacement, lacksIdentity: facts.observed === undefined }
  const isApproved = administrators.some(({ verdict: said }) => said === 'approve')
  if (judged.evaluation.verdict === 'pend' || verdict.matches || isApproved) return takeover
  const faults = verdict.criteria.flatMap(({ result, reason }) => (result === 'mismatch' ? [reason] : []))
  const reason = `it would replace ${formatFormer(former)} as ${target.name}, and does not match: ${faults.join('; ')}`
  return { ...takeover, evaluation: overrule(judged.evaluation, 'pend', reason) }
}
