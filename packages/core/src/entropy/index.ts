/**
 * Entropy by NIST SP 800-90B: health tests of noise sources, the conditioner that joins them, and estimators of how much
 * min-entropy a file of samples holds.
 * @module
 */
export {
  type Assessment,
  type AssessmentStep,
  assess,
  assessmentOf,
  assessmentSteps,
  type Estimate,
  type EstimatorName,
  fullAssessment,
  leastAssessed,
} from './assess.ts'
export { condition, type Conditioned, conditionedEntropy, type SourceInput } from './conditioner.ts'
export {
  type CutoffRequest,
  defaultAlarmBits,
  proportionCutoff,
  proportionWindow,
  repetitionCutoff,
} from './cutoffs.ts'
export {
  describeAlarm,
  type HealthAlarm,
  type HealthOptions,
  type HealthTest,
  leastStartSamples,
  type SourceHealth,
  SourceTests,
} from './health.ts'
