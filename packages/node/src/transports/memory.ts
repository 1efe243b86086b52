import type { AnyError } from '@cordon/core/errors'
import { ReceiveQueue } from './receive-queue.ts'
import type { Endpoint, Transport, TransportHandlers } from './transport.ts'

class MemoryTransport implements Transport {
  readonly kind = 'memory'
  readonly security = undefined
  readonly boundaries: 'stream' | 'datagram'
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly #queue = new ReceiveQueue(Number.POSITIVE_INFINITY)
  #peer: MemoryTransport | undefined
  #state: 'open' | 'closed' = 'open'

  constructor(boundaries: 'stream' | 'datagram', local: Endpoint, remote: Endpoint) {
    this.boundaries = boundaries
    this.local = local
    this.remote = remote
  }

  get state(): 'open' | 'closed' {
    return this.#state
  }

  join(peer: MemoryTransport): void {
    this.#peer = peer
  }

  attach(handlers: TransportHandlers): void {
    this.#queue.attach(handlers)
  }

  send(bytes: Uint8Array): boolean {
    if (this.#state === 'closed') return false
    const peer = this.#peer
    const copy = bytes.slice()
    // As on a socket, nothing arrives inside the sender's own call.
    queueMicrotask(() => peer?.receive(copy))
    return true
  }

  receive(bytes: Uint8Array): void {
    this.#queue.push(bytes)
  }

  pause(): void {
    this.#queue.pause()
  }

  resume(): void {
    this.#queue.resume()
  }

  close(): void {
    this.#finish(undefined)
  }

  destroy(error?: AnyError): void {
    this.#finish(error)
  }

  peerClosed(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#queue.end(undefined)
  }

  #finish(error: AnyError | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const peer = this.#peer
    queueMicrotask(() => peer?.peerClosed())
    this.#queue.end(error, true)
  }
}

/** Two ends of an association inside one process: what one sends, the other receives. */
export function memoryPair(
  options: { readonly boundaries?: 'stream' | 'datagram'; readonly client?: Endpoint; readonly server?: Endpoint } = {},
): { readonly client: Transport; readonly server: Transport } {
  const boundaries = options.boundaries ?? 'stream'
  const clientEnd = options.client ?? { address: '127.0.0.1', port: 50000 }
  const serverEnd = options.server ?? { address: '127.0.0.1', port: 44818 }
  const client = new MemoryTransport(boundaries, clientEnd, serverEnd)
  const server = new MemoryTransport(boundaries, serverEnd, clientEnd)
  client.join(server)
  server.join(client)
  return { client, server }
}
