/**
 * Captures on this machine: cryptography for reading them.
 * @module
 */
export { nodeRecordCrypto } from './record-crypto.ts'
