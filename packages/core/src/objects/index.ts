/**
 * The object classes of EtherNet/IP devices as data: attributes and services with their numbers and formats.
 * @module
 */
export { assembly } from './assembly.ts'
export {
  type CertificateReference,
  type CertificateSigningRequest,
  type CertificateStateName,
  type CertificateStatusName,
  certificateEncodings,
  certificateManagement,
  certificateStates,
  certificateStatuses,
  maximumCertificateName,
  verificationFailedStatus,
  verifyTargets,
} from './certificate-management.ts'
export { type AccessRule, type CipSecurityStateName, cipSecurity } from './cip-security.ts'
export { connectionConfiguration } from './connection-configuration.ts'
export { connectionManager } from './connection-manager.ts'
export {
  type ApplyConfig,
  type ApplyFailure,
  applyFailedStatus,
  applyFailures,
  applyFlags,
  cipherSuiteList,
  type EthernetIpSecurityStateName,
  ethernetIpSecurity,
  ethernetIpSecurityRevision7,
  maximumPskIdentity,
  maximumPskKey,
  type PreSharedKey,
  type PskUsage,
  preSharedKey,
  pskUsages,
  type PullStatus,
  pullStatuses,
} from './ethernet-ip-security.ts'
export { ethernetLink } from './ethernet-link.ts'
export {
  checksumFailedStatus,
  type FileEncoding,
  type FileStateName,
  file,
  fileChecksum,
  fileEncodings,
  fileFailures,
  fileInstances,
  fileNameTooLong,
  fileReadOnly,
  fileStates,
  fileTooManyLanguages,
  type InitiateDownload,
  invocationMethods,
  largestTransferSize,
  type PacketType,
  packetTypes,
  type TransferPacket,
} from './file.ts'
export { identity, identityStates, identityStatusBits, type ResetType, resetTypes } from './identity.ts'
export { type InstanceRules, ingressEgress, type SetRules } from './ingress-egress.ts'
export { messageRouter } from './message-router.ts'
export { port, portTypes } from './port.ts'
export { defaultDscp, qos } from './qos.ts'
export { configurationCapabilityBits, ipProtocols, type PortAdmin, type ProtocolAdmin, tcpIp } from './tcp-ip.ts'
