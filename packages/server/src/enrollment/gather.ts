import type { Crypto } from '@cordon/core/crypto'
import {
  type BasicCredentials,
  type Fact,
  isAssured,
  type PasswordFact,
  provenUnits,
  type ProvisioningFact,
  requestFacts,
  type Rule,
  unitKey,
  type UnitIdentity,
} from '@cordon/core/enrollment'
import { type VendorTemplate, vendorTemplates } from '@cordon/core/authority'
import type { EnrollmentFiles } from './files.ts'
import type { Observation } from './observe.ts'
import { bestUnit } from './place.ts'
import type { CredentialRecord, KeyRecords, StoredFacts } from './records.ts'
import type { EnrollmentRequest } from './service.ts'
import type { ShownJudgement } from './shown.ts'

/**
 * What is known of one request, put together from what it says, what it showed, what the store and the network know.
 * @module
 */

/** Rules of a label with what they need to be asked, found once and not for each request. */
export interface PreparedLabel {
  readonly asksNetwork: boolean
  readonly asksPassword: boolean
}

/** Prepares the labels of an enrollment file. */
export function prepareLabels({ policy }: EnrollmentFiles): ReadonlyMap<string | undefined, PreparedLabel> {
  return new Map(
    [...policy.labels].map(([label, rule]) => {
      const rules = everyRule(rule)
      return [
        label,
        {
          // The network never proves: a list that needs proof need not ask it.
          asksNetwork: rules.some((each) => each.kind === 'serialList' && isAssured('observed', each.needs)),
          asksPassword: rules.some(({ kind }) => kind === 'password'),
        },
      ]
    }),
  )
}

function everyRule(rule: Rule): readonly Rule[] {
  if (rule.kind === 'not') return [rule, ...everyRule(rule.of)]
  return rule.kind === 'anyOf' || rule.kind === 'allOf' ? [rule, ...rule.of.flatMap(everyRule)] : [rule]
}

/** Where vendors of the rules, and others, write vendor and serial number. */
export function templatesOf({ vendors }: EnrollmentFiles): readonly VendorTemplate[] {
  return [...vendors.map(({ template }) => template), ...vendorTemplates]
}

/** Name and password that were given, judged. */
export interface JudgedPassword {
  readonly given: BasicCredentials
  readonly verdict: 'accepted' | 'refused'
  readonly record: CredentialRecord
}

/** What facts are put together from. */
export interface FactSources {
  readonly request: EnrollmentRequest
  readonly claims: ReturnType<typeof requestFacts>
  readonly shown: ShownJudgement | undefined
  readonly password: JudgedPassword | undefined
  readonly provisioning: CredentialRecord | undefined
  readonly records: KeyRecords
  readonly observation: Observation | undefined
  /** Of a renewal: the key that it renews, and the unit that it was known by. */
  readonly renewed: { readonly key: string; readonly units: readonly Fact<UnitIdentity>[] } | undefined
  readonly administrators: StoredFacts['administrators']
}

/** What a request says of itself. */
export function claimsOf(crypto: Crypto, request: EnrollmentRequest, templates: readonly VendorTemplate[]) {
  return requestFacts(crypto, request.request, templates)
}

/** The facts of a request. */
export function factsOf(sources: FactSources): StoredFacts {
  const { request, claims, shown, records, observation, renewed, administrators } = sources
  const seen = observation?.unit
  const mac = observation?.mac
  return {
    label: request.label,
    key: claims.key,
    subject: claims.subject,
    address: request.address,
    units: [
      ...provenUnits(shown?.vendor),
      ...(renewed?.units ?? []),
      ...(seen === undefined ? [] : [{ value: seen, assurance: 'observed' as const, source: 'ListIdentity' }]),
      ...(shown?.claims ?? []),
      ...claims.units,
    ],
    macs: [
      ...(mac === undefined ? [] : [{ value: mac, assurance: 'observed' as const, source: 'ARP' }]),
      ...claims.macs,
    ],
    vendor: shown?.vendor,
    administrators,
    password: passwordFact(sources.password),
    provisioning: provisioningFact(shown, sources.provisioning),
    sightings: records.sightings,
    ...(observation?.identity === undefined ? {} : { observed: observation.identity }),
    ...(renewed === undefined ? {} : { renews: renewed.key }),
  }
}

function passwordFact(password: JudgedPassword | undefined): PasswordFact | undefined {
  if (password === undefined) return undefined
  const { given, verdict, record } = password
  return { account: given.name, verdict: record.revoked ? 'refused' : verdict, granted: record.granted }
}

function provisioningFact(
  shown: ShownJudgement | undefined,
  record: CredentialRecord | undefined,
): ProvisioningFact | undefined {
  const provisioning = shown?.provisioning
  if (provisioning === undefined) return undefined
  return {
    ...provisioning,
    revoked: provisioning.revoked || record?.revoked === true,
    consumedBy: record?.consumedBy,
  }
}

/** The place and unit of a request as a sighting is kept. */
export function sightingOf(facts: StoredFacts): { readonly unit: string; readonly mac: string } {
  const unit = bestUnit(facts.units)
  const mac = facts.macs.find(({ assurance }) => assurance === 'observed') ?? facts.macs[0]
  return { unit: unit === undefined ? '' : String(unitKey(unit.value)), mac: mac?.value ?? '' }
}

/** By what a requester is known, in words. */
export function requesterOf(shown: ShownJudgement | undefined, password: JudgedPassword | undefined): string {
  if (shown?.own !== undefined) return `certificate ${shown.own.fingerprint.slice(0, 16)}`
  if (shown?.vendor?.verdict === 'trusted') return `vendor ${shown.vendor.vendor}`
  if (shown?.provisioning !== undefined)
    return `provisioning certificate ${shown.provisioning.fingerprint.slice(0, 16)}`
  if (password?.verdict === 'accepted') return `account ${password.given.name}`
  return 'nobody'
}
