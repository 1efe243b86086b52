import {
  type AnyError,
  NotTrusted,
  type NotTrustedCode,
  PeerError,
  TransportError,
  UsageError,
} from '@cordon/core/errors'
import { type Session, type SessionEvent, suites } from '@cordon/tls'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import type { KeyLog } from './key-log.ts'
import { ReceiveQueue } from './receive-queue.ts'
import { aborted, errorCode, isOurs } from './system-error.ts'
import { formatEndpoint, type Transport, type TransportHandlers, type TransportSecurity } from './transport.ts'

/** What joins a (D)TLS session to its carrier. */
export interface SecureOptions {
  readonly keyLog?: KeyLog
  readonly schedule?: Schedule
  /**
   * Hears the certificates that the peer showed, DER, leaf first, before the handshake's end or failure is told: a peer
   * that refuses us has shown them all the same. Not called where it showed none.
   */
  readonly shown?: (chain: readonly Uint8Array[]) => void
  /** Whoever feeds the session calls {@link SecureTransport.pump} after; default: the transport feeds it. */
  readonly fedByListener?: boolean
}

/** Decrypted bytes that wait for a slow user before DTLS records are dropped and a TLS carrier is paused. */
const receiveLimit = 256 * 1024

/**
 * A (D)TLS association over a stream or over datagrams. It is a {@link Transport} once {@link SecureTransport.opened}
 * resolved; before, it drives the handshake.
 */
export class SecureTransport implements Transport {
  readonly kind: 'tls' | 'dtls'
  readonly boundaries: 'stream' | 'datagram'
  /** Resolves when the handshake is done, rejects with the reason when it fails. */
  readonly opened: Promise<void>
  readonly #lower: Transport
  readonly #session: Session
  readonly #schedule: Schedule
  readonly #keyLog: KeyLog | undefined
  readonly #shown: SecureOptions['shown']
  readonly #queue: ReceiveQueue
  readonly #deadline: Deadline
  #resolve: () => void = () => {}
  #reject: (error: AnyError) => void = () => {}
  #state: 'opening' | 'open' | 'closed' = 'opening'
  #security: TransportSecurity | undefined
  #alert: { readonly name: string; readonly code: number } | undefined
  #lastReceivedAt: number
  #held = false

