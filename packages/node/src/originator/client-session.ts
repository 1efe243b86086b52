import {
  DtlsClient,
  EncapsulationClient,
  ObjectClient,
  type DtlsEvent,
  type EncapsulationEvent,
  type ListCommand,
  type RequestOptions,
} from '@cordon/core/client'
import {
  connectionManagerServices,
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterReply,
  messageRouterRequest,
} from '@cordon/core/cip'
import type { Dscp } from '@cordon/core/device'
import { type CommonPacket, describeEncapsulationStatus, ioFrameView, parseIoFrame } from '@cordon/core/enip'
import { type AnyError, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { decode, encode } from '@cordon/core/wire'
import { randomInt } from 'node:crypto'
import { type Drivable, Driver } from '../drive.ts'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import { isOurs } from '../transports/system-error.ts'
import { formatEndpoint, type Transport } from '../transports/transport.ts'
import type { PeerInfo, ReplyWithItems, Session, SessionCarrier } from './session.ts'

/** How an open session behaves. */
export interface ClientSessionOptions {
  /** For each request without a timeout of its own. Default 10000. */
  readonly requestTimeoutMs?: number
  /** Requests on their way at once; more wait. Default 64. */
  readonly maxOutstanding?: number
  /** Sends a NOP after this long without any request (tcp and tls), because targets close silent sessions. */
  readonly keepAliveMs?: number
  readonly schedule?: Schedule
  /** What class 0/1 data of its connections is marked with. */
  readonly dscp?: Dscp
}

/** What {@link ClientSessionOptions.requestTimeoutMs} is without being set. */
export const defaultRequestTimeoutMs = 10_000

interface Waiting {
  readonly resolve: (answer: { readonly message: Uint8Array; readonly items: CommonPacket }) => void
  readonly reject: (error: AnyError) => void
  /** What was asked, in words; only errors spell it. */
  readonly what: () => string
}

interface Queued extends Waiting {
  readonly send: (now: number) => number
  cancelled: boolean
}

const noBytes = new Uint8Array(0)

/** A session over an open transport: encapsulation on streams and after StartDTLS, item 0x8003 on DTLS 2221. */
export class ClientSession implements Session, SessionCarrier {
  readonly peer: PeerInfo
  readonly dscp: Dscp | undefined
  readonly objects: ObjectClient
  readonly closed: Promise<AnyError | undefined>
  readonly #transport: Transport
  readonly #client: EncapsulationClient | DtlsClient
  readonly #driver: Driver
  readonly #schedule: Schedule
  readonly #requestTimeoutMs: number
  readonly #maxOutstanding: number
  readonly #waiting = new Map<number, Waiting>()
  readonly #queue: Queued[] = []
  readonly #connected = new Map<number, (sequenceCount: number, message: Uint8Array) => void>()
  readonly #io = new Map<number, (datagram: Uint8Array) => void>()
  readonly #keepAlive: Deadline | undefined
  #lastSentAt: number
  #state: 'open' | 'closed' = 'open'
  #tellClosed: (error: AnyError | undefined) => void = () => {}

  constructor(transport: Transport, kind: 'encapsulation' | 'dtls-messages', options: ClientSessionOptions = {}) {
    this.#transport = transport
    this.dscp = options.dscp
    this.#schedule = options.schedule ?? processSchedule()
    this.#requestTimeoutMs = options.requestTimeoutMs ?? defaultRequestTimeoutMs
    this.#maxOutstanding = options.maxOutstanding ?? 64
    this.#lastSentAt = this.#schedule.now()
    const client = kind === 'encapsulation' ? new EncapsulationClient() : new DtlsClient(randomInt(0x1_0000_0000))
    this.#client = client
    this.peer = {
      endpoint: transport.remote,
      localEndpoint: transport.local,
      transport: transport.kind,
      ...(transport.security === undefined ? {} : { security: transport.security }),
    }
    this.objects = new ObjectClient(this)
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve
    })
    const drivable: Drivable = {
      receive: (bytes) => this.#receive(bytes),
      takeOutput: () => client.takeOutput(),
      deadline: () => client.deadline(),
      tick: (now) => client.tick(now),
    }
    this.#driver = new Driver(
      transport,
      drivable,
      { progress: (now) => this.#progress(now), closed: (error) => this.#ended(error) },
      this.#schedule,
    )
    const { keepAliveMs } = options
    if (keepAliveMs !== undefined && client instanceof EncapsulationClient) {
      this.#keepAlive = this.#schedule.after(keepAliveMs, (now) => this.#keepWarm(client, now, keepAliveMs))
    }
  }

  get state(): 'open' | 'closed' {
    return this.#state
  }

  get carrier(): SessionCarrier {
    return this
  }

  /** Opens the encapsulation session. @throws PeerError `encapsulation-status`, TransportError `timeout`, `closed` */
  async register(timeoutMs: number): Promise<void> {
    const client = this.#client
    if (!(client instanceof EncapsulationClient)) return
    await new Promise<unknown>((resolve, reject) => {
      if (this.#refuseClosed(reject)) return
      this.#waiting.set(0, { resolve, reject, what: () => 'RegisterSession' })
      client.register(this.#schedule.now(), timeoutMs)
      this.#driver.pump()
    })
  }

  /** Asks with a List command. @throws PeerError, TransportError, UsageError `not-supported` over DTLS 2221 */
  async list(command: ListCommand, timeoutMs: number = this.#requestTimeoutMs): Promise<CommonPacket> {
    const client = this.#client
    if (!(client instanceof EncapsulationClient)) {
      throw new UsageError(
        'not-supported',
        `${command} cannot be asked on ${formatEndpoint(this.peer.endpoint)}/udp over DTLS`,
      )
    }
    const { items } = await this.#ask(
      () => command,
      (now) => client.list(command, now, timeoutMs),
      undefined,
    )
    return items
  }

  async request(request: MessageRouterRequest, options?: RequestOptions): Promise<MessageRouterReply> {
    return (await this.requestWithItems(request, [], options)).reply
  }

  async requestWithItems(
    request: MessageRouterRequest,
    more: CommonPacket,
    options: RequestOptions = {},
  ): Promise<ReplyWithItems> {
    const message = encode(messageRouterRequest, request)
    const timeoutMs = options.timeoutMs ?? this.#requestTimeoutMs
    const what = () => `service 0x${request.service.toString(16).toUpperCase().padStart(2, '0')}`
    const answer = await this.#ask(what, (now) => this.#client.send(message, now, timeoutMs, more), options)
    const reply = decode(messageRouterReply, answer.message)
    // The reply to Unconnected_Send is the embedded reply itself.
    if (reply.service !== request.service && request.service !== connectionManagerServices.unconnectedSend) {
      throw new PeerError(
        'unexpected-reply',
        `${formatEndpoint(this.peer.endpoint)}: expected a reply to ${what()}, got one to 0x${reply.service.toString(16)}`,
      )
    }
    return { reply, items: answer.items }
  }

  sendConnected(connectionId: number, sequenceCount: number, message: Uint8Array): void {
    const client = this.#client
    if (!(client instanceof EncapsulationClient))
      throw new UsageError('not-supported', 'class 3 needs a stream session')
    if (this.#state === 'closed') return
    this.#lastSentAt = this.#schedule.now()
    client.sendConnected(connectionId, sequenceCount, message)
    this.#driver.pump()
  }

  sendIo(datagram: Uint8Array, dscp?: number): void {
    if (this.#state === 'open') this.#transport.send(datagram, dscp)
  }

  onConnected(connectionId: number, hear: (sequenceCount: number, message: Uint8Array) => void): () => void {
    this.#connected.set(connectionId, hear)
    return () => this.#connected.delete(connectionId)
  }

  onIo(connectionId: number, hear: (datagram: Uint8Array) => void): () => void {
    this.#io.set(connectionId, hear)
    return () => this.#io.delete(connectionId)
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      if (this.#client instanceof EncapsulationClient) {
        this.#client.unregister()
        for (const bytes of this.#client.takeOutput()) this.#transport.send(bytes)
      }
      this.#transport.close()
    }
    await this.closed
  }

  /** Ends it at once, for the given reason. */
  destroy(error: AnyError): void {
    this.#transport.destroy(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #ask(
    what: () => string,
    send: (now: number) => number,
    options: RequestOptions | undefined,
  ): Promise<{ readonly message: Uint8Array; readonly items: CommonPacket }> {
    const signal = options?.signal
    return new Promise((resolve, reject) => {
      if (this.#refuseClosed(reject)) return
      let sentAs: number | undefined
      const onAbort = () => {
        queued.cancelled = true
        if (sentAs !== undefined) {
          this.#client.forget(sentAs)
          this.#waiting.delete(sentAs)
        }
        reject(new TransportError('aborted', `${what()}: cancelled by the caller`, { cause: signal?.reason }))
        this.#sendQueued()
      }
      const done = () => signal?.removeEventListener('abort', onAbort)
      const queued: Queued = {
        what,
        cancelled: false,
        send: (now) => {
          sentAs = send(now)
          return sentAs
        },
        resolve: (answer) => {
          done()
          resolve(answer)
        },
        reject: (error) => {
          done()
          reject(error)
        },
      }
      if (signal?.aborted === true) {
        onAbort()
        return
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(queued)
      this.#sendQueued()
    })
  }

  #refuseClosed(reject: (error: AnyError) => void): boolean {
    if (this.#state === 'open') return false
    reject(new TransportError('closed', `the session with ${formatEndpoint(this.peer.endpoint)} is closed`))
    return true
  }

  #sendQueued(): void {
    const now = this.#schedule.now()
    let sent = false
    while (this.#client.outstanding < this.#maxOutstanding) {
      const next = this.#queue.shift()
      if (next === undefined) break
      if (next.cancelled) continue
      try {
        this.#waiting.set(next.send(now), next)
        sent = true
      } catch (error) {
        if (!isOurs(error)) throw error
        next.reject(error)
      }
    }
    if (!sent) return
    this.#lastSentAt = now
    this.#driver.pump(now)
  }

  #receive(bytes: Uint8Array): void {
    const client = this.#client
    if (client instanceof EncapsulationClient) {
      if (this.#transport.boundaries === 'stream') client.receive(bytes)
      else client.receiveDatagram(bytes)
    } else if (!client.receive(bytes) && parseIoFrame(bytes, view)) this.#io.get(view.connectionId)?.(bytes)
  }

  #progress(_now: number): void {
    for (const event of this.#client.takeEvents()) this.#hear(event)
    if (this.#queue.length > 0) this.#sendQueued()
  }

  #hear(event: EncapsulationEvent | DtlsEvent): void {
    const where = formatEndpoint(this.peer.endpoint)
    switch (event.kind) {
      case 'registered':
        this.#take(0)?.resolve({ message: noBytes, items: [] })
        break
      case 'reply':
        this.#take(event.id)?.resolve({ message: event.message, items: event.items })
        break
      case 'list':
        this.#take(event.id)?.resolve({ message: noBytes, items: event.items })
        break
      case 'refused': {
        const waiting = this.#take(event.id)
        const status = describeEncapsulationStatus(event.status)
        waiting?.reject(
          new PeerError('encapsulation-status', `${where} refused ${waiting.what()}: ${status}`, {
            details: { status: event.status },
          }),
        )
        break
      }
      case 'timeout': {
        const waiting = this.#take(event.id)
        waiting?.reject(new TransportError('timeout', `${where} did not answer ${waiting.what()} in time`))
        break
      }
      case 'connected':
        this.#connected.get(event.connectionId)?.(event.sequenceCount, event.message)
        break
      case 'failed':
        this.destroy(event.error)
        break
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  #keepWarm(client: EncapsulationClient, now: number, intervalMs: number): void {
    if (this.#state === 'closed') return
    if (now - this.#lastSentAt >= intervalMs - 1) {
      client.keepAlive()
      this.#lastSentAt = now
      this.#driver.pump(now)
    }
    this.#keepAlive?.move(this.#lastSentAt + intervalMs)
  }

  #ended(error: AnyError | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#keepAlive?.cancel()
    const reason = error ?? new TransportError('closed', `${formatEndpoint(this.peer.endpoint)} closed the session`)
    for (const waiting of this.#waiting.values()) waiting.reject(reason)
    for (const queued of this.#queue) if (!queued.cancelled) queued.reject(reason)
    this.#waiting.clear()
    this.#queue.length = 0
    this.#connected.clear()
    this.#io.clear()
    this.#tellClosed(error)
  }
}

const view = ioFrameView()
