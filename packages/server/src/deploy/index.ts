/**
 * Deployments with a store: plan, apply, resume, release, revoke, revocation lists.
 * @module
 */
export { type Begun, type StoredDeployment, findDeployment } from './claims.ts'
export {
  type ApplyOptions,
  type ApplyRequest,
  type DeploymentRun,
  deploy,
  resume,
  type StoredReport,
} from './deploy.ts'
export {
  type DeviceRecord,
  forgetDevice,
  type GivenKey,
  readDeviceRecords,
  readUnitIdentities,
} from './device-records.ts'
export { type DeviceStanding, Lookout, type Standing, type StandingRequest } from './foreign.ts'
export { managerCredential, managerOf, type PlantManager } from './manager-credential.ts'
export { listPsks, type StoredPsk, storedSecrets, storePsk } from './pre-shared-keys.ts'
export { type DeployOptions, type DeployRequest, type Preparation, prepare } from './prepare.ts'
export { type PushedList, pushLists, type PushReport } from './push-lists.ts'
export { type ReleaseReport, type ReleaseRequest, release } from './release.ts'
export { type RevocationReport, revoke } from './revoke.ts'
export { type ReachOptions, SessionPorts } from './session-port.ts'
export { systemClock } from './system-clock.ts'
export { takeBack, type TakeBackOutcome, type TakeBackResult } from './take-back.ts'
export { type TriedCredential, verifyDeployed, type VerifyRequest, type VerifyWatch } from './verification.ts'
