/**
 * What two ends said to each other, read from a capture: bytes and moments in, steps, application data and reports out.
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
export type { ProtectedDetail, ProtectedListener, ProtectedStep } from './protected.ts'
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
