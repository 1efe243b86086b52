import { timeoutPackets } from '../../cip/connection.ts'
import type { ConnectionTriad, ForwardOpenReply, ForwardOpenRequest } from '../../cip/forward-open.ts'
import { isNullForwardOpen } from '../../cip/forward-open.ts'
import type { Conversation, Moment, Side } from '../conversation.ts'
import { routeOf, spellPath } from './explicit.ts'
import { type FlowReport, IoFlow } from './io-flow.ts'

/** How much is remembered of one capture; what comes beyond is counted. */
export const connectionLimits = {
  /** Connections with all that is known of them. */
  connections: 20_000,
  /** Class 0/1 flows. */
  flows: 40_000,
  /** Requests of one conversation that wait for their reply. */
  waiting: 256,
  /** Requests of all conversations that wait; beyond, a conversation forgets its oldest for each new one. */
  allWaiting: 50_000,
  /** Errors and steps of commissionings of all conversations that are kept with their words. */
  notes: 200_000,
} as const

/** How a connection began and what became of it. */
export type ConnectionState =
  /** Its Forward_Open was not answered in the capture. */
  | 'unanswered'
  | 'refused'
  | 'open'
  | 'closed'
  /** Its data was silent for longer than its watchdog. */
  | 'timed-out'
  /** Data without a Forward_Open: it is older than the capture. */
  | 'older'

/** Explicit messages of a class 2 or 3 connection. */
export interface MessageCounts {
  readonly requests: number
  readonly replies: number
  /** Replies with another general status than success. */
  readonly errors: number
  readonly repeated: number
  /** Mean time from request to reply, microseconds. */
  readonly meanLatencyUs: number | undefined
  readonly longestLatencyUs: number | undefined
}

/** A CIP connection as the capture shows it. */
export interface ConnectionReport {
  /** Conversation of its Forward_Open; of its data where that is all there is. */
  readonly conversation: number
  /** Address of the originator; a guess where `state` is `older`. */
  readonly originator: string
  readonly target: string
  readonly protection: 'none' | 'tls' | 'dtls'
  /** Undefined for data whose Forward_Open is not in the capture: class 0 or 1. */
  readonly transportClass: number | undefined
  readonly state: ConnectionState
  /** Why it was refused, in words. */
  readonly status: string | undefined
  readonly triad: ConnectionTriad | undefined
  readonly otConnectionId: number | undefined
  readonly toConnectionId: number | undefined
  /** Bytes as the Forward_Open carries them. */
  readonly otSize: number | undefined
  readonly toSize: number | undefined
  /** Requested packet interval, microseconds. */
  readonly otRpiUs: number | undefined
  readonly toRpiUs: number | undefined
  /** Packets that may be missing: 4 to 512. */
  readonly multiplier: number | undefined
  readonly multicast: boolean
  /** Where a multicast target sends, as its Forward_Open reply says. */
  readonly group: string | undefined
  /** What it opens, in words: `Message Router`, `'Part_Count'`. */
  readonly application: string | undefined
  /** Hops behind the target, in words. */
  readonly route: string | undefined
  readonly openedAtPacket: number | undefined
  readonly openedUs: number | undefined
  readonly closedUs: number | undefined
  /** First evidence of it: packet of the Forward_Open or of the first data. */
  readonly firstPacket: number
  readonly firstUs: number
  readonly lastUs: number
  readonly messages: MessageCounts | undefined
  /** Class 0/1 data of the originator. */
  readonly ot: FlowReport | undefined
  /** Class 0/1 data of the target. */
  readonly to: FlowReport | undefined
}

/** A connection while the capture is read. */
export class TrackedConnection {
  readonly conversation: number
  readonly originator: string
  readonly target: string
  readonly protection: 'none' | 'tls' | 'dtls'
  readonly open: ForwardOpenRequest | undefined
  readonly firstPacket: number
  readonly firstUs: number
  lastUs: number
  state: ConnectionState
  status: string | undefined
  reply: ForwardOpenReply | undefined
  openedAtPacket: number | undefined
  openedUs: number | undefined
  closedUs: number | undefined
  ot: IoFlow | undefined
  to: IoFlow | undefined
  otId: number | undefined
  toId: number | undefined
  /** Where a multicast target sends. */
  group: string | undefined
  #requests = 0
  #replies = 0
  #errors = 0
  #repeated = 0
  #lastCount = -1
  #latencies = 0
  #latencyUs = 0
  #longestUs = 0

