import type { AnyError } from '@cordon/core/errors'
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { Marker } from './marking.ts'
import { overCable } from './over-cable.ts'
import { ReceiveQueue } from './receive-queue.ts'
import { aborted, errorCode, systemError } from './system-error.ts'
import {
  type ConnectOptions,
  defaultTransportLimits,
  type Endpoint,
  formatEndpoint,
  type Transport,
  type TransportHandlers,
  type TransportLimits,
} from './transport.ts'

type Lookup = (
  hostname: string,
  options: unknown,
  callback: (error: Error | null, address: string, family: number) => void,
) => void

/** Addresses only, so nothing is looked up and nothing waits for the resolver's threads. */
const literal: Lookup = (hostname, _options, callback) => callback(null, hostname, isIPv6(hostname) ? 6 : 4)

function makeSocket(address: string): Socket {
  // Node's type wants the whole signature of dns.lookup; a dgram socket calls this one form.
  const lookup = literal as unknown as typeof import('node:dns').lookup
  return createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', lookup })
}

function bind(socket: Socket, local: { readonly address?: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const where = formatEndpoint({ address: local.address ?? '*', port: local.port })
    const onError = (error: Error) => {
      socket.close()
      reject(systemError(error, `listening on ${where}/udp`))
    }
    socket.once('error', onError)
    socket.bind(
      { port: local.port, exclusive: true, ...(local.address === undefined ? {} : { address: local.address }) },
      () => {
        socket.off('error', onError)
        resolve()
      },
    )
  })
}

/** What a bound UDP socket hears; `bytes` belong to the receiver. */
export type DatagramHandler = (bytes: Uint8Array, remote: Endpoint) => void

/** A UDP socket bound to a local address that talks with anybody. */
export interface UdpSocket {
  readonly local: Endpoint
  /**
   * Sends one datagram, with a mark of its own or that of the socket. False when it was dropped, because more than the
   * limit waits in the socket.
   */
  send(bytes: Uint8Array, remote: Endpoint, dscp?: number): boolean
  /** Datagrams that were not sent for lack of room. */
  readonly dropped: number
  /** Frees the port. */
  close(): void
}

/** How a UDP socket is opened. */
export interface UdpSocketOptions {
  readonly address: string
  /** 0 lets the system choose. */
  readonly port: number
  /** Allow sending to broadcast addresses. Default false. */
  readonly broadcast?: boolean
  /** The DSCP of datagrams without one of their own, 0..63. Default: not marked. */
  readonly dscp?: () => number | undefined
  /** Bytes waiting in the socket above which datagrams are dropped. Default 4 MiB. */
  readonly maxQueued?: number
}

class BoundUdpSocket implements UdpSocket {
  readonly local: Endpoint
  readonly #socket: Socket
  readonly #maxQueued: number
  readonly #marker: Marker
  readonly #dscp: () => number | undefined
  #open = true
  #dropped = 0

