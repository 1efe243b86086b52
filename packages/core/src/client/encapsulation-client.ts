import { type CommonPacket, commonPacket } from '../enip/common-packet.ts'
import type { EncapsulationCommandName } from '../enip/commands.ts'
import { FrameSplitter } from '../enip/frame-splitter.ts'
import { encapsulate, type EncapsulationMessage, encapsulationMessage } from '../enip/header.ts'
import { encapsulationProtocolVersion, registerSession } from '../enip/register-session.ts'
import {
  connectedMessage,
  connectedMessageOf,
  sendData,
  unconnectedMessage,
  unconnectedMessageOf,
} from '../enip/send-data.ts'
import type { EncapsulationStatus } from '../enip/status.ts'
import { MalformedMessage } from '../errors.ts'
import { decode, encode } from '../wire/codec.ts'

/** What a target said, taken by {@link EncapsulationClient.takeEvents}. */
export type EncapsulationEvent =
  /** The session is open under this handle. */
  | { readonly kind: 'registered'; readonly handle: number }
  /** An unconnected reply; `items` hold socket addresses behind a Forward_Open reply. */
  | { readonly kind: 'reply'; readonly id: number; readonly message: Uint8Array; readonly items: CommonPacket }
  /** The items of a List command's reply. */
  | { readonly kind: 'list'; readonly id: number; readonly items: CommonPacket }
  /** The command was refused at the encapsulation level. */
  | { readonly kind: 'refused'; readonly id: number; readonly status: EncapsulationStatus }
  /** No reply within the time given. */
  | { readonly kind: 'timeout'; readonly id: number }
  /** A message over a class 2 or 3 connection. */
  | {
      readonly kind: 'connected'
      readonly connectionId: number
      readonly sequenceCount: number
      readonly message: Uint8Array
    }
  /** What came cannot be followed: the session is over. */
  | { readonly kind: 'failed'; readonly error: MalformedMessage }

/** Commands that ask without a session. */
export type ListCommand = Extract<
  EncapsulationCommandName,
  'listServices' | 'listIdentity' | 'listInterfaces' | 'startDtls'
>

interface Outstanding {
  readonly command: EncapsulationCommandName
  readonly deadline: number
}

/** Id of the RegisterSession request; others count from 1. */
const registrationId = 0

/**
 * The originator's side of an encapsulation session, without I/O: bytes and time in, bytes and events out (Volume 2, 2-3
 * to 2-5 via cip-security-wire 1.2 to 1.5). Several requests may be outstanding at once; the sender context tells their
 * replies apart, whatever the order.
 */
export class EncapsulationClient {
  readonly #splitter = new FrameSplitter()
  readonly #output: Uint8Array[] = []
  readonly #events: EncapsulationEvent[] = []
  readonly #outstanding = new Map<number, Outstanding>()
  #handle = 0
  #nextId = 1
  #state: 'new' | 'registering' | 'registered' | 'failed' = 'new'

  /** Where the session stands. */
  get state(): 'new' | 'registering' | 'registered' | 'failed' {
    return this.#state
  }

  /** Session handle that the target gave; 0 before. */
  get handle(): number {
    return this.#handle
  }

  /** Requests without a reply yet. */
  get outstanding(): number {
    return this.#outstanding.size
  }

  /** Asks for a session; `registered`, `refused` or `timeout` with id 0 follows. */
  register(now: number, timeoutMs: number): void {
    this.#state = 'registering'
    const data = encode(registerSession, { protocolVersion: encapsulationProtocolVersion, flags: 0 })
    this.#ask(registrationId, 'registerSession', data, now + timeoutMs)
  }

  /**
   * Sends an unconnected message router request with SendRRData; gives the id under which its reply, refusal or timeout
   * comes. `more` are socket address items of a Forward_Open.
   */
  send(message: Uint8Array, now: number, timeoutMs: number, more: CommonPacket = []): number {
    const id = this.#takeId()
    this.#ask(id, 'sendRRData', unconnectedMessage(message, more), now + timeoutMs)
    return id
  }

  /** Sends a message over a class 2 or 3 connection with SendUnitData. */
  sendConnected(connectionId: number, sequenceCount: number, message: Uint8Array): void {
    const data = connectedMessage({ connectionId, sequenceCount, message })
    this.#output.push(encapsulate({ command: 'sendUnitData', session: this.#handle, data }))
  }