  /** A connection that begins with its Forward_Open, or with its data. */
  constructor(
    about: {
      readonly conversation: number
      readonly originator: string
      readonly target: string
      readonly protection: 'none' | 'tls' | 'dtls'
    },
    open: ForwardOpenRequest | undefined,
    moment: Moment,
  ) {
    this.conversation = about.conversation
    this.originator = about.originator
    this.target = about.target
    this.protection = about.protection
    this.open = open
    this.state = open === undefined ? 'older' : 'unanswered'
    this.firstPacket = moment.packet
    this.firstUs = moment.timeUs
    this.lastUs = moment.timeUs
  }

  /** A class 2 or 3 request. */
  requested(sequenceCount: number, moment: Moment): void {
    this.lastUs = moment.timeUs
    this.#requests++
    if (sequenceCount === this.#lastCount) this.#repeated++
    this.#lastCount = sequenceCount
  }

  /** Its reply; `sinceUs` is when the request was seen, where it was. */
  replied(isError: boolean, sinceUs: number | undefined, moment: Moment): void {
    this.lastUs = moment.timeUs
    this.#replies++
    if (isError) this.#errors++
    if (sinceUs === undefined) return
    const us = moment.timeUs - sinceUs
    this.#latencies++
    this.#latencyUs += us
    if (us > this.#longestUs) this.#longestUs = us
  }

  /** What is known of it when the capture ends at `endUs`. */
  report(endUs: number): ConnectionReport {
    const { open, reply } = this
    const [ot, to] = [this.ot, this.to].map((flow) => (flow?.hasStarted === true ? flow.report() : undefined))
    const multiplier = open === undefined ? undefined : timeoutPackets(Math.min(7, open.timeoutMultiplier))
    const lastUs = Math.max(this.lastUs, ot?.lastUs ?? 0, to?.lastUs ?? 0)
    const isIo = open === undefined ? this.#requests + this.#replies === 0 : open.transport.transportClass < 2
    const toApi = reply?.toApi ?? open?.toRpi
    const hasTimedOut =
      this.state === 'open' &&
      isIo &&
      to !== undefined &&
      toApi !== undefined &&
      multiplier !== undefined &&
      endUs - to.lastUs > toApi * multiplier
    return {
      conversation: this.conversation,
      originator: this.originator,
      target: this.target,
      protection: this.protection,
      transportClass: open?.transport.transportClass ?? (isIo ? undefined : 3),
      state: hasTimedOut ? 'timed-out' : this.state,
      status: this.status,
      triad:
        open === undefined
          ? undefined
          : {
              connectionSerialNumber: open.connectionSerialNumber,
              originatorVendorId: open.originatorVendorId,
              originatorSerialNumber: open.originatorSerialNumber,
            },
      otConnectionId: this.otId ?? ot?.connectionId,
      toConnectionId: this.toId ?? to?.connectionId,
      otSize: open?.otParameters.size,
      toSize: open?.toParameters.size,
      otRpiUs: open?.otRpi,
      toRpiUs: open?.toRpi,
      multiplier,
      multicast: open?.toParameters.type === 'multicast',
      group: this.group,
      application: open === undefined ? undefined : spellPath(open.path),
      route: open === undefined ? undefined : routeOf(open.path),
      openedAtPacket: this.openedAtPacket,
      openedUs: this.openedUs,
      closedUs: this.closedUs,
      firstPacket: this.firstPacket,
      firstUs: this.firstUs,
      lastUs,
      messages: isIo
        ? undefined
        : {
            requests: this.#requests,
            replies: this.#replies,
            errors: this.#errors,
            repeated: this.#repeated,
            meanLatencyUs: this.#latencies === 0 ? undefined : this.#latencyUs / this.#latencies,
            longestLatencyUs: this.#latencies === 0 ? undefined : this.#longestUs,
          },
      ot,
      to,
    }
  }
}

/** A flow as it is found by its consumer and its connection id, and the connection that it is half of. */
interface FlowSlot {
  flow: IoFlow
  connection: TrackedConnection
}

/** Every CIP connection of a capture, found by Forward_Open, by connection id and by data. */
export class ConnectionTable {
  readonly #all: TrackedConnection[] = []
  /** By consumer's address and connection id. */
  readonly #flows = new Map<string, FlowSlot>()
  /** Class 2 and 3 by consumer's address and connection id. */
  readonly #explicit = new Map<string, TrackedConnection>()
  readonly #byTriad = new Map<string, TrackedConnection>()
  /** Keys of `#explicit` by conversation, and the last connection of it of which only one id is known. */
  readonly #explicitOf = new Map<number, string[]>()
  readonly #halves = new Map<number, TrackedConnection>()
  /** What all conversations of the capture may still keep. */
  readonly budget = { waiting: connectionLimits.allWaiting, notes: connectionLimits.notes }
  #uncounted = 0

  /** Messages and datagrams of connections and flows beyond the limits: each is counted, not each connection once. */
  get uncounted(): number {
    return this.#uncounted
  }

  /** A Forward_Open on its way. Undefined for one that opens nothing (null), or that is one too many. */
  requested(
    open: ForwardOpenRequest,
    side: Side,
    conversation: Conversation,
    protection: 'none' | 'tls' | 'dtls',
    moment: Moment,
  ): TrackedConnection | undefined {
    if (isNullForwardOpen(open)) return undefined
    const [originator, target] = ends(conversation, side)
    const about = { conversation: conversation.id, originator, target, protection }
    const connection = new TrackedConnection(about, open, moment)
    return this.#add(connection) ? connection : undefined
  }

  #add(connection: TrackedConnection): boolean {
    if (this.#all.length >= connectionLimits.connections) {
      this.#uncounted++
      return false
    }
    this.#all.push(connection)
    return true
  }

  /** A Forward_Open was granted: from now on its ids are known. `group` is where a multicast target sends. */
  opened(connection: TrackedConnection, reply: ForwardOpenReply, moment: Moment, group?: string): void {
    const { open, originator, target } = connection
    if (open === undefined) return
    connection.state = 'open'
    connection.reply = reply
    connection.openedAtPacket = moment.packet
    connection.openedUs = moment.timeUs
    connection.lastUs = moment.timeUs
    connection.otId = reply.otConnectionId
    connection.toId = reply.toConnectionId
    connection.group = group
    this.#byTriad.set(triadKey(open, target), connection)
    const [otKey, toKey] = [flowKey(target, reply.otConnectionId), flowKey(group ?? originator, reply.toConnectionId)]
    const { transportClass } = open.transport
    if (transportClass > 1) {
      this.#setExplicit(otKey, connection)
      this.#setExplicit(toKey, connection)
      return
    }
    const headerAt = transportClass === 1 ? 2 : 0
    const ot = new IoFlow(reply.otConnectionId, originator, target)
    ot.granted(reply.otApi, open.timeoutMultiplier, headerAt)
    // T->O data has no run/idle header as a rule, and nothing in the Forward_Open says where it has.
    const to = new IoFlow(reply.toConnectionId, target, group ?? originator)
    to.granted(reply.toApi, open.timeoutMultiplier, -1)
    connection.ot = ot
    connection.to = to
    this.#place(otKey, ot, connection)
    this.#place(toKey, to, connection)
  }

  #setExplicit(key: string, connection: TrackedConnection): void {
    this.#explicit.set(key, connection)
    const keys = this.#explicitOf.get(connection.conversation)
    if (keys === undefined) this.#explicitOf.set(connection.conversation, [key])
    else keys.push(key)
  }

