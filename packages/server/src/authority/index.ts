/**
 * The certificate authority: keys, records, revocation, backup.
 * @module
 */
export { type AuthorityOptions, openAuthority, type StoreAuthority } from './authority.ts'
export { operationsZone } from './generations.ts'
export type { SignedCertificate } from './issuing.ts'
export { type CertificateRow, recordCertificates } from './records.ts'
export { type RestoreSummary, restoreAuthority } from './restore.ts'
