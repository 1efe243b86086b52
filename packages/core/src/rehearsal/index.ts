/**
 * Rehearsal: the virtual twin of a plant, built from what is known of it, and what a deployment on it has shown.
 * @module
 */
export { type AddressMap, mapAddresses, withRealAddresses } from './addresses.ts'
export {
  type KnownDevice,
  type KnownDevices,
  type KnownPlant,
  knownSchema,
  mergeKnown,
  parseKnown,
  type SeenConnection,
} from './known.ts'
export { checkLimits, type LimitFinding } from './limits.ts'
export {
  type ConnectionFate,
  type RehearsalEvents,
  type RehearsalReport,
  type RehearsedConnection,
  type RehearsedDevice,
  reportRehearsal,
  type TwinConnection,
} from './report.ts'
export { type Assumption, buildTwin, type Twin, type TwinRequest } from './twin.ts'
export { maximumTwinLength, readTwin, twinSuffix, writeTwin } from './twin-file.ts'
