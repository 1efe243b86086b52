/** The policy of a plant: read, check, decide, compile, compare. */
export type { Network } from './address.ts'
export { contains, formatAddress, formatNetwork, parseAddress, parseNetwork } from './address.ts'
export type { GroupAnalysis } from './analyze.ts'
export { analyze, managerAuthority, operationsAuthority } from './analyze.ts'
export type { Capabilities, DeviceCapabilities } from './capabilities.ts'
export type { CompiledPlant } from './compile.ts'
export { compile, knownRules } from './compile.ts'
export type { ConnectionDecision, ConnectionHop } from './connection.ts'
export { decideConnection, spellProtectedWay } from './connection.ts'
export type { Decision, DenialCode, PolicyQuestion, PolicyRule, PolicyTransport } from './decide.ts'
export { decide } from './decide.ts'
export type { Change, ChangeSubject, Compared, Orphan, PlantDifference } from './difference.ts'
export { deviceDifference, difference } from './difference.ts'
export type { DocumentSchema, ParseProblem, SourceMap, SourcePosition } from '../document/read.ts'
export { maximumFileLength } from '../document/read.ts'
export type { DeviceTableResult, TableDevice } from './device-table.ts'
export { parseDeviceTable } from './device-table.ts'
export type { EditResult, NewConduit, NewDevice, NewZone, PlantEdit } from './edit.ts'
export { editPlant, emptyPlant } from './edit.ts'
export type {
  AddressRange,
  Authentication,
  AuthoritySettings,
  AuthoritySubject,
  Chassis,
  Conduit,
  ConduitAuthentication,
  ConnectionApplication,
  Device,
  DeviceRole,
  ExpectedIdentity,
  NonSecure,
  Plant,
  PlantConnection,
  PlantKeyKind,
  PolicyTest,
  PortReference,
  Protection,
  Zone,
  ZoneSettings,
} from './model.ts'
export { defaultDtlsTimeoutS } from './model.ts'
export type { ModelChange, ModelPart } from './model-difference.ts'
export { modelDifference } from './model-difference.ts'
export type { ConduitUse, OutlineConduit, OutlineZone, PlantOutline, ProtectionWord } from './outline.ts'
export { isManaged, outlinePlant } from './outline.ts'
export type { PlantResult } from './parse.ts'
export { parsePlant } from './parse.ts'
export type { Observed, ObservedPair, ObservedVerdict } from './observed.ts'
export { judgeObserved, nameOfAddress } from './observed.ts'
export type { Endpoint, EndpointGroup, PlantIndex, ResolvedCapabilities } from './plant-index.ts'
export { assumedCapabilities, indexPlant } from './plant-index.ts'
export type { ErrorCode, PolicyProblem, WarningCode } from './problem.ts'
export type { JudgedPlant, NamedText, PlantTexts, ReadPlant } from './reading.ts'
export { isUnread, judgePlant, readPlant } from './reading.ts'
export type { Rule, RuleSet, RuleVerdict, Traffic } from './rules.ts'
export {
  coveredPorts,
  formatRule,
  makeRule,
  matchEgress,
  matchIngress,
  maximumRuleLength,
  maximumRules,
  overlap,
  parseRule,
  parseRules,
  ruleStatus,
  securePort,
} from './rules.ts'
export type { PlantFile } from './schema.ts'
export { plantSchema } from './schema.ts'
export type {
  DeviceSettings,
  Enforcement,
  ObservedSettings,
  PolicyPromise,
  PortSetting,
  PromiseEnforcement,
  PskReference,
} from './settings.ts'
export { everyoneElse } from './settings.ts'
export type {
  DefaultCredential,
  FaultKind,
  FaultTrigger,
  SimulatedAssembly,
  SimulatedCapacity,
  SimulatedDevice,
  SimulatedDiscovery,
  SimulatedFault,
  SimulatedIdentity,
  SimulatedKind,
  SimulatedPull,
  SimulatedSecurity,
  SimulatedTag,
  SimulatedVendor,
  Simulation,
  TagType,
} from './simulation-model.ts'
export { simulatedCapabilities } from './simulation-model.ts'
export type { SimulationResult } from './simulation.ts'
export { parseSimulation, simulationSchema } from './simulation.ts'
export type { Release, Stage, StageConsequences, Stages, ZoneConsequence } from './staging.ts'
export { stageConsequences, stagedDevices, stagedPlant } from './staging.ts'
export type { PolicyTestResult } from './tests.ts'
export { runTests } from './tests.ts'
export type { ValidationSources } from './validate.ts'
export { validate } from './validate.ts'
export { estimateCertificateSize } from './validate-devices.ts'
export { tagSize, validateSimulation } from './validate-simulation.ts'
