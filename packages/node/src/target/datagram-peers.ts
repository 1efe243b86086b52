import { type HostedDevice, type Outgoing, UdpEncapsulation } from '@cordon/core/device'
import type { Deadline, Schedule } from '../schedule.ts'
import { DtlsFlows, type DtlsFlowsOptions } from '../transports/dtls.ts'
import type { SecureTransport } from '../transports/secure.ts'
import { type Endpoint, formatEndpoint } from '../transports/transport.ts'
import { bindUdp, type UdpSocket } from '../transports/udp.ts'

/** What the port needs from its host. */
export interface DatagramPeersOptions {
  readonly device: HostedDevice
  readonly port: number
  readonly schedule: Schedule
  afterDevice(now: number): void
  isSaving(): boolean
  isSilent(): boolean
  /** The device threw. */
  defect(error: unknown, peer: string): void
  /** For flows that StartDTLS turned into DTLS. */
  readonly dtls: DtlsFlowsOptions
  accept(transport: SecureTransport): void
}

/** Flows that may be between StartDTLS and their handshake, or shake hands. */
const maxDtlsPeers = 64

/**
 * 44818/udp: List commands of anybody, sessions of the UDP-only profile, and flows that StartDTLS turned into DTLS.
 */
export class DatagramPeers {
  readonly #options: DatagramPeersOptions
  readonly #encapsulation: UdpEncapsulation
  readonly #deadline: Deadline
  /** Peers whose flow is DTLS now, oldest first. */
  readonly #dtlsPeers = new Set<string>()
  #socket: UdpSocket | undefined
  #flows: DtlsFlows | undefined

  private constructor(options: DatagramPeersOptions) {
    this.#options = options
    this.#encapsulation = new UdpEncapsulation({
      device: options.device,
      random: Math.random,
      onOutput: () => this.#answered(),
    })
    this.#deadline = options.schedule.idle((now) => {
      this.#encapsulation.tick(now)
      options.afterDevice(now)
      this.pump()
    })
  }

  /** Opens the port. @throws TransportError `address-in-use`, `unreachable`, `io` */
  static async open(options: DatagramPeersOptions): Promise<DatagramPeers> {
    const peers = new DatagramPeers(options)
    const { device, port } = options
    const dscp = () => device.dscp?.().explicit
    peers.#socket = await bindUdp({ address: device.address, port, dscp }, (bytes, remote) =>
      peers.receive(bytes, remote, false),
    )
    return peers
  }

  /** A datagram to this device, or to all of them. */
  receive(bytes: Uint8Array, remote: Endpoint, broadcast: boolean): void {
    if (this.#options.isSilent()) return
    if (!broadcast && this.#dtlsPeers.size > 0 && this.#dtlsPeers.has(formatEndpoint(remote))) {
      this.#flows?.receive(bytes, remote)
      return
    }
    const now = this.#options.schedule.now()
    try {
      this.#encapsulation.receive(bytes, { address: remote.address, port: remote.port }, now, broadcast)
    } catch (error) {
      this.#options.defect(error, formatEndpoint(remote))
    }
    for (const peer of this.#encapsulation.takeStartDtls()) this.#expectDtls(peer)
    this.#options.afterDevice(now)
    this.pump()
  }

  /** Sends what is to be said, and asks when time matters next. */
  pump(): void {
    if (this.#options.isSaving() || this.#options.isSilent()) return
    for (const { bytes, peer } of this.#encapsulation.takeOutput()) this.send(bytes, peer)
    const due = this.#encapsulation.deadline()
    if (due === undefined) this.#deadline.cancel()
    else if (!this.#deadline.pending || this.#deadline.when !== due) this.#deadline.move(due)
  }

  /** Sends one datagram. */
  send(bytes: Uint8Array, peer: Outgoing['peer'], dscp?: number): void {
    this.#socket?.send(bytes, peer, dscp)
  }

  /** Ends all sessions; the port stays open. */
  closeAll(): void {
    this.#encapsulation.close(this.#options.schedule.now())
    this.#flows?.closeAll()
    this.#flows = undefined
    this.#dtlsPeers.clear()
  }

  /** Closes the port. */
  close(): void {
    this.closeAll()
    this.#deadline.cancel()
    this.#socket?.close()
    this.#socket = undefined
  }

  #answered(): void {
    this.#options.afterDevice(this.#options.schedule.now())
    this.pump()
  }

  #expectDtls(peer: Endpoint): void {
    const socket = this.#socket
    if (socket === undefined) return
    this.#flows ??= new DtlsFlows(socket, { ...this.#options.dtls, maxSessions: maxDtlsPeers }, (transport) =>
      this.#opened(transport),
    )
    const name = formatEndpoint(peer)
    this.#dtlsPeers.delete(name)
    this.#dtlsPeers.add(name)
    // Whoever asked longest ago and never came is forgotten first; an open association is known by its flow no more
    // than that, and its peer begins anew.
    for (const oldest of this.#dtlsPeers) {
      if (this.#dtlsPeers.size <= maxDtlsPeers) break
      this.#dtlsPeers.delete(oldest)
    }
  }

  #opened(transport: SecureTransport): void {
    this.#options.accept(transport)
  }
}
