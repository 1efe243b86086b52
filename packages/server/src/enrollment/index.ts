/**
 * Who earns a certificate: the decision about requests of devices and the issue of what was decided, the queue of those
 * that wait, the people who decide, and the credentials that are handed out.
 * @module
 */
export {
  type EnrollmentFiles,
  type EnrollmentFilesResult,
  loadEnrollmentFiles,
  type ProvisioningAuthority,
} from './files.ts'
export {
  type EnrollmentLog,
  type EnrollmentOptions,
  type EnrollmentStatus,
  openEnrollment,
  type StoreEnrollment,
  type VerifyAccount,
} from './enrollment.ts'
export { networkObserver, type Observation, type Observe } from './observe.ts'
export type { EnrollmentAnswer, EnrollmentRequest, EnrollmentService } from './service.ts'
export {
  type EnrollmentHistory,
  enrollmentHistory,
  type EnrollmentRecord,
  type EnrollmentWord,
  type KnownCertificate,
  type KnownDevice,
  listEnrollments,
  type QueueEntry,
  type QueueFilter,
  type QueueList,
  type QueuePage,
  readEnrollment,
} from './queue.ts'
export {
  type Clearance,
  clearClone,
  decide,
  type Decision,
  type DecisionOptions,
  type DecisionResult,
  expireEnrollments,
} from './words.ts'
export { type AccountVerifierOptions, verifyAccount } from './account-verifier.ts'
export {
  hasAdministrators,
  listPeople,
  type Person,
  type PersonKind,
  revokePerson,
  setPerson,
  verifyAdministrator,
} from './people.ts'
export { makePassword, type PasswordHasher } from '../users/passwords.ts'
export {
  type IssuedReport,
  issuedThrough,
  type IssuedThrough,
  listProvisioning,
  type ProvisioningCertificate,
  revokeProvisioning,
} from './provisioning.ts'
export { type FollowedPush, followEnrollments, type Follower, type FollowOptions, longestPauseMs } from './follow.ts'
export {
  type ListenerNotice,
  type ListenerReport,
  type ListenerStatus,
  publishListener,
  readListeners,
} from './listeners.ts'
