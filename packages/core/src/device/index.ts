/**
 * The target side of EtherNet/IP with CIP Security, without I/O: a device with its objects, connections and
 * encapsulation, for a host that owns sockets, clock and storage.
 * @module
 */
export type { ApplicationRequest, BoundApplication, ConnectionEnd } from './application.ts'
export type { BackplaneDevice } from './backplane.ts'
export type { ConnectionProtection, ConnectionRow } from './connections.ts'
export {
  type CredentialsRequest,
  createDefaultCredentials,
  createVendorPki,
  restoreCredentials,
  restoreVendorPki,
  type StoredCredentials,
  type StoredVendorPki,
  storeCredentials,
  storeVendorPki,
  type VendorPki,
} from './default-credentials.ts'
export type { CipSecurityState, PullOrigin, SecuritySettings } from './data.ts'
export { pagesPort } from './data.ts'
export { createDevice, type Device, defaultHeartbeats, type OutputListener } from './device.ts'
export { DtlsMessages, type DtlsMessagesOptions, replayCacheMs, replayCacheSize } from './dtls-messages.ts'
export {
  EncapsulationSession,
  type SessionEnd,
  type SessionFraming,
  type SessionOptions,
} from './encapsulation-session.ts'
export type {
  ActiveSecurity,
  Admission,
  ConnectedAnswer,
  DeviceAction,
  DeviceEvent,
  DevicePort,
  DeviceReply,
  Dscp,
  EncapsulationSettings,
  HostedDevice,
  RequestContext,
} from './hosted-device.ts'
export { isConfidentialLink, isSecureLink, type Link, type LinkSecurity, type LinkTransport } from './link.ts'
export {
  type AssemblyDirection,
  type AssemblyOptions,
  type CapacityOptions,
  type DefaultCredentials,
  type DeviceIdentity,
  type DeviceOptions,
  defaultFileLimit,
  type SecurityOptions,
} from './options.ts'
export type {
  DevicePull,
  EarnedCertificate,
  PullCredential,
  PullNotice,
  PullRequestWishes,
} from './device-pull.ts'
export type { Refusal } from './outcome.ts'
export type { DeviceSecrets, DeviceState, StoredPlace, StoredSettings } from './persistence.ts'
export type { StateMachine, Transition } from './state-machine.ts'
export { printStateMachines } from './state-tables.ts'
export { createTag, type Tag, TagTable } from './tags.ts'
export { type Outgoing, type Peer, UdpEncapsulation, type UdpEncapsulationOptions } from './udp-encapsulation.ts'
