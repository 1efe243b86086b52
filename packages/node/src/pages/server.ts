import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer, isIPv4, type Server as NetServer, type Socket } from 'node:net'
import type { TcpRow } from '@cordon/core/tables'
import { TransportError } from '@cordon/core/errors'
import { Gate, type Guest, HandshakeRate } from '../target/gate.ts'
import { systemError } from '../transports/system-error.ts'
import { answer, type PageAnswer, type PageRequest, refusal } from './answer.ts'
import type { PageSource } from './source.ts'
import { utf8 } from './utf8.ts'

/** Limits that keep the pages of one device within bounds whatever their readers do. */
export interface PageLimits {
  /** Connections in all; an idle one makes room for a newcomer. Default 32. */
  readonly maxConnections: number
  /** Connections from one address. Default 16. */
  readonly maxPerHost: number
  /** Requests per second in all, and half of that from one address. Default 100. */
  readonly requestsPerSecond: number
  /** For the first request of a connection to be complete, milliseconds. Default 5000. */
  readonly requestMs: number
  /** For the next request of a connection that is kept, milliseconds. Default 75000. */
  readonly keepMs: number
  /** For an answer to be taken, milliseconds. Default 15000. */
  readonly answerMs: number
}

const defaultLimits: PageLimits = {
  maxConnections: 32,
  maxPerHost: 16,
  requestsPerSecond: 100,
  requestMs: 5_000,
  keepMs: 75_000,
  answerMs: 15_000,
}

/** How pages are served. */
export interface PageServerOptions {
  readonly address: string
  /** Where to listen: the first that can be bound. Default 80, then 8080. */
  readonly ports?: readonly number[]
  /** Names besides addresses that a browser may call the device by. */
  readonly names?: readonly string[]
  readonly limits?: Partial<PageLimits>
  /** Nothing is answered, as when the cable is pulled. */
  readonly isSilent?: () => boolean
  /** Hears of a defect of ours: a page that could not be made. */
  readonly defect?: (error: unknown) => void
}

/** Ports of pages: where the first may not be bound, the second. */
export const defaultPagePorts: readonly number[] = [80, 8080]

/** How long a connection that the server closed is remembered, as TCP itself does, and how many, milliseconds. */
const timeWaitMs = 60_000
const rememberedConnections = 64

/** Bytes of a request's head. */
const maximumHead = 8192

interface Visitor extends Guest {
  readonly socket: Socket
  readonly remote: { readonly address: string; readonly port: number }
  readonly since: number
  /** A request is being answered. */
  busy: boolean
  /** Who ended it first. */
  endedBy: 'server' | 'client' | undefined
  patience: NodeJS.Timeout | undefined
}

/** Which server a connection came to: one HTTP parser serves all devices of the process. */
const places = new WeakMap<Socket, { readonly server: PageServer; readonly visitor: Visitor }>()
let shared: Server | undefined

/** The HTTP side of all page servers; made with the first connection. It listens nowhere itself. */
function httpServer(): Server {
  if (shared !== undefined) return shared
  const http = createHttpServer({ maxHeaderSize: maximumHead, keepAlive: false }, (request, response) => {
    const place = places.get(request.socket)
    if (place === undefined) request.socket.destroy()
    else place.server.serve(place.visitor, request, response)
  })
  // Each connection has a deadline of its own here.
  http.keepAliveTimeout = 0
  http.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    else socket.destroy()
  })
  for (const event of ['upgrade', 'connect'] as const) http.on(event, (_, socket) => socket.destroy())
  shared = http
  return http
}

/** Serves the pages of one device, read only, at its own address. */
export class PageServer implements AsyncDisposable {
  /** The port that could be bound. */
  readonly port: number
  readonly #options: PageServerOptions
  readonly #limits: PageLimits
  readonly #source: PageSource
  readonly #listener: NetServer
  readonly #since = Date.now()
  readonly #visitors = new Set<Visitor>()
  readonly #gate: Gate
  readonly #rate: HandshakeRate
  #closed: { readonly remote: Visitor['remote']; readonly at: number }[] = []
  /** Whose request is answered at the moment. */
  #asking: Visitor | undefined

