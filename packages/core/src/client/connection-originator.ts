import { Consumer, nextCount, Producer, watchdogMs } from '../cip/connection.ts'
import { type EPath, path } from '../cip/epath.ts'
import {
  type ConnectionTriad,
  type ForwardOpenReply,
  type ForwardOpenRequest,
  forwardCloseRequest,
  forwardOpenReply,
  forwardOpenRequest,
  largeForwardOpenRequest,
  sameTriad,
} from '../cip/forward-open.ts'
import {
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterReply,
  messageRouterRequest,
} from '../cip/message-router.ts'
import type { NetworkParameters } from '../cip/network-parameters.ts'
import { connectionManagerServices } from '../cip/services.ts'
import { timeoutOf } from '../cip/unconnected-timeout.ts'
import { IoFrameTemplate, type IoFormat, ioFrameView, ioOverhead, parseIoFrame } from '../enip/io-frame.ts'
import { PeerError, UsageError } from '../errors.ts'
import { connectionManager } from '../objects/connection-manager.ts'
import { decode, encode } from '../wire/codec.ts'
import { unwrapAs } from './reply-status.ts'

/** Largest size that the 16-bit network parameters of Forward_Open can say; beyond it goes Large_Forward_Open. */
export const largestSmallConnection = 511

/** What an originator asks of a target when it opens a connection. Sizes are as on the wire, headers included. */
export interface ConnectionRequest {
  readonly triad: ConnectionTriad
  readonly transportClass: 0 | 1 | 3
  /** Hops, electronic key, object, connection points and configuration data, in this order. */
  readonly path: EPath
  /** Id that the target puts before its data: unique among the originator's own. */
  readonly toConnectionId: number
  /** Microseconds. */
  readonly otRpiUs: number
  /** Microseconds. */
  readonly toRpiUs: number
  readonly otSize: number
  readonly toSize: number
  /** Code 0..7: the watchdog is 4 << code packets. */
  readonly timeoutMultiplier: number
  /** How long the opening itself may take. Default 10000. */
  readonly requestTimeoutMs?: number
  /** Default point to point. */
  readonly toType?: 'pointToPoint' | 'multicast'
  /** Of both directions. Default scheduled for class 0/1, low for class 3. */
  readonly priority?: NetworkParameters['priority']
  /** O->T data carries the run/idle header. Default: class 0/1 with room for it. */
  readonly runIdleHeader?: boolean
}

/** Is there a run/idle header in the O->T data of this connection? */
export function hasRunIdleHeader(request: ConnectionRequest): boolean {
  if (request.transportClass === 3) return false
  return request.runIdleHeader ?? request.otSize - (request.transportClass === 1 ? 2 : 0) >= 4
}

/** What its packets are to be treated as on their way: decides about their mark. */
export function priorityOf(request: ConnectionRequest): NetworkParameters['priority'] {
  return request.priority ?? (request.transportClass === 3 ? 'low' : 'scheduled')
}

/** The message router request that opens the connection: Forward_Open, or Large_Forward_Open where a size needs it. */
export function openRequest(request: ConnectionRequest): MessageRouterRequest {
  const explicit = request.transportClass === 3
  const parameters = {
    redundantOwner: false,
    type: 'pointToPoint',
    priority: priorityOf(request),
    sizeType: explicit ? 'variable' : 'fixed',
  } as const
  const open: ForwardOpenRequest = {
    timeout: timeoutOf(request.requestTimeoutMs ?? 10_000),
    otConnectionId: 0,
    toConnectionId: request.toConnectionId,
    ...request.triad,
    timeoutMultiplier: request.timeoutMultiplier,
    otRpi: request.otRpiUs,
    otParameters: { ...parameters, size: request.otSize },
    toRpi: request.toRpiUs,
    toParameters: { ...parameters, type: request.toType ?? 'pointToPoint', size: request.toSize },
    transport: explicit
      ? { direction: 'server', trigger: 'application', transportClass: 3 }
      : { direction: 'client', trigger: 'cyclic', transportClass: request.transportClass },
    path: request.path,
  }
  const large = Math.max(request.otSize, request.toSize) > largestSmallConnection
  return {
    service: large ? connectionManagerServices.largeForwardOpen : connectionManagerServices.forwardOpen,
    path: path({ class: connectionManager.id, instance: 1 }),
    data: large ? encode(largeForwardOpenRequest, open) : encode(forwardOpenRequest, open),
  }
}

