/**
 * Who did what, in one chain.
 * @module
 */
export { type Actor, type AuditEntry, firstBrokenEntry, recordAudit } from './audit.ts'
