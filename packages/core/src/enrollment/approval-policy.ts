import type { RevocationCheck } from '../crypto/provider.ts'
import type { VendorTemplate } from '../x509/vendor-facts.ts'
import type { Assurance } from './facts.ts'
import type { ChannelSettings } from './notify-settings.ts'
import type { ReplacementRule } from './replacement.ts'

/**
 * Rules for who gets a certificate: the six policies of the pull model, joined by `anyOf`, `allOf` and `not`, a set for
 * each label of the EST server.
 * @module
 */

/** A rule: one of the six policies, or several joined. */
export type Rule =
  | { readonly kind: 'anyOf' | 'allOf'; readonly of: readonly Rule[] }
  | { readonly kind: 'not'; readonly of: Rule }
  | VendorRule
  | AdministratorRule
  | SerialRule
  | PasswordRule
  | ProvisioningRule
  | GlobalRule

/** Holds for who shows a certificate that leads to one of these vendors. */
export interface VendorRule {
  readonly kind: 'vendorCertificate'
  readonly vendors: readonly string[]
}

/** Waits until administrators have approved this key. */
export interface AdministratorRule {
  readonly kind: 'administrator'
  /** How many different people. */
  readonly approvals: 1 | 2
}

/** Holds for units of an inventory. */
export interface SerialRule {
  readonly kind: 'serialList'
  readonly list: string
  /** By which of the two a unit is looked up; undefined: either. */
  readonly by: 'serial' | 'mac' | undefined
  /** How well the number must be known. */
  readonly needs: Assurance
}

/** Holds for who gave user name and password of one of these accounts. */
export interface PasswordRule {
  readonly kind: 'password'
  readonly accounts: readonly string[]
}

/** Holds for who authenticated with a provisioning certificate of one of these authorities. */
export interface ProvisioningRule {
  readonly kind: 'provisioningCertificate'
  readonly authorities: readonly string[]
}

/** Holds for everybody, for a while. */
export interface GlobalRule {
  readonly kind: 'globalGrant'
  /** Milliseconds since 1970. */
  readonly from: number
  /** Milliseconds since 1970; from then on it holds for nobody. */
  readonly until: number
}

/** The kinds of the six policies. */
export type PolicyKind = Exclude<Rule['kind'], 'anyOf' | 'allOf' | 'not'>

/** A vendor as the rules name it. */
export interface VendorDefinition {
  readonly name: string
  /** Names of the certificates that end its chains; whoever uses the rules finds them. */
  readonly anchors: readonly string[]
  readonly template: VendorTemplate
  readonly revocation: RevocationCheck
  readonly checkDates: boolean
}

/** What a subject must look like. */
export interface SubjectPattern {
  /** Dotted object identifier. */
  readonly type: string
  readonly pattern: RegExp
}

/** An account whose holders may enroll. */
export interface AccountDefinition {
  readonly name: string
  /** Most certificates that are granted under it. */
  readonly most: number
  /** Labels where it counts; undefined: all. */
  readonly labels: readonly (string | undefined)[] | undefined
  readonly subject: SubjectPattern | undefined
}

/** An authority of provisioning certificates. */
export interface ProvisioningDefinition {
  readonly name: string
  /** Names of the certificates that end its chains. */
  readonly anchors: readonly string[]
  /** `once`: a certificate counts for one key only. */
  readonly use: 'once' | 'many'
}

/** All rules of an enrollment service. */
export interface EnrollmentPolicy {
  readonly vendors: ReadonlyMap<string, VendorDefinition>
  readonly accounts: ReadonlyMap<string, AccountDefinition>
  readonly provisioning: ReadonlyMap<string, ProvisioningDefinition>
  /** The rule for each label; undefined is the path without one. A label that is not here does not exist. */
  readonly labels: ReadonlyMap<string | undefined, Rule>
  /** Labels under which requesters count that the plant file does not list, with the zone that issues for them. */
  readonly unlisted: ReadonlyMap<string | undefined, string>
  /** What a new unit must match to take over a role, for each zone and, undefined, for the others. */
  readonly replacement: ReadonlyMap<string | undefined, ReplacementRule>
  /** Who is told what happens. */
  readonly notify: readonly ChannelSettings[]
}

/** Longest time for which a global grant may be given: a week. */
export const longestGlobalGrantMs = 7 * 24 * 3_600_000

/** Every rule in a rule, itself first. */
export function* rulesIn(rule: Rule): Generator<Rule> {
  yield rule
  if (rule.kind === 'anyOf' || rule.kind === 'allOf') for (const each of rule.of) yield* rulesIn(each)
  if (rule.kind === 'not') yield* rulesIn(rule.of)
}

/** Names of the inventories that the rules ask for. */
export function listsOf(policy: EnrollmentPolicy): readonly string[] {
  const names = [...policy.labels.values()].flatMap((rule) =>
    [...rulesIn(rule)].flatMap((each) => (each.kind === 'serialList' ? [each.list] : [])),
  )
  return [...new Set(names)]
}

/** Whether a rule grants a certificate to who matches none of its policies: only `not` can make it so. */
export function grantsStrangers(rule: Rule): boolean {
  switch (rule.kind) {
    case 'anyOf':
      return rule.of.some(grantsStrangers)
    case 'allOf':
      return rule.of.every(grantsStrangers)
    case 'not':
      return !grantsStrangers(rule.of)
    default:
      return false
  }
}
