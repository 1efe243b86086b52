import { CipConversation } from './cip/cip-conversation.ts'
import type { ConnectionTable } from './cip/connection-table.ts'
import type { CaptureRow, RowProtocol } from './cip/row.ts'
import type { Conversation, ConversationEnd, DatagramConsumer, Moment, Side, StreamConsumer } from './conversation.ts'
import type { ConversationSummary } from './network/flow.ts'
import type { ProtectedListener, ProtectedStep } from './protected.ts'
import type { ConversationContent, ConversationReport } from './report.ts'
import { DtlsDatagrams } from './tls/dtls-datagrams.ts'
import type { WatchOptions } from './tls/association.ts'
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
  #cip: CipConversation | undefined
  #tls: TlsStream | undefined
  #dtls: DtlsDatagrams | undefined
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
    if (this.#content === undefined) this.#beginStream(bytes)
    if (this.#tls !== undefined) this.#tls.data(side, bytes, moment)
    else this.#cip?.stream(side, bytes, moment)
  }

  gap(side: Side, length: number, moment: Moment): void {
    if (this.#tls !== undefined) this.#tls.gap(side, length, moment)
    else this.#cip?.gap(side)
  }

  /** By content first: a plain stream on 2221 or TLS on another port is what it is, whatever its port says. */
  #beginStream(bytes: Uint8Array): void {
    const { client, server } = this.#conversation
    const isPort = (port: number): boolean => client.port === port || server.port === port
    const looksLikeTls = isTlsType(bytes[0]) && bytes[1] === 3
    if (looksLikeTls || (isPort(ports.secure) && !looksLikeEncapsulation(bytes))) {
      this.#content = 'tls'
      this.#tls = new TlsStream({ ...this.#around.tls, listener: this.#listener })
    } else if (isPort(ports.explicit) || isPort(ports.secure) || looksLikeEncapsulation(bytes)) {
      this.#content = 'ethernet-ip'
      this.#cip = this.#read('none')
    } else this.#content = 'other'
  }

  datagram(side: Side, bytes: Uint8Array, start: number, end: number, moment: Moment): void {
    // Type and version of a DTLS record; no other datagram of EtherNet/IP begins so. StartDTLS turns a flow into it.
    if (bytes[start + 1] === 0xfe && isTlsType(bytes[start])) {
      if (this.#dtls === undefined) {
        this.#content = 'dtls'
        this.#dtls = new DtlsDatagrams({ ...this.#around.tls, listener: this.#listener })
        // What was said in plain before is over.
        this.#cip?.ended('end-of-capture', moment)
        this.#cip = undefined
      }
      this.#dtls.datagram(side, bytes, start, end, moment)
      return
    }
    if (this.#dtls !== undefined) {
      this.#dtls.datagram(side, bytes, start, end, moment)
      return
    }
    if (this.#content === undefined) this.#beginDatagrams()
    this.#cip?.datagram(side, bytes, start, end, moment)
  }

  #beginDatagrams(): void {
    const { client, server } = this.#conversation
    const known: readonly number[] = [ports.explicit, ports.io]
    if (known.includes(client.port) || known.includes(server.port)) {
      this.#content = 'ethernet-ip'
      this.#cip = this.#read('none')
    } else this.#content = 'other'
  }

  ended(how: ConversationEnd, moment: Moment): void {
    this.#tls?.ended()
    this.#dtls?.ended()
    this.#cip?.ended(how, moment)
  }

  #read(protection: 'none' | 'tls' | 'dtls'): CipConversation {
    const { connections, row } = this.#around
    return new CipConversation(this.#conversation, { connections, protection, row })
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
    return this.#content === undefined || this.#content === 'other'
  }

  /** All that was read, with what the network part counted. */
  report(summary: ConversationSummary): ConversationReport {
    const { conversation, ended, firstPacket, firstUs, lastUs, client, server } = summary
    const tls = this.#tls?.report() ?? this.#dtls?.report()
    const cip = this.#cip?.isEtherNetIp === true ? this.#cip.report() : undefined
    const content = this.#content ?? 'other'
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
    }
  }
}

/** Content types of TLS and DTLS records: change of cipher, alert, handshake, application data. */
function isTlsType(type: number | undefined): boolean {
  return type !== undefined && type >= 20 && type <= 23
}

/** RegisterSession, a List command, or data with an empty status and no options. */
function looksLikeEncapsulation(bytes: Uint8Array): boolean {
  if (bytes.length < 24 || bytes[1] !== 0) return false
  const isCommand = [0x04, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70].includes(bytes[0] ?? 0)
  for (let at = 20; at < 24; at++) if (bytes[at] !== 0) return false
  return isCommand && bytes[10] === 0 && bytes[11] === 0
}
