import { alertName } from './alerts.ts'
import type { Context } from './context.ts'
import { callNative, TlsError } from './errors.ts'
import { failureMessage } from './failures.ts'
import { arena, load } from './load.ts'
import { nativeStates, pieceSize, rowKinds, type SessionHandle, statusIndex, type TicketHandle } from './native.ts'
import { suiteName } from './suites.ts'

/** `failed` and `closed` are final. */
export type SessionState = (typeof nativeStates)[number]

/** What happened in a session, in order. */
export type SessionEvent =
  | { readonly kind: 'established' }
  /** DTLS: one record is one event. TLS: a piece of the stream. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  /** A line of the NSS key log format, without line end. Secret. */
  | { readonly kind: 'keylog'; readonly line: string }
  /** Any alert but close_notify, which is `closed`. */
  | {
      readonly kind: 'alert'
      readonly direction: 'in' | 'out'
      readonly level: 'warning' | 'fatal'
      readonly code: number
      readonly name: string
    }
  /** The peer closed in order. */
  | { readonly kind: 'closed' }
  /** The handshake or the record layer failed; final. Codes: see failures.ts. */
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly message: string
      readonly verifyErrors: readonly number[]
    }

/** What an established session agreed on. */
export interface SessionInfo {
  /** IANA id. */
  readonly suite: number
  /** IANA name. */
  readonly suiteName: string
  /** OpenSSL's name: `TLSv1.2`, `DTLSv1.2`, … */
  readonly version: string
  readonly resumed: boolean
  /** DER, leaf first, as the peer sent them; empty without a certificate, only the leaf after a resumption. */
  readonly peerChain: readonly Uint8Array[]
  readonly pskIdentity?: Uint8Array
  /** X509_V_ERR numbers found while verifying, those that policy tolerated included. */
  readonly verifyErrors: readonly number[]
  /** RFC 7366 was negotiated. */
  readonly encryptThenMac: boolean
  /** RFC 7627 was negotiated. */
  readonly extendedMasterSecret: boolean
  /** Empty where a ticket stands for it. */
  readonly sessionId: Uint8Array
  /** Group of the ephemeral key exchange, for example `prime256v1` or `X25519`; absent with RSA key exchange. */
  readonly serverTempKey?: string
  /** DTLS: longest message that `write` takes. TLS: no limit, 0. */
  readonly maxMessageLength: number
}

/** Who is expected at the other end. */
export interface SessionOptions {
  /** IP address of the peer, for the name check. */
  readonly peer?: string
  /** DNS name of the peer, for the name check. */
  readonly peerName?: string
  /** Client: a session of the same context to resume. */
  readonly resume?: ResumptionTicket
}

/** A client's right to resume a session, valid in the context it came from. */
export class ResumptionTicket {
  /** @internal */
  readonly context: Context
  /** @internal */
  readonly handle: TicketHandle

  /** @internal */
  constructor(context: Context, handle: TicketHandle) {
    this.context = context
    this.handle = handle
  }
}

/**
 * One TLS or DTLS association without any I/O: feed it bytes and time, send what `takeOutput` gives, read `takeEvents`, and
 * call `tick` when `deadline` has come. A server that listens on UDP makes its sessions through `Listener`; a DTLS server
 * session made by hand skips the cookie exchange.
 */
export class Session {
  readonly context: Context
  /** IP address given by the maker, if any. */
  readonly peer: string | undefined
  #handle: SessionHandle | undefined
  #state: SessionState = 'handshaking'
  #output: Uint8Array[] = []
  #events: SessionEvent[] = []
  #retransmitAt: number | undefined
  #handshakeEndsAt: number | undefined
  #started = false
  #info: SessionInfo | undefined

  /** @throws TlsError `closed` for a closed context, `wrong-context` for a foreign ticket, `bad-option` for a peer that is no IP address. */
  constructor(context: Context, options: SessionOptions = {}, accepted?: SessionHandle) {
    this.context = context
    this.peer = options.peer
    const ticket = options.resume
    if (ticket !== undefined && ticket.context !== context) {
      throw new TlsError(
        'wrong-context',
        'This ticket belongs to another context: a new configuration means a new handshake',
      )
    }
    this.#handle =
      accepted ??
      callNative(() => load().createSession(context.handle(), options.peer, options.peerName, ticket?.handle))
  }

  /** Where the session stands. */
  get state(): SessionState {
    return this.#state
  }

