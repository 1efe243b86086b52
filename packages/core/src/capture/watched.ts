import { CipConversation } from './cip/cip-conversation.ts'
import type { ConnectionTable } from './cip/connection-table.ts'
import type { CaptureRow, RowProtocol } from './cip/row.ts'
import type { Conversation, ConversationEnd, DatagramConsumer, Moment, Side, StreamConsumer } from './conversation.ts'
import type { ConversationSummary } from './network/flow.ts'
import type { ProtectedListener, ProtectedStep } from './protected.ts'
import type { ConversationContent, ConversationReport } from './report.ts'
import { ioFrameView, parseIoFrame } from '../enip/io-frame.ts'
import { DtlsDatagrams } from './tls/dtls-datagrams.ts'
import type { WatchOptions } from './tls/association.ts'
import { isEnipContent } from './tls/enip-content.ts'
import { messageName } from './tls/handshake.ts'
import { contentTypes, dtlsHeaderLength, isTlsHeader } from './tls/record.ts'
import { TlsStream } from './tls/tls-stream.ts'

/** Steps of handshakes that are kept of one conversation, and of a whole capture. */
const mostSteps = 64
export const mostStepsInAll = 100_000
/** Characters of the kept steps of a whole capture, as JSON: one hello may name tens of thousands of suites. */
export const mostStepCharacters = 32 * 1024 * 1024

/** Ports of EtherNet/IP (Volume 2 via cip-security-wire 1.1). */
const ports = { explicit: 44_818, secure: 2221, io: 2222 } as const

/** What all watched conversations of a capture share. */
export interface WatchSurroundings {
  readonly connections: ConnectionTable
  readonly tls: Omit<WatchOptions, 'listener'>
  readonly row: ((row: CaptureRow) => void) | undefined
  /** Steps, and characters of them as JSON, that may still be kept. */
  readonly budget: { steps: number; characters: number }
}

