import { ioFrameView, parseIoFrame } from '@cordon/core/enip'
import type { Cable } from './cable.ts'
import type { Endpoint } from './transport.ts'
import { bindUdp, type UdpSocket } from './udp.ts'

/** A UDP port that carries plain class 0/1 data of an originator. */
export interface PlainIoPort {
  /** Where targets send to. */
  readonly local: Endpoint
  /** Sends one datagram; false when there was no room. */
  send(datagram: Uint8Array, remote: Endpoint, dscp?: number): boolean
  /** Datagrams from `address` with this T->O connection id go to `hear`, until the returned function is called. */
  listen(connectionId: number, address: string, hear: (datagram: Uint8Array) => void): () => void
}

/** Hands datagrams to the connection that consumes them. */
export class IoDispatch {
  readonly #listeners = new Map<number, { readonly address: string; readonly hear: (datagram: Uint8Array) => void }>()
  readonly #view = ioFrameView()

  /** Names a consumer; the returned function forgets it. */
  listen(connectionId: number, address: string, hear: (datagram: Uint8Array) => void): () => void {
    const entry = { address, hear }
    this.#listeners.set(connectionId, entry)
    return () => {
      if (this.#listeners.get(connectionId) === entry) this.#listeners.delete(connectionId)
    }
  }

  /** Delivers a datagram; false when no consumer is named for its connection id and sender. */
  deliver(datagram: Uint8Array, address: string): boolean {
    if (this.#listeners.size === 0 || !parseIoFrame(datagram, this.#view)) return false
    const entry = this.#listeners.get(this.#view.connectionId)
    if (entry === undefined || entry.address !== address) return false
    entry.hear(datagram)
    return true
  }
}

/** A port of an originator's own. */
export class OwnPlainIoPort implements PlainIoPort {
  readonly #socket: UdpSocket
  readonly #dispatch: IoDispatch
  readonly #cable: Cable | undefined

  private constructor(socket: UdpSocket, dispatch: IoDispatch, cable: Cable | undefined) {
    this.#cable = cable
    this.#socket = socket
    this.#dispatch = dispatch
  }

  /**
   * Binds the port; 0 lets the system choose, and the Forward_Open then tells the target.
   *
   * @throws TransportError `address-in-use`, `unreachable`, `io`
   */
  static async open(address: string, port = 0, cable?: Cable): Promise<OwnPlainIoPort> {
    const dispatch = new IoDispatch()
    const socket = await bindUdp({ address, port }, (bytes, remote) => {
      if (cable?.passes() !== false) dispatch.deliver(bytes, remote.address)
    })
    return new OwnPlainIoPort(socket, dispatch, cable)
  }

  get local(): Endpoint {
    return this.#socket.local
  }

  send(datagram: Uint8Array, remote: Endpoint, dscp?: number): boolean {
    return this.#cable?.passes() === false || this.#socket.send(datagram, remote, dscp)
  }

  listen(connectionId: number, address: string, hear: (datagram: Uint8Array) => void): () => void {
    return this.#dispatch.listen(connectionId, address, hear)
  }

  /** Releases the port. */
  close(): void {
    this.#socket.close()
  }
}
