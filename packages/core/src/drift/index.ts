/**
 * Drift: how a plant differs from its model, attribute by attribute, and who may have made the difference.
 * @module
 */
export { type AttributePlace, settingPlaces, spellPlace, statePlaces } from './attributes.ts'
export { type CommissionedUnit, type ComparedDevice, type ComparisonMeans, compareDevice } from './compare.ts'
export { type AuditRecord, type EarlierComparison, type Explanation, explain } from './explain.ts'
export {
  compareFindings,
  type Finding,
  type FindingChanges,
  type FindingKind,
  type FindingWeight,
  findingKey,
} from './finding.ts'
export { type ModelRisk, modelRisks, mostRisks } from './risks.ts'
export { type UnjudgedDevice, unjudgedSettings } from './unjudged.ts'