/** Watches one conversation: finds out what it is, and reads it. */
export class Watched implements StreamConsumer, DatagramConsumer {
  readonly #conversation: Conversation
  readonly #around: WatchSurroundings
  #content: ConversationContent | undefined
  /** What is read inside TLS or DTLS, or of a stream in plain. */
  #cip: CipConversation | undefined
  /** Plain datagrams, and what stands in plain beside TLS. */
  #plain: CipConversation | undefined
  #tls: TlsStream | undefined
  #dtls: DtlsDatagrams | undefined
  /** First bytes of a stream while they do not tell what it is. */
  readonly #beginnings: Record<Side, Uint8Array> = { client: nothing, server: nothing }
  readonly #gapped = { client: false, server: false }
  /** TLS records went by that {@link #plain} did not see. */
  readonly #passed = { client: false, server: false }
  readonly #steps: ProtectedStep[] = []
  #moreSteps = 0
  /** Unreadable application data was seen: what is readable later does not follow on what was before. */
  readonly #broken = { client: false, server: false }
  readonly #listener: ProtectedListener = {
    step: (step) => this.#step(step),
    application: (side, bytes, _length, moment) => this.#application(side, bytes, moment),
    gap: (side) => {
      this.#broken[side] = true
    },
  }

  /** A conversation of which nothing was read yet. */
  constructor(conversation: Conversation, around: WatchSurroundings) {
    this.#conversation = conversation
    this.#around = around
  }

  data(side: Side, bytes: Uint8Array, moment: Moment): void {
    if (this.#content !== undefined) {
      this.#stream(side, bytes, moment)
      return
    }
    const held = this.#beginnings[side]
    const beginning = new Uint8Array(held.length + bytes.length)
    beginning.set(held)
    beginning.set(bytes, held.length)
    this.#beginnings[side] = beginning
    const content = contentOf(beginning, this.#conversation)
    if (content !== undefined) this.#beginStream(content, moment)
  }

  gap(side: Side, length: number, moment: Moment): void {
    // What was held until now does not go on behind the gap, so it has to tell.
    if (this.#content === undefined) this.#decide(moment)
    this.#gapped[side] = true
    if (this.#tls !== undefined) this.#tls.gap(side, length, moment)
    if (this.#plain !== undefined) this.#plain.gap(side)
    else if (this.#tls === undefined) this.#cip?.gap(side)
  }

  #stream(side: Side, bytes: Uint8Array, moment: Moment): void {
    const tls = this.#tls
    if (tls === undefined) {
      this.#cip?.stream(side, bytes, moment)
      return
    }
    tls.data(side, bytes, moment)
    // Behind a gap the readable records of a NULL suite look plain: there only a segment that begins so is.
    const isWhole = this.#conversation.begun && !this.#gapped[side]
    if (tls.isOnTrack(side) || !(isWhole || looksLikeEncapsulation(bytes))) {
      this.#passed[side] = true
      return
    }
    // What is no TLS may be EtherNet/IP in plain, whatever the beginning looked like.
    this.#plain ??= this.#read('none', false)
    if (this.#passed[side]) this.#plain.gap(side)
    this.#passed[side] = false
    this.#plain.stream(side, bytes, moment)
  }

  /** By content first: a plain stream on 2221 or TLS on another port is what it is, whatever its port says. */
  #beginStream(content: ConversationContent, moment: Moment): void {
    this.#content = content
    if (content === 'tls') this.#tls = new TlsStream({ ...this.#around.tls, listener: this.#listener })
    if (content === 'ethernet-ip') this.#cip = this.#read('none')
    for (const side of ['client', 'server'] as const) {
      const beginning = this.#beginnings[side]
      this.#beginnings[side] = nothing
      if (beginning.length > 0) this.#stream(side, beginning, moment)
    }
  }

  /** Nothing more comes of the beginning: what there is decides. */
  #decide(moment: Moment): void {
    const { client, server } = this.#beginnings
    if (client.length + server.length === 0) return
    const isIts = isPortOf(this.#conversation, ports.explicit) || isPortOf(this.#conversation, ports.secure)
    this.#beginStream(isIts ? 'ethernet-ip' : 'other', moment)
  }

  datagram(side: Side, bytes: Uint8Array, start: number, end: number, moment: Moment): void {
    if (this.#content === undefined) this.#content = isDatagramPort(this.#conversation) ? 'ethernet-ip' : 'other'
    if (this.#isDtls(bytes, start, end)) {
      this.#dtls ??= new DtlsDatagrams({ ...this.#around.tls, listener: this.#listener })
      this.#dtls.datagram(side, bytes, start, end, moment)
      return
    }
    if (!isDatagramPort(this.#conversation)) return
    this.#plain ??= this.#read('none')
    this.#plain.datagram(side, bytes, start, end, moment)
  }

  /**
   * StartDTLS turns a flow into DTLS. One datagram that looks like a record must not hide plain data: only a whole record
   * with a handshake message begins it, and what is EtherNet/IP to the last byte is never part of it.
   */
  #isDtls(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#dtls !== undefined) return !isPlainDatagram(bytes, start, end)
    if (!isDtlsRecord(bytes, start, end)) return false
    return this.#plain?.isEtherNetIp !== true || startsHandshake(bytes, start)
  }

  ended(how: ConversationEnd, moment: Moment): void {
    if (this.#content === undefined) this.#decide(moment)
    this.#tls?.ended()
    this.#dtls?.ended()
    this.#cip?.ended(how, moment)
    this.#plain?.ended(how, moment)
  }

  /** Not `inStep`: messages are looked for, as after a gap. */
  #read(protection: 'none' | 'tls' | 'dtls', inStep = true): CipConversation {
    const { connections, row } = this.#around
    const conversation = inStep ? this.#conversation : { ...this.#conversation, begun: false }
    return new CipConversation(conversation, { connections, protection, row })
  }

  #step(step: ProtectedStep): void {
    if (this.#isKept(step)) this.#steps.push(step)
    else this.#moreSteps++
    const { packet, timeUs, side } = step
    this.#row(side, step.name, { packet, timeUs })
  }

  #isKept(step: ProtectedStep): boolean {
    const { budget } = this.#around
    if (this.#steps.length >= mostSteps || budget.steps <= 0 || budget.characters <= 0) return false
    const { length } = JSON.stringify(step)
    if (length > budget.characters) return false
    budget.steps--
    budget.characters -= length
    return true
  }

  #application(side: Side, bytes: Uint8Array | undefined, moment: Moment): void {
    const isStream = this.#tls !== undefined
    if (bytes === undefined) {
      this.#broken[side] = true
      this.#row(side, 'Application Data', moment)
      return
    }
    this.#cip ??= this.#read(isStream ? 'tls' : 'dtls')
    if (!isStream) this.#cip.datagram(side, bytes, 0, bytes.length, moment)
    else {
      if (this.#broken[side]) this.#cip.gap(side)
      this.#cip.stream(side, bytes, moment)
    }
    this.#broken[side] = false
  }

  #row(side: Side, info: string, { packet, timeUs }: Moment): void {
    const { row } = this.#around
    if (row === undefined) return
    const { id, client, server } = this.#conversation
    const [source, destination] = side === 'client' ? [client, server] : [server, client]
    const protocol: RowProtocol = this.#tls === undefined ? 'DTLS' : 'TLS'
    const place = { packet, timeUs, conversation: id, source, destination }
    row({ ...place, protocol, protected: false, info, fields: {} })
  }

  /** Whether it is neither EtherNet/IP nor TLS or DTLS, as far as was seen. */
  get isOther(): boolean {
    return this.#dtls === undefined && (this.#content === undefined || this.#content === 'other')
  }

  /** All that was read, with what the network part counted. */
  report(summary: ConversationSummary): ConversationReport {
    const { conversation, ended, firstPacket, firstUs, lastUs, client, server } = summary
    const plain = this.#plain?.isEtherNetIp === true ? this.#plain.report() : undefined
    // A stream that turned out to be none, or one in which no record was found while EtherNet/IP was.
    const isTls = this.#dtls !== undefined || (this.#tls !== undefined && (this.#tls.hasRecords || plain === undefined))
    const tls = isTls ? (this.#tls?.report() ?? this.#dtls?.report()) : undefined
    const inside = this.#cip?.isEtherNetIp === true ? this.#cip.report() : undefined
    const cip = isTls ? inside : (inside ?? plain)
    const content =
      tls === undefined
        ? this.#tls === undefined
          ? (this.#content ?? 'other')
          : 'ethernet-ip'
        : tls.protocol === 'TLS'
          ? 'tls'
          : 'dtls'
    // A NULL suite shows itself also where the handshake is missing; anything else does not.
    const isKnown = tls === undefined || tls.suite !== undefined || tls.protection !== 'None'
    const protection = tls === undefined ? 'None' : isKnown ? tls.protection : undefined
    return {
      id: conversation.id,
      transport: conversation.transport,
      client: conversation.client,
      server: conversation.server,
      begun: conversation.begun,
      ended,
      firstPacket,
      firstUs,
      lastUs,
      figures: { client, server },
      content,
      protection,
      tls,
      steps: this.#steps,
      moreSteps: this.#moreSteps,
      cip,
      plain: isTls ? plain : undefined,
    }
  }
}

const nothing = new Uint8Array(0)

/** Bytes of a stream that decide what it is, at most: the header of an encapsulated message. */
const longestBeginning = 24

function isPortOf({ client, server }: Conversation, port: number): boolean {
  return client.port === port || server.port === port
}

function isDatagramPort(conversation: Conversation): boolean {
  return [ports.explicit, ports.io, ports.secure].some((port) => isPortOf(conversation, port))
}

/** What a stream is, by its first bytes and its ports; undefined where more of it has to come. */
function contentOf(bytes: Uint8Array, conversation: Conversation): ConversationContent | undefined {
  const isSecure = isPortOf(conversation, ports.secure)
  if (isTlsType(bytes[0]) && (bytes.length < 2 || bytes[1] === 3)) {
    if (bytes.length < 6) return undefined
    const isHandshake = bytes[0] === contentTypes.handshake
    // In the middle of a connection anything may come first.
    const fits = isHandshake ? messageName(bytes[5] ?? 255) !== undefined : bytes[0] === contentTypes.alert
    if (isTlsHeader(bytes, 0) && (fits || !conversation.begun)) return 'tls'
  }
  // What is no TLS there is read as EtherNet/IP as well.
  if (isSecure) return looksLikeEncapsulation(bytes) ? 'ethernet-ip' : 'tls'
  if (isPortOf(conversation, ports.explicit) || looksLikeEncapsulation(bytes)) return 'ethernet-ip'
  const mayBe = bytes.length < longestBeginning && commands.has(bytes[0] ?? 0) && (bytes[1] ?? 0) === 0
  return mayBe ? undefined : 'other'
}

/** A whole record of DTLS stands first in a datagram. */
function isDtlsRecord(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < dtlsHeaderLength || bytes[start + 1] !== 0xfe || !isTlsType(bytes[start])) return false
  const length = ((bytes[start + 11] ?? 0) << 8) | (bytes[start + 12] ?? 0)
  return length > 0 && length <= end - start - dtlsHeaderLength
}

/** The record is one in clear with a handshake message. */
function startsHandshake(bytes: Uint8Array, start: number): boolean {
  const isClear = bytes[start + 3] === 0 && bytes[start + 4] === 0
  return (
    bytes[start] === contentTypes.handshake &&
    isClear &&
    messageName(bytes[start + dtlsHeaderLength] ?? 255) !== undefined
  )
}

const view = ioFrameView()

/** Class 0/1 data, or whole encapsulated messages or items. */
function isPlainDatagram(bytes: Uint8Array, start: number, end: number): boolean {
  return parseIoFrame(bytes, view, start, end) || isEnipContent(bytes.subarray(start, end))
}

/** First bytes of encapsulated messages, NOP apart. */
const commands: ReadonlySet<number> = new Set([0x04, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70])

/** Content types of TLS and DTLS records: change of cipher, alert, handshake, application data. */
function isTlsType(type: number | undefined): boolean {
  return type !== undefined && type >= 20 && type <= 23
}

/** RegisterSession, a List command, or data with an empty status and no options. */
function looksLikeEncapsulation(bytes: Uint8Array): boolean {
  if (bytes.length < longestBeginning || bytes[1] !== 0) return false
  const isCommand = commands.has(bytes[0] ?? 0)
  for (let at = 20; at < 24; at++) if (bytes[at] !== 0) return false
  return isCommand && bytes[10] === 0 && bytes[11] === 0
}