/** The message router request that closes it. */
export function closeRequest(
  request: Pick<ConnectionRequest, 'triad' | 'path'>,
  timeoutMs = 5000,
): MessageRouterRequest {
  const { connectionSerialNumber, originatorVendorId, originatorSerialNumber } = request.triad
  return {
    service: connectionManagerServices.forwardClose,
    path: path({ class: connectionManager.id, instance: 1 }),
    data: encode(forwardCloseRequest, {
      timeout: timeoutOf(timeoutMs),
      connectionSerialNumber,
      originatorVendorId,
      originatorSerialNumber,
      // The target compares what the connection reaches, not what was checked or configured on the way.
      path: request.path.filter((segment) => segment.kind !== 'electronicKey' && segment.kind !== 'data'),
    }),
  }
}

/**
 * What the target granted.
 *
 * @throws PeerError `general-status` (its message names the extended status), `unexpected-reply` for another connection's
 * reply or intervals of zero, MalformedMessage
 */
export function grantedBy(reply: MessageRouterReply, request: ConnectionRequest): ForwardOpenReply {
  const what = `Forward_Open ${describeTriad(request.triad)}`
  const granted = unwrapAs(reply, forwardOpenReply, { what, classId: connectionManager.id })
  if (!sameTriad(granted, request.triad)) {
    throw new PeerError('unexpected-reply', `${what}: the target answered for ${describeTriad(granted)}`)
  }
  if (granted.otApi === 0 || granted.toApi === 0) {
    throw new PeerError('unexpected-reply', `${what}: the target granted a packet interval of zero`)
  }
  return granted
}

/** A triad as people read it. */
export function describeTriad(triad: ConnectionTriad): string {
  return `serial ${triad.connectionSerialNumber}, vendor ${triad.originatorVendorId}, originator ${triad.originatorSerialNumber}`
}

/** What became of a class 0/1 datagram. */
export type IoVerdict = 'data' | 'repeated' | 'stale' | 'malformed'

/** How a class 0/1 connection has fared. */
export interface IoStatistics {
  /** Datagrams that counted. */
  readonly received: number
  /** Datagrams that the sequence numbers say were lost. */
  readonly missed: number
  /** Datagrams that came twice or late. */
  readonly stale: number
  readonly malformed: number
  readonly sent: number
  /** Time of the last datagram that counted. */
  readonly lastReceivedAt: number | undefined
  /** The longest time between two that counted, milliseconds. */
  readonly longestGapMs: number
}

const view = ioFrameView()

/**
 * The originator's end of an open class 0/1 connection, without I/O: produces O->T at the granted interval (a heartbeat
 * where there is no data), consumes T->O under the watchdog of the interval that the reply granted (cip-security-wire 3.8, 3.9).
 */
export class IoConnection {
  readonly request: ConnectionRequest
  readonly granted: ForwardOpenReply
  readonly #template: IoFrameTemplate
  readonly #producer: Producer
  readonly #consumer: Consumer
  /** Bytes of application data expected in T->O; less than that is malformed. */
  readonly #inputSize: number
  readonly #inputFormat: IoFormat
  #run = true
  #lastSequence: number | undefined
  #input: Uint8Array = new Uint8Array(0)
  #received = 0
  #missed = 0
  #stale = 0
  #malformed = 0
  #sent = 0
  #lastReceivedAt: number | undefined
  #longestGapMs = 0

