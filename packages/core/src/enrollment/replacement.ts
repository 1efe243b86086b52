import type { Assurance, Fact } from './facts.ts'
import { isAssured } from './facts.ts'

/** What a unit is, in its place: enough to say whether another may stand in for it. */
export interface UnitRole {
  readonly address: string
  /** CIP Vendor ID, with how well it is known: Rockwell's tool takes it from the vendor certificate. */
  readonly vendor: Fact<number> | undefined
  /** Identity attributes 2, 3, 4 and 6; undefined: not known. */
  readonly deviceType: number | undefined
  readonly productCode: number | undefined
  readonly majorRevision: number | undefined
  readonly serialNumber: number | undefined
}

/** What must match (cip-security-wire 6.3), for one zone. */
export interface ReplacementRule {
  readonly address: boolean
  readonly vendor: boolean
  /** How well the vendor of the new unit must be known. */
  readonly vendorNeeds: Assurance
  readonly deviceType: boolean
  readonly productCode: boolean
  readonly majorRevision: 'same-or-higher' | 'same' | 'any'
}

/** The rule of a zone that has none of its own: all that the field's tool compares. */
export const defaultReplacementRule: ReplacementRule = {
  address: true,
  vendor: true,
  vendorNeeds: 'proven',
  deviceType: true,
  productCode: true,
  majorRevision: 'same-or-higher',
}

/** One thing compared. */
export interface ReplacementCriterion {
  readonly name: 'unit' | 'address' | 'vendor' | 'deviceType' | 'productCode' | 'majorRevision'
  /** `free`: the rule does not ask. */
  readonly result: 'match' | 'mismatch' | 'free'
  readonly reason: string
}

/** Whether a unit may take over, with everything that was compared. */
export interface ReplacementVerdict {
  readonly matches: boolean
  readonly criteria: readonly ReplacementCriterion[]
}

/**
 * Whether a new unit may take the role of one that is gone. What is not known does not match: a role is never taken over
 * by guess.
 */
export function judgeReplacement(
  gone: UnitRole,
  unit: UnitRole,
  rule: ReplacementRule = defaultReplacementRule,
): ReplacementVerdict {
  const criteria: ReplacementCriterion[] = [
    judgeUnit(gone, unit),
    compare('address', rule.address, gone.address, unit.address),
    judgeVendor(gone, unit, rule),
    compare('deviceType', rule.deviceType, gone.deviceType, unit.deviceType),
    compare('productCode', rule.productCode, gone.productCode, unit.productCode),
    judgeRevision(gone, unit, rule),
  ]
  return { matches: criteria.every(({ result }) => result !== 'mismatch'), criteria }
}

const words: Readonly<Record<ReplacementCriterion['name'], string>> = {
  unit: 'unit',
  address: 'address',
  vendor: 'vendor',
  deviceType: 'device type',
  productCode: 'product code',
  majorRevision: 'major revision',
}

function compare(
  name: ReplacementCriterion['name'],
  asked: boolean,
  expected: string | number | undefined,
  found: string | number | undefined,
): ReplacementCriterion {
  const word = words[name]
  if (!asked) return { name, result: 'free', reason: `${word}: the rule of this zone does not ask` }
  if (expected === undefined) return { name, result: 'mismatch', reason: `${word} of the old unit is not known` }
  if (found === undefined)
    return { name, result: 'mismatch', reason: `${word} of the new unit is not known, expected ${expected}` }
  return expected === found
    ? { name, result: 'match', reason: `${word} ${found}` }
    : { name, result: 'mismatch', reason: `${word} ${found}, expected ${expected}` }
}

/** The very same unit replaces nobody: it renews. */
function judgeUnit(gone: UnitRole, unit: UnitRole): ReplacementCriterion {
  const same =
    unit.serialNumber !== undefined &&
    unit.serialNumber === gone.serialNumber &&
    unit.vendor !== undefined &&
    unit.vendor.value === gone.vendor?.value
  return same
    ? { name: 'unit', result: 'mismatch', reason: 'it is the same unit: it renews its certificate, it replaces nobody' }
    : { name: 'unit', result: 'match', reason: 'another unit' }
}

function judgeVendor(gone: UnitRole, unit: UnitRole, rule: ReplacementRule): ReplacementCriterion {
  const compared = compare('vendor', rule.vendor, gone.vendor?.value, unit.vendor?.value)
  if (compared.result !== 'match' || unit.vendor === undefined) return compared
  if (isAssured(unit.vendor.assurance, rule.vendorNeeds)) return compared
  const reason = `${compared.reason} is only ${unit.vendor.assurance} (${unit.vendor.source}), expected ${rule.vendorNeeds}`
  return { name: 'vendor', result: 'mismatch', reason }
}

function judgeRevision(gone: UnitRole, unit: UnitRole, rule: ReplacementRule): ReplacementCriterion {
  const compared = compare('majorRevision', rule.majorRevision !== 'any', gone.majorRevision, unit.majorRevision)
  const { majorRevision: expected } = gone
  const { majorRevision: found } = unit
  if (rule.majorRevision !== 'same-or-higher' || expected === undefined || found === undefined) return compared
  return found >= expected
    ? { name: 'majorRevision', result: 'match', reason: `major revision ${found}, at least ${expected}` }
    : { name: 'majorRevision', result: 'mismatch', reason: `major revision ${found}, expected ${expected} or higher` }
}
