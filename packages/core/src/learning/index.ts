/**
 * Learning: from traffic that was seen to a plant file, and from a plant file to what it would break.
 * @module
 */
export { type CapturedIdentity, type CapturedPair, captureDevices, captureObservations } from './captures.ts'
export { type BreakCode, type DryRun, type DryRunResult, type DryRunVerdict, dryRun } from './dry-run.ts'
export { type JudgedConnection, judgedConnections } from './judged-connections.ts'
export {
  type ConnectionShape,
  mergeObservations,
  mostSources,
  type Observation,
  type Observed,
  type ObservedConnection,
  type ObservedEnd,
} from './observation.ts'
export { bridgeObservations, type PageReading, tcpObservations } from './pages.ts'
export {
  type LearnedDevice,
  type LearningInput,
  type Proposal,
  type ProposedChassis,
  type ProposedConduit,
  type ProposedConnection,
  type ProposedDevice,
  type ProposedZone,
  propose,
} from './propose.ts'
export { questionCount, writeProposal } from './write.ts'
