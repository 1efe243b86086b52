import { commonPacket, type CommonPacket } from '../enip/common-packet.ts'
import { dtlsDatagramKind, dtlsMessageOf, dtlsRequest } from '../enip/dtls-datagram.ts'
import type { EncapsulationStatus } from '../enip/status.ts'
import { MalformedMessage } from '../errors.ts'
import { decode } from '../wire/codec.ts'

/**
 * Deviation: how often an unanswered request is sent is not public; three times, after 1 s and then the double
 * (cip-security-wire 1.8).
 */
export const dtlsRetry = { sends: 3, firstMs: 1000, factor: 2 } as const

/** What a target said, taken by {@link DtlsClient.takeEvents}. */
export type DtlsEvent =
  | { readonly kind: 'reply'; readonly id: number; readonly message: Uint8Array; readonly items: CommonPacket }
  | { readonly kind: 'refused'; readonly id: number; readonly status: EncapsulationStatus }
  | { readonly kind: 'timeout'; readonly id: number }

interface Outstanding {
  readonly datagram: Uint8Array
  readonly giveUpAt: number
  sends: number
  intervalMs: number
  sendAt: number
}

/**
 * The originator's side of unconnected messages over DTLS on 2221/udp (item 0x8003 via cip-security-wire 1.8), without
 * I/O: the association is the session, the transaction number tells replies apart, and an unanswered request is sent
 * again under the same number.
 */
export class DtlsClient {
  readonly #output: Uint8Array[] = []
  readonly #events: DtlsEvent[] = []
  readonly #outstanding = new Map<number, Outstanding>()
  #nextId: number

  /** `firstTransaction` should differ between associations, so that a late reply never fits. */
  constructor(firstTransaction = 1) {
    this.#nextId = firstTransaction >>> 0
  }

  /** Requests without a reply yet. */
  get outstanding(): number {
    return this.#outstanding.size
  }

  /** Sends a message router request; gives the id under which its reply, refusal or timeout comes. */
  send(message: Uint8Array, now: number, timeoutMs: number, more: CommonPacket = []): number {
    const id = this.#nextId
    this.#nextId = (id + 1) >>> 0
    const datagram = dtlsRequest(id, message, more)
    this.#outstanding.set(id, {
      datagram,
      giveUpAt: now + timeoutMs,
      sends: 1,
      intervalMs: dtlsRetry.firstMs,
      sendAt: now + dtlsRetry.firstMs,
    })
    this.#output.push(datagram)
    return id
  }

  /** Forgets a request: its reply is dropped when it comes. */
  forget(id: number): void {
    this.#outstanding.delete(id)
  }

  /** Takes the data of one DTLS record; false when it is no unconnected message, and belongs to somebody else. */
  receive(bytes: Uint8Array): boolean {
    if (dtlsDatagramKind(bytes) !== 'message') return false
    try {
      const items = decode(commonPacket, bytes)
      const reply = dtlsMessageOf(items)
      if (reply === undefined || !reply.reply || !this.#outstanding.delete(reply.transaction)) return true
      if (reply.status !== 'success')
        this.#events.push({ kind: 'refused', id: reply.transaction, status: reply.status })
      else this.#events.push({ kind: 'reply', id: reply.transaction, message: reply.message, items })
    } catch (error) {
      // One bad datagram is lost, like any other that does not arrive.
      if (!(error instanceof MalformedMessage)) throw error
    }
    return true
  }

  /** When {@link tick} must be called next. */
  deadline(): number | undefined {
    let next: number | undefined
    for (const request of this.#outstanding.values()) {
      const due = request.sends < dtlsRetry.sends ? Math.min(request.sendAt, request.giveUpAt) : request.giveUpAt
      if (next === undefined || due < next) next = due
    }
    return next
  }

  /** Lets time pass: sends again what is due, gives up what is over. */
  tick(now: number): void {
    for (const [id, request] of this.#outstanding) {
      if (now >= request.giveUpAt) {
        this.#outstanding.delete(id)
        this.#events.push({ kind: 'timeout', id })
      } else if (request.sends < dtlsRetry.sends && now >= request.sendAt) {
        request.sends++
        request.intervalMs *= dtlsRetry.factor
        request.sendAt = now + request.intervalMs
        this.#output.push(request.datagram)
      }
    }
  }

  /** Datagrams to send. */
  takeOutput(): Uint8Array[] {
    return this.#output.splice(0)
  }

  /** What happened since the last call, in order. */
  takeEvents(): DtlsEvent[] {
    return this.#events.splice(0)
  }
}
