/**
 * Captures on a machine: files of any size as a stream, and live traffic through dumpcap.
 * @module
 */
export { type CaptureFileOptions, captureChunks } from './chunks.ts'
export { type CaptureDevice, captureInterfaces, type LiveCaptureOptions, liveCapture } from './live.ts'
export { nodeRecordCrypto } from './record-crypto.ts'
