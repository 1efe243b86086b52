/**
 * Plants as the manager keeps them.
 * @module
 */
export { PlantReader, type ReaderLimits } from './reader.ts'
