import { Consumer, Producer } from '../cip/connection.ts'
import { type EPath, linkAddressText, paddedEPath } from '../cip/epath.ts'
import type { EPathSegment, PortSegment } from '../cip/epath-segment.ts'
import { extendedStatuses, type RpiVerdict, rpiNotAcceptableWords } from '../cip/extended-status.ts'
import {
  type ConnectionTriad,
  connectionFailure,
  type ForwardCloseRequest,
  type ForwardOpenRequest,
  forwardCloseReply,
  forwardCloseRequest,
  forwardOpenReply,
  forwardOpenRequest,
  isNullForwardOpen,
  largeForwardOpenRequest,
} from '../cip/forward-open.ts'
import { generalStatus } from '../cip/general-status.ts'
import {
  failure,
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterReply,
  success,
} from '../cip/message-router.ts'
import type { NetworkParameters } from '../cip/network-parameters.ts'
import { connectionManagerServices } from '../cip/services.ts'
import { IoFrameTemplate, ioFrameView, parseIoFrame } from '../enip/io-frame.ts'
import type { SocketAddress } from '../enip/sockaddr.ts'
import { MalformedMessage } from '../errors.ts'
import { decode, encode } from '../wire/codec.ts'
import type { ApplicationRequest, BoundApplication, ConnectionEnd } from './application.ts'
import { checkKey } from './applications.ts'
import type { BackplaneDevice } from './backplane.ts'
import type { ConnectionCounters, ConnectionFacts } from './context.ts'
import { DeadlineHeap, type Waiting } from '../deadline-heap.ts'
import type { DeviceEvent, DeviceReply, RequestContext } from './hosted-device.ts'
import type { Link } from './link.ts'
import type { DeviceOptions } from './options.ts'
import { isRefusal, type Refusal, refuse } from './outcome.ts'

/** What the Connection Manager asks of the device it belongs to. */
interface ConnectionHost {
  readonly options: DeviceOptions
  /** Binds an application of this device itself. */
  bind(path: EPath, request: ApplicationRequest, link: Link, now: number): BoundApplication | Refusal
  /** The slot's device, or this one. */
  neighbour(slot: number): BackplaneDevice | undefined
  /** The link that a neighbour sees for a link of this device, and hears of its end. */
  backplaneLink(link: Link, neighbour: BackplaneDevice): Link
  /** Is this port of the device open? */
  isOpen(port: number, protocol: 'tcp' | 'udp'): boolean
  /** What the ingress rules say: undefined to let in, else the extended status. */
  ingress(link: Link, port: number, protocol: 'tcp' | 'udp'): number | undefined
  /** Sends a datagram; its priority decides about its mark. */
  send(link: Link, datagram: Uint8Array, priority: NetworkParameters['priority']): void
  report(name: string, severity: DeviceEvent['severity'], message: string, link?: Link): void
}

/** How the data of a connection is protected on the network. Behind a module the backplane is plain. */
export type ConnectionProtection = 'none' | 'integrity' | 'confidentiality'

/** A row of the connection table, for pages and tests. */
export interface ConnectionRow {
  readonly triad: ConnectionTriad
  readonly transportClass: 0 | 1 | 3
  /** Port the originator came in by: 1 backplane, 2 Ethernet. */
  readonly originatorPort: 1 | 2
  /** What the connection leads to: `Assembly 101 to 100`, `slot 0: Message Router`. */
  readonly target: string
  readonly slot: number | undefined
  readonly peer: { readonly address: string; readonly port: number }
  readonly transport: Link['transport']
  readonly protection: ConnectionProtection
  /** IANA number of the suite, where there is one. */
  readonly suite: number | undefined
  /** Bytes, as the Forward_Open states them. */
  readonly outputSize: number
  readonly inputSize: number
  readonly outputType: NetworkParameters['type']
  readonly inputType: NetworkParameters['type']
  /** Packets may be shorter than the size. */
  readonly outputVariable: boolean
  readonly inputVariable: boolean
  readonly multicast: boolean
  /** Microseconds. */
  readonly outputApiUs: number
  /** Microseconds. */
  readonly inputApiUs: number
  /** 4 to 512. */
  readonly timeoutPackets: number
  readonly outputConnectionId: number
  readonly inputConnectionId: number
  /** Datagrams that did not come, by their sequence numbers. */
  readonly missed: number
  readonly received: number
  readonly sent: number
  /** Run, idle, or undefined where the originator does not say. */
  readonly run: boolean | undefined
  /** Milliseconds since it was opened. */
  readonly uptimeMs: number
}