  private constructor(port: number, listener: NetServer, source: PageSource, options: PageServerOptions) {
    this.port = port
    this.#options = options
    this.#source = source
    this.#listener = listener
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#gate = new Gate(this.#limits.maxConnections, this.#limits.maxPerHost)
    this.#rate = new HandshakeRate(this.#limits.requestsPerSecond)
    listener.on('connection', (socket) => this.#admit(socket))
    // A listener that breaks later has no more connections; the device goes on.
    listener.on('error', () => {})
  }

  /**
   * Listens at the first port that can be bound.
   * @throws TransportError `address-in-use`, `unreachable`, `io` where none can
   */
  static async open(source: PageSource, options: PageServerOptions): Promise<PageServer> {
    let failure: unknown
    for (const port of options.ports ?? defaultPagePorts) {
      try {
        const listener = await listen(options.address, port)
        const bound = listener.address()
        const at = typeof bound === 'object' && bound !== null ? bound.port : port
        return new PageServer(at, listener, source, options)
      } catch (error) {
        failure ??= error
      }
    }
    if (failure instanceof TransportError) throw failure
    throw new TransportError('io', `pages of ${options.address}: there is no port to listen on`, { cause: failure })
  }

  /** Its own rows of the TCP table. The connection that asks for them is not among them: the page is over with it. */
  rows(): readonly TcpRow[] {
    const { address } = this.#options
    const since = Date.now() - timeWaitMs
    this.#closed = this.#closed.filter(({ at }) => at > since)
    const nobody = { remoteAddress: '0.0.0.0', remotePort: 0, remoteName: undefined, secured: false }
    const listening = new Date(this.#since).toISOString()
    const rows: TcpRow[] = [
      { state: 'LISTEN', localAddress: '0.0.0.0', localPort: this.port, side: undefined, ...nobody, since: listening },
    ]
    const add = (state: TcpRow['state'], remote: Visitor['remote'], at: number) =>
      rows.push({
        state,
        localAddress: address,
        localPort: this.port,
        remoteAddress: remote.address,
        remotePort: remote.port,
        remoteName: undefined,
        side: 'server',
        secured: false,
        since: new Date(at).toISOString(),
      })
    for (const visitor of this.#visitors) {
      if (visitor !== this.#asking) add('ESTABLISHED', visitor.remote, visitor.since)
    }
    for (const { remote, at } of this.#closed) add('TIME_WAIT', remote, at)
    return rows
  }

  /** Stops listening and drops whoever reads. */
  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#listener.close(() => done()))
    for (const { socket } of this.#visitors) socket.destroy()
    await closed
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #admit(socket: Socket): void {
    const { remoteAddress, remotePort } = socket
    socket.on('error', () => socket.destroy())
    if (remoteAddress === undefined || remotePort === undefined || this.#gate.admits(remoteAddress) !== 'in') {
      socket.destroy()
      return
    }
    const visitor: Visitor = {
      socket,
      address: remoteAddress,
      remote: { address: remoteAddress, port: remotePort },
      since: Date.now(),
      busy: false,
      endedBy: undefined,
      patience: undefined,
      get proven() {
        return this.busy
      },
      evict: () => socket.destroy(),
    }
    this.#gate.enter(visitor)
    this.#visitors.add(visitor)
    places.set(socket, { server: this, visitor })
    socket.on('finish', () => {
      visitor.endedBy ??= 'server'
    })
    socket.on('end', () => {
      visitor.endedBy ??= 'client'
    })
    socket.on('close', () => this.#left(visitor))
    this.#wait(visitor, this.#limits.requestMs)
    httpServer().emit('connection', socket)
  }

  #left(visitor: Visitor): void {
    clearTimeout(visitor.patience)
    this.#visitors.delete(visitor)
    this.#gate.leave(visitor)
    // Whoever closes first waits: that is TCP's own rule.
    if (visitor.endedBy !== 'server') return
    this.#closed.push({ remote: visitor.remote, at: Date.now() })
    if (this.#closed.length > rememberedConnections) this.#closed.shift()
  }

  #wait(visitor: Visitor, ms: number): void {
    clearTimeout(visitor.patience)
    visitor.patience = setTimeout(() => visitor.socket.destroy(), ms)
    visitor.patience.unref()
  }

  /** @internal Called by the HTTP parser that all servers share. */
  serve(visitor: Visitor, request: IncomingMessage, response: ServerResponse): void {
    visitor.busy = true
    this.#wait(visitor, this.#limits.answerMs)
    response.on('close', () => {
      visitor.busy = false
      this.#wait(visitor, this.#limits.keepMs)
    })
    if (this.#options.isSilent?.() === true) return
    const { status, headers, body } = this.#answer(visitor, request)
    const pieces = typeof body === 'string' ? [utf8(body)] : body
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    response.writeHead(status, { ...headers, 'Content-Length': length })
    if (request.method !== 'HEAD') {
      // All at once: each by itself would be a packet of its own.
      response.cork()
      for (const piece of pieces) response.write(piece)
    }
    response.end()
  }

  #answer(visitor: Visitor, request: IncomingMessage): PageAnswer {
    this.#asking = visitor
    try {
      return answer(this.#source, this.#read(visitor, request))
    } catch (error) {
      this.#options.defect?.(error)
      return refusal(500, 'this page could not be made')
    } finally {
      this.#asking = undefined
    }
  }

  #read(visitor: Visitor, request: IncomingMessage): PageRequest {
    const { headers } = request
    return {
      method: request.method ?? '',
      target: request.url ?? '/',
      hasBody: headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0',
      isOurName: this.#isOurName(headers.host),
      mayAsk: this.#rate.take(visitor.address, Date.now()),
    }
  }

  /** By a name of somebody else's a foreign page could make a browser read for it (DNS rebinding). */
  #isOurName(host: string | undefined): boolean {
    const name = (host ?? '').replace(/:\d{1,5}$/, '').toLowerCase()
    if (name === '' || name === 'localhost' || isIPv4(name)) return true
    return this.#options.names?.some((own) => own.toLowerCase() === name) ?? false
  }
}

function listen(address: string, port: number): Promise<NetServer> {
  return new Promise((done, fail) => {
    const server = createServer({ noDelay: true })
    server.once('error', (error) => fail(systemError(error, `pages on ${address}:${port}`)))
    server.listen({ host: address, port, backlog: 64 }, () => {
      server.removeAllListeners('error')
      done(server)
    })
  })
}
