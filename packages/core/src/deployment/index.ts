/**
 * Deployments: plans, the transaction of one device, the phases over a whole plant, and the messages that say how it
 * went. Without a platform: sockets, clock, journal, authority and keys are handed in.
 * @module
 */
export {
  type Allegiance,
  type AllegianceJudgement,
  type AllegianceMeans,
  type DeviceOutside,
  judgeAllegiance,
  type ShownCertificate,
} from './allegiance.ts'
export {
  type Assessment,
  assess,
  type ChangePart,
  effectiveSettings,
  type ManagerWay,
  obstacles,
  type PlannedChange,
  policyChanges,
  type WantedTrust,
  wantedTrust,
} from './assess.ts'
export { type ContactMeans, type ContactRequest, openDevice } from './contact.ts'
export { overlapRules, type PeerWay, switchedRules } from './cut-over.ts'
export type {
  Access,
  AccessKind,
  Clock,
  DevicePort,
  DeviceSession,
  ManagerCredential,
  PskCredential,
  Secrets,
} from './device-port.ts'
export {
  type ContactProof,
  type FirstContact,
  type FirstContactPolicy,
  judgeFirstContact,
  spellFingerprint,
  type UnitNumbers,
} from './first-contact.ts'
export {
  type Journal,
  type JournalDetail,
  type JournalEntry,
  type JournalPhase,
  type JournalValue,
  lastEntry,
  memoryJournal,
  type StepName,
  stepNames,
} from './journal.ts'
export {
  type EarlierKey,
  type Judgement,
  judgeDevice,
  type KeyChange,
  type Knowledge,
  keyChange,
  spellSerial,
  unexpectedUnit,
} from './judge.ts'
export { kickIntervalMs } from './keeper.ts'
export { type IssuedTo, loadMaterials, Materials } from './materials.ts'
export {
  type Message,
  type MessageCode,
  type MessageEntry,
  type MessageSection,
  message,
  messageCodes,
  messageTable,
  printMessages,
  type Severity,
} from './messages.ts'
export { type ConnectionMove, MoveWatch } from './move-watch.ts'
export {
  type ClassRevisions,
  capabilitiesOf,
  type DeviceReading,
  isConfigured,
  type Names,
  observedSettings,
  type ReadOptions,
  type RulesReading,
  readDevice,
  readUnit,
  type SecurityAttributes,
  type StoredCertificate,
  type StoredFile,
  type UnitIdentity,
} from './observe.ts'
export {
  type ConnectionPlan,
  type DeploymentPlan,
  type DevicePlan,
  type Discovered,
  type FormerDevice,
  type Observation,
  type PlannedAction,
  type PlanRequest,
  planDeployment,
} from './plan.ts'
export {
  type Configuration,
  type ConnectionProtection,
  type ConnectionResult,
  type ConnectionTransport,
  type DeviceResult,
  type Outcome,
  outcomeOf,
  type StepRecord,
  worst,
} from './results.ts'
export { type ReleaseRequest, releaseDevice } from './release.ts'
export { targetAsItIs, trusts } from './revocation.ts'
export { openingKeys, surveyDevice } from './survey.ts'
export { type Claim, type DeploymentReport, defaultConcurrency, eachOf, type RunRequest, runDeployment } from './run.ts'
export { type CertificateWish, type DeviceTarget, needsCertificate, opensByPsk, targetsOf } from './target.ts'
export { type DeploymentEvent, TakenOver } from './step-log.ts'
export { DeviceTransaction, type TransactionMeans, type TransactionOptions } from './transaction.ts'
