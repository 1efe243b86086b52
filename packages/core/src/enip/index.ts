/**
 * EtherNet/IP: encapsulation, Common Packet Format, identity, class 0/1 datagrams and messages over DTLS.
 * @module
 */
export { type EncapsulationCommand, type EncapsulationCommandName, encapsulationCommands } from './commands.ts'
export {
  type CommonPacket,
  type CommonPacketItem,
  type CommonPacketItemOf,
  commonPacket,
  commonPacketItem,
  commonPacketItemTypes,
  findItem,
  type UnknownItem,
} from './common-packet.ts'
export { dtlsDatagramKind, dtlsMessageOf, dtlsReply, dtlsRequest } from './dtls-datagram.ts'
export {
  type UnconnectedDtlsItem,
  type UnconnectedMessageType,
  unconnectedDtlsItem,
  unconnectedMessageTypes,
} from './dtls-message.ts'
export { FrameSplitter } from './frame-splitter.ts'
export {
  type EncapsulationHeader,
  type EncapsulationMessage,
  encapsulate,
  encapsulateReply,
  encapsulationHeader,
  encapsulationHeaderLength,
  encapsulationMessage,
  maxEncapsulationDataLength,
} from './header.ts'
export {
  cipSecurityStates,
  type EthernetIpCapabilityItem,
  type EthernetIpUsageItem,
  ethernetIpCapabilities,
  ethernetIpCapabilityItem,
  ethernetIpSecurityStates,
  ethernetIpUsageItem,
  ethernetIpUsages,
  type IdentityItem,
  ianaPorts,
  identityItem,
  productRevision,
  type SecurityInformationItem,
  securityInformationItem,
  securityProfiles,
} from './identity-item.ts'
export {
  type IoData,
  type IoFormat,
  type IoFrame,
  IoFrameTemplate,
  type IoFrameView,
  ioData,
  ioFrame,
  ioFrameHeaderLength,
  ioFrameView,
  ioOverhead,
  parseIoFrame,
  type RunIdle,
  writeIoFrame,
} from './io-frame.ts'
export {
  defaultResponseDelayMs,
  leastResponseDelayMs,
  listIdentityContext,
  maxResponseDelayMs,
} from './list-identity.ts'
export {
  communicationsCapabilities,
  type ListServicesItem,
  listServicesItem,
  serviceNameLength,
} from './list-services.ts'
export { encapsulationProtocolVersion, type RegisterSession, registerSession } from './register-session.ts'
export {
  type ConnectedMessage,
  cipInterfaceHandle,
  connectedMessage,
  connectedMessageOf,
  type SendData,
  sendData,
  unconnectedMessage,
  unconnectedMessageOf,
} from './send-data.ts'
export { addressFamilyInet, type SocketAddress, socketAddress } from './sockaddr.ts'
export {
  describeEncapsulationStatus,
  type EncapsulationStatus,
  type EncapsulationStatusName,
  encapsulationStatuses,
} from './status.ts'
