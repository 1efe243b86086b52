/**
 * Who did what, in one chain.
 * @module
 */
export { type Actor, type AuditEntry, firstBrokenEntry, recordAudit } from './audit.ts'
export { type AuditFilter, type AuditRow, countAudit, csvHead, csvLine, exportAudit, listAudit } from './read.ts'
