/**
 * Drift: a plant compared with its model, once or every interval, with what is kept of it.
 * @module
 */
export { comparePlant, type DriftRequest, type PlantComparison } from './compare.ts'
export { compareOnce, defaultIntervalMs, type Wait, type WatchOptions, watchDrift } from './drift.ts'
export {
  driftHistory,
  findingText,
  type KeptComparison,
  type KeptFinding,
  lastComparison,
  openFindings,
} from './keep.ts'
