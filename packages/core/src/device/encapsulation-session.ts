import { type CommonPacketItem, findItem } from '../enip/common-packet.ts'
import { FrameSplitter } from '../enip/frame-splitter.ts'
import {
  type EncapsulationMessage,
  encapsulate,
  encapsulateReply,
  encapsulationHeaderLength,
  encapsulationMessage,
} from '../enip/header.ts'
import { encapsulationProtocolVersion, registerSession } from '../enip/register-session.ts'
import {
  cipInterfaceHandle,
  connectedMessage,
  connectedMessageOf,
  type SendData,
  sendData,
  unconnectedMessage,
  unconnectedMessageOf,
} from '../enip/send-data.ts'
import type { EncapsulationStatus } from '../enip/status.ts'
import { messageRouterReply } from '../cip/message-router.ts'
import { MalformedMessage } from '../errors.ts'
import { decode, encode } from '../wire/codec.ts'
import type {
  ConnectedAnswer,
  DeviceReply,
  EncapsulationSettings,
  HostedDevice,
  RequestContext,
} from './hosted-device.ts'
import { listInterfacesData, listServicesData } from './list-services.ts'
import type { Link } from './link.ts'
import { readRequest } from './router.ts'

/** How a session is fed: a byte stream (TCP, TLS), or one message per datagram (UDP-only profile). */
export type SessionFraming = 'stream' | 'datagrams'

/** What makes an encapsulation session. */
export interface SessionOptions {
  readonly device: HostedDevice
  readonly link: Link
  /** Default `stream`. */
  readonly framing?: SessionFraming
  /** Called when a slow request was answered: {@link EncapsulationSession.takeOutput} has something. */
  readonly onOutput?: () => void
}

/** Why a session is over: the host closes the link. */
export interface SessionEnd {
  readonly reason: 'unregistered' | 'inactive' | 'malformed'
  /** For the log. */
  readonly message: string
}

/** Settings of a device that says nothing about its encapsulation. */
const defaultSettings: EncapsulationSettings = {
  inactivityTimeoutS: 120,
  outstanding: 16,
  udpOnly: 'no',
  io: true,
}

/**
 * The target's side of encapsulation over one link (Volume 2, 2-4 via cip-security-wire 1.2 to 1.5, 1.10), without I/O:
 * bytes and time in, bytes and the end of the session out. Slow requests are answered when they are done, by their
 * sender context, while others go on.
 */
export class EncapsulationSession {
  readonly #device: HostedDevice
  readonly #link: Link
  readonly #splitter: FrameSplitter | undefined
  readonly #onOutput: () => void
  #handle: number | undefined
  #output: Uint8Array[] = []
  #outstanding = 0
  #end: SessionEnd | undefined
  #lastActivity: number

  /** A session that begins at `now`. */
  constructor(options: SessionOptions, now: number) {
    this.#device = options.device
    this.#link = options.link
    this.#splitter = options.framing === 'datagrams' ? undefined : new FrameSplitter()
    this.#onOutput = options.onOutput ?? (() => undefined)
    this.#lastActivity = now
  }

  /** Why the link is to be closed, once the output is flushed; undefined while the session lives. */
  get end(): SessionEnd | undefined {
    return this.#end
  }

  /** Session handle, once registered. */
  get handle(): number | undefined {
    return this.#handle
  }

  /** Requests that are being worked on. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** Received bytes: any part of a stream, or one whole datagram. */
  receive(bytes: Uint8Array, now: number): void {
    if (this.#end !== undefined) return
    if (this.#splitter === undefined) {
      this.#datagram(bytes, now)
      return
    }
    this.#splitter.push(bytes)
    try {
      for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next()) {
        this.#frame(frame, now)
        // Nothing after UnRegisterSession counts.
        if (this.#isOver()) return
      }
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      this.#end = { reason: 'malformed', message: error.message }
    }
  }

  #isOver(): boolean {
    return this.#end !== undefined
  }