/** A part of a connection table. */
export interface ConnectionPart {
  /** Each row is made when it is taken, and all are to be taken before the device is told of anything else. */
  readonly rows: Iterable<ConnectionRow>
  /** Rows of the whole table. */
  readonly total: number
}

interface Connection extends Waiting {
  readonly triad: ConnectionTriad
  readonly open: ForwardOpenRequest
  readonly application: BoundApplication
  readonly slot: number | undefined
  readonly neighbour: BackplaneDevice | undefined
  /** The link data travels on, and on which the connection dies. */
  readonly link: Link
  /** Address that opened it. */
  readonly opener: string
  readonly otId: number
  readonly toId: number
  readonly consumer: Consumer
  readonly openedAt: number
  producer: Producer | undefined
  frame: IoFrameTemplate | undefined
  /** Where it produces to. */
  readonly target: Link | undefined
  /** Connections that share its multicast production, itself first. */
  group: Connection[] | undefined
  lastSequence: number | undefined
  received: number
  sent: number
  missed: number
  run: boolean | undefined
  /** Class 3: sequence count of the last request, and what it was answered with. */
  lastCount: number | undefined
  lastReply: Uint8Array | undefined
}

const defaultConnections = 64
const defaultMinimumRpiUs = 1000
const defaultMaximumRpiUs = 60_000_000
const defaultLargeSize = 4000
/** Largest connection that a Forward_Open (not Large) can ask for. */
const smallSize = 511

const plainIoPort = 2222

/** A refused Forward_Open: its words, and how many words of path were left. */
interface OpenRefusal extends Refusal {
  readonly remaining?: number
}

const fail = (...words: readonly number[]): Refusal => refuse(generalStatus.connectionFailure, ...words)

/** Where a Forward_Open leads. */
interface Destination {
  readonly path: EPath
  readonly neighbour: BackplaneDevice | undefined
  readonly slot: number | undefined
}

/**
 * The target side of CIP connections: opens, watches and ends them, and produces by deadline. Without I/O: datagrams and
 * time come in, datagrams leave through the host.
 */
export class Connections implements ConnectionFacts {
  readonly counters: ConnectionCounters = {
    openRequests: 0,
    openFormatRejects: 0,
    openResourceRejects: 0,
    openOtherRejects: 0,
    closeRequests: 0,
    closeFormatRejects: 0,
    closeOtherRejects: 0,
    connectionTimeouts: 0,
  }
  readonly #host: ConnectionHost
  readonly #byOutputId = new Map<number, Connection>()
  readonly #byTriad = new Map<string, Connection>()
  readonly #heap = new DeadlineHeap<Connection>()
  readonly #view = ioFrameView()
  #nextId: number

  /** The connections of one device; `firstId` is where connection ids begin, unpredictable for strangers. */
  constructor(host: ConnectionHost, firstId: number) {
    this.#host = host
    this.#nextId = firstId >>> 0
  }

  /** Most connections at a time. */
  get capacity(): number {
    return this.#host.options.capacity?.connections ?? defaultConnections
  }

  /** Connections that exist. */
  get active(): number {
    return this.#byOutputId.size
  }

  /** Extended status of the Identity object: how the I/O connections are. */
  get ioStatus(): number {
    let io = false
    for (const connection of this.#byOutputId.values()) {
      if (connection.open.transport.transportClass === 3) continue
      if (connection.run !== false) return ioRunning
      io = true
    }
    return io ? ioIdle : ioNone
  }

