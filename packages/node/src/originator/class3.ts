import {
  type ConnectionRequest,
  closeRequest,
  grantedBy,
  MessageConnection,
  ObjectClient,
  openRequest,
  type Requester,
  type RequestOptions,
} from '@cordon/core/client'
import {
  type EPath,
  type ForwardOpenReply,
  type MessageRouterReply,
  type MessageRouterRequest,
  path as logicalPath,
} from '@cordon/core/cip'
import { type AnyError, MalformedMessage, TransportError, UsageError } from '@cordon/core/errors'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import { isOurs } from '../transports/system-error.ts'
import { formatEndpoint } from '../transports/transport.ts'
import { defaultRequestTimeoutMs } from './client-session.ts'
import { nextConnectionId, nextConnectionSerial, type OriginatorIdentity, processIdentity } from './numbers.ts'
import type { Session } from './session.ts'

/** How a class 3 connection is opened. */
export interface Class3Options {
  /** Connection path: hops first, then the object. Default: the target's message router. */
  readonly path?: EPath
  /** Requested packet interval, milliseconds. Default 750. */
  readonly rpiMs?: number
  /** Bytes each way, the 2 bytes of sequence count included. Default 502. */
  readonly size?: number
  /** O->T size where it differs. */
  readonly outputSize?: number
  /** T->O size where it differs. */
  readonly inputSize?: number
  /** Watchdog in packets. Default 16. */
  readonly timeoutMultiplier?: TimeoutMultiplier
  readonly serial?: number
  readonly originator?: OriginatorIdentity
  /** For each request without a timeout of its own. Default 10000. */
  readonly requestTimeoutMs?: number
  readonly schedule?: Schedule
}

/** Packets that may be missing before a connection dies. */
export type TimeoutMultiplier = 4 | 8 | 16 | 32 | 64 | 128 | 256 | 512

/** The code of a multiplier in a Forward_Open. @throws UsageError `bad-option` */
export function multiplierCode(multiplier: TimeoutMultiplier): number {
  const code = Math.log2(multiplier) - 2
  if (!Number.isInteger(code) || code < 0 || code > 7) {
    throw new UsageError('bad-option', `expected a timeout multiplier 4, 8, 16 … 512, got ${multiplier}`)
  }
  return code
}

/** The application path of explicit messages: the target's message router. */
export const messageRouterPath: EPath = logicalPath({ class: 0x02, instance: 1 })

/** An open class 3 connection: requests over it are connected messages. */
export class Class3Connection implements Requester, AsyncDisposable {
  readonly granted: ForwardOpenReply
  readonly objects: ObjectClient
  /** Resolves when the connection has ended: without an error when it was closed. Never rejects. */
  readonly closed: Promise<AnyError | undefined>
  readonly #session: Session
  readonly #connection: MessageConnection
  readonly #request: ConnectionRequest
  readonly #schedule: Schedule
  readonly #deadline: Deadline
  readonly #requestTimeoutMs: number
  readonly #waiting = new Map<
    number,
    { resolve: (reply: MessageRouterReply) => void; reject: (error: AnyError) => void }
  >()
  readonly #forget: () => void
  #tellClosed: (error: AnyError | undefined) => void = () => {}
  #open = true

