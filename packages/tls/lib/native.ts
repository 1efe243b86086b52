/**
 * The surface of the compiled part, as src/addon.c defines it. Results that belong to a session come back in one arena of
 * bytes and one table of rows, both overwritten by the next call, so that a packet costs no object.
 */

/** Identifies a context inside the addon. */
export interface ContextHandle {
  readonly kind: unique symbol
}

/** Identifies a session inside the addon. */
export interface SessionHandle {
  readonly kind: unique symbol
}

/** Identifies an OpenSSL session that can be resumed. */
export interface TicketHandle {
  readonly kind: unique symbol
}

/** Kinds of rows. A row is four 32-bit numbers: kind, then as noted. */
export const rowKinds = {
  /** offset, length */
  output: 1,
  /** offset, length */
  data: 2,
  /** offset, length */
  keyLog: 3,
  /** 0 in or 1 out, 1 warning or 2 fatal, code */
  alert: 4,
  established: 5,
  closed: 6,
  failed: 7,
} as const

/** States of a session, as the addon counts them. */
export const nativeStates = ['handshaking', 'established', 'closed', 'failed'] as const

/** Positions in the status array that every session call fills. */
export const statusIndex = { state: 0, deadline: 1, hasMore: 2 } as const

/** Bytes of the arena: four times the largest piece that one call takes. */
export const arenaSize = 512 * 1024

/** Rows of the table: more than records fit in one piece. */
export const rowCount = 8192

/** Largest piece of a stream handed to one call, in bytes. */
export const pieceSize = 64 * 1024

/** What a context needs, flattened. */
export interface NativeContextOptions {
  server: boolean
  dtls: boolean
  suites: readonly number[]
  groups: string
  minVersion: number
  maxVersion: number
  probing: boolean
  chain: readonly Uint8Array[]
  key: Uint8Array | undefined
  sendChain: boolean
  pskIdentities: readonly Uint8Array[]
  pskKeys: readonly Uint8Array[]
  anchors: readonly Uint8Array[]
  trusted: readonly Uint8Array[]
  crls: readonly Uint8Array[]
  verifyPeer: number
  verifyTime: boolean
  verifyCrl: number
  verifyName: boolean
  mtu: number
  retransmitMs: number
  resumption: boolean
  keyLog: boolean
  virtualTime: boolean
}

/** What the addon tells about an established session. */
export interface NativeInfo {
  suite: number
  version: string
  resumed: boolean
  peerChain: Uint8Array[]
  pskIdentity: Uint8Array | undefined
  verifyErrors: number[]
  encryptThenMac: boolean
  extendedMasterSecret: boolean
  sessionId: Uint8Array
  group: string | undefined
  maxMessage: number
}

/** Why a session failed. */
export interface NativeFailure {
  /** One of the codes of src/verify.c and src/session.c. */
  code: string
  /** OpenSSL's own words. */
  reason: string
  verifyErrors: number[]
}

/** What `verifyChain` needs, flattened. */
export interface NativeVerifyOptions {
  leaf: Uint8Array
  intermediates: readonly Uint8Array[]
  anchors: readonly Uint8Array[]
  trusted: readonly Uint8Array[]
  crls: readonly Uint8Array[]
  crl: number
  time: boolean
  /** Seconds since 1970; ignored unless `time`. */
  at: number
  /** 0 any, 1 server, 2 client. */
  purpose: number
}

/** What `verifyChain` found. */
export interface NativeVerifyResult {
  ok: boolean
  chain: Uint8Array[]
  code: string
  reason: string
  depth: number
  errors: number[]
}

/** The compiled part. Session calls return how many rows they wrote. */
export interface Binding {
  /** Gives what is bound: of several copies of this JavaScript in one process, the first one's memory. */
  bind(arena: Uint8Array, rows: Int32Array, status: Float64Array): [Uint8Array, Int32Array, Float64Array]
  version(): { version: string; number: number }
  ciphers(): [number, string][]
  createContext(options: NativeContextOptions): ContextHandle
  closeContext(context: ContextHandle): void
  createSession(
    context: ContextHandle,
    peer: string | undefined,
    name: string | undefined,
    ticket: TicketHandle | undefined,
  ): SessionHandle
  start(session: SessionHandle, now: number): number
  receive(session: SessionHandle, bytes: Uint8Array, now: number): number
  /** Rows; -1 not established; -2 - limit where the message is longer than the limit. */
  write(session: SessionHandle, bytes: Uint8Array): number
  tick(session: SessionHandle, now: number): number
  close(session: SessionHandle): number
  abort(session: SessionHandle): void
  destroy(session: SessionHandle): void
  /** `undefined` where the handshake never finished. */
  info(session: SessionHandle): NativeInfo | undefined
  shown(session: SessionHandle): Uint8Array[]
  failure(session: SessionHandle): NativeFailure
  exportKeyingMaterial(
    session: SessionHandle,
    label: string,
    length: number,
    context: Uint8Array | undefined,
  ): Uint8Array
  ticket(session: SessionHandle): TicketHandle | undefined
  /** Stateless cookie round: a session once the cookie passed, else how many rows (0 or 1) hold an answer. */
  listen(
    context: ContextHandle,
    address: string,
    port: number,
    datagram: Uint8Array,
    now: number,
  ): SessionHandle | number
  verifyChain(options: NativeVerifyOptions): NativeVerifyResult
  /** Marks what a socket sends, 0..63: 0 done, -1 this system cannot, else its error number. */
  markSocket(descriptor: number, dscp: number): number
  /** Mixes 1 to 4096 bytes into OpenSSL's random numbers: 1 while its generator works, 0 otherwise. */
  addRandomness(bytes: Uint8Array): number
  /** Objects alive: contexts, sessions, pooled objects in use, and those kept because they were read lately. For tests of release. */
  alive(): [contexts: number, sessions: number, pooled: number, recent: number]
}