  constructor(socket: Socket, handler: DatagramHandler, options: UdpSocketOptions) {
    this.#socket = socket
    this.#maxQueued = options.maxQueued ?? defaultTransportLimits.maxQueued
    this.#marker = new Marker(socket)
    this.#dscp = options.dscp ?? unmarked
    const { address, port } = socket.address()
    this.local = { address, port }
    socket.on('message', (bytes, remote) => {
      if (this.#open) handler(bytes, remote)
    })
    // Without a connection an error (ICMP refusal, no route) concerns one datagram and one peer; UDP may lose those.
    socket.on('error', () => {})
  }

  get dropped(): number {
    return this.#dropped
  }

  send(bytes: Uint8Array, remote: Endpoint, dscp: number | undefined = this.#dscp()): boolean {
    if (!this.#open) return false
    if (this.#socket.getSendQueueSize() > this.#maxQueued) {
      this.#dropped++
      return false
    }
    // Node hands it to the kernel within this call, unless the socket is full.
    this.#marker.set(dscp)
    // No callback: a lost datagram is not an event. `ignore` keeps a refused one from becoming an uncaught error.
    this.#socket.send(bytes, remote.port, remote.address, ignore)
    return true
  }

  /** Frees the port. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.close()
  }
}

const ignore = () => {}
const unmarked = () => undefined

/**
 * Binds a UDP socket.
 *
 * @throws TransportError `address-in-use`, `unreachable` (no such local address), `io`
 */
export async function bindUdp(options: UdpSocketOptions, handler: DatagramHandler): Promise<UdpSocket> {
  const socket = makeSocket(options.address)
  await bind(socket, options)
  if (options.broadcast === true) socket.setBroadcast(true)
  return new BoundUdpSocket(socket, handler, options)
}

/** Datagrams to and from one peer over a connected socket. */
class UdpTransport implements Transport {
  readonly kind = 'udp'
  readonly boundaries = 'datagram'
  readonly security = undefined
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly #socket: Socket
  readonly #limits: TransportLimits
  readonly #marker: Marker
  readonly #dscp: number | undefined
  readonly #queue: ReceiveQueue
  readonly #done: (error: Error | null) => void
  #state: 'open' | 'closed' = 'open'

  constructor(socket: Socket, options: ConnectUdpOptions, refusalIsFinal: () => boolean) {
    this.#socket = socket
    this.#limits = { ...defaultTransportLimits, ...options.limits }
    this.#marker = new Marker(socket)
    this.#dscp = options.dscp
    this.#queue = new ReceiveQueue(this.#limits.maxQueued)
    const { address, port } = socket.address()
    const remote = socket.remoteAddress()
    this.local = { address, port }
    this.remote = { address: remote.address, port: remote.port }
    socket.on('message', (bytes) => this.#queue.push(bytes))
    const failed = (error: Error) => {
      // ICMP refusals are not authenticated: an open association does not end on one.
      if (errorCode(error) === 'ECONNREFUSED' && !refusalIsFinal()) return
      if (this.#state === 'closed') return
      this.destroy(systemError(error, `UDP with ${formatEndpoint(this.remote)}`))
    }
    socket.on('error', failed)
    this.#done = (error) => {
      if (error !== null) failed(error)
    }
  }

  get state(): 'open' | 'closed' {
    return this.#state
  }

  attach(handlers: TransportHandlers): void {
    this.#queue.attach(handlers)
  }

  send(bytes: Uint8Array, dscp: number | undefined = this.#dscp): boolean {
    if (this.#state === 'closed') return false
    if (this.#socket.getSendQueueSize() > this.#limits.maxQueued) return true
    this.#marker.set(dscp)
    this.#socket.send(bytes, this.#done)
    return true
  }

  pause(): void {
    this.#queue.pause()
  }

  resume(): void {
    this.#queue.resume()
  }

  /** Frees the port. */
  close(): void {
    this.destroy()
  }

  destroy(error?: AnyError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#socket.close()
    this.#queue.end(error, true)
  }
}

/** Options of {@link connectUdp}. */
export interface ConnectUdpOptions extends ConnectOptions {
  /** End on an ICMP port unreachable, which can be forged? Asked each time; default always. */
  readonly refusalIsFinal?: boolean | (() => boolean)
}

/**
 * A UDP socket connected to one peer: datagrams from others are not seen.
 *
 * @throws TransportError `address-in-use`, `unreachable`, `aborted`, `io`
 */
export async function connectUdp(options: ConnectUdpOptions): Promise<Transport> {
  const doing = `UDP to ${formatEndpoint(options)}`
  const { signal } = options
  if (signal?.aborted === true) throw aborted(signal, doing)
  const socket = makeSocket(options.address)
  await bind(socket, {
    port: options.localPort ?? 0,
    ...(options.localAddress === undefined ? {} : { address: options.localAddress }),
  })
  await new Promise<void>((resolve, reject) => {
    // The callback's type leaves out the error that Node passes when connecting fails.
    const connected = (error?: Error) => {
      if (error === undefined) {
        resolve()
        return
      }
      socket.close()
      reject(systemError(error, doing))
    }
    socket.connect(options.port, options.address, connected)
  })
  if (isAborted(signal)) {
    socket.close()
    throw aborted(signal, doing)
  }
  const final = options.refusalIsFinal ?? true
  const transport = new UdpTransport(socket, options, typeof final === 'boolean' ? () => final : final)
  return overCable(transport, options.cable)
}

/** Behind a function, because the compiler would narrow the property across an await. */
function isAborted(signal: AbortSignal | undefined): signal is AbortSignal {
  return signal?.aborted === true
}
