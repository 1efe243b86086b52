/**
 * TLS 1.2, DTLS 1.2 and certificate path validation on the OpenSSL inside Node. Sessions are fed with bytes and time and
 * give bytes, events and the next deadline; they open no socket, start no timer and call nothing back.
 */
export { Context } from './context.ts'
export { TlsError, type TlsErrorCode } from './errors.ts'
export { Listener, type ListenerOptions, type ListenerResult, type Peer } from './listener.ts'
export { load, opensslVersion } from './load.ts'
export { markSocket } from './mark.ts'
export type {
  ContextOptions,
  Credential,
  CrlPolicy,
  ProbeVersion,
  Protocol,
  PskEntry,
  Role,
  VerifyPolicy,
} from './policy.ts'
export { type FirstRecord, probeClientHello, readFirstRecord } from './probe.ts'
export { addRandomness } from './randomness.ts'
export {
  type ResumptionTicket,
  Session,
  type SessionEvent,
  type SessionInfo,
  type SessionOptions,
  type SessionState,
} from './session.ts'
export { type SuiteInfo, suites } from './suites.ts'
export { type VerifyChainOptions, type VerifyChainResult, verifyChain } from './verify-chain.ts'
