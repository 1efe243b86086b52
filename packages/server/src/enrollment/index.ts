/**
 * Who earns a certificate: the queue of requests, the people who decide, and the credentials that are handed out.
 * @module
 */
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
  type DecisionResult,
  expireEnrollments,
  standingWords,
} from './words.ts'
export { type AccountVerifier, type AccountVerifierOptions, verifyAccount } from './account-verifier.ts'
export {
  hasAdministrators,
  listPeople,
  type Person,
  type PersonKind,
  revokePerson,
  setPerson,
  verifyAdministrator,
} from './people.ts'
export { makePassword, type PasswordHasher } from './passwords.ts'
export {
  type IssuedReport,
  issuedThrough,
  type IssuedThrough,
  listProvisioning,
  type ProvisioningCertificate,
  revokeProvisioning,
} from './provisioning.ts'
