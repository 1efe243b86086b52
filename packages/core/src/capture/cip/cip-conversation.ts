import { type EncapsulationCommandName, encapsulationCommands } from '../../enip/commands.ts'
import { type CommonPacket, commonPacket, findItem } from '../../enip/common-packet.ts'
import type { UnconnectedDtlsItem } from '../../enip/dtls-message.ts'
import { type EncapsulationMessage, encapsulationMessage } from '../../enip/header.ts'
import { ioFrameView, parseIoFrame } from '../../enip/io-frame.ts'
import { connectedMessageOf, type SendData, sendData, unconnectedMessageOf } from '../../enip/send-data.ts'
import { describeEncapsulationStatus, encapsulationStatuses } from '../../enip/status.ts'
import { MalformedMessage } from '../../errors.ts'
import { decode } from '../../wire/codec.ts'
import { latin1 } from '../../wire/text.ts'
import type { CaptureEndpoint, Conversation, ConversationEnd, Moment, Side } from '../conversation.ts'
import { connectionLimits, type ConnectionTable, type TrackedConnection } from './connection-table.ts'
import {
  type ObservedReply,
  type ObservedRequest,
  printableText,
  readReply,
  readRequest,
  replyFields,
  requestFields,
  spellId,
} from './explicit.ts'
import { EncapsulationFrames } from './frames.ts'
import type { IoFlow } from './io-flow.ts'
import { wordsOf } from './names.ts'
import { type PushReport, PushWatch } from './push.ts'
import type { CaptureRow, RowFields, RowProtocol } from './row.ts'

/** Commands of one conversation that are told apart: a stranger may send all 65,536. */
const mostCommands = 64

/** Errors of one conversation that are kept with their words. */
const mostErrors = 20

/** Something that was refused or could not be read. */
export interface CipProblem {
  readonly packet: number
  /** Microseconds since 1970. */
  readonly timeUs: number
  readonly text: string
}

/** Problems: the first of them, and how many there were. */
export interface CipProblems {
  readonly count: number
  readonly first: readonly CipProblem[]
}

/** A device that said in the capture what it is. */
export interface SeenIdentity {
  readonly address: string
  readonly vendorId: number
  readonly deviceType: number
  readonly productCode: number
  readonly serialNumber: number
  readonly productName: string
  readonly packet: number
}

/** What EtherNet/IP and CIP said in one conversation. */
export interface CipReport {
  /** Encapsulated messages by command, as words: `Register Session`; beyond 64 of them as `other commands`. */
  readonly commands: Readonly<Record<string, number>>
  /** Explicit CIP requests and replies, unconnected and connected. */
  readonly requests: number
  readonly replies: number
  /** Of the requests: unconnected ones that neither open nor close a connection. */
  readonly unconnected: number
  /** Of the requests: those without any answer in the capture. */
  readonly unanswered: number
  /** Of the replies: those that succeeded, also in a part, as status 0x1E of a Multiple Service Packet says. */
  readonly accepted: number
  /** Class 0/1 datagrams. */
  readonly ioFrames: number
  /** Bytes of the stream that belonged to no message. */
  readonly skippedBytes: number
  /** Bytes of messages whose end is not in the capture. */
  readonly unfinishedBytes: number
  /** Messages whose content could not be read. */
  readonly malformed: CipProblems
  /** Encapsulation and CIP statuses other than success. */
  readonly errors: CipProblems
  readonly identities: readonly SeenIdentity[]
  readonly push: PushReport | undefined
}

/** What a conversation is read with. */
export interface CipSurroundings {
  readonly connections: ConnectionTable
  /** What protects it. */
  readonly protection: 'none' | 'tls' | 'dtls'
  /** Takes each message as a line; undefined where nobody wants them, which is faster. */
  readonly row?: ((row: CaptureRow) => void) | undefined
}

/** A request that waits for its reply. */
interface Waiting {
  /** Sender context, DTLS transaction, or undefined for a connected message. */
  readonly context: string | undefined
  readonly connection: TrackedConnection | undefined
  readonly sequenceCount: number
  readonly request: ObservedRequest | undefined
  /** Of a Forward_Open. */
  readonly opening: TrackedConnection | undefined
  readonly timeUs: number
}

class Problems {
  readonly #first: CipProblem[] = []
  readonly #budget: { notes: number }
  #count = 0

