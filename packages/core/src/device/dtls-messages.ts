import { messageRouterReply } from '../cip/message-router.ts'
import { commonPacket } from '../enip/common-packet.ts'
import { dtlsDatagramKind, dtlsMessageOf, dtlsReply } from '../enip/dtls-datagram.ts'
import type { UnconnectedDtlsItem } from '../enip/dtls-message.ts'
import { MalformedMessage } from '../errors.ts'
import { decode, encode } from '../wire/codec.ts'
import { contextOf, replyItems } from './encapsulation-session.ts'
import type { DeviceReply, HostedDevice } from './hosted-device.ts'
import type { Link } from './link.ts'
import { readRequest } from './router.ts'

/** Deviation: how many replies a target keeps per association to answer repetitions; not public. */
export const replayCacheSize = 8

/** Deviation: how long it keeps them, milliseconds. */
export const replayCacheMs = 10_000

interface Kept {
  readonly transaction: number
  readonly at: number
  /** Undefined while the request is being worked on. */
  reply: Uint8Array | undefined
}

/** What makes the messages of a DTLS association. */
export interface DtlsMessagesOptions {
  readonly device: HostedDevice
  readonly link: Link
  /** Called when a slow request was answered: {@link DtlsMessages.takeOutput} has something. */
  readonly onOutput?: () => void
}

/**
 * The target's side of one DTLS association on 2221/udp: unconnected messages in item 0x8003 (cip-security-wire 1.8) are
 * answered here, a repetition by the same reply again; class 0/1 datagrams go to the device. Without I/O: payloads of
 * DTLS records in and out.
 */
export class DtlsMessages {
  readonly #device: HostedDevice
  readonly #link: Link
  readonly #onOutput: () => void
  #kept: Kept[] = []
  #output: Uint8Array[] = []

  /** The messages of one association. */
  constructor(options: DtlsMessagesOptions) {
    this.#device = options.device
    this.#link = options.link
    this.#onOutput = options.onOutput ?? (() => undefined)
  }

  /** Payload of a received record. What is neither message nor I/O is dropped. */
  receive(bytes: Uint8Array, now: number): void {
    const kind = dtlsDatagramKind(bytes)
    if (kind === 'io') this.#device.datagram(this.#link, bytes, now)
    else if (kind === 'message') this.#message(bytes, now)
  }

  /** Payloads to send, each one record. */
  takeOutput(): Uint8Array[] {
    const output = this.#output
    this.#output = []
    return output
  }

  #message(bytes: Uint8Array, now: number): void {
    const packet = readPacket(bytes)
    const item = packet === undefined ? undefined : dtlsMessageOf(packet)
    if (packet === undefined || item === undefined || item.reply || item.status !== 'success') return
    this.#kept = this.#kept.filter(({ at }) => now - at < replayCacheMs)
    const known = this.#kept.find(({ transaction }) => transaction === item.transaction)
    if (known !== undefined) {
      if (known.reply !== undefined) this.#output.push(known.reply)
      return
    }
    if (item.messageType !== 'ucmmNoAck') {
      this.#output.push(dtlsReply(item, noMessage, 'invalidCommand'))
      return
    }
    const kept = this.#keep(item.transaction, now)
    if (kept === undefined) {
      this.#output.push(dtlsReply(item, noMessage, 'insufficientMemory'))
      return
    }
    const read = readRequest(item.message)
    const reply = 'reply' in read ? read.reply : this.#device.request(read.request, this.#link, now, contextOf(packet))
    if (reply instanceof Promise) this.#await(item, kept, reply)
    else this.#answer(item, kept, reply)
  }

  /** Room for a transaction; nothing when all that are kept are still being worked on. */
  #keep(transaction: number, now: number): Kept | undefined {
    if (this.#kept.length >= replayCacheSize) {
      const oldest = this.#kept.findIndex(({ reply }) => reply !== undefined)
      if (oldest < 0) return undefined
      this.#kept.splice(oldest, 1)
    }
    const kept: Kept = { transaction, at: now, reply: undefined }
    this.#kept.push(kept)
    return kept
  }

  #answer(item: UnconnectedDtlsItem, kept: Kept, reply: DeviceReply): void {
    kept.reply = dtlsReply(item, encode(messageRouterReply, reply), 'success', replyItems(reply))
    this.#output.push(kept.reply)
  }

  #await(item: UnconnectedDtlsItem, kept: Kept, reply: Promise<DeviceReply>): void {
    reply.then(
      (answer) => {
        this.#answer(item, kept, answer)
        this.#onOutput()
      },
      () => {
        // A defect of the device: the peer learns that it failed, not why.
        kept.reply = dtlsReply(item, noMessage, 'insufficientMemory')
        this.#output.push(kept.reply)
        this.#onOutput()
      },
    )
  }
}

const noMessage = new Uint8Array(0)

function readPacket(bytes: Uint8Array): ReturnType<typeof commonPacket.read> | undefined {
  try {
    return decode(commonPacket, bytes)
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}
