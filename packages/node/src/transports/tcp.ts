import { type AnyError, TransportError } from '@cordon/core/errors'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import type { Cable } from './cable.ts'
import { Marker } from './marking.ts'
import { overCable } from './over-cable.ts'
import { ReceiveQueue } from './receive-queue.ts'
import { aborted, systemError } from './system-error.ts'
import {
  type ConnectOptions,
  defaultConnectTimeoutMs,
  defaultTransportLimits,
  type Endpoint,
  formatEndpoint,
  type Transport,
  type TransportHandlers,
  type TransportLimits,
  type TransportListener,
} from './transport.ts'

/** A stream over one TCP connection. */
class TcpTransport implements Transport {
  readonly kind = 'tcp'
  readonly boundaries = 'stream'
  readonly security = undefined
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly #socket: Socket
  readonly #limits: TransportLimits
  readonly #queue = new ReceiveQueue(Number.POSITIVE_INFINITY)
  #state: 'open' | 'closed' = 'open'
  #wantsDrain = false
  #corked = false

  constructor(socket: Socket, limits: Partial<TransportLimits> | undefined, dscp: number | undefined) {
    this.#socket = socket
    this.#limits = { ...defaultTransportLimits, ...limits }
    this.local = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 }
    this.remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    socket.setNoDelay(true)
    new Marker(socket).set(dscp)
    socket.pause()
    socket.on('data', (bytes: Buffer) => {
      this.#queue.push(bytes)
      if (this.#queue.blocked) socket.pause()
    })
    socket.on('drain', () => this.#drained())
    socket.on('end', () => this.#end(undefined))
    socket.on('error', (error) => this.#end(systemError(error, `TCP connection with ${formatEndpoint(this.remote)}`)))
    socket.on('close', () => this.#end(undefined))
  }

  get state(): 'open' | 'closed' {
    return this.#state
  }

  attach(handlers: TransportHandlers): void {
    this.#queue.attach(handlers)
    if (this.#state === 'open') this.#socket.resume()
  }

  send(bytes: Uint8Array): boolean {
    if (this.#state === 'closed') return false
    this.#cork()
    this.#socket.write(bytes)
    const queued = this.#socket.writableLength
    if (queued > this.#limits.maxQueued) {
      this.destroy(
        new TransportError('closed', `${formatEndpoint(this.remote)} does not read: ${queued} bytes wait to be sent`),
      )
      return false
    }
    this.#wantsDrain = queued > this.#limits.highWaterMark
    return !this.#wantsDrain
  }

  pause(): void {
    this.#queue.pause()
    this.#socket.pause()
  }

  resume(): void {
    this.#queue.resume()
    if (this.#state === 'open' && !this.#queue.blocked) this.#socket.resume()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    // A peer that never reads would hold the rest of the data, and with it the socket, for good.
    this.#socket.setTimeout(closeTimeoutMs, () => this.#socket.destroy())
    this.#socket.end()
    this.#queue.end(undefined, true)
    this.#socket.resume()
  }

  destroy(error?: AnyError): void {
    this.#uncork()
    this.#socket.destroy()
    this.#state = 'closed'
    this.#queue.end(error, true)
  }

  /** What is sent within one turn of the event loop goes out by one call of the system: requests come in bursts. */
  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
    process.nextTick(() => this.#uncork())
  }

  #uncork(): void {
    if (!this.#corked) return
    this.#corked = false
    this.#socket.uncork()
  }

  #drained(): void {
    if (!this.#wantsDrain || this.#state === 'closed') return
    this.#wantsDrain = false
    this.#queue.drained()
  }

  #end(error: AnyError | undefined): void {
    this.#state = 'closed'
    this.#queue.end(error)
  }
}

/** How long a closed connection may take to hand its last bytes to the peer. */
const closeTimeoutMs = 5_000

/**
 * Opens a TCP connection.
 *
 * @throws TransportError `refused`, `timeout`, `unreachable`, `aborted`, `io`
 */
export async function connectTcp(options: ConnectOptions): Promise<Transport> {
  const doing = `TCP connection to ${formatEndpoint(options)}`
  const { signal, cable, timeoutMs = defaultConnectTimeoutMs } = options
  const begun = performance.now()
  await cable?.plugged(doing, timeoutMs, signal)
  const left = Math.max(1, timeoutMs - (performance.now() - begun))
  return overCable(await dial(options, doing, left), cable)
}

function dial(options: ConnectOptions, doing: string, timeoutMs: number): Promise<Transport> {
  const { signal } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(aborted(signal, doing))
      return
    }
    const socket = createConnection({
      host: options.address,
      port: options.port,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      ...(options.localPort === undefined ? {} : { localPort: options.localPort }),
    })
    const timer = setTimeout(
      () => fail(new TransportError('timeout', `${doing}: no answer within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    )
    const onAbort = () => {
      if (signal !== undefined) fail(aborted(signal, doing))
    }
    const settled = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    const fail = (error: TransportError) => {
      settled()
      socket.destroy()
      reject(error)
    }
    const onError = (error: Error) => fail(systemError(error, doing))
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.once('error', onError)
    socket.once('connect', () => {
      settled()
      socket.off('error', onError)
      resolve(new TcpTransport(socket, options.limits, options.dscp))
    })
  })
}

/** Where a listener listens and what it tells. */
export interface ListenOptions {
  readonly address: string
  /** 0 lets the system choose. */
  readonly port: number
  /** Connections waiting to be accepted by the process. Default 511. */
  readonly backlog?: number
  readonly limits?: Partial<TransportLimits>
  /** DSCP of what is sent, 0..63, asked per connection. Default: not marked. */
  readonly dscp?: () => number | undefined
  /** The cable that connections lead over, of a virtual unit. */
  readonly cable?: Cable
  /** Asked before anything is allocated for a connection; false closes it at once. */
  readonly admit?: (remote: Endpoint) => boolean
}

/**
 * Listens for TCP connections.
 *
 * @throws TransportError `address-in-use`, `unreachable` (no such local address), `io`
 */
export function listenTcp(options: ListenOptions, accept: (transport: Transport) => void): Promise<TransportListener> {
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    // A peer that is already gone has no address any more.
    if (remote.address === '' || options.admit?.(remote) === false) {
      socket.destroy()
      return
    }
    const dscp = options.dscp?.()
    marker.set(dscp)
    accept(overCable(new TcpTransport(socket, options.limits, dscp), options.cable))
  })
  const marker = new Marker(server)
  return listen(server, options).then(() => {
    // For the answers that the kernel gives before a connection is accepted.
    marker.set(options.dscp?.())
    // Failing to accept one connection (out of descriptors) must not end the listener.
    server.on('error', () => {})
    return new TcpListener(server)
  })
}

class TcpListener implements TransportListener {
  readonly kind = 'tcp'
  readonly local: Endpoint
  readonly #server: Server

  constructor(server: Server) {
    this.#server = server
    const address = server.address()
    this.local =
      address === null || typeof address === 'string'
        ? { address: '', port: 0 }
        : { address: address.address, port: address.port }
  }

  close(): Promise<void> {
    // The listening socket is closed at once; the callback would wait for the last accepted connection.
    this.#server.close()
    return new Promise((resolve) => setImmediate(resolve))
  }
}

function listen(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(systemError(error, `listening on ${formatEndpoint(options)}/tcp`))
    server.once('error', onError)
    server.listen(
      { host: options.address, port: options.port, backlog: options.backlog ?? 511, exclusive: true },
      () => {
        server.off('error', onError)
        resolve()
      },
    )
  })
}