  constructor(budget: { notes: number }) {
    this.#budget = budget
  }

  add(text: string, moment: Moment): void {
    this.#count++
    if (this.#first.length >= mostErrors || this.#budget.notes <= 0) return
    this.#budget.notes--
    this.#first.push({ packet: moment.packet, timeUs: moment.timeUs, text })
  }

  report(): CipProblems {
    return { count: this.#count, first: [...this.#first] }
  }
}

const commandNames: ReadonlyMap<string, string> = new Map<EncapsulationCommandName, string>([
  ['nop', 'NOP'],
  ['sendRRData', 'Send RR Data'],
  ['sendUnitData', 'Send Unit Data'],
  ['startDtls', 'Start DTLS'],
])

function commandName(command: EncapsulationMessage['command']): string {
  if (typeof command === 'number') return `Command 0x${command.toString(16).padStart(4, '0')}`
  return commandNames.get(command) ?? wordsOf(command)
}

/** Identities kept of one conversation: a broadcast is answered by a whole plant. */
const mostIdentities = 1000

/**
 * Reads what one conversation says in EtherNet/IP: a stream on 44818/tcp or inside TLS, datagrams on 44818/udp and
 * 2222/udp, records inside DTLS. Bad bytes are counted, never thrown.
 */
export class CipConversation {
  readonly #conversation: Conversation
  readonly #around: CipSurroundings
  readonly #frames: Readonly<Record<Side, EncapsulationFrames>>
  readonly #flows: Readonly<Record<Side, Map<number, { readonly flow: IoFlow }>>> = {
    client: new Map(),
    server: new Map(),
  }
  readonly #io = ioFrameView()
  readonly #waiting: Waiting[] = []
  readonly #push: PushWatch
  readonly #errors: Problems
  readonly #malformed: Problems
  readonly #commands = new Map<string, number>()
  readonly #identities = new Map<string, SeenIdentity>()
  #requests = 0
  #replies = 0
  #answered = 0
  #unconnectedRequests = 0
  #accepted = 0
  #ioFrames = 0

  /** A conversation of which nothing was read yet. */
  constructor(conversation: Conversation, around: CipSurroundings) {
    this.#conversation = conversation
    this.#around = around
    const { budget } = around.connections
    this.#push = new PushWatch(budget)
    this.#errors = new Problems(budget)
    this.#malformed = new Problems(budget)
    // Inside TLS the stream of plaintext begins with a message or is not readable at all.
    const begun = conversation.begun || around.protection === 'tls'
    this.#frames = { client: new EncapsulationFrames(begun), server: new EncapsulationFrames(begun) }
  }

  /** The next bytes of one side of a stream. */
  stream(side: Side, bytes: Uint8Array, moment: Moment): void {
    this.#frames[side].push(bytes, (frame) => this.#encapsulated(side, frame, moment))
  }

  /** Bytes of one side are missing. */
  gap(side: Side): void {
    this.#frames[side].gap()
  }

  /** It ended: with a stream the connections of class 3 in it, unless it was the capture that ended. */
  ended(how: ConversationEnd, moment: Moment): void {
    const { connections } = this.#around
    connections.budget.waiting += this.#waiting.length
    this.#waiting.length = 0
    if (this.#conversation.transport === 'tcp' && how !== 'end-of-capture')
      connections.transportEnded(this.#conversation.id, moment)
  }

  /** A datagram `bytes[start..end)` on 44818/udp or 2222/udp, or the data of a DTLS record. */
  datagram(side: Side, bytes: Uint8Array, start: number, end: number, moment: Moment): void {
    const view = this.#io
    if (parseIoFrame(bytes, view, start, end)) {
      this.#ioFrames++
      const flows = this.#flows[side]
      let slot = flows.get(view.connectionId)
      if (slot === undefined) {
        slot = this.#newFlow(side, view.connectionId, moment)
        if (slot === undefined) return
        flows.set(view.connectionId, slot)
      }
      slot.flow.receive(view.sequence, bytes, view.dataOffset, view.dataLength, moment)
      if (this.#around.row !== undefined) this.#ioRow(side, bytes, moment)
      return
    }
    const datagram = bytes.subarray(start, end)
    if (this.#around.protection === 'dtls') this.#record(side, datagram, moment)
    else this.#encapsulated(side, datagram, moment)
  }

  #newFlow(side: Side, id: number, moment: Moment): { readonly flow: IoFlow } | undefined {
    const protection = this.#around.protection === 'dtls' ? 'dtls' : 'none'
    return this.#around.connections.flow(id, side, this.#conversation, protection, moment)
  }

  #ioRow(side: Side, bytes: Uint8Array, moment: Moment): void {
    const { connectionId, sequence, dataOffset, dataLength } = this.#io
    const known = this.#around.connections.ioOf(connectionId, side, this.#conversation)
    const way = known === undefined ? '' : `, ${known.direction}`
    const info = `Connection: ID=${spellId(connectionId)}, SEQ=${String(sequence).padStart(10, '0')}${way}`
    const sequenceCount =
      known?.transportClass === 1 && dataLength >= 2
        ? (bytes[dataOffset] ?? 0) | ((bytes[dataOffset + 1] ?? 0) << 8)
        : undefined
    const fields = { connectionId, sequence, ...(sequenceCount === undefined ? {} : { sequenceCount }) }
    this.#row(side, 'CIP I/O', info, fields, moment)
  }

  /** What is no class 0/1 frame inside DTLS: unconnected messages. */
  #record(side: Side, datagram: Uint8Array, moment: Moment): void {
    this.#attempt('common packet', moment, () => {
      const packet = decode(commonPacket, datagram)
      const item = findItem(packet, 'unconnectedDtls')
      if (item === undefined) return
      this.#unconnectedDtls(side, item, packet, moment)
    })
  }