  constructor(lower: Transport, session: Session, options: SecureOptions = {}) {
    this.kind = lower.boundaries === 'stream' ? 'tls' : 'dtls'
    this.boundaries = lower.boundaries
    this.#lower = lower
    this.#session = session
    this.#schedule = options.schedule ?? processSchedule()
    this.#keyLog = options.keyLog
    this.#shown = options.shown
    this.#queue = new ReceiveQueue(this.kind === 'tls' ? Number.POSITIVE_INFINITY : receiveLimit)
    this.#lastReceivedAt = this.#schedule.now()
    this.#deadline = this.#schedule.idle((now) => {
      this.#session.tick(now)
      this.pump()
    })
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever awaits it hears of a failure; whoever destroys the transport before does not have to.
    this.opened.catch(() => {})
    const fed = options.fedByListener === true
    lower.attach({
      data: (bytes) => {
        if (fed || this.#state === 'closed') return
        this.#session.receive(bytes, this.#schedule.now())
        this.pump()
      },
      drain: () => this.#queue.drained(),
      closed: (error) => this.#lowerClosed(error),
    })
  }

  get local() {
    return this.#lower.local
  }

  get remote() {
    return this.#lower.remote
  }

  get security(): TransportSecurity | undefined {
    return this.#security
  }

  get state(): 'open' | 'closed' {
    return this.#state === 'closed' ? 'closed' : 'open'
  }

  /** The native session below. */
  get session(): Session {
    return this.#session
  }

  /** When the last authenticated data came, or the association was made; milliseconds of its schedule. */
  get lastReceivedAt(): number {
    return this.#lastReceivedAt
  }

  /** Begins the handshake. */
  start(): void {
    this.#session.start(this.#schedule.now())
    this.pump()
  }

  attach(handlers: TransportHandlers): void {
    this.#queue.attach(handlers)
    if (this.#held) {
      this.#held = false
      this.#lower.resume()
    }
  }

  send(bytes: Uint8Array, dscp?: number): boolean {
    if (this.#state !== 'open') return false
    try {
      this.#session.write(bytes)
    } catch (error) {
      // A session that failed since reports it by event; what is too large is the caller's mistake.
      if (errorCode(error) !== 'message-too-large') {
        this.pump()
        return false
      }
      throw new UsageError('bad-value', `${this.kind} message of ${bytes.length} bytes: ${String(error)}`, {
        cause: error,
      })
    }
    return this.#flush(dscp)
  }

  pause(): void {
    this.#queue.pause()
    if (this.kind === 'tls') this.#lower.pause()
  }

  resume(): void {
    this.#queue.resume()
    if (this.kind === 'tls' && !this.#queue.blocked) this.#lower.resume()
  }

  close(): void {
    if (this.#state === 'closed') return
    if (this.#state === 'opening') {
      this.destroy()
      return
    }
    this.#session.close()
    this.#flush()
    this.#finish(undefined, true)
    this.#lower.close()
  }

  destroy(error?: AnyError): void {
    if (this.#state === 'closed') return
    this.#finish(error, true)
    this.#lower.destroy()
  }

  /** Moves what the session has to say: bytes down, events up, the next deadline to the schedule. */
  pump(): void {
    if (this.#state === 'closed') return
    this.#flush()
    for (const event of this.#session.takeEvents()) {
      this.#hear(event)
      // A handler may have closed us.
      if (this.#isClosed()) return
    }
    this.#flush()
    const due = this.#session.deadline()
    if (due === undefined) this.#deadline.cancel()
    else if (!this.#deadline.pending || this.#deadline.when !== due) this.#deadline.move(due)
  }

  /** Behind a method, because the compiler would narrow the field across the calls above. */
  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #flush(dscp?: number): boolean {
    let room = true
    for (const bytes of this.#session.takeOutput()) room = this.#lower.send(bytes, dscp)
    return room
  }

  #hear(event: SessionEvent): void {
    switch (event.kind) {
      case 'established':
        this.#establish()
        break
      case 'data':
        this.#lastReceivedAt = this.#schedule.now()
        this.#queue.push(event.bytes)
        // Before anybody listens a peer fills the kernel's buffers, not ours.
        if (this.kind === 'tls' && this.#queue.blocked && this.#queue.size > receiveLimit && !this.#held) {
          this.#held = true
          this.#lower.pause()
        }
        break
      case 'keylog':
        this.#writeKeys(event.line)
        break
      case 'alert':
        if (event.direction === 'in' && event.level === 'fatal') this.#alert = { name: event.name, code: event.code }
        break
      case 'closed':
        this.#orderly()
        break
      case 'failed':
        this.#failed(event)
        break
    }
  }

  /** Whoever asked for the keys of everything does not get an association without them; nor may a socket's handler throw. */
  #writeKeys(line: string): void {
    try {
      this.#keyLog?.(line)
    } catch (cause) {
      const where = `${this.kind} with ${formatEndpoint(this.remote)}`
      const reason = cause instanceof Error ? cause.message : String(cause)
      this.destroy(new TransportError('io', `${where}: its keys could not be written: ${reason}`, { cause }))
    }
  }

  #establish(): void {
    const info = this.#session.info
    if (this.#state !== 'opening' || info === undefined) return
    const psk = suites.find((suite) => suite.id === info.suite)?.authentication === 'psk'
    // What policy tolerated (an expired date, for example) does not make a verified certificate unverified.
    const proven = info.peerChain.length > 0 && this.#session.context.options.verify.peer !== 'none'
    this.#security = {
      suite: info.suite,
      suiteName: info.suiteName,
      version: info.version,
      encrypts: suites.find((suite) => suite.id === info.suite)?.encrypts ?? true,
      authenticated: psk ? 'psk' : proven ? 'certificate' : 'none',
      peerChain: info.peerChain,
      resumed: info.resumed,
      ...(info.pskIdentity === undefined ? {} : { pskIdentity: info.pskIdentity }),
    }
    this.#tellShown()
    this.#state = 'open'
    this.#resolve()
  }

  #tellShown(): void {
    const chain = this.#shown === undefined ? [] : this.#session.shown
    if (chain.length > 0) this.#shown?.(chain)
  }

  #orderly(): void {
    const opening = this.#state === 'opening'
    this.#flush()
    this.#finish(
      opening
        ? new PeerError('handshake', `${formatEndpoint(this.remote)} closed during the ${this.kind} handshake`)
        : undefined,
      false,
    )
    this.#lower.close()
  }

  #failed(event: Extract<SessionEvent, { kind: 'failed' }>): void {
    // The alert that says why goes out before the carrier ends.
    this.#flush()
    const error = sessionError(event, this.#alert, `${this.kind} with ${formatEndpoint(this.remote)}`)
    this.#finish(error, this.#state === 'opening')
    this.#lower.close()
  }

  #lowerClosed(error: AnyError | undefined): void {
    if (this.#state === 'closed') return
    if (this.#state === 'opening') {
      const reason = error === undefined ? 'closed the connection' : error.message
      this.#finish(
        error instanceof TransportError && error.code !== 'closed'
          ? error
          : new PeerError('handshake', `${formatEndpoint(this.remote)} during the ${this.kind} handshake: ${reason}`, {
              cause: error,
            }),
        true,
      )
      return
    }
    this.#finish(error, false)
  }

  #finish(error: AnyError | undefined, discard: boolean): void {
    if (this.#state === 'closed') return
    const opening = this.#state === 'opening'
    this.#state = 'closed'
    this.#deadline.cancel()
    if (opening) this.#tellShown()
    this.#session.destroy()
    if (opening)
      this.#reject(
        error ??
          new TransportError('closed', `${this.kind} handshake with ${formatEndpoint(this.remote)} was given up`),
      )
    this.#queue.end(error, discard)
  }
}

