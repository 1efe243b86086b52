import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { addressKey, plainAddress } from '../enrollment/address-key.ts'
import type { Admitted, ConnectionPhase } from './admission.ts'
import type { EstPeer } from './handler.ts'
import { channelBindings, shownCertificates } from './tls.ts'

/** One TCP connection with the one deadline that it has at any time. */
export class Connection implements Admitted {
  readonly key: string
  readonly address: string
  phase: ConnectionPhase = 'handshake'
  readonly #socket: Socket
  #timer: NodeJS.Timeout | undefined
  #requests = 0
  #closed = false
  #peer: EstPeer | undefined

  constructor(socket: Socket, address: string) {
    this.#socket = socket
    this.address = plainAddress(address)
    this.key = addressKey(address)
  }

  /** Breaks it off unless another deadline is set before. */
  limit(ms: number, onLate: () => void): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      onLate()
      this.drop()
    }, ms)
  }

  /** It has one more request that is not answered yet. */
  begin(): void {
    this.#requests++
    this.phase = 'request'
  }

  /** A request was answered. */
  finish(): void {
    this.#requests--
    if (this.#requests === 0) this.phase = 'waiting'
  }

  /** What the handshake showed; read once, as it does not change. */
  peer(socket: TLSSocket): EstPeer {
    this.#peer ??= {
      address: this.address,
      certificates: shownCertificates(socket),
      bindings: channelBindings(socket),
    }
    return this.#peer
  }

  /** It is closed. */
  forget(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  drop(): void {
    this.#socket.destroy()
  }
}
