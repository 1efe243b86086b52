import {
  type EncapsulationMessage,
  encapsulateReply,
  encapsulationHeaderLength,
  encapsulationMessage,
} from '../enip/header.ts'
import { maxResponseDelayMs } from '../enip/list-identity.ts'
import type { EncapsulationStatus } from '../enip/status.ts'
import { MalformedMessage } from '../errors.ts'
import { decode } from '../wire/codec.ts'
import { carriesCip, EncapsulationSession } from './encapsulation-session.ts'
import type { HostedDevice } from './hosted-device.ts'
import type { Link } from './link.ts'
import { listInterfacesData, listServicesData } from './list-services.ts'

/** Where a datagram came from, or goes to. */
export interface Peer {
  readonly address: string
  readonly port: number
}

/** What makes the encapsulation of 44818/udp. */
export interface UdpEncapsulationOptions {
  readonly device: HostedDevice
  /** Uniform in 0..1: spreads the answers to a broadcast. */
  readonly random: () => number
  /** Called when a slow request was answered: {@link UdpEncapsulation.takeOutput} has something. */
  readonly onOutput?: () => void
}

/** A datagram to send. */
export interface Outgoing {
  readonly peer: Peer
  readonly bytes: Uint8Array
}

interface Waiting extends Outgoing {
  readonly at: number
}

interface UdpSession {
  readonly link: Link
  readonly session: EncapsulationSession
}

/** Answers that wait for their random moment, and sessions of the UDP-only profile, at most so many. */
const maximumWaiting = 256
const maximumSessions = 32

/**
 * The target's encapsulation on 44818/udp, without I/O: the List commands, and for a device with the UDP-only profile
 * sessions and StartDTLS. Datagrams and time in, datagrams out. What a closed or forbidden port would not answer is not
 * answered.
 */
export class UdpEncapsulation {
  readonly #device: HostedDevice
  readonly #random: () => number
  readonly #onOutput: () => void
  readonly #sessions = new Map<string, UdpSession>()
  #output: Outgoing[] = []
  #waiting: Waiting[] = []
  #startDtls: Peer[] = []

  /** The encapsulation of one device's 44818/udp. */
  constructor(options: UdpEncapsulationOptions) {
    this.#device = options.device
    this.#random = options.random
    this.#onOutput = options.onOutput ?? (() => undefined)
  }

  /**
   * A received datagram. `broadcast` says that it came to more than this device: a ListIdentity is then answered after
   * a random part of the delay that the requester allows, otherwise at once, as devices do.
   */
  receive(bytes: Uint8Array, peer: Peer, now: number, broadcast = false): void {
    const length = (bytes[2] ?? 0) | ((bytes[3] ?? 0) << 8)
    if (bytes.length !== encapsulationHeaderLength + length) return
    if (!this.#device.admit(peer.address, 44818, 'udp').allowed) return
    const message = readMessage(bytes)
    if (message === undefined || message.status !== 'success' || message.options !== 0) return
    if (!isForSession(message.command)) this.#device.heardNonCip?.(now)
    this.#command(message, bytes, peer, now, broadcast)
  }

  #command(message: EncapsulationMessage, bytes: Uint8Array, peer: Peer, now: number, broadcast: boolean): void {
    const { udpOnly, io } = this.#device.encapsulation?.() ?? { udpOnly: 'no', io: true }
    switch (message.command) {
      case 'nop':
        return
      case 'listIdentity':
        this.#listIdentity(message, peer, now, broadcast)
        return
      case 'listServices':
        this.#list(message, peer, listServicesData(io))
        return
      case 'listInterfaces':
        this.#list(message, peer, listInterfacesData)
        return
      case 'startDtls':
        if (udpOnly === 'no') this.#refuse(message, peer, 'invalidCommand')
        else if (message.data.length > 0) this.#refuse(message, peer, 'invalidLength')
        else {
          // Deviation: empty data both ways; the ClientHello follows on the same flow.
          this.#list(message, peer, noData)
          this.#startDtls.push(peer)
        }
        return
      case 'registerSession':
      case 'unregisterSession':
      case 'sendRRData':
      case 'sendUnitData':
        if (udpOnly === 'plain-and-dtls') this.#session(bytes, peer, now)
        else this.#refuse(message, peer, udpOnly === 'dtls' ? 'serviceNotAllowedOnPort' : 'invalidCommand')
        return
      default:
        this.#refuse(message, peer, 'invalidCommand')
    }
  }

