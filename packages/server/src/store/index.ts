/**
 * Cordon's durable state: a managed PostgreSQL, its schema, its secrets, its backup.
 * @module
 */
export { type BackupSummary, dumpStore, restoreStore } from './dump.ts'
export { type GroupCommit, groupCommit } from './group-commit.ts'
export {
  listSecrets,
  longestSecret,
  type NamedSecret,
  readSecret,
  removeSecret,
  storeSecret,
} from './named-secrets.ts'
export { type Json, jsonText, type NullableJson, type Schema } from './schema.ts'
export type { SecretPlace, Secrets } from './secrets.ts'
export { destroyStore, openStore, type Store, type StoreOptions, type StoreStatus } from './store.ts'