  constructor(request: ConnectionRequest, granted: ForwardOpenReply, now: number) {
    const { transportClass } = request
    if (transportClass === 3) throw new UsageError('bad-value', 'expected a connection of class 0 or 1, got class 3')
    this.request = request
    this.granted = granted
    const runIdleHeader = hasRunIdleHeader(request)
    const format = { transportClass, runIdleHeader } as const
    const outputSize = Math.max(0, request.otSize - ioOverhead(format))
    this.#template = new IoFrameTemplate(granted.otConnectionId, format, outputSize)
    this.#producer = new Producer({ apiUs: granted.otApi, trigger: 'cyclic', now })
    this.#consumer = new Consumer({
      role: 'originator',
      apiUs: granted.toApi,
      multiplier: request.timeoutMultiplier,
      now,
    })
    this.#inputFormat = { transportClass, runIdleHeader: false }
    this.#inputSize = Math.max(0, request.toSize - ioOverhead(this.#inputFormat))
  }

  /** O->T application data: write into it, the next production sends it. */
  get output(): Uint8Array {
    return this.#template.data
  }

  /** The last T->O application data: a view of the last datagram. */
  get input(): Uint8Array {
    return this.#input
  }

  /** Run (true) or idle, as the O->T header says it. */
  get run(): boolean {
    return this.#run
  }

  set run(value: boolean) {
    this.#run = value
  }

  /** Milliseconds of silence after which this connection is dead. */
  get watchdogMs(): number {
    return watchdogMs(this.granted.toApi, this.request.timeoutMultiplier)
  }

  /** When something is to be done next: the next production or the end of the watchdog. */
  get deadline(): number {
    return Math.min(this.#producer.due, this.#consumer.deadline)
  }

  /** When the next datagram is due. */
  get producesAt(): number {
    return this.#producer.due
  }

  /** Has the target fallen silent for the watchdog's time? */
  isTimedOut(now: number): boolean {
    return this.#consumer.isTimedOut(now)
  }

  /** Takes a datagram with this connection's T->O id. `data` means that {@link input} is new. */
  receive(datagram: Uint8Array, now: number): IoVerdict {
    if (!parseIoFrame(datagram, view) || view.connectionId !== this.granted.toConnectionId) return this.#bad()
    const head = ioOverhead(this.#inputFormat)
    const length = view.dataLength - head
    // A heartbeat is allowed where data is expected; more or less than the agreed size is not.
    if (length !== this.#inputSize && length !== 0) return this.#bad()
    const at = view.dataOffset
    const count = head === 2 ? (datagram[at] ?? 0) | ((datagram[at + 1] ?? 0) << 8) : undefined
    const verdict = this.#consumer.receive(view.sequence, count, now)
    if (verdict === 'stale') {
      this.#stale++
      return 'stale'
    }
    if (this.#lastSequence !== undefined) this.#missed += ((view.sequence - this.#lastSequence) >>> 0) - 1
    this.#lastSequence = view.sequence
    this.#received++
    if (this.#lastReceivedAt !== undefined)
      this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastReceivedAt)
    this.#lastReceivedAt = now
    this.#input = datagram.subarray(at + head, at + view.dataLength)
    return verdict === 'new-data' ? 'data' : 'repeated'
  }

  /** The datagram that is due now; the same bytes are changed and given again next time. */
  produce(now: number): Uint8Array {
    const { sequence, sequenceCount } = this.#producer.produce(now)
    this.#template.setSequence(sequence)
    this.#template.setSequenceCount(sequenceCount)
    this.#template.setRunIdle({ run: this.#run })
    this.#sent++
    return this.#template.bytes
  }

  /** How it has fared so far. */
  get statistics(): IoStatistics {
    return {
      received: this.#received,
      missed: this.#missed,
      stale: this.#stale,
      malformed: this.#malformed,
      sent: this.#sent,
      lastReceivedAt: this.#lastReceivedAt,
      longestGapMs: this.#longestGapMs,
    }
  }

  #bad(): IoVerdict {
    this.#malformed++
    return 'malformed'
  }
}

/** What happened on a class 3 connection, taken by {@link MessageConnection.takeEvents}. */
export type MessageEvent =
  | { readonly kind: 'reply'; readonly id: number; readonly reply: MessageRouterReply }
  | { readonly kind: 'timeout'; readonly id: number }
  /** The watchdog: nothing came for its whole time. */
  | { readonly kind: 'timed-out' }

interface QueuedMessage {
  readonly id: number
  readonly message: Uint8Array
  readonly timeoutMs: number
}

/**
 * The originator's end of an open class 3 connection, without I/O. One request is under way at a time, as the target
 * knows repetitions by the last sequence count alone; more wait their turn. An idle connection repeats its last
 * request, which the target answers without carrying it out again, so that neither watchdog bites.
 */
export class MessageConnection {
  readonly request: ConnectionRequest
  readonly granted: ForwardOpenReply
  readonly #queue: QueuedMessage[] = []
  readonly #output: { readonly sequenceCount: number; readonly message: Uint8Array }[] = []
  readonly #events: MessageEvent[] = []
  readonly #keepAliveMs: number
  readonly #consumer: Consumer
  #current: (QueuedMessage & { readonly deadline: number }) | undefined
  #count = 0
  #nextId = 1
  #last: Uint8Array
  #lastSentAt: number
  #over = false

  constructor(request: ConnectionRequest, granted: ForwardOpenReply, now: number) {
    if (request.transportClass !== 3) {
      throw new UsageError('bad-value', `expected a connection of class 3, got class ${request.transportClass}`)
    }
    this.request = request
    this.granted = granted
    this.#consumer = new Consumer({
      role: 'originator',
      apiUs: granted.toApi,
      multiplier: request.timeoutMultiplier,
      now,
    })
    this.#keepAliveMs = watchdogMs(Math.min(granted.otApi, granted.toApi), request.timeoutMultiplier) / 4
    this.#lastSentAt = now
    // Before anybody asked anything, the Identity object's vendor id is a question without consequences.
    this.#last = encode(messageRouterRequest, {
      service: 0x0e,
      path: path({ class: 0x01, instance: 1, attribute: 1 }),
      data: new Uint8Array(0),
    })
  }

  /** Milliseconds of silence after which this connection is dead. */
  get watchdogMs(): number {
    return watchdogMs(this.granted.toApi, this.request.timeoutMultiplier)
  }

  /** Largest message router request that fits. */
  get largestRequest(): number {
    return this.request.otSize - 2
  }

  /**
   * Queues a request; gives the id under which its reply or timeout comes.
   *
   * @throws UsageError `bad-value` when it does not fit into the connection
   */
  send(request: MessageRouterRequest, now: number, timeoutMs: number): number {
    const message = encode(messageRouterRequest, request)
    if (message.length > this.largestRequest) {
      throw new UsageError(
        'bad-value',
        `expected at most ${this.largestRequest} bytes per connected request, got ${message.length}`,
      )
    }
    const id = this.#nextId++
    this.#queue.push({ id, message, timeoutMs })
    this.#sendNext(now)
    return id
  }

  /** Takes a message with this connection's T->O id. */
  receive(sequenceCount: number, message: Uint8Array, now: number): void {
    this.#consumer.receiveMessage(sequenceCount, now)
    const current = this.#current
    if (current === undefined || sequenceCount !== this.#count) return
    this.#current = undefined
    this.#events.push({ kind: 'reply', id: current.id, reply: decode(messageRouterReply, message) })
    this.#sendNext(now)
  }

  /** When {@link tick} must be called next. */
  get deadline(): number {
    const keepAlive = this.#lastSentAt + this.#keepAliveMs
    return Math.min(this.#consumer.deadline, keepAlive, this.#current?.deadline ?? Number.POSITIVE_INFINITY)
  }

  /** Lets time pass: gives up requests, keeps the connection alive, notices its death. */
  tick(now: number): void {
    if (this.#over) return
    if (this.#consumer.isTimedOut(now)) {
      this.#over = true
      this.#events.push({ kind: 'timed-out' })
      return
    }
    if (this.#current !== undefined && now >= this.#current.deadline) {
      this.#events.push({ kind: 'timeout', id: this.#current.id })
      this.#current = undefined
      this.#sendNext(now)
    }
    if (now >= this.#lastSentAt + this.#keepAliveMs) {
      // The same count as before: a repetition. It also asks again for a reply that was lost.
      if (this.#count === 0) this.#count = nextCount(this.#count)
      this.#transmit(this.#last, now)
    }
  }

  /** Messages to send, each with its sequence count. */
  takeOutput(): { readonly sequenceCount: number; readonly message: Uint8Array }[] {
    return this.#output.splice(0)
  }

  /** What happened since the last call, in order. */
  takeEvents(): MessageEvent[] {
    return this.#events.splice(0)
  }

  #sendNext(now: number): void {
    if (this.#current !== undefined) return
    const next = this.#queue.shift()
    if (next === undefined) return
    this.#count = nextCount(this.#count)
    this.#current = { ...next, deadline: now + next.timeoutMs }
    this.#last = next.message
    this.#transmit(next.message, now)
  }

  #transmit(message: Uint8Array, now: number): void {
    this.#lastSentAt = now
    this.#output.push({ sequenceCount: this.#count, message })
  }
}
