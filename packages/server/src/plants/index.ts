/**
 * Plants as the manager keeps them: versions of their files, what is known of their devices, what was discovered and
 * observed of them.
 * @module
 */
export {
  type DeviceCertificate,
  type DeviceDetails,
  type DeviceFinding,
  type DevicePage,
  type DeviceQuestion,
  type ListedDevice,
  listDevices,
  longestPage,
  readDevice,
} from './devices.ts'
export {
  type AdoptRequest,
  adoptDiscovered,
  type DiscoveredAnswer,
  type DiscoveredDevice,
  type DiscoveredIdentity,
  ignoreDiscovered,
  listDiscovered,
  recordDiscovered,
} from './discovered.ts'
export { type FindingQuestion, listFindings } from './findings.ts'
export { type EditRequest, editedText, importTable, saveEdits } from './edit.ts'
export type {
  Breakage,
  ConnectionPage,
  ConnectionQuestion,
  DryRunAnswer,
  ListedConnection,
  ObservedTables,
  Proposal,
} from './learn.ts'
export { expiringWithinMs, listPlants, type PlantSummary, readPlantSummary } from './list.ts'
export {
  listConduits,
  listZones,
  type MapConduit,
  type MapZone,
  type Place,
  placeZones,
  readTopology,
  type Topology,
} from './map.ts'
export type { Acting, PlantMeans } from './means.ts'
export type { Conflict } from './merge.ts'
export type { Judgement, PlantProblem, VersionTexts } from './models.ts'
export { type DryRun, dryRunPlant, listConnections, proposePlant, recordObserved } from './observed.ts'
export type { Difference, Edited, Merge, PlantModel, StageMeaning, WantedOfDevice } from './questions.ts'
export { PlantReader, type ReaderLimits } from './reader.ts'
export {
  type CreateResult,
  createPlant,
  largestText,
  restoreVersion,
  type SaveExtras,
  type SaveRequest,
  type SaveResult,
  saveVersion,
} from './save.ts'
export {
  currentStages,
  listStages,
  type StageEntry,
  setStages,
  stageHistory,
  stageWithoutWord,
  type ZoneStage,
} from './stages.ts'
export { type Standing, type StandingCounts, standings } from './standing.ts'
export type { TextDifference } from './text-difference.ts'
export {
  listVersions,
  newestVersion,
  readModel,
  readVersion,
  readVersionFacts,
  type Validation,
  validateTexts,
  type Version,
  type VersionWithTexts,
  versionDifference,
} from './versions.ts'