  #unconnectedDtls(side: Side, item: UnconnectedDtlsItem, packet: CommonPacket, moment: Moment): void {
    this.#count('Unconnected Message over DTLS')
    const context = String(item.transaction)
    if (item.reply && item.status !== 'success') {
      this.#takeWaiting(context)
      this.#encapsulationError(item.status, moment)
      return
    }
    if (item.reply) this.#reply(side, item.message, { context, fields: {}, packet }, moment)
    else this.#request(side, item.message, { context, fields: {} }, moment)
  }

  #encapsulated(side: Side, frame: Uint8Array, moment: Moment): void {
    this.#attempt('encapsulated message', moment, () => {
      const message = decode(encapsulationMessage, frame)
      this.#count(commandName(message.command))
      const { command, session } = message
      const number = typeof command === 'number' ? command : encapsulationCommands[command]
      const status = typeof message.status === 'number' ? message.status : encapsulationStatuses[message.status]
      const fields: RowFields = { command: number, session, encapsulationStatus: status }
      if (status !== 0) {
        this.#takeWaiting(contextOf(message))
        this.#encapsulationError(message.status, moment)
        this.#row(
          side,
          'ENIP',
          `${describeEncapsulationStatus(message.status)}: ${commandName(command)}`,
          fields,
          moment,
        )
        return
      }
      if (command === 'sendRRData' && message.data.length > 0) this.#unconnected(side, message, fields, moment)
      else if (command === 'sendUnitData' && message.data.length > 0) this.#connected(side, message, fields, moment)
      else this.#session(side, message, fields, moment)
    })
  }

  /** RegisterSession, the List commands and what else carries no CIP. */
  #session(side: Side, message: EncapsulationMessage, fields: RowFields, moment: Moment): void {
    const { command, session, data } = message
    const isList = command === 'listIdentity' || command === 'listServices' || command === 'listInterfaces'
    const isReply = isList ? data.length > 0 : side === 'server'
    const way = command === 'nop' || command === 'unregisterSession' ? '' : isReply ? ' (Rsp)' : ' (Req)'
    let more = command === 'registerSession' ? `, Session: ${spellId(session)}` : ''
    if (command === 'listIdentity' && isReply) {
      for (const item of decode(commonPacket, data)) {
        if (item.kind !== 'identity') continue
        const productName = printableText(item.productName.trim(), 32)
        more = `, ${productName}`
        const { address } = this.#endpoint(side)
        if (this.#identities.size >= mostIdentities && !this.#identities.has(address)) continue
        const { vendorId, deviceType, productCode, serialNumber } = item
        const { packet } = moment
        this.#identities.set(address, { address, vendorId, deviceType, productCode, serialNumber, productName, packet })
      }
    }
    this.#row(side, 'ENIP', `${commandName(command)}${way}${more}`, fields, moment)
  }

  #unconnected(side: Side, message: EncapsulationMessage, fields: RowFields, moment: Moment): void {
    const data: SendData = decode(sendData, message.data)
    const content = unconnectedMessageOf(data)
    if (content === undefined) {
      this.#row(side, 'ENIP', commandName(message.command), fields, moment)
      return
    }
    const context = contextOf(message)
    if (isReply(content)) this.#reply(side, content, { context, fields, packet: data.packet }, moment)
    else this.#request(side, content, { context, fields }, moment)
  }

  #connected(side: Side, message: EncapsulationMessage, fields: RowFields, moment: Moment): void {
    const content = connectedMessageOf(decode(sendData, message.data))
    if (content === undefined) {
      this.#row(side, 'ENIP', commandName(message.command), fields, moment)
      return
    }
    const { connectionId, sequenceCount } = content
    const { connections, protection } = this.#around
    const answers = isReply(content.message)
    const connection = connections.explicit(connectionId, side, !answers, this.#conversation, protection, moment)
    const all = { ...fields, connectionId, sequenceCount }
    if (!answers) {
      connection?.requested(sequenceCount, moment)
      this.#request(side, content.message, { connection, sequenceCount, fields: all }, moment)
      return
    }
    const { status, sinceUs } = this.#reply(side, content.message, { connection, sequenceCount, fields: all }, moment)
    connection?.replied(status !== 0, sinceUs, moment)
  }

  #request(side: Side, message: Uint8Array, about: About, moment: Moment): void {
    this.#requests++
    this.#attempt('CIP request', moment, () => {
      const request = readRequest(message)
      const { open, close } = innermost(request)
      if (about.connection === undefined && about.context !== undefined && open === undefined && close === undefined)
        this.#unconnectedRequests++
      const { connections, protection } = this.#around
      const opening =
        open === undefined ? undefined : connections.requested(open, side, this.#conversation, protection, moment)
      const isFull = this.#waiting.length >= connectionLimits.waiting || connections.budget.waiting <= 0
      if (isFull && this.#waiting.length > 0) this.#waiting.shift()
      else connections.budget.waiting--
      this.#waiting.push({
        context: about.context,
        connection: about.connection,
        sequenceCount: about.sequenceCount ?? 0,
        // Views end with this call: what is kept has none.
        request: withoutData(request),
        opening,
        timeUs: moment.timeUs,
      })
      if (this.#around.row === undefined) return
      const fields = { ...about.fields, cip: requestFields(request) }
      this.#row(side, protocolOf(request), request.text, fields, moment)
    })
  }

  #reply(
    side: Side,
    message: Uint8Array,
    about: About,
    moment: Moment,
  ): { readonly status: number; readonly sinceUs: number | undefined } {
    this.#replies++
    const waiting = this.#takeWaiting(about.context, about.connection, about.sequenceCount)
    let status = 0
    this.#attempt('CIP reply', moment, () => {
      const reply = readReply(message, waiting?.request)
      status = reply.status
      // 0x1E: a service of a Multiple Service Packet failed, and others may have been done.
      if (status === 0 || status === 6 || status === 0x1e) this.#accepted++
      if (status !== 0 && status !== 6) this.#errors.add(reply.text, moment)
      if (waiting?.request !== undefined) this.#push.heard(waiting.request, reply, moment)
      this.#connectionReply(side, waiting, reply, about.packet, moment)
      if (this.#around.row === undefined) return
      const fields = { ...about.fields, cip: replyFields(reply) }
      const protocol = waiting?.request === undefined ? 'CIP' : protocolOf(waiting.request)
      this.#row(side, protocol, reply.text, fields, moment)
    })
    return { status, sinceUs: waiting?.timeUs }
  }

  /** What a reply means for the table of connections. */
  #connectionReply(
    side: Side,
    waiting: Waiting | undefined,
    reply: ObservedReply,
    packet: CommonPacket | undefined,
    moment: Moment,
  ): void {
    const { connections } = this.#around
    if (waiting?.opening !== undefined) {
      if (reply.opened === undefined)
        connections.refused(waiting.opening, reply.text.slice(0, reply.text.indexOf(':')), moment)
      else {
        const group = waiting.opening.open?.toParameters.type === 'multicast' ? multicastGroup(packet) : undefined
        connections.opened(waiting.opening, reply.opened, moment, group)
      }
      return
    }
    const close = waiting?.request === undefined ? undefined : innermost(waiting.request).close
    if (close !== undefined && reply.status === 0)
      connections.closed(close, side === 'client' ? 'server' : 'client', this.#conversation, moment)
  }

  #takeWaiting(context?: string, connection?: TrackedConnection, sequenceCount = 0): Waiting | undefined {
    const at = this.#waiting.findIndex((one) =>
      context === undefined
        ? one.connection !== undefined && one.connection === connection && one.sequenceCount === sequenceCount
        : one.context === context,
    )
    if (at < 0) return undefined
    this.#around.connections.budget.waiting++
    this.#answered++
    return this.#waiting.splice(at, 1)[0]
  }

  #encapsulationError(status: EncapsulationMessage['status'], moment: Moment): void {
    this.#errors.add(`encapsulation: ${describeEncapsulationStatus(status)}`, moment)
  }

  #attempt(what: string, moment: Moment, work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      this.#malformed.add(`${what}: ${printableText(error.message, 160)}`, moment)
    }
  }

  #count(command: string): void {
    const isKept = this.#commands.has(command) || this.#commands.size < mostCommands
    const name = isKept ? command : 'other commands'
    this.#commands.set(name, (this.#commands.get(name) ?? 0) + 1)
  }

  #endpoint(side: Side): CaptureEndpoint {
    return side === 'client' ? this.#conversation.client : this.#conversation.server
  }

  #row(side: Side, protocol: RowProtocol, info: string, fields: RowFields, moment: Moment): void {
    const { row, protection } = this.#around
    if (row === undefined) return
    row({
      packet: moment.packet,
      timeUs: moment.timeUs,
      conversation: this.#conversation.id,
      source: this.#endpoint(side),
      destination: this.#endpoint(side === 'client' ? 'server' : 'client'),
      protocol,
      protected: protection !== 'none',
      info,
      fields,
    })
  }

  /** Whether anything of EtherNet/IP was read. */
  get isEtherNetIp(): boolean {
    return this.#ioFrames > 0 || this.#commands.size > 0
  }

  /** What was read so far. */
  report(): CipReport {
    return {
      commands: Object.fromEntries(this.#commands),
      requests: this.#requests,
      replies: this.#replies,
      unconnected: this.#unconnectedRequests,
      unanswered: this.#requests - this.#answered,
      accepted: this.#accepted,
      ioFrames: this.#ioFrames,
      skippedBytes: this.#frames.client.skipped + this.#frames.server.skipped,
      unfinishedBytes: this.#frames.client.buffered + this.#frames.server.buffered,
      malformed: this.#malformed.report(),
      errors: this.#errors.report(),
      identities: [...this.#identities.values()],
      push: this.#push.report(),
    }
  }
}

/** What belongs to a message besides its bytes. */
interface About {
  readonly context?: string
  readonly connection?: TrackedConnection | undefined
  readonly sequenceCount?: number
  readonly fields: RowFields
  /** Items that came with a reply. */
  readonly packet?: CommonPacket
}

const noData = new Uint8Array(0)

/** A request without the views of the capture's buffer: what is kept until the reply. */
function withoutData(request: ObservedRequest): ObservedRequest {
  return { ...request, data: noData, embedded: request.embedded.map(withoutData) }
}

/** The request at the end of the hops. */
function innermost(request: ObservedRequest): ObservedRequest {
  const [inner] = request.embedded
  return request.route === undefined || inner === undefined ? request : inner
}

function protocolOf(request: ObservedRequest): RowProtocol {
  return request.class === 6 ? 'CIP CM' : 'CIP'
}

/** Bit 7 of the service: a reply. */
function isReply(message: Uint8Array): boolean {
  return ((message[0] ?? 0) & 0x80) !== 0
}

function contextOf(message: EncapsulationMessage): string {
  return latin1(message.senderContext)
}

/** Where a multicast target sends: the socket address item of its Forward_Open reply. */
function multicastGroup(packet: CommonPacket | undefined): string | undefined {
  return packet === undefined ? undefined : findItem(packet, 'socketAddressTargetToOriginator')?.address
}