  #datagram(bytes: Uint8Array, now: number): void {
    const length = (bytes[2] ?? 0) | ((bytes[3] ?? 0) << 8)
    if (bytes.length === encapsulationHeaderLength + length) this.#frame(bytes, now)
  }

  /** Bytes to send, in order, each one whole message. */
  takeOutput(): Uint8Array[] {
    const output = this.#output
    this.#output = []
    return output
  }

  #settings(): EncapsulationSettings {
    return this.#device.encapsulation?.() ?? defaultSettings
  }

  /** When {@link tick} is due, or undefined. */
  deadline(): number | undefined {
    const { inactivityTimeoutS } = this.#settings()
    return inactivityTimeoutS === 0 || this.#end !== undefined
      ? undefined
      : this.#lastActivity + inactivityTimeoutS * 1000
  }

  /** Ends the session when nothing whole has come for the time of 0xF5 attribute 13. */
  tick(now: number): void {
    const deadline = this.deadline()
    if (deadline === undefined || now < deadline) return
    // A peer that waits for a slow answer is not idle.
    if (this.#outstanding > 0) {
      this.#lastActivity = now
      return
    }
    this.#end = { reason: 'inactive', message: `no message for ${this.#settings().inactivityTimeoutS} s` }
  }

  #frame(frame: Uint8Array, now: number): void {
    this.#lastActivity = now
    const message = decode(encapsulationMessage, frame)
    // By the specification these are not answered.
    if (message.status !== 'success' || message.options !== 0) return
    if (!carriesCip(message.command)) this.#device.heardNonCip?.(now)
    switch (message.command) {
      case 'nop':
        return
      case 'listServices':
        this.#list(message, () => listServicesData(this.#settings().io))
        return
      case 'listIdentity':
        this.#list(message, () => this.#device.listIdentity())
        return
      case 'listInterfaces':
        this.#list(message, () => listInterfacesData)
        return
      case 'registerSession':
        this.#register(message)
        return
      case 'unregisterSession':
        this.#unregister(message)
        return
      case 'sendRRData':
        this.#sendRRData(message, now)
        return
      case 'sendUnitData':
        this.#sendUnitData(message, now)
        return
      default:
        this.#refuse(message, 'invalidCommand')
    }
  }

  #reply(request: EncapsulationMessage, data: Uint8Array, session = request.session): void {
    this.#output.push(encapsulateReply(request, { data, session }))
  }

  #refuse(request: EncapsulationMessage, status: EncapsulationStatus, data?: Uint8Array): void {
    this.#output.push(encapsulateReply(request, data === undefined ? { status } : { status, data }))
  }

  #list(message: EncapsulationMessage, data: () => Uint8Array): void {
    if (message.data.length > 0) this.#refuse(message, 'invalidLength')
    else this.#reply(message, data())
  }

  #register(message: EncapsulationMessage): void {
    if (message.data.length !== 4) {
      this.#refuse(message, 'invalidLength')
      return
    }
    const { protocolVersion, flags } = decode(registerSession, message.data)
    if (protocolVersion !== encapsulationProtocolVersion || flags !== 0) {
      this.#refuse(message, 'unsupportedProtocolRevision', ourVersion)
      return
    }
    if (this.#handle !== undefined) {
      this.#refuse(message, 'invalidCommand')
      return
    }
    if (!this.#isAllowed()) {
      this.#refuse(message, 'serviceNotAllowedOnPort')
      return
    }
    const handle = this.#device.openSession === undefined ? 1 : this.#device.openSession(this.#link)
    if (handle === undefined) {
      this.#refuse(message, 'insufficientMemory')
      return
    }
    this.#handle = handle
    this.#reply(message, ourVersion, handle)
  }

  /**
   * Does the policy let CIP pass on this port? Asked for plain links only: what came in by TLS was admitted at its
   * handshake, and rules that change meanwhile say themselves whether they break connections.
   */
  #isAllowed(): boolean {
    if (this.#link.security !== undefined) return true
    const protocol = this.#link.transport === 'udp' ? 'udp' : 'tcp'
    return this.#device.admit(this.#link.peer.address, this.#link.localPort, protocol).allowed
  }

  #unregister(message: EncapsulationMessage): void {
    if (message.data.length > 0 || message.session !== this.#handle) return
    this.#end = { reason: 'unregistered', message: 'the peer ended the session' }
  }

  /** Data of SendRRData or SendUnitData of this session; undefined when it is answered or not to be answered. */
  #sendData(message: EncapsulationMessage, answered: boolean): SendData | undefined {
    const refuse = (status: EncapsulationStatus) => {
      if (answered) this.#refuse(message, status)
      return undefined
    }
    if (this.#handle === undefined || message.session !== this.#handle) return refuse('invalidSessionHandle')
    if (!this.#isAllowed()) return refuse('serviceNotAllowedOnPort')
    try {
      const data = decode(sendData, message.data)
      return data.interfaceHandle === cipInterfaceHandle ? data : refuse('incorrectData')
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      return refuse('incorrectData')
    }
  }

  #sendRRData(message: EncapsulationMessage, now: number): void {
    const data = this.#sendData(message, true)
    if (data === undefined) return
    const bytes = unconnectedMessageOf(data)
    if (bytes === undefined) {
      this.#refuse(message, 'incorrectData')
      return
    }
    if (this.#outstanding >= this.#settings().outstanding) {
      this.#refuse(message, 'insufficientMemory')
      return
    }
    const read = readRequest(bytes)
    const reply =
      'reply' in read ? read.reply : this.#device.request(read.request, this.#link, now, contextOf(data.packet))
    if (reply instanceof Promise) this.#await(message, reply)
    else this.#reply(message, unconnectedReply(reply))
  }

  #await(message: EncapsulationMessage, reply: Promise<DeviceReply>): void {
    // The bytes of the request are the stream's; header and context are needed later.
    const request: EncapsulationMessage = { ...message, senderContext: message.senderContext.slice(), data: noData }
    this.#outstanding++
    reply.then(
      (answer) => this.#done(() => this.#reply(request, unconnectedReply(answer))),
      // A defect of the device must not take the session along; the peer learns that it failed, not why.
      () => this.#done(() => this.#refuse(request, 'insufficientMemory')),
    )
  }

  #done(answer: () => void): void {
    this.#outstanding--
    if (this.#end !== undefined) return
    answer()
    this.#onOutput()
  }

  #sendUnitData(message: EncapsulationMessage, now: number): void {
    const data = this.#sendData(message, false)
    const connected = data === undefined ? undefined : connectedMessageOf(data)
    if (connected === undefined || this.#device.connected === undefined) return
    if (this.#outstanding >= this.#settings().outstanding) return
    const { connectionId, sequenceCount } = connected
    const answer = this.#device.connected(this.#link, connectionId, sequenceCount, connected.message, now)
    if (answer === undefined) return
    if (!(answer instanceof Promise)) {
      this.#sendConnected(answer, sequenceCount)
      return
    }
    this.#outstanding++
    answer.then(
      (late) => this.#done(() => late !== undefined && this.#sendConnected(late, sequenceCount)),
      () => this.#done(() => undefined),
    )
  }

  #sendConnected(answer: ConnectedAnswer, sequenceCount: number): void {
    const { connectionId, message } = answer
    const data = connectedMessage({ connectionId, sequenceCount, message })
    this.#output.push(encapsulate({ command: 'sendUnitData', session: this.#handle ?? 0, data }))
  }
}

/** @internal Is there a CIP message in it? */
export function carriesCip(command: EncapsulationMessage['command']): boolean {
  return command === 'sendRRData' || command === 'sendUnitData'
}

const noData = new Uint8Array(0)

const ourVersion = encode(registerSession, { protocolVersion: encapsulationProtocolVersion, flags: 0 })

/** The socket addresses that came along with a request. */
export function contextOf(packet: SendData['packet']): RequestContext {
  const originatorToTarget = findItem(packet, 'socketAddressOriginatorToTarget')
  const targetToOriginator = findItem(packet, 'socketAddressTargetToOriginator')
  return {
    ...(originatorToTarget === undefined ? {} : { originatorToTarget }),
    ...(targetToOriginator === undefined ? {} : { targetToOriginator }),
  }
}

/** The socket address item that goes along with a reply, if one does. */
export function replyItems(reply: DeviceReply): readonly CommonPacketItem[] {
  const { targetToOriginator } = reply
  return targetToOriginator === undefined ? [] : [{ kind: 'socketAddressTargetToOriginator', ...targetToOriginator }]
}

function unconnectedReply(reply: DeviceReply): Uint8Array {
  return unconnectedMessage(encode(messageRouterReply, reply), replyItems(reply))
}
