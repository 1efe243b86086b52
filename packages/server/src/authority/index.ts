/**
 * The certificate authority: keys, records, revocation, backup.
 * @module
 */
export {
  type AuthorityOptions,
  openAuthority,
  operationsZone,
  type RestoreSummary,
  restoreAuthority,
} from './authority.ts'
