/**
 * Captures: from a capture file to conversations, and to what two ends said to each other in them.
 * @module
 */
export type {
  CaptureEndpoint,
  Consumers,
  Conversation,
  ConversationEnd,
  DatagramConsumer,
  Moment,
  Side,
  StreamConsumer,
} from './conversation.ts'
export { type CapturedPacket, linkTypes, maxCapturedLength } from './file/captured-packet.ts'
export type { CaptureFileHandler } from './file/format.ts'
export { type CaptureReader, captureReader } from './file/reader.ts'
export { type CaptureFileProblem, type CaptureFileReport, type CaptureInterface, maxProblems } from './file/report.ts'
export {
  type CaptureWriter,
  type PcapngWriterOptions,
  type PcapWriterOptions,
  pcapngWriter,
  pcapWriter,
  type WrittenInterface,
  type WrittenPacket,
} from './file/writer.ts'
export type { ConversationSummary, SideFigures } from './network/flow.ts'
export { defaultNetworkLimits, type NetworkLimits } from './network/limits.ts'
export { type CaptureNetwork, type CaptureNetworkOptions, captureNetwork } from './network/network.ts'
export type { StreamFigures } from './network/stream.ts'
export type { Occurrence, PacketFault, PacketNotes, PacketTotals } from './network/totals.ts'