  /** The flow takes the place of an older one with the same id: readers that know the slot follow. */
  #place(key: string, flow: IoFlow, connection: TrackedConnection): void {
    const slot = this.#flows.get(key)
    if (slot !== undefined) {
      slot.flow = flow
      slot.connection = connection
    } else if (this.#flows.size < connectionLimits.flows) this.#flows.set(key, { flow, connection })
    else this.#uncounted++
  }

  /** A Forward_Open was refused. */
  refused(connection: TrackedConnection, status: string, moment: Moment): void {
    connection.state = 'refused'
    connection.status = status
    connection.lastUs = moment.timeUs
  }

  /** A Forward_Close was granted. */
  closed(triad: ConnectionTriad, side: Side, conversation: Conversation, moment: Moment): void {
    const [, target] = ends(conversation, side)
    const connection = this.#byTriad.get(triadKey(triad, target))
    if (connection === undefined || connection.state !== 'open') return
    connection.state = 'closed'
    connection.closedUs = moment.timeUs
    this.#byTriad.delete(triadKey(triad, target))
  }

  /** A TLS or TCP connection ended: the class 3 connections in it ended too. */
  transportEnded(conversation: number, moment: Moment): void {
    for (const key of this.#explicitOf.get(conversation) ?? []) {
      const connection = this.#explicit.get(key)
      if (connection?.conversation !== conversation) continue
      this.#explicit.delete(key)
      if (connection.state !== 'open') continue
      connection.state = 'closed'
      connection.closedUs = moment.timeUs
    }
    this.#explicitOf.delete(conversation)
    this.#halves.delete(conversation)
  }