  /** Asks with a List command or StartDTLS; needs no session. */
  list(command: ListCommand, now: number, timeoutMs: number): number {
    const id = this.#takeId()
    this.#ask(id, command, new Uint8Array(0), now + timeoutMs)
    return id
  }

  /** Sends a NOP, which shows the target that the session is still wanted. */
  keepAlive(): void {
    this.#output.push(encapsulate({ command: 'nop' }))
  }

  /** Forgets a request: its reply is dropped when it comes. */
  forget(id: number): void {
    this.#outstanding.delete(id)
  }

  /** Ends the session on the target. */
  unregister(): void {
    if (this.#state === 'registered')
      this.#output.push(encapsulate({ command: 'unregisterSession', session: this.#handle }))
    this.#state = 'new'
    this.#handle = 0
  }

  /** Takes a chunk of the stream; malformed bytes end in a `failed` event. */
  receive(bytes: Uint8Array): void {
    if (this.#state === 'failed') return
    try {
      this.#splitter.push(bytes)
      for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next()) {
        this.#hear(decode(encapsulationMessage, frame))
      }
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      this.#state = 'failed'
      this.#events.push({ kind: 'failed', error })
    }
  }

  /** Takes one datagram that holds a whole message; what is malformed is dropped. */
  receiveDatagram(bytes: Uint8Array): void {
    try {
      this.#hear(decode(encapsulationMessage, bytes))
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
    }
  }

  /** When {@link tick} must be called next. */
  deadline(): number | undefined {
    let next: number | undefined
    for (const { deadline } of this.#outstanding.values()) if (next === undefined || deadline < next) next = deadline
    return next
  }

  /** Lets time pass: requests whose time is over end in `timeout`. */
  tick(now: number): void {
    for (const [id, { deadline }] of this.#outstanding) {
      if (deadline > now) continue
      this.#outstanding.delete(id)
      this.#events.push({ kind: 'timeout', id })
    }
  }

  /** Bytes to send, one element per message. */
  takeOutput(): Uint8Array[] {
    return this.#output.splice(0)
  }

  /** What happened since the last call, in order. */
  takeEvents(): EncapsulationEvent[] {
    return this.#events.splice(0)
  }

  #takeId(): number {
    const id = this.#nextId
    // Ids are 32 bits of the sender context; 0 belongs to the registration.
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1
    return id
  }

  #ask(id: number, command: EncapsulationCommandName, data: Uint8Array, deadline: number): void {
    this.#outstanding.set(id, { command, deadline })
    // Bytes 0 and 1 of a ListIdentity context mean a delay, so the id stands behind them.
    const senderContext = new Uint8Array(8)
    new DataView(senderContext.buffer).setUint32(2, id, true)
    const session = command === 'sendRRData' ? this.#handle : 0
    this.#output.push(encapsulate({ command, session, senderContext, data }))
  }

  #hear(message: EncapsulationMessage): void {
    if (message.command === 'sendUnitData') {
      this.#hearConnected(message)
      return
    }
    const context = message.senderContext
    const id = new DataView(context.buffer, context.byteOffset, 8).getUint32(2, true)
    const asked = this.#outstanding.get(id)
    // A late reply to something given up, or not an answer at all.
    if (asked === undefined || asked.command !== message.command) return
    this.#outstanding.delete(id)
    if (message.status !== 'success') {
      if (id === registrationId) this.#state = 'new'
      this.#events.push({ kind: 'refused', id, status: message.status })
      return
    }
    if (message.command === 'registerSession') {
      this.#state = 'registered'
      this.#handle = message.session
      this.#events.push({ kind: 'registered', handle: message.session })
    } else if (message.command === 'sendRRData') {
      const data = decode(sendData, message.data)
      const reply = unconnectedMessageOf(data)
      if (reply === undefined)
        throw new MalformedMessage('unknown-value', 'SendRRData reply: expected items 0x0000 and 0x00B2')
      this.#events.push({ kind: 'reply', id, message: reply, items: data.packet })
    } else {
      // StartDTLS answers without any items.
      this.#events.push({
        kind: 'list',
        id,
        items: message.data.length === 0 ? [] : decode(commonPacket, message.data),
      })
    }
  }

  #hearConnected(message: EncapsulationMessage): void {
    if (message.status !== 'success' || message.session !== this.#handle) return
    const connected = connectedMessageOf(decode(sendData, message.data))
    if (connected !== undefined) this.#events.push({ kind: 'connected', ...connected })
  }
}
