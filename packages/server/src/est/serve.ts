import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http'
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls'
import type { Crypto } from '@cordon/core/crypto'
import { type EstAnswer, type EstDialect, estRefusals } from '@cordon/core/enrollment'
import { TransportError, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import type { EnrollmentService } from '../enrollment/service.ts'
import { TokenBuckets } from '../enrollment/token-buckets.ts'
import { Admission } from './admission.ts'
import { readBody } from './body.ts'
import { Connection } from './connection.ts'
import { answerEst, type EstHandlerOptions, type EstRoute, isAnswer, refusal, routeEst, tooLarge } from './handler.ts'
import { type EstLimits, estLimits } from './limits.ts'
import { Counting, type EstStatus } from './status.ts'
import { type EstCredential, tlsOptions } from './tls.ts'

/** The port of EST where no other is named. Deviation: RFC 7030 has none of its own; 8443 is the manager's. */
export const estPort = 8444

/** A line for the log of the listener: never with a body, a header or a password. */
export interface EstLogEntry {
  readonly severity: 'info' | 'notice' | 'warning' | 'error'
  /** The client's address; undefined where it is not about one. */
  readonly address: string | undefined
  readonly message: string
}

/** What an EST listener needs. */
export interface EstServeOptions {
  /** Who decides. */
  readonly service: EnrollmentService
  /**
   * What it proves itself with. A function is asked at the start, once a minute, and by {@link EstServer.renew}, so that a
   * renewed certificate comes into use without a restart.
   */
  readonly credential: EstCredential | (() => EstCredential | Promise<EstCredential>)
  /** Where it listens, and nowhere else. Port: default {@link estPort}, 0 for any. */
  readonly listen: readonly { readonly address: string; readonly port?: number }[]
  /** Layout of base64 by label, instead of by User-Agent; the label '' is the path without one. */
  readonly dialects?: Readonly<Record<string, EstDialect>>
  readonly limits?: Partial<EstLimits>
  /** Whether `serverkeygen` exists; default not, as its keys are known to whoever ends the TLS connection. */
  readonly serverKeyGeneration?: boolean
  /** Hears of each answer but 429, and of what failed. */
  readonly log?: (entry: EstLogEntry) => void
  /** Default: Node's own. */
  readonly crypto?: Crypto
}

/** An EST listener that is open. */
export interface EstServer extends AsyncDisposable {
  /** Where it listens, who is connected, and what was counted. */
  status(): EstStatus
  /** Takes the credential that its function gives now; connections that are open keep theirs. @throws what that throws */
  renew(): Promise<void>
  /** Stops listening, lets requests that were begun finish for some seconds, and closes every connection. */
  close(): Promise<void>
}

/**
 * Opens an EST listener (RFC 7030 with RFC 8951 and RFC 9908).
 * @throws UsageError `missing` without an address, `bad-value` for a limit or credential that cannot be
 * @throws TransportError `address-in-use` or `io` when it cannot listen
 */
export async function serveEst(options: EstServeOptions): Promise<EstServer> {
  if (options.listen.length === 0) {
    throw new UsageError('missing', 'EST: expected at least one address to listen on, such as 192.0.2.10')
  }
  const listener = new Listener(options, await credentialOf(options))
  try {
    for (const { address, port } of options.listen) await listener.listen(address, port ?? estPort)
  } catch (error) {
    await listener.close()
    throw error
  }
  return listener
}

async function credentialOf({ credential }: EstServeOptions): Promise<EstCredential> {
  return typeof credential === 'function' ? await credential() : credential
}

/** How often a function is asked for its credential. */
const renewalMs = 60_000
/** How long requests may go on once the listener is being closed. */
const graceMs = 5_000
/** How much of a refused body is read and thrown away, so that the client sees the answer instead of a reset. */
const lingerBytes = 2 * 1024 * 1024
/** TCP connections that the system holds until they are accepted: a plant that powers up comes all at once. */
const backlog = 4096

class Listener implements EstServer {
  readonly #options: EstServeOptions
  readonly #handler: EstHandlerOptions
  readonly #limits: EstLimits
  readonly #tls: TlsServer
  readonly #http: HttpServer
  readonly #tcp: TcpServer[] = []
  readonly #admission: Admission<Connection>
  readonly #connects: TokenBuckets
  readonly #perAddress: TokenBuckets
  readonly #total: TokenBuckets
  readonly #counting = new Counting()
  /** Connections whose handshake is under way, by the client's address and port. */
  readonly #shaking = new Map<string, Connection>()
  readonly #secured = new WeakMap<Duplex, Connection>()
  readonly #renewal: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(options: EstServeOptions, credential: EstCredential) {
    const limits = estLimits(options.limits)
    this.#options = options
    this.#limits = limits
    this.#handler = {
      service: options.service,
      crypto: options.crypto ?? nodeCrypto,
      bodyBytes: limits.bodyBytes,
      dialects: options.dialects ?? {},
      serverKeyGeneration: options.serverKeyGeneration ?? false,
    }
    this.#admission = new Admission(limits)
    this.#connects = new TokenBuckets(limits.connectsPerSecond, limits.connectBurst, limits.addresses)
    this.#perAddress = new TokenBuckets(limits.requestsPerSecond, limits.requestBurst, limits.addresses)
    this.#total = new TokenBuckets(limits.totalPerSecond, limits.totalBurst, 1)
    this.#tls = this.#makeTls(credential)
    this.#http = this.#makeHttp()
    if (typeof options.credential === 'function') {
      this.#renewal = setInterval(() => void this.#tryRenewal(), renewalMs).unref()
    }
  }

  async listen(address: string, port: number): Promise<void> {
    const server = createTcpServer({ noDelay: true }, (socket) => this.#accept(socket))
    this.#tcp.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(address, port, cause)))
      server.listen({ host: address, port, backlog }, resolve)
    })
    server.on('error', (error) => this.#log('error', undefined, `accepting connections failed: ${error.message}`))
  }

  status(): EstStatus {
    const addresses = this.#tcp.flatMap((server) => {
      const bound = server.address()
      return bound === null || typeof bound === 'string' ? [] : [{ address: bound.address, port: bound.port }]
    })
    return {
      addresses,
      connections: this.#admission.size,
      handshakes: this.#admission.handshakes,
      counters: this.#counting.read(),
    }
  }

  async renew(): Promise<void> {
    this.#tls.setSecureContext(tlsOptions(await credentialOf(this.#options)))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    clearInterval(this.#renewal)
    const closed = this.#tcp.map(
      (server) => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
    )
    for (const connection of [...this.#admission]) if (connection.phase !== 'request') connection.drop()
    const rest = setTimeout(() => {
      for (const connection of [...this.#admission]) connection.drop()
    }, graceMs)
    await Promise.all(closed)
    clearTimeout(rest)
  }

  async #tryRenewal(): Promise<void> {
    try {
      await this.renew()
    } catch (error) {
      this.#log('error', undefined, `the credential was not renewed, the old one stays: ${messageOf(error)}`)
    }
  }

  #makeTls(credential: EstCredential): TlsServer {
    // Twice the time: the deadline of the connection comes first, and covers what is before TLS too.
    const server = createTlsServer({ ...tlsOptions(credential), handshakeTimeout: 2 * this.#limits.handshakeMs })
    server.on('secureConnection', (socket) => this.#secure(socket))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      this.#counting.count(isNotTls(error) ? 'notTls' : 'failedHandshakes')
      socket.destroy()
    })
    return server
  }

  #makeHttp(): HttpServer {
    const server = createHttpServer({ maxHeaderSize: this.#limits.headerBytes, keepAliveTimeout: this.#limits.idleMs })
    server.maxRequestsPerSocket = this.#limits.requestsPerConnection
    server.on('request', (request, response) => void this.#request(request, response, false))
    server.on('checkContinue', (request, response) => void this.#request(request, response, true))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#badMessage(error, socket))
    return server
  }

  #accept(socket: Socket): void {
    this.#counting.count('connections')
    // A connection that breaks is closed, which is all there is to do about it.
    socket.on('error', () => socket.destroy())
    const connection = this.#admit(socket)
    if (connection === undefined) {
      this.#counting.count('refused')
      socket.destroy()
      return
    }
    const port = portKey(socket)
    this.#shaking.set(port, connection)
    socket.once('close', () => {
      if (this.#shaking.get(port) === connection) this.#shaking.delete(port)
      this.#admission.remove(connection)
      connection.forget()
    })
    connection.limit(this.#limits.handshakeMs, () => this.#counting.count('slow'))
    this.#tls.emit('connection', socket)
  }

  #admit(socket: Socket): Connection | undefined {
    const { remoteAddress } = socket
    if (remoteAddress === undefined || this.#closing !== undefined) return undefined
    const connection = new Connection(socket, remoteAddress)
    if (this.#connects.take(connection.key, performance.now()) > 0) return undefined
    const { admitted, evicted } = this.#admission.admit(connection)
    if (evicted !== undefined) {
      this.#counting.count('evicted')
      evicted.drop()
    }
    return admitted ? connection : undefined
  }

  #secure(socket: TLSSocket): void {
    const connection = this.#shaking.get(portKey(socket))
    if (connection === undefined) {
      socket.destroy()
      return
    }
    this.#shaking.delete(portKey(socket))
    this.#secured.set(socket, connection)
    connection.phase = 'waiting'
    this.#awaitHeaders(connection)
    this.#http.emit('connection', socket)
  }

  #awaitHeaders(connection: Connection): void {
    connection.limit(this.#limits.headersMs, () => this.#counting.count('slow'))
  }

  /** Never rejects. */
  async #request(request: IncomingMessage, response: ServerResponse, asksToContinue: boolean): Promise<void> {
    const connection = this.#secured.get(request.socket)
    if (connection === undefined) {
      request.socket.destroy()
      return
    }
    this.#counting.count('requests')
    connection.begin()
    response.once('close', () => {
      connection.finish()
      if (connection.phase === 'waiting') this.#awaitHeaders(connection)
    })
    connection.limit(this.#limits.bodyMs, () => this.#counting.count('slow'))
    const routed = this.#tooOften(connection) ?? this.#route(connection, request)
    if (isAnswer(routed)) {
      // Who waits for 100 has not begun with the body, and will not after another answer.
      await this.#send(connection, request, response, routed, asksToContinue ? 'leave' : 'drain')
      return
    }
    if (asksToContinue) response.writeContinue()
    const body = await readBody(request, this.#limits)
    if (body.kind === 'broken') this.#counting.count('brokenBodies')
    else if (body.kind === 'chopped') this.#counting.count('choppedBodies')
    else {
      const answer =
        body.kind === 'tooLarge'
          ? tooLarge(this.#limits.bodyBytes)
          : await this.#answer(connection, request, routed, body.bytes)
      await this.#send(connection, request, response, answer, 'drain')
    }
  }

  #tooOften(connection: Connection): EstAnswer | undefined {
    const now = performance.now()
    const seconds = this.#perAddress.take(connection.key, now) || this.#total.take('', now)
    if (seconds === 0) return undefined
    this.#counting.count('limited')
    return refusal('tooMany', 'too many requests; try again later', seconds)
  }

  #route(connection: Connection, request: IncomingMessage): EstRoute | EstAnswer {
    try {
      return routeEst(headOf(request), this.#handler)
    } catch (error) {
      this.#log('error', connection.address, `asking for a label failed: ${messageOf(error)}`)
      return refusal('failed', 'the server failed; nothing was issued')
    }
  }

  async #answer(
    connection: Connection,
    request: IncomingMessage,
    route: EstRoute,
    body: Uint8Array,
  ): Promise<EstAnswer> {
    connection.limit(this.#limits.answerMs, () => this.#counting.count('slow'))
    // The server is TLS, so each of its sockets is one.
    const peer = connection.peer(request.socket as TLSSocket)
    const { answer, error } = await answerEst(route, body, peer, this.#handler)
    if (error !== undefined) {
      this.#log('error', connection.address, `${route.operation} failed: ${messageOf(error)}`)
    }
    return answer
  }

  async #send(
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    answer: EstAnswer,
    rest: 'drain' | 'leave',
  ): Promise<void> {
    this.#counting.answer(answer.status)
    // Who asks too often is counted: a line for each would be a second flood.
    if (answer.status !== estRefusals.tooMany) {
      this.#log(answer.status < 400 ? 'info' : 'notice', connection.address, logLine(request, answer))
    }
    if (response.destroyed) return
    response.statusCode = answer.status
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(headerName(name), value)
    if (answer.status !== 204) response.setHeader('Content-Length', Buffer.byteLength(answer.body))
    const unread = !request.complete && hasBody(request)
    if (unread || this.#closing !== undefined) response.setHeader('Connection', 'close')
    response.write(answer.body)
    if (unread && rest === 'drain') await drained(request, lingerBytes, this.#limits.bodyPieces)
    response.end()
  }

  #badMessage(error: NodeJS.ErrnoException, socket: Duplex): void {
    this.#counting.count('badMessages')
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
    this.#counting.answer(Number(status.slice(0, 3)))
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
  }

  #log(severity: EstLogEntry['severity'], address: string | undefined, message: string): void {
    this.#options.log?.({ severity, address, message })
  }
}

function listenError(address: string, port: number, cause: NodeJS.ErrnoException): TransportError {
  const where = `${address} port ${port}`
  if (cause.code === 'EADDRINUSE') {
    return new TransportError('address-in-use', `EST: ${where} is taken; name another, or stop its owner`, { cause })
  }
  const remedy = cause.code === 'EADDRNOTAVAIL' ? '; name an address of this machine, such as `ip address` shows' : ''
  return new TransportError('io', `EST: cannot listen on ${where}: ${cause.message}${remedy}`, { cause })
}

/** What OpenSSL says of bytes that are no TLS record. */
function isNotTls({ code }: NodeJS.ErrnoException): boolean {
  return (
    code === 'ERR_SSL_HTTP_REQUEST' || code === 'ERR_SSL_HTTPS_PROXY_REQUEST' || code === 'ERR_SSL_WRONG_VERSION_NUMBER'
  )
}

function portKey({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

function headOf({ method, url, headers }: IncomingMessage): { method: string; path: string; headers: typeof headers } {
  return { method: method ?? '', path: url ?? '', headers }
}

/** A name as specifications write it: libest compares Content-Type letter by letter. */
function headerName(name: string): string {
  return name === 'www-authenticate' ? 'WWW-Authenticate' : name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Method, path without its query, status; for a refusal the reason, which is plain text. */
function logLine({ method, url }: IncomingMessage, { status, body }: EstAnswer): string {
  const path = (url ?? '').split('?', 1)[0]?.slice(0, 200)
  return `${method} ${path}: ${status}${status < 202 ? '' : `, ${body.trim()}`}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error'
}

/** Resolves when what is left of a body was read and thrown away. Too much of it is cut off. */
function drained(request: IncomingMessage, bytes: number, pieces: number): Promise<void> {
  return new Promise((resolve) => {
    let [bytesLeft, piecesLeft] = [bytes, pieces]
    request.on('data', (piece: Uint8Array) => {
      bytesLeft -= piece.length
      if (bytesLeft < 0 || --piecesLeft < 0) request.socket.destroy()
    })
    request
      .on('end', resolve)
      .on('error', () => resolve())
      .on('close', () => resolve())
    request.resume()
  })
}
