/**
 * The certificate authority: keys, records, revocation, backup.
 * @module
 */
export {
  type AuthorityOptions,
  type CertificateRow,
  openAuthority,
  operationsZone,
  recordCertificates,
  type RestoreSummary,
  restoreAuthority,
  type SignedCertificate,
  type StoreAuthority,
} from './authority.ts'