const trustCodes: Readonly<Record<string, NotTrustedCode>> = {
  'certificate-expired': 'expired',
  'certificate-not-yet-valid': 'not-yet-valid',
  'certificate-revoked': 'revoked',
  'unknown-authority': 'unknown-authority',
  'certificate-required': 'wrong-identity',
  'certificate-invalid': 'bad-signature',
  'weak-key': 'bad-signature',
  'invalid-ca': 'wrong-purpose',
  'path-too-long': 'wrong-purpose',
  'name-mismatch': 'wrong-identity',
  'crl-missing': 'no-revocation-list',
  'crl-expired': 'no-revocation-list',
  'crl-invalid': 'no-revocation-list',
  'wrong-purpose': 'wrong-purpose',
  'bad-signature': 'bad-signature',
  'psk-unknown': 'unknown-psk',
}

function sessionError(
  event: Extract<SessionEvent, { kind: 'failed' }>,
  alert: { readonly name: string; readonly code: number } | undefined,
  where: string,
): AnyError {
  const details = { reason: event.code, verifyErrors: event.verifyErrors.join(' ') }
  if (alert !== undefined) {
    return new PeerError('alert', `${where}: the peer ended it with alert ${alert.name} (${alert.code})`, {
      details: { ...details, alert: alert.name, alertCode: alert.code },
    })
  }
  const message = `${where}: ${event.message}`
  const trust = trustCodes[event.code]
  if (trust !== undefined) return new NotTrusted(trust, message, { details })
  if (event.code === 'handshake-timeout') return new TransportError('timeout', message, { details })
  return new PeerError('handshake', message, { details })
}

/**
 * Runs the client's side of a handshake over an open carrier and gives the secured transport. The carrier is closed on
 * failure.
 *
 * @throws NotTrusted, PeerError `alert`, `handshake`, TransportError `timeout`, `aborted`, `closed`
 */
export async function secureClient(
  lower: Transport,
  session: Session,
  options: SecureOptions & { readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<SecureTransport> {
  const doing = `${lower.boundaries === 'stream' ? 'TLS' : 'DTLS'} handshake with ${formatEndpoint(lower.remote)}`
  const { signal } = options
  const secure = new SecureTransport(lower, session, options)
  const schedule = options.schedule ?? processSchedule()
  const { timeoutMs } = options
  const timeout =
    timeoutMs === undefined
      ? undefined
      : schedule.after(timeoutMs, () =>
          secure.destroy(new TransportError('timeout', `${doing}: not finished within ${Math.round(timeoutMs)} ms`)),
        )
  const onAbort = () => {
    if (signal !== undefined) secure.destroy(aborted(signal, doing))
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal?.aborted === true) onAbort()
    else secure.start()
    await secure.opened
    return secure
  } catch (error) {
    if (isOurs(error)) throw error
    throw new PeerError('handshake', `${doing}: ${String(error)}`, { cause: error })
  } finally {
    timeout?.cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}