  /** The class 2 or 3 connection to which a message belongs; one that is older than the capture is made up from it. */
  explicit(
    id: number,
    side: Side,
    isRequest: boolean,
    conversation: Conversation,
    protection: 'none' | 'tls' | 'dtls',
    moment: Moment,
  ): TrackedConnection | undefined {
    const [source, destination] = ends(conversation, side)
    const key = flowKey(destination, id)
    const known = this.#explicit.get(key)
    if (known !== undefined) return known
    const [originator, target] = isRequest ? [source, destination] : [destination, source]
    // Its other direction may have come first: the ids belong together as soon as both are seen in one conversation.
    const about = { conversation: conversation.id, originator, target, protection }
    const last = this.#halves.get(conversation.id)
    const isHalf = last?.originator === originator && (isRequest ? last.otId : last.toId) === undefined
    const connection = isHalf ? last : new TrackedConnection(about, undefined, moment)
    if (!isHalf && !this.#add(connection)) return undefined
    if (isRequest) connection.otId = id
    else connection.toId = id
    if (isHalf) this.#halves.delete(conversation.id)
    else this.#halves.set(conversation.id, connection)
    this.#setExplicit(key, connection)
    return connection
  }

  /** The flow of class 0/1 data from one address to another; one without a Forward_Open is made up from it. */
  flow(
    id: number,
    side: Side,
    conversation: Conversation,
    protection: 'none' | 'dtls',
    moment: Moment,
  ): { readonly flow: IoFlow } | undefined {
    const [from, to] = ends(conversation, side)
    const key = flowKey(to, id)
    const known = this.#flows.get(key)
    if (known !== undefined) return known
    if (this.#flows.size >= connectionLimits.flows) {
      this.#uncounted++
      return undefined
    }
    const flow = new IoFlow(id, from, to)
    // Over DTLS the client is the originator; in plain the first speaker is as good a guess as any.
    const originator = conversation.client.address
    const target = conversation.server.address
    const about = { conversation: conversation.id, originator, target, protection }
    const connection = new TrackedConnection(about, undefined, moment)
    if (from === originator) connection.ot = flow
    else connection.to = flow
    if (!this.#add(connection)) return undefined
    const slot = { flow, connection }
    this.#flows.set(key, slot)
    return slot
  }

  /** Which way a class 0/1 datagram goes, and its transport class; undefined without a Forward_Open in the capture. */
  ioOf(
    id: number,
    side: Side,
    conversation: Conversation,
  ): { readonly direction: 'O->T' | 'T->O'; readonly transportClass: number } | undefined {
    const slot = this.#flows.get(flowKey(ends(conversation, side)[1], id))
    const open = slot?.connection.open
    if (slot === undefined || open === undefined) return undefined
    const direction = slot.connection.ot === slot.flow ? 'O->T' : 'T->O'
    return { direction, transportClass: open.transport.transportClass }
  }

  /** Everything that was seen, in the order of first evidence; `endUs` is when the capture ends. */
  report(endUs: number): readonly ConnectionReport[] {
    return this.#all.map((connection) => connection.report(endUs))
  }
}

/** Source and destination of what one side sends. */
function ends(conversation: Conversation, side: Side): readonly [string, string] {
  const { client, server } = conversation
  return side === 'client' ? [client.address, server.address] : [server.address, client.address]
}

function flowKey(consumer: string, id: number): string {
  return `${consumer}/${id}`
}

function triadKey(triad: ConnectionTriad, target: string): string {
  return `${target}/${triad.originatorVendorId}/${triad.originatorSerialNumber}/${triad.connectionSerialNumber}`
}
