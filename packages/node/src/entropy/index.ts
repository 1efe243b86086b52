/**
 * Noise sources of a machine under health tests (SP 800-90B), conditioned and mixed into OpenSSL's generator, and what
 * follows when they fail.
 * @module
 */
export { guardedCrypto } from './guarded-crypto.ts'
export {
  type EntropyEvent,
  EntropyPool,
  type EntropyPoolOptions,
  type EntropyState,
  type EntropyStatus,
  processEntropy,
  type SourceStatus,
} from './pool.ts'
export {
  fileSource,
  type FileSourceOptions,
  jitterSource,
  machineSources,
  type NoiseSource,
  systemSource,
} from './sources.ts'
