/**
 * Captures: from a capture file to conversations, and to what two ends said to each other in them.
 * @module
 */
export { type AnalysisOptions, analyzeCapture, type CaptureAnalysis, mostConversations } from './analysis.ts'
export type { CipProblem, CipProblems, CipReport, SeenIdentity } from './cip/cip-conversation.ts'
export type { ConnectionReport, ConnectionState, MessageCounts } from './cip/connection-table.ts'
export type { FlowReport } from './cip/io-flow.ts'
export type { PushReport, PushStep } from './cip/push.ts'
export type { CaptureRow, CipFields, ConnectionFields, RowFields, RowProtocol } from './cip/row.ts'
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
export { certificateText, describeStep } from './handshake-text.ts'
export {
  AddressNames,
  type CaptureJudgement,
  disobedient,
  type FlowEnd,
  type FlowVerdict,
  type JudgedFlow,
  judgeCapture,
} from './judgement.ts'
export type { ProtectedDetail, ProtectedListener, ProtectedStep } from './protected.ts'
export type {
  CaptureReport,
  CommissioningReport,
  ConversationContent,
  ConversationReport,
  NotRead,
  ObservedPair,
} from './report.ts'
export { type AlertFacts, alertFacts } from './tls/alerts.ts'
export type { WatchOptions } from './tls/association.ts'
export {
  type CertificateFacts,
  type CertificateJudge,
  type CertificateOrigin,
  CertificateReader,
} from './tls/certificates.ts'
export type {
  AlertDetail,
  CertificateDetail,
  CertificateRequestDetail,
  CertificateVerifyDetail,
  ChangeCipherSpecDetail,
  ClientHelloDetail,
  ClientKeyExchangeDetail,
  EncryptedDetail,
  FinishedDetail,
  HelloExtensions,
  HelloVerifyRequestDetail,
  MalformedDetail,
  NamedSuite,
  NewSessionTicketDetail,
  OtherMessageDetail,
  ServerHelloDetail,
  ServerKeyExchangeDetail,
  StepDetail,
} from './tls/detail.ts'
export { DtlsDatagrams } from './tls/dtls-datagrams.ts'
export { isEnipContent } from './tls/enip-content.ts'
export { KeyLog, type KeyLogCount, type KeyLogLabel } from './tls/key-log.ts'
export type { CaptureRsaKey, RecordAead, RecordCrypto } from './tls/record-crypto.ts'
export {
  type AgreementReport,
  type AlertReport,
  type ApplicationCount,
  type Readability,
  type ReadableBy,
  readabilityText,
  type TlsReport,
} from './tls/report.ts'
export { CaptureSecrets, type FoundMaster } from './tls/secrets.ts'
export { stepText } from './tls/step-text.ts'
export { type KeyExchange, offeredSuiteName, type ProtectionWord, type RecordHash } from './tls/suites.ts'
export { TlsStream } from './tls/tls-stream.ts'
