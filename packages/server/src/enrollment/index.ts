/**
 * Who earns a certificate: the decision about requests of devices, and the issue of what was decided.
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