  /** @internal Use {@link openClass3}. */
  constructor(session: Session, request: ConnectionRequest, granted: ForwardOpenReply, options: Class3Options) {
    this.#session = session
    this.#request = request
    this.granted = granted
    this.#schedule = options.schedule ?? processSchedule()
    this.#requestTimeoutMs = options.requestTimeoutMs ?? defaultRequestTimeoutMs
    this.#connection = new MessageConnection(request, granted, this.#schedule.now())
    this.objects = new ObjectClient(this)
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve
    })
    this.#deadline = this.#schedule.at(this.#connection.deadline, (now) => {
      this.#connection.tick(now)
      this.#progress()
    })
    this.#forget = session.carrier.onConnected(granted.toConnectionId, (count, message) => {
      try {
        this.#connection.receive(count, message, this.#schedule.now())
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error
        this.#end(error)
        return
      }
      this.#progress()
    })
    void session.closed.then((error) =>
      this.#end(error ?? new TransportError('closed', 'the session below was closed')),
    )
  }

  /** Connection serial number. */
  get serial(): number {
    return this.#request.triad.connectionSerialNumber
  }

  /** Still open? */
  get state(): 'open' | 'closed' {
    return this.#open ? 'open' : 'closed'
  }

  /** A connected request. @throws TransportError `timeout`, `closed`, `aborted`; UsageError `bad-value` for one too large */
  request(request: MessageRouterRequest, options: RequestOptions = {}): Promise<MessageRouterReply> {
    const { signal } = options
    return new Promise((resolve, reject) => {
      if (!this.#open) {
        reject(new TransportError('closed', 'the class 3 connection is closed'))
        return
      }
      if (signal?.aborted === true) {
        reject(new TransportError('aborted', 'connected request: cancelled by the caller', { cause: signal.reason }))
        return
      }
      const id = this.#connection.send(request, this.#schedule.now(), options.timeoutMs ?? this.#requestTimeoutMs)
      const onAbort = () => {
        // The request itself cannot be called back; its reply goes nowhere.
        this.#waiting.delete(id)
        reject(new TransportError('aborted', 'connected request: cancelled by the caller', { cause: signal?.reason }))
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.set(id, {
        resolve: (reply) => {
          signal?.removeEventListener('abort', onAbort)
          resolve(reply)
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        },
      })
      this.#progress()
    })
  }

  /** Closes the connection on the target; the session stays. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#end(undefined)
    if (this.#session.state === 'closed') return
    // A target that does not answer loses the connection by its watchdog.
    await this.#session.request(closeRequest(this.#request), { timeoutMs: 2000 }).catch(() => {})
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #progress(): void {
    if (!this.#open) return
    for (const { sequenceCount, message } of this.#connection.takeOutput()) {
      this.#session.carrier.sendConnected(this.granted.otConnectionId, sequenceCount, message)
    }
    for (const event of this.#connection.takeEvents()) {
      const where = formatEndpoint(this.#session.peer.endpoint)
      if (event.kind === 'timed-out') {
        const ms = this.#connection.watchdogMs
        this.#end(new TransportError('timeout', `class 3 connection with ${where}: nothing came for ${ms} ms`))
        return
      }
      const waiting = this.#waiting.get(event.id)
      this.#waiting.delete(event.id)
      if (event.kind === 'reply') waiting?.resolve(event.reply)
      else waiting?.reject(new TransportError('timeout', `${where} did not answer a connected request in time`))
    }
    this.#deadline.move(this.#connection.deadline)
  }

  #end(error: AnyError | undefined): void {
    if (!this.#open) return
    this.#open = false
    this.#deadline.cancel()
    this.#forget()
    const reason = error ?? new TransportError('closed', 'the class 3 connection was closed')
    for (const waiting of this.#waiting.values()) waiting.reject(reason)
    this.#waiting.clear()
    this.#tellClosed(error)
  }
}

/** @internal The Forward_Open of a class 3 connection. */
export function class3Request(options: Class3Options): ConnectionRequest {
  const identity = options.originator ?? processIdentity()
  const rpiUs = Math.round((options.rpiMs ?? 750) * 1000)
  return {
    triad: {
      connectionSerialNumber: options.serial ?? nextConnectionSerial(),
      originatorVendorId: identity.vendorId,
      originatorSerialNumber: identity.serialNumber,
    },
    transportClass: 3,
    path: options.path ?? messageRouterPath,
    toConnectionId: nextConnectionId(),
    otRpiUs: rpiUs,
    toRpiUs: rpiUs,
    otSize: options.outputSize ?? options.size ?? 502,
    toSize: options.inputSize ?? options.size ?? 502,
    timeoutMultiplier: multiplierCode(options.timeoutMultiplier ?? 16),
  }
}

/**
 * Opens a class 3 connection over a session (plain TCP or TLS).
 *
 * @throws PeerError `general-status` with the extended status, TransportError, UsageError `not-supported` over DTLS
 */
export async function openClass3(session: Session, options: Class3Options = {}): Promise<Class3Connection> {
  const { transport } = session.peer
  if (transport === 'dtls' || transport === 'udp') {
    throw new UsageError('not-supported', `a class 3 connection needs TCP or TLS, the session runs over ${transport}`)
  }
  const request = class3Request(options)
  const granted = grantedBy(await session.request(openRequest(request)), request)
  try {
    return new Class3Connection(session, request, granted, options)
  } catch (error) {
    if (isOurs(error)) await session.request(closeRequest(request)).catch(() => {})
    throw error
  }
}
