/** Devices on real sockets. */
export { BroadcastResponder, loopbackBroadcast } from './broadcast-responder.ts'
export {
  type AssociationRow,
  type OpenPort,
  type RefusedPeer,
  type TargetLimits,
  TargetHost,
  type TargetHostOptions,
} from './target-host.ts'
export type { TargetLogEntry } from './target-log.ts'