  #list(message: EncapsulationMessage, peer: Peer, data: Uint8Array): void {
    if (message.data.length > 0) this.#refuse(message, peer, 'invalidLength')
    else this.#output.push({ peer, bytes: encapsulateReply(message, { data }) })
  }

  #refuse(message: EncapsulationMessage, peer: Peer, status: EncapsulationStatus): void {
    this.#output.push({ peer, bytes: encapsulateReply(message, { status }) })
  }

  #listIdentity(message: EncapsulationMessage, peer: Peer, now: number, broadcast: boolean): void {
    if (message.data.length > 0 || !broadcast) {
      this.#list(message, peer, message.data.length > 0 ? noData : this.#device.listIdentity())
      return
    }
    if (this.#waiting.length >= maximumWaiting) return
    const at = now + this.#random() * maxResponseDelayMs(message.senderContext)
    this.#waiting.push({ at, peer, bytes: encapsulateReply(message, { data: this.#device.listIdentity() }) })
  }

  #session(bytes: Uint8Array, peer: Peer, now: number): void {
    const key = `${peer.address}:${peer.port}`
    let found = this.#sessions.get(key)
    if (found === undefined) {
      if (this.#sessions.size >= maximumSessions) return
      const link: Link = { transport: 'udp', localPort: 44818, peer }
      const options = { device: this.#device, link, framing: 'datagrams', onOutput: () => this.#late(key) } as const
      found = { link, session: new EncapsulationSession(options, now) }
      this.#sessions.set(key, found)
    }
    found.session.receive(bytes, now)
    this.#collect(found)
    // Whoever did not register holds nothing here.
    if (found.session.end !== undefined || found.session.handle === undefined) this.#drop(key, found, now)
  }

  #late(key: string): void {
    const found = this.#sessions.get(key)
    if (found === undefined) return
    this.#collect(found)
    this.#onOutput()
  }

  #collect({ link, session }: UdpSession): void {
    for (const bytes of session.takeOutput()) this.#output.push({ peer: link.peer, bytes })
  }

  #drop(key: string, found: UdpSession, now: number): void {
    this.#sessions.delete(key)
    this.#device.linkClosed(found.link, now)
  }

  /** Datagrams to send. */
  takeOutput(): Outgoing[] {
    const output = this.#output
    this.#output = []
    return output
  }

  /** Peers that were told to begin a DTLS handshake on their flow. */
  takeStartDtls(): Peer[] {
    const peers = this.#startDtls
    this.#startDtls = []
    return peers
  }

  /** When {@link tick} is due, or undefined. */
  deadline(): number | undefined {
    let next = Number.POSITIVE_INFINITY
    for (const { at } of this.#waiting) next = Math.min(next, at)
    for (const { session } of this.#sessions.values()) next = Math.min(next, session.deadline() ?? next)
    return next === Number.POSITIVE_INFINITY ? undefined : next
  }

  /** Releases answers whose moment has come, and ends silent sessions. */
  tick(now: number): void {
    const due = this.#waiting.filter(({ at }) => at <= now)
    if (due.length > 0) {
      this.#waiting = this.#waiting.filter(({ at }) => at > now)
      this.#output.push(...due)
    }
    for (const [key, found] of this.#sessions) {
      found.session.tick(now)
      if (found.session.end !== undefined) this.#drop(key, found, now)
    }
  }

  /** Ends every session: the port was closed. */
  close(now: number): void {
    for (const [key, found] of this.#sessions) this.#drop(key, found, now)
    this.#waiting = []
  }
}

const noData = new Uint8Array(0)

function readMessage(bytes: Uint8Array): EncapsulationMessage | undefined {
  try {
    return decode(encapsulationMessage, bytes)
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

/** A session counts what is its own. */
function isForSession(command: EncapsulationMessage['command']): boolean {
  return carriesCip(command) || command === 'registerSession' || command === 'unregisterSession'
}
