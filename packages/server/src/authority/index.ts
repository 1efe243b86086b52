/**
 * The certificate authority: keys, records, revocation, rollover, backup.
 * @module
 */
export { type AuthorityOptions, openAuthority, type StoreAuthority } from './authority.ts'
export { estCredential } from './est-credential.ts'
export type { Expiring, Renewal } from './expiry.ts'
export { operationsZone } from './generations.ts'
export type { ProvisioningRequest, ServerRequest, SignedCertificate, SigningRequest } from './issuing.ts'
export type { HardwareKeys } from './keys.ts'
export { type CertificateRow, recordCertificates } from './records.ts'
export {
  type GenerationStatus,
  type RolloverReport,
  type RolloverRequest,
  type RolloverStep,
  rolloverCommand,
} from './rollover.ts'
export { type RestoreSummary, restoreAuthority } from './restore.ts'
