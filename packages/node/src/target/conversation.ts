import { DtlsMessages, EncapsulationSession, type HostedDevice, type Link } from '@cordon/core/device'
import { encapsulationHeaderLength } from '@cordon/core/enip'
import type { Drivable } from '../drive.ts'

/** The device's side of one association: encapsulation on streams, item 0x8003 and class 0/1 data on DTLS. */
export interface Conversation extends Drivable {
  /** Why it cannot go on, once it cannot. */
  readonly ended: { readonly malformed: boolean; readonly message: string } | undefined
  /** The peer opened a session, or proved who it is. */
  readonly proven: boolean
  /** The peer owes something: its first message, or the rest of one. */
  readonly owes: boolean
}

/** Follows where messages end in a stream, without keeping them. */
export class MessageProgress {
  /** Bytes of the message under way that are still to come, once its header's length field is known. */
  #missing = 0
  /** Bytes of a header that came so far. */
  #header = 0
  #lengthLow = 0
  #messages = 0

  /** Whole messages so far. */
  get messages(): number {
    return this.#messages
  }

  /** A message has begun and not ended. */
  get isInside(): boolean {
    return this.#header > 0 || this.#missing > 0
  }

  /** Takes a chunk of the stream. */
  receive(bytes: Uint8Array): void {
    let offset = 0
    while (offset < bytes.length) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, bytes.length - offset)
        this.#missing -= taken
        offset += taken
      } else {
        const byte = bytes[offset] ?? 0
        if (this.#header === 2) this.#lengthLow = byte
        this.#header++
        offset++
        if (this.#header === 4) {
          this.#missing = encapsulationHeaderLength - 4 + (this.#lengthLow | (byte << 8))
          this.#header = 0
        }
        continue
      }
      if (this.#missing === 0) this.#messages++
    }
  }
}

/** Encapsulation over a stream; `wake` is called when a slow request was answered. */
export function streamConversation(device: HostedDevice, link: Link, now: number, wake: () => void): Conversation {
  const session = new EncapsulationSession({ device, link, onOutput: wake }, now)
  const progress = new MessageProgress()
  return {
    receive: (bytes, at) => {
      progress.receive(bytes)
      session.receive(bytes, at)
    },
    takeOutput: () => session.takeOutput(),
    deadline: () => session.deadline(),
    tick: (at) => session.tick(at),
    get ended() {
      const { end } = session
      return end === undefined ? undefined : { malformed: end.reason === 'malformed', message: end.message }
    },
    get proven() {
      return session.handle !== undefined || (link.security !== undefined && link.security.authenticated !== 'none')
    },
    get owes() {
      return progress.messages === 0 || progress.isInside
    },
  }
}

/** Unconnected messages and class 0/1 data over a DTLS association on 2221/udp. */
export function dtlsConversation(device: HostedDevice, link: Link, wake: () => void): Conversation {
  const messages = new DtlsMessages({ device, link, onOutput: wake })
  return {
    receive: (bytes, now) => messages.receive(bytes, now),
    takeOutput: () => messages.takeOutput(),
    deadline: () => undefined,
    tick: () => {},
    ended: undefined,
    proven: true,
    owes: false,
  }
}

/** Encapsulation in datagrams inside DTLS on 44818/udp, as StartDTLS begins it. */
export function datagramConversation(device: HostedDevice, link: Link, now: number, wake: () => void): Conversation {
  const session = new EncapsulationSession({ device, link, framing: 'datagrams', onOutput: wake }, now)
  return {
    receive: (bytes, at) => session.receive(bytes, at),
    takeOutput: () => session.takeOutput(),
    deadline: () => session.deadline(),
    tick: (at) => session.tick(at),
    get ended() {
      const { end } = session
      return end === undefined ? undefined : { malformed: end.reason === 'malformed', message: end.message }
    },
    proven: true,
    owes: false,
  }
}
