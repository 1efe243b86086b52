/**
 * The EST server's listener: HTTP over TLS on one side, the enrollment service on the other.
 * @module
 */
export {
  type EstHandlerOptions,
  type EstHead,
  type EstOutcome,
  type EstPeer,
  handleEst,
} from './handler.ts'
export { defaultEstLimits, type EstLimits } from './limits.ts'
export { estPort, type EstLogEntry, type EstServeOptions, type EstServer, serveEst } from './serve.ts'
export type { EstCounters, EstStatus } from './status.ts'
export type { EstCredential } from './tls.ts'
export { type AdvertiserSearch, foreignAdvertisers } from './advertisers.ts'
export { type Announcement, announceEst, type AnnounceOptions, estServices } from './announce.ts'
export {
  type EstHost,
  type EstHostOptions,
  type EstHostStatus,
  type HostAnnouncement,
  type HostLogEntry,
  openEstHost,
  RulesFault,
} from './host.ts'