  /** What was agreed on; `undefined` before `established`. After `destroy` only if it was read before. */
  get info(): SessionInfo | undefined {
    if (this.#info === undefined && this.#state !== 'handshaking') this.#readInfo()
    return this.#info
  }

  /**
   * The certificates that the peer has shown until now, DER, leaf first: also of a peer that refused us afterwards. What was
   * shown in a handshake that did not end well proves nothing. Empty after `destroy`.
   */
  get shown(): readonly Uint8Array[] {
    return this.#handle === undefined ? [] : load().shown(this.#handle)
  }

  /** A client sends its ClientHello; for both roles the time for the handshake begins. `now` in milliseconds of any steady clock. */
  start(now: number): void {
    const handle = this.#live()
    this.#begin(now)
    this.#collect(load().start(handle, now))
  }

  /** TLS: the next piece of the stream, of any length. DTLS: exactly one datagram. Ignored when the session is over. */
  receive(bytes: Uint8Array, now: number): void {
    const handle = this.#handle
    if (handle === undefined || this.#isOver()) return
    this.#begin(now)
    if (bytes.length <= pieceSize || this.context.protocol === 'dtls') {
      this.#feed(handle, bytes, now)
      return
    }
    for (let offset = 0; offset < bytes.length && !this.#isOver(); offset += pieceSize) {
      this.#feed(handle, bytes.subarray(offset, offset + pieceSize), now)
    }
  }

  /**
   * Protects a message. DTLS: one message, one record, one datagram.
   *
   * @throws TlsError `not-established`, `message-too-large`.
   */
  write(bytes: Uint8Array): void {
    const handle = this.#handle
    if (handle === undefined || this.#state !== 'established') {
      throw new TlsError('not-established', `Cannot write: the session is ${this.#handle ? this.#state : 'destroyed'}`)
    }
    if (bytes.length <= pieceSize || this.context.protocol === 'dtls') {
      this.#protect(handle, bytes)
      return
    }
    for (let offset = 0; offset < bytes.length; offset += pieceSize) {
      this.#protect(handle, bytes.subarray(offset, offset + pieceSize))
    }
  }

  /** What must be sent now, in order. TLS: pieces of the stream. DTLS: one datagram each. */
  takeOutput(): Uint8Array[] {
    if (this.#output.length === 0) return []
    const taken = this.#output
    this.#output = []
    return taken
  }

  /** What happened since the last call, in order. */
  takeEvents(): SessionEvent[] {
    if (this.#events.length === 0) return []
    const taken = this.#events
    this.#events = []
    return taken
  }

  /** When `tick` wants to be called: next retransmission or end of the handshake's time, on the clock of `now`. */
  deadline(): number | undefined {
    if (this.#handle === undefined || this.#isOver()) return undefined
    if (this.#retransmitAt === undefined) return this.#handshakeEndsAt
    if (this.#handshakeEndsAt === undefined) return this.#retransmitAt
    return Math.min(this.#retransmitAt, this.#handshakeEndsAt)
  }

  /** Retransmits or gives up, if it is time; harmless at any other. */
  tick(now: number): void {
    const handle = this.#handle
    if (handle === undefined || this.#isOver()) return
    if (this.#handshakeEndsAt !== undefined && now >= this.#handshakeEndsAt) {
      load().abort(handle)
      this.#fail('handshake-timeout', `no end after ${this.context.options.handshakeTimeoutMs} ms`, [])
      return
    }
    if (this.#retransmitAt !== undefined && now >= this.#retransmitAt) this.#collect(load().tick(handle, now))
  }

  /** Says close_notify, if established, and ends the session. No event follows. Idempotent. */
  close(): void {
    const handle = this.#handle
    if (handle === undefined || this.#isOver()) return
    if (this.#info === undefined) this.#readInfo()
    this.#collect(load().close(handle))
  }

  /** Frees the native memory now, without a word to the peer. Output and events not taken yet stay. Idempotent. */
  destroy(): void {
    const handle = this.#handle
    if (handle === undefined) return
    this.#handle = undefined
    if (!this.#isOver()) this.#state = 'closed'
    load().destroy(handle)
  }

  /**
   * RFC 5705.
   *
   * @param length 1 to 65535 bytes
   * @throws TlsError `not-established`, `bad-option`.
   */
  exportKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array {
    const handle = this.#handle
    if (handle === undefined || this.#state !== 'established') {
      throw new TlsError('not-established', 'Keying material exists in an established session only')
    }
    if (!Number.isInteger(length) || length < 1 || length > 65535) {
      throw new TlsError('bad-option', `Option length: expected 1 to 65535 bytes, got ${length}`)
    }
    return callNative(() => load().exportKeyingMaterial(handle, label, length, context))
  }

  /** Client: what a later session of the same context can resume; `undefined` where the server allows none. */
  ticket(): ResumptionTicket | undefined {
    if (this.#handle === undefined || this.context.role !== 'client' || this.#state === 'handshaking') return undefined
    const handle = load().ticket(this.#handle)
    return handle === undefined ? undefined : new ResumptionTicket(this.context, handle)
  }

  #feed(handle: SessionHandle, bytes: Uint8Array, now: number): void {
    const native = load()
    this.#collect(native.receive(handle, bytes, now))
    // Records that were held back until the handshake ended can be more than the arena holds.
    while (arena.status[statusIndex.hasMore] === 1) this.#collect(native.receive(handle, nothing, now))
  }

  #protect(handle: SessionHandle, bytes: Uint8Array): void {
    const result = load().write(handle, bytes.length > onHeapSize ? bytes : staged(bytes))
    if (result >= 0) {
      this.#collect(result)
      return
    }
    if (result === -1) throw new TlsError('not-established', 'Cannot write: the session is over')
    throw new TlsError(
      'message-too-large',
      `Cannot write ${bytes.length} bytes: at an MTU of ${this.context.options.mtu} one record takes ${-2 - result}`,
    )
  }

  #begin(now: number): void {
    if (this.#started) return
    this.#started = true
    this.#handshakeEndsAt = now + this.context.options.handshakeTimeoutMs
  }

  #isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'failed'
  }

  #live(): SessionHandle {
    if (this.#handle === undefined) throw new TlsError('closed', 'This session was destroyed')
    return this.#handle
  }

  /** Copies what the last call left in the arena. */
  #collect(count: number): void {
    const { rows, bytes, status } = arena
    const state = nativeStates[status[statusIndex.state] ?? 0] ?? 'failed'
    if (state !== this.#state) {
      this.#state = state
      if (state !== 'handshaking') this.#handshakeEndsAt = undefined
    }
    const deadline = status[statusIndex.deadline] ?? Number.NaN
    this.#retransmitAt = Number.isNaN(deadline) ? undefined : deadline
    for (let row = 0; row < count * 4; row += 4) {
      const first = rows[row + 1] ?? 0
      const second = rows[row + 2] ?? 0
      switch (rows[row]) {
        case rowKinds.output:
          this.#output.push(pooled(bytes.subarray(first, first + second)))
          break
        case rowKinds.data:
          this.#events.push({ kind: 'data', bytes: bytes.slice(first, first + second) })
          break
        case rowKinds.keyLog:
          this.#events.push({ kind: 'keylog', line: latin1(bytes.subarray(first, first + second)) })
          break
        case rowKinds.alert: {
          const code = rows[row + 3] ?? 0
          this.#events.push({
            kind: 'alert',
            direction: first === 0 ? 'in' : 'out',
            level: second === 2 ? 'fatal' : 'warning',
            code,
            name: alertName(code),
          })
          break
        }
        case rowKinds.established:
          this.#events.push({ kind: 'established' })
          break
        case rowKinds.closed:
          this.#events.push({ kind: 'closed' })
          break
        case rowKinds.failed:
          this.#readFailure()
          break
        default:
          throw new TlsError('internal', `The native part wrote a row of unknown kind ${rows[row]}`)
      }
    }
  }

  #readFailure(): void {
    if (this.#handle === undefined) return
    const { code, reason, verifyErrors } = load().failure(this.#handle)
    this.#fail(code, reason, verifyErrors)
  }

  #fail(code: string, reason: string, verifyErrors: readonly number[]): void {
    this.#state = 'failed'
    this.#handshakeEndsAt = undefined
    this.#events.push({ kind: 'failed', code, message: failureMessage(code, reason), verifyErrors })
  }

  #readInfo(): void {
    if (this.#handle === undefined) return
    const native = load().info(this.#handle)
    if (native === undefined) return
    const { suite, group, pskIdentity, maxMessage, ...rest } = native
    this.#info = {
      ...rest,
      suite,
      suiteName: suiteName(suite),
      maxMessageLength: maxMessage,
      ...(pskIdentity === undefined ? {} : { pskIdentity }),
      ...(group === undefined ? {} : { serverTempKey: group }),
    }
  }
}

const nothing = new Uint8Array(0)

/** A copy in Node's pool, since what goes to a socket needs no memory of its own; not a Buffer, whose `slice` shares. */
function pooled(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = Buffer.from(bytes)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/**
 * V8 keeps arrays of up to so many bytes in its own heap, and moves them out for native code, for good: that takes longer
 * than to copy them.
 */
const onHeapSize = 64
const stage = new Uint8Array(4096)

function staged(bytes: Uint8Array): Uint8Array {
  stage.set(bytes)
  return stage.subarray(0, bytes.length)
}

/** Key log lines are ASCII. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
