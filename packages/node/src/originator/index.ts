/** Reaching targets: sessions over every transport, connections, discovery, and originators that come back by themselves. */
export { Backoff, type BackoffOptions } from './backoff.ts'
export {
  Class3Connection,
  type Class3Options,
  messageRouterPath,
  openClass3,
  type TimeoutMultiplier,
} from './class3.ts'
export type {
  ConfiguredConnection,
  ConnectionMove,
  ConnectionStatus,
  ConnectionTransport,
} from './configured-connection.ts'
export { type Commissioning, connect, isTemporary, type SessionOptions, type SessionTransport } from './connect.ts'
export { type DiscoverOptions, type DiscoveryReply, discover } from './discover.ts'
export { type DiscoveryRow, discoveryRow } from './discovery-row.ts'
export { type IoOptions, IoSession, openIo, type OpenIoOptions, openIoOver } from './io.ts'
export type { OriginatorIdentity } from './numbers.ts'
export { OriginatorHost, type OriginatorHostOptions, type OriginatorLogEntry } from './originator-host.ts'
export type { PlainIoPort } from '../transports/plain-io.ts'
export { ReconnectingIo, ReconnectingSession, type ReconnectOptions } from './reconnecting.ts'
export { routed, type RoutedTarget } from './routed.ts'
export type { PeerInfo, Session } from './session.ts'
export type { EndedSession, PooledSession } from './session-pool.ts'
