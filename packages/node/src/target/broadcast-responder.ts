import { bindUdp, type UdpSocket } from '../transports/udp.ts'
import type { TargetHost } from './target-host.ts'

/** The limited broadcast of the loopback network. */
export const loopbackBroadcast = '127.255.255.255'

/**
 * One socket on a broadcast address for many devices of this machine: each registered host answers ListIdentity from its
 * device's own address, as separate machines would. Sockets bound to one address do not hear broadcasts by themselves.
 */
export class BroadcastResponder implements AsyncDisposable {
  readonly #hosts = new Set<TargetHost>()
  readonly #socket: UdpSocket

  private constructor(socket: UdpSocket) {
    this.#socket = socket
  }

  /**
   * Binds the broadcast address (default 127.255.255.255:44818).
   *
   * @throws TransportError `address-in-use`, `unreachable`, `io`
   */
  static async open(options: { readonly address?: string; readonly port?: number } = {}): Promise<BroadcastResponder> {
    let responder: BroadcastResponder | undefined
    const socket = await bindUdp(
      { address: options.address ?? loopbackBroadcast, port: options.port ?? 44818, broadcast: true },
      (bytes, remote) => responder?.hear(bytes, remote),
    )
    responder = new BroadcastResponder(socket)
    return responder
  }

  /** A host whose device answers from now on, until the returned function is called. */
  add(host: TargetHost): () => void {
    this.#hosts.add(host)
    return () => this.#hosts.delete(host)
  }

  /** @internal A datagram for all. */
  hear(bytes: Uint8Array, remote: { readonly address: string; readonly port: number }): void {
    for (const host of this.#hosts) host.hearBroadcast(bytes, remote)
  }

  /** Frees the broadcast address. */
  async close(): Promise<void> {
    this.#hosts.clear()
    this.#socket.close()
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
