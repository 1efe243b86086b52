/**
 * The originator's side of EtherNet/IP without I/O: sessions, typed access to objects, file transfer and connections.
 */
export {
  type ConnectionRequest,
  closeRequest,
  describeTriad,
  grantedBy,
  hasRunIdleHeader,
  IoConnection,
  type IoStatistics,
  type IoVerdict,
  largestSmallConnection,
  MessageConnection,
  type MessageEvent,
  openRequest,
  priorityOf,
} from './connection-originator.ts'
export { DtlsClient, type DtlsEvent, dtlsRetry } from './dtls-client.ts'
export { EncapsulationClient, type EncapsulationEvent, type ListCommand } from './encapsulation-client.ts'
export {
  type DownloadOptions,
  download,
  storeFile,
  type TransferOptions,
  type UploadOptions,
  upload,
} from './file-transfer.ts'
export { type DiscoveredDevice, discoveredDevice, listIdentityReply, listIdentityRequest } from './list-identity.ts'
export { type AttributesOf, type ClassAttributesOf, describeClass, ObjectClient } from './object-client.ts'
export { describeStatus, isStatus, type RequestSubject, unwrap, unwrapAs } from './reply-status.ts'
export type { Cancellation, Requester, RequestOptions } from './requester.ts'
export { RoutedRequester } from './route.ts'