  /** Has an exclusive owner the outputs? */
  get owned(): boolean {
    for (const connection of this.#byOutputId.values()) if (connection.application.owner) return true
    return false
  }

  /** Answers Forward_Open, Large_Forward_Open and Forward_Close; undefined for another service. */
  request(
    request: MessageRouterRequest,
    link: Link,
    now: number,
    route: EPath,
    context?: RequestContext,
  ): DeviceReply | undefined {
    switch (request.service) {
      case connectionManagerServices.forwardOpen:
      case connectionManagerServices.largeForwardOpen:
        return this.#open(request, link, now, route, context)
      case connectionManagerServices.forwardClose:
        return this.#close(request, link, now, route)
      default:
        return undefined
    }
  }

  #open(request: MessageRouterRequest, link: Link, now: number, route: EPath, context?: RequestContext): DeviceReply {
    this.counters.openRequests++
    const large = request.service === connectionManagerServices.largeForwardOpen
    const open = readOrStatus(() => decode(large ? largeForwardOpenRequest : forwardOpenRequest, request.data))
    if (typeof open === 'number') {
      this.counters.openFormatRejects++
      return failure(request.service, open)
    }
    const outcome = this.#establish({ ...open, path: [...route, ...open.path] }, link, now, large, context)
    if (!isRefusal(outcome)) return { ...success(request.service, outcome.data), ...outcome.items }
    const words = outcome.extended ?? []
    if (outOfResources.has(words[0] ?? 0)) this.counters.openResourceRejects++
    else this.counters.openOtherRejects++
    this.#host.report(
      'connection-refused',
      'notice',
      `Forward_Open refused: status 0x${outcome.status.toString(16)}, extended ${words.map((word) => `0x${word.toString(16)}`).join(' ')}`,
      link,
    )
    const { remaining = 0 }: OpenRefusal = outcome
    // Always with the remaining path, also when nothing remains: decoders exist that read no further without it.
    const data = encode(connectionFailure, { triad: triadOf(open), remainingPathSize: Math.min(remaining, 0xff) })
    return failure(request.service, outcome.status, words, data)
  }

  #establish(
    open: ForwardOpenRequest,
    link: Link,
    now: number,
    large: boolean,
    context: RequestContext | undefined,
  ): { readonly data: Uint8Array; readonly items: Pick<DeviceReply, 'targetToOriginator'> } | OpenRefusal {
    const existing = this.#byTriad.get(triadKey(open))
    const destination = this.#destination(open.path)
    if (isRefusal(destination)) return destination
    if (isNullForwardOpen(open)) return this.#null(open, destination, link, now)
    if (existing !== undefined) return fail(extendedStatuses.duplicateForwardOpen)
    if (this.active >= this.capacity) return fail(extendedStatuses.outOfConnections)
    const refusal = this.#checkShape(open, large) ?? this.#checkTransport(open, link) ?? this.#checkRpi(open)
    if (refusal !== undefined) return refusal
    const application = this.#bind(destination, applicationRequest(open), link, now)
    if (isRefusal(application)) return application
    const made = this.#create(open, application, destination, link, now, context)
    if (isRefusal(made)) return made
    const data = encode(forwardOpenReply, {
      ...triadOf(open),
      otConnectionId: made.otId,
      toConnectionId: made.toId,
      otApi: open.otRpi,
      toApi: open.toRpi,
      applicationReply: noBytes,
    })
    const group = made.target?.peer
    const items = open.toParameters.type === 'multicast' && group !== undefined ? { targetToOriginator: group } : {}
    return { data, items }
  }

  /** Hops before the object: the device's own slot, or a neighbour on the backplane. */
  #destination(path: EPath): Destination | OpenRefusal {
    const [first, ...afterFirst] = path
    // A key before the hop is about this device, one behind it about the device in the slot.
    const keyed = first?.kind === 'electronicKey' && afterFirst[0]?.kind === 'port'
    if (keyed) {
      const refusal = checkKey(first, this.#host.options.identity)
      if (refusal !== undefined) return refusal
    }
    const [hop, ...rest] = keyed ? afterFirst : path
    if (hop?.kind !== 'port') return { path, neighbour: undefined, slot: undefined }
    const slot = backplaneSlot(hop)
    if (slot === undefined) return { ...fail(extendedStatuses.portNotAvailable), remaining: words(path) }
    if (slot === ownSlot(this.#host.options)) return this.#destination(rest)
    const neighbour = this.#host.neighbour(slot)
    if (neighbour === undefined) return { ...fail(extendedStatuses.linkAddressNotValid), remaining: words(path) }
    return { path: rest, neighbour, slot }
  }

  #null(
    open: ForwardOpenRequest,
    destination: Destination,
    link: Link,
    now: number,
  ): { readonly data: Uint8Array; readonly items: Record<never, never> } | OpenRefusal {
    // Neither direction: the path is checked and configuration data is taken, nothing is opened.
    const { transportClass } = open.transport
    const application = this.#bind(destination, { ...applicationRequest(open), transportClass }, link, now)
    if (isRefusal(application)) return application
    const data = encode(forwardOpenReply, {
      ...triadOf(open),
      otConnectionId: open.otConnectionId,
      toConnectionId: open.toConnectionId,
      otApi: open.otRpi,
      toApi: open.toRpi,
      applicationReply: noBytes,
    })
    return { data, items: {} }
  }

  #bind(destination: Destination, request: ApplicationRequest, link: Link, now: number): BoundApplication | Refusal {
    const { path, neighbour } = destination
    return neighbour === undefined
      ? this.#host.bind(path, request, link, now)
      : neighbour.bind(path, request, this.#host.backplaneLink(link, neighbour), now)
  }

  #checkShape(open: ForwardOpenRequest, large: boolean): Refusal | undefined {
    const { transportClass, trigger, direction } = open.transport
    if (transportClass !== 0 && transportClass !== 1 && transportClass !== 3) {
      return fail(extendedStatuses.transportClassNotSupported)
    }
    if (typeof trigger === 'number') return fail(extendedStatuses.triggerNotSupported)
    if ((transportClass === 3) !== (direction === 'server')) return fail(extendedStatuses.directionNotSupported)
    // A server of class 3 answers when it is asked, and at no other time.
    if (transportClass === 3 && trigger !== 'application') {
      return fail(extendedStatuses.classTriggerCombinationNotSupported)
    }
    if (open.timeoutMultiplier > 7) return fail(extendedStatuses.timeoutMultiplierNotAcceptable)
    const { otParameters: ot, toParameters: to } = open
    if (ot.redundantOwner || to.redundantOwner) return fail(extendedStatuses.invalidRedundantOwner)
    const most = large ? (this.#host.options.capacity?.connectionSize ?? defaultLargeSize) : smallSize
    if (ot.size > most) return fail(extendedStatuses.invalidOtSize, most)
    if (to.size > most) return fail(extendedStatuses.invalidToSize, most)
    return undefined
  }

  #checkTransport(open: ForwardOpenRequest, link: Link): Refusal | undefined {
    const { otParameters: ot, toParameters: to, transport } = open
    if (ot.type !== 'pointToPoint') return fail(extendedStatuses.invalidOtConnectionType)
    const wanted: readonly string[] =
      transport.transportClass === 3 ? ['pointToPoint'] : ['pointToPoint', 'multicast', 'null']
    if (!wanted.includes(to.type)) return fail(extendedStatuses.invalidToConnectionType)
    const denied = this.#host.ingress(link, link.localPort, protocolOf(link))
    if (denied !== undefined) return fail(denied)
    if (transport.transportClass === 3) {
      // Class 3 over DTLS belongs to the UDP-only profile on 44818.
      return link.transport === 'dtls' && link.localPort === securePort
        ? fail(extendedStatuses.transportClassNotSupported)
        : undefined
    }
    if (link.transport === 'dtls' && link.localPort !== securePort)
      return fail(extendedStatuses.invalidOtConnectionType)
    if (link.transport === 'dtls') {
      return to.type === 'multicast' ? fail(extendedStatuses.invalidToConnectionType) : undefined
    }
    // Deviation: the first editions gave plain I/O for a Forward_Open over TLS; that would undo what TLS promises.
    if (link.transport === 'tls' && this.#host.options.allowTlsOpenedPlainIo !== true) {
      return fail(extendedStatuses.invalidOtConnectionType)
    }
    if (to.type === 'multicast' && this.#host.options.multicastGroup === undefined) {
      return fail(extendedStatuses.invalidToConnectionType)
    }
    if (!this.#host.isOpen(plainIoPort, 'udp')) return fail(extendedStatuses.portNotAvailable)
    const deniedIo = this.#host.ingress(link, plainIoPort, 'udp')
    return deniedIo === undefined ? undefined : fail(deniedIo)
  }

  #checkRpi(open: ForwardOpenRequest): Refusal | undefined {
    const { capacity } = this.#host.options
    const least = capacity?.minimumRpiUs ?? defaultMinimumRpiUs
    const most = capacity?.maximumRpiUs ?? defaultMaximumRpiUs
    if (open.otRpi === 0 || (open.toRpi === 0 && open.toParameters.type !== 'null')) {
      return fail(extendedStatuses.rpiNotSupported)
    }
    const judge = (rpi: number): { verdict: RpiVerdict; rpi: number } =>
      rpi < least
        ? { verdict: 'minimum', rpi: least }
        : rpi > most
          ? { verdict: 'maximum', rpi: most }
          : { verdict: 'acceptable', rpi }
    const ot = judge(open.otRpi)
    const to =
      open.toParameters.type === 'null' ? { verdict: 'acceptable' as const, rpi: open.toRpi } : judge(open.toRpi)
    if (ot.verdict !== 'acceptable' || to.verdict !== 'acceptable') {
      return fail(
        ...rpiNotAcceptableWords({ otVerdict: ot.verdict, toVerdict: to.verdict, otRpi: ot.rpi, toRpi: to.rpi }),
      )
    }
    return inhibitUs(open) > open.toRpi ? fail(extendedStatuses.rpiBelowProductionInhibitTime) : undefined
  }

  #create(
    open: ForwardOpenRequest,
    application: BoundApplication,
    destination: Destination,
    link: Link,
    now: number,
    context: RequestContext | undefined,
  ): Connection | Refusal {
    const io = open.transport.transportClass !== 3
    const multicast = open.toParameters.type === 'multicast'
    const leader = multicast ? this.#multicastLeader(application.label) : undefined
    if (leader !== undefined && leader.open.toRpi !== open.toRpi) return fail(extendedStatuses.incompatibleMulticastRpi)
    const dataLink = io && link.transport !== 'dtls' ? plainLink(link, context?.targetToOriginator) : link
    const target = multicast ? groupLink(dataLink, this.#host.options.multicastGroup ?? '') : dataLink
    const connection: Connection = {
      triad: triadOf(open),
      open,
      application,
      slot: destination.slot,
      neighbour: destination.neighbour,
      link: dataLink,
      opener: link.peer.address,
      otId: this.#freeId(),
      toId: leader?.toId ?? (multicast ? this.#freeId() : open.toConnectionId),
      consumer: new Consumer({ role: 'target', apiUs: open.otRpi, multiplier: open.timeoutMultiplier, now }),
      openedAt: now,
      producer: undefined,
      frame: undefined,
      target: io && open.toParameters.type !== 'null' ? target : undefined,
      group: undefined,
      lastSequence: undefined,
      received: 0,
      sent: 0,
      missed: 0,
      run: application.runIdle ? false : undefined,
      lastCount: undefined,
      lastReply: undefined,
      when: 0,
      heapIndex: -1,
    }
    this.#join(connection, leader, now)
    this.#byOutputId.set(connection.otId, connection)
    this.#byTriad.set(triadKey(open), connection)
    application.opened()
    connection.when = this.#nextMoment(connection)
    this.#heap.put(connection)
    const kind = io ? `class ${open.transport.transportClass}` : 'class 3'
    this.#host.report('connection-opened', 'info', `${kind} connection to ${application.label}`, link)
    return connection
  }

  #multicastLeader(label: string): Connection | undefined {
    for (const connection of this.#byOutputId.values()) {
      if (connection.group?.[0] === connection && connection.application.label === label) return connection
    }
    return undefined
  }

  /** Gives a connection its production; members of a multicast group share that of the first. */
  #join(connection: Connection, leader: Connection | undefined, now: number): void {
    if (connection.target === undefined) return
    if (leader?.group !== undefined) {
      leader.group.push(connection)
      connection.group = leader.group
      return
    }
    if (connection.open.toParameters.type === 'multicast') connection.group = [connection]
    this.#startProduction(connection, connection.toId, now)
  }

  #startProduction(connection: Connection, toId: number, now: number): void {
    const { open, application } = connection
    const { transportClass, trigger } = open.transport
    connection.producer = new Producer({
      apiUs: open.toRpi,
      trigger: typeof trigger === 'number' ? 'cyclic' : trigger,
      now,
      inhibitUs: inhibitUs(open),
    })
    const format = { transportClass: transportClass === 0 ? 0 : 1, runIdleHeader: false } as const
    connection.frame = new IoFrameTemplate(toId, format, application.produces)
  }

  #freeId(): number {
    for (;;) {
      this.#nextId = (this.#nextId + 1) >>> 0
      if (this.#nextId !== 0 && !this.#byOutputId.has(this.#nextId)) return this.#nextId
    }
  }

  #nextMoment(connection: Connection): number {
    const { deadline } = connection.consumer
    const due = connection.producer?.due ?? Number.POSITIVE_INFINITY
    return Math.min(due, deadline)
  }

  #close(request: MessageRouterRequest, link: Link, now: number, route: EPath): MessageRouterReply {
    this.counters.closeRequests++
    const close = readOrStatus(() => decode(forwardCloseRequest, request.data))
    if (typeof close === 'number') {
      this.counters.closeFormatRejects++
      return failure(request.service, close)
    }
    const connection = this.#byTriad.get(triadKey(close))
    const refusal =
      connection === undefined
        ? fail(extendedStatuses.connectionNotFound)
        : connection.opener !== link.peer.address
          ? refuse(generalStatus.privilegeViolation)
          : this.#reach([...route, ...close.path]) !== this.#reach(connection.open.path)
            ? fail(extendedStatuses.forwardClosePathMismatch)
            : undefined
    if (connection === undefined || refusal !== undefined) {
      this.counters.closeOtherRejects++
      const data = encode(connectionFailure, { triad: triadOf(close), remainingPathSize: 0 })
      return failure(request.service, refusal?.status ?? generalStatus.connectionFailure, refusal?.extended, data)
    }
    this.#end(connection, 'closed', now)
    return success(request.service, encode(forwardCloseReply, { ...triadOf(close), applicationReply: noBytes }))
  }

  /** What a connection path reaches, for comparison. */
  #reach(path: EPath): string {
    const own = ownSlot(this.#host.options)
    const segments = path.filter(({ kind }) => !asides.has(kind))
    const start = segments.findIndex((hop) => own === undefined || hop.kind !== 'port' || backplaneSlot(hop) !== own)
    return encode(paddedEPath, start < 0 ? [] : segments.slice(start)).join()
  }

  /**
   * A connected message (class 3): item data without the sequence count. A repeated count gets the same answer again;
   * nothing is answered on a link that the connection does not belong to.
   *
   * @returns the reply message, or undefined where there is none to give
   */
  connected(
    link: Link,
    connectionId: number,
    count: number,
    now: number,
    answer: (room: number, application: BoundApplication) => Uint8Array | Promise<Uint8Array>,
  ): ConnectedReply | Promise<ConnectedReply | undefined> | undefined {
    const connection = this.#byOutputId.get(connectionId)
    if (connection === undefined || connection.link !== link) return undefined
    if (connection.open.transport.transportClass !== 3) return undefined
    const verdict = connection.consumer.receiveMessage(count, now)
    connection.received++
    if (verdict === 'repeated') {
      const { lastReply } = connection
      // While the first is still being worked on, a repetition is only a sign of life.
      return lastReply === undefined ? undefined : { connectionId: connection.toId, message: lastReply }
    }
    connection.lastCount = count
    connection.lastReply = undefined
    const room = connection.open.toParameters.size - 2
    const keep = (reply: Uint8Array): ConnectedReply | undefined => {
      if (this.#byOutputId.get(connectionId) !== connection) return undefined
      const message = reply.length <= room ? reply : tooLarge(reply)
      if (connection.lastCount === count) connection.lastReply = message
      connection.sent++
      return { connectionId: connection.toId, message }
    }
    const reply = answer(room, connection.application)
    return reply instanceof Promise ? reply.then(keep) : keep(reply)
  }

  /** The link a connected message's application sees: the backplane behind a module, else the link itself. */
  linkOf(connectionId: number, link: Link): Link {
    const neighbour = this.#byOutputId.get(connectionId)?.neighbour
    return neighbour === undefined ? link : this.#host.backplaneLink(link, neighbour)
  }

  /** A class 0/1 datagram. What fits no connection of its sender is dropped without a word. */
  datagram(link: Link, bytes: Uint8Array, now: number): void {
    const view = this.#view
    if (!parseIoFrame(bytes, view)) return
    const connection = this.#byOutputId.get(view.connectionId)
    if (connection === undefined || connection.open.transport.transportClass === 3) return
    if (link.transport === 'dtls' || connection.link.transport === 'dtls') {
      if (connection.link !== link) return
    } else if (connection.link.peer.address !== link.peer.address) return
    this.#consume(connection, bytes, now)
  }

  #consume(connection: Connection, bytes: Uint8Array, now: number): void {
    const { application, open } = connection
    const view = this.#view
    const head = open.transport.transportClass === 1 ? 2 : 0
    const data = view.dataLength - head
    const full = application.consumes + (application.runIdle ? 4 : 0)
    // Without data the originator is idle ("zero-length idle"), or this is a heartbeat.
    if (data !== 0 && data !== full) return
    const at = view.dataOffset
    const count = head === 0 ? undefined : (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
    const verdict = connection.consumer.receive(view.sequence, count, now)
    if (verdict === 'stale') return
    if (connection.lastSequence !== undefined) connection.missed += (view.sequence - connection.lastSequence - 1) >>> 0
    connection.lastSequence = view.sequence
    connection.received++
    if (application.consumes === 0) return
    const run = data === 0 ? false : application.runIdle ? ((bytes[at + head] ?? 0) & 1) === 1 : true
    // Idle once is idle until run: the same data counts again then.
    if (verdict === 'repeated' && run === connection.run) return
    connection.run = run
    application.consume(bytes, at + head + (application.runIdle ? 4 : 0), run)
  }

  /** What a connection produces has changed: those that wait for a change produce as soon as they may. */
  inputChanged(source: number | string, now: number): void {
    for (const connection of this.#byOutputId.values()) {
      if (connection.producer === undefined || connection.application.source !== source) continue
      connection.producer.changed(now)
      connection.when = this.#nextMoment(connection)
      this.#heap.put(connection)
    }
  }

  /** When {@link tick} is due, or infinity. */
  deadline(): number {
    return this.#heap.peek()?.when ?? Number.POSITIVE_INFINITY
  }

  /** Produces what is due and ends what has died of silence. */
  tick(now: number): void {
    for (let next = this.#heap.peek(); next !== undefined && next.when <= now; next = this.#heap.peek()) {
      if (next.consumer.isTimedOut(now)) {
        this.counters.connectionTimeouts++
        this.#host.report(
          'connection-timed-out',
          'warning',
          `connection to ${next.application.label} timed out`,
          next.link,
        )
        this.#end(next, 'timed-out', now)
        continue
      }
      if (next.producer !== undefined && next.producer.due <= now) this.#produce(next, next.producer, now)
      next.when = this.#nextMoment(next)
      this.#heap.put(next)
    }
  }

  #produce(connection: Connection, producer: Producer, now: number): void {
    const { frame, target, application } = connection
    if (frame === undefined || target === undefined) return
    const { sequence, sequenceCount } = producer.produce(now)
    frame.setSequence(sequence)
    frame.setSequenceCount(sequenceCount)
    if (application.produces > 0) application.produce(frame.bytes, frame.bytes.length - application.produces)
    connection.sent++
    // The host may keep a datagram until its socket takes it, so each is its own.
    this.#host.send(target, frame.bytes.slice(), connection.open.toParameters.priority)
  }

  #end(connection: Connection, why: ConnectionEnd, now: number): void {
    this.#heap.remove(connection)
    this.#byOutputId.delete(connection.otId)
    this.#byTriad.delete(triadKey(connection.triad))
    this.#leaveGroup(connection, now)
    connection.application.ended(why)
    if (why !== 'closed') return
    this.#host.report(
      'connection-closed',
      'info',
      `connection to ${connection.application.label} closed`,
      connection.link,
    )
  }

  #leaveGroup(connection: Connection, now: number): void {
    const { group } = connection
    if (group === undefined) return
    const led = group[0] === connection
    group.splice(group.indexOf(connection), 1)
    const [heir] = group
    if (!led || heir === undefined) return
    this.#startProduction(heir, heir.toId, now)
    heir.when = this.#nextMoment(heir)
    this.#heap.put(heir)
  }

  /** Ends the connections of a link that is gone. */
  linkClosed(link: Link, now: number): void {
    for (const connection of [...this.#byOutputId.values()]) {
      if (connection.link === link) this.#end(connection, 'link-closed', now)
    }
  }

  /** Ends plain I/O: its port was closed. */
  endPlainIo(now: number): void {
    for (const connection of [...this.#byOutputId.values()]) {
      if (connection.link.transport === 'udp' && connection.link.localPort === plainIoPort) {
        this.#end(connection, 'device', now)
      }
    }
  }

  /** Ends everything: power is gone. */
  endAll(now: number): void {
    for (const connection of [...this.#byOutputId.values()]) this.#end(connection, 'device', now)
  }

  /** The connection table. */
  rows(now: number): readonly ConnectionRow[] {
    return Array.from(this.#byOutputId.values(), (connection) => rowOf(connection, now))
  }

  /** A part of the rows that came over a network. */
  networkRows(now: number, from: number, limit: number): ConnectionPart {
    let total = 0
    for (const { link } of this.#byOutputId.values()) if (link.transport !== 'backplane') total++
    return { rows: networkRowsOf(this.#byOutputId.values(), now, from, limit), total }
  }
}

/** Makes each row when it is taken: of a long table hardly one is alive at a time. */
function* networkRowsOf(
  connections: Iterable<Connection>,
  now: number,
  from: number,
  limit: number,
): Generator<ConnectionRow> {
  const until = from + limit
  let place = 0
  for (const connection of connections) {
    if (place >= until) return
    if (connection.link.transport === 'backplane') continue
    if (place++ >= from) yield rowOf(connection, now)
  }
}

/** The reply to a connected message and the id it goes out under. */
interface ConnectedReply {
  readonly connectionId: number
  readonly message: Uint8Array
}

const ioNone = 0x0030
const ioRunning = 0x0060
const ioIdle = 0x0070

const securePort = 2221

const noBytes = new Uint8Array(0)

const outOfResources: ReadonlySet<number> = new Set([
  extendedStatuses.outOfConnections,
  extendedStatuses.targetObjectOutOfConnections,
])

function triadOf(value: ForwardOpenRequest | ForwardCloseRequest): ConnectionTriad {
  return {
    connectionSerialNumber: value.connectionSerialNumber,
    originatorVendorId: value.originatorVendorId,
    originatorSerialNumber: value.originatorSerialNumber,
  }
}

function triadKey(triad: ConnectionTriad): string {
  return `${triad.connectionSerialNumber}.${triad.originatorVendorId}.${triad.originatorSerialNumber}`
}

function applicationRequest(open: ForwardOpenRequest): ApplicationRequest {
  const { otParameters: ot, toParameters: to, transport } = open
  return {
    transportClass: transport.transportClass,
    outputSize: ot.type === 'null' ? undefined : ot.size,
    inputSize: to.type === 'null' ? undefined : to.size,
    outputVariable: ot.sizeType === 'variable',
    inputVariable: to.sizeType === 'variable',
  }
}

/** Microseconds between two productions that the path asks to keep at least. */
function inhibitUs(open: ForwardOpenRequest): number {
  for (const segment of open.path) {
    if (segment.kind === 'productionInhibit') return segment.milliseconds * 1000
    if (segment.kind === 'productionInhibitMicroseconds') return segment.microseconds
  }
  return 0
}

function backplaneSlot(hop: PortSegment): number | undefined {
  const text = linkAddressText(hop)
  return hop.port === 1 && /^\d{1,3}$/.test(text) ? Number(text) : undefined
}

/** The slot under which a device knows itself; a controller without a chassis is slot 0 of its own. */
export function ownSlot(options: DeviceOptions): number | undefined {
  if (options.slot !== undefined) return options.slot
  return options.backplane === undefined && (options.tags?.length ?? 0) > 0 ? 0 : undefined
}

/** Segments that say what is checked, configured or paced on the way: a Forward_Close may leave them out. */
const asides: ReadonlySet<EPathSegment['kind']> = new Set([
  'electronicKey',
  'data',
  'schedule',
  'fixedTag',
  'productionInhibit',
  'productionInhibitMicroseconds',
  'safety',
  'network',
  'extendedNetwork',
])

function words(path: EPath): number {
  return encode(paddedEPath, path).length / 2
}

function protocolOf(link: Link): 'tcp' | 'udp' {
  return link.transport === 'tcp' || link.transport === 'tls' ? 'tcp' : 'udp'
}

/** Plain I/O goes to the opener's own address; of the socket address it gave only the port counts. */
function plainLink(link: Link, asked: SocketAddress | undefined): Link {
  const port = asked === undefined || asked.port === 0 ? plainIoPort : asked.port
  return { transport: 'udp', localPort: plainIoPort, peer: { address: link.peer.address, port } }
}

function groupLink(link: Link, address: string): Link {
  return { ...link, peer: { address, port: plainIoPort } }
}

function tooLarge(reply: Uint8Array): Uint8Array {
  const service = reply[0] ?? 0
  return encode(messageRouterReply, failure(service, generalStatus.replyDataTooLarge))
}

/** Reads a request, or the general status of what is wrong with its bytes. */
function readOrStatus<T>(read: () => T): T | number {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    if (error.code === 'truncated') return generalStatus.notEnoughData
    return error.code === 'trailing' ? generalStatus.tooMuchData : generalStatus.pathSegmentError
  }
}

function rowOf(connection: Connection, now: number): ConnectionRow {
  const { open, link, application, slot } = connection
  const { security } = link
  const { transportClass } = open.transport
  return {
    triad: connection.triad,
    // Another class was refused when it was opened.
    transportClass: transportClass === 0 || transportClass === 1 ? transportClass : 3,
    originatorPort: link.transport === 'backplane' ? 1 : 2,
    target: slot === undefined ? application.label : `slot ${slot}: ${application.label}`,
    slot,
    peer: link.peer,
    transport: link.transport,
    protection: security === undefined ? 'none' : security.encrypts ? 'confidentiality' : 'integrity',
    suite: security?.suite,
    outputSize: open.otParameters.size,
    inputSize: open.toParameters.size,
    outputType: open.otParameters.type,
    inputType: open.toParameters.type,
    outputVariable: open.otParameters.sizeType === 'variable',
    inputVariable: open.toParameters.sizeType === 'variable',
    multicast: open.toParameters.type === 'multicast',
    outputApiUs: open.otRpi,
    inputApiUs: open.toRpi,
    timeoutPackets: 4 << open.timeoutMultiplier,
    outputConnectionId: connection.otId,
    inputConnectionId: connection.toId,
    missed: connection.missed,
    received: connection.received,
    sent: connection.sent,
    run: connection.run,
    uptimeMs: now - connection.openedAt,
  }
}
