import { TransportError } from '@cordon/core/errors'
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Api } from './app.ts'
import type { Metrics } from './metrics.ts'

/** Certificate chain and key, PEM. */
export interface ListenCredential {
  readonly certificate: string
  readonly key: string
}

/** Where an application listens, and how. */
export interface ListenOptions {
  readonly addresses: readonly { readonly address: string; readonly port: number }[]
  /** Undefined: plain HTTP, for a reverse proxy on the same machine. */
  readonly credential: ListenCredential | undefined
  readonly limits?: Partial<ListenLimits>
}

/** What one client may hold. */
export interface ListenLimits {
  /** For all headers of a request to come, milliseconds. */
  readonly headersMs: number
  /** For a whole request to come, uploads included, milliseconds. */
  readonly requestMs: number
  /** Without a byte in either direction, milliseconds; an event stream sends something more often. */
  readonly idleMs: number
  /** Between two requests of a connection, milliseconds. */
  readonly keepAliveMs: number
  /** Connections at once, of each address that is listened on. */
  readonly connections: number
  /** Bytes of all headers of a request. */
  readonly headerBytes: number
}

const defaultLimits: ListenLimits = {
  headersMs: 10_000,
  requestMs: 600_000,
  idleMs: 120_000,
  keepAliveMs: 30_000,
  connections: 2000,
  headerBytes: 16_384,
}

/** An application that listens. */
export interface Listening extends AsyncDisposable {
  /** With the ports that were chosen where 0 was asked for. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[]
  /** Shows another certificate from the next connection on. */
  renew(credential: ListenCredential): void
}

/**
 * Makes an application listen: HTTP/1.1, under TLS 1.2 or newer where there is a credential.
 * @throws TransportError `address-in-use`, `unreachable` for an address that is not this machine's, `io`
 */
export async function listen(api: Pick<Api, 'fastify'>, options: ListenOptions): Promise<Listening> {
  const limits = { ...defaultLimits, ...options.limits }
  const { credential } = options
  const servers: (Server | SecureServer)[] = []
  try {
    for (const { address, port } of options.addresses) {
      const server = serverFor((request, response) => api.fastify.routing(request, response), credential, limits)
      servers.push(server)
      await opened(server, address, port)
    }
  } catch (error) {
    await Promise.all(servers.map(closed))
    throw error
  }
  return {
    addresses: servers.map(boundTo),
    renew: ({ certificate, key }) => {
      for (const server of servers)
        if ('setSecureContext' in server) server.setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' })
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map(closed))
    },
  }
}

/**
 * Serves metrics without asking who reads them, for a collector on the same machine. Nothing else is served there.
 * @throws TransportError as {@link listen}
 */
export async function listenForMetrics(metrics: Metrics, address: string, port: number): Promise<Listening> {
  const answer: RequestListener = (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  }
  const server = serverFor(answer, undefined, { ...defaultLimits, connections: 16, requestMs: 10_000 })
  await opened(server, address, port)
  return {
    addresses: [boundTo(server)],
    renew: () => undefined,
    [Symbol.asyncDispose]: async () => await closed(server),
  }
}

function serverFor(answer: RequestListener, credential: ListenCredential | undefined, limits: ListenLimits) {
  const common = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    maxHeaderSize: limits.headerBytes,
    // How often timeouts are looked for: a slow client is found at most so much late.
    connectionsCheckingInterval: Math.min(5000, Math.max(50, limits.headersMs / 4)),
  }
  const server =
    credential === undefined
      ? createPlainServer(common, answer)
      : createSecureServer(
          {
            ...common,
            cert: credential.certificate,
            key: credential.key,
            minVersion: 'TLSv1.2',
            ALPNProtocols: ['http/1.1'],
            handshakeTimeout: limits.headersMs,
          },
          answer,
        )
  server.maxConnections = limits.connections
  server.maxHeadersCount = 64
  server.setTimeout(limits.idleMs)
  return server
}

async function opened(server: Server | SecureServer, address: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(refused(cause, address, port)))
    server.listen({ host: address, port }, () => resolve())
  })
}

function refused(cause: NodeJS.ErrnoException, address: string, port: number): TransportError {
  const place = `${address}:${port}`
  if (cause.code === 'EADDRINUSE')
    return new TransportError(
      'address-in-use',
      `${place} is in use by another program; end it, or choose another with --listen`,
      { cause },
    )
  if (cause.code === 'EADDRNOTAVAIL')
    return new TransportError(
      'unreachable',
      `${address} is no address of this machine; choose one of its own with --listen`,
      { cause },
    )
  return new TransportError('io', `listening on ${place} failed: ${cause.message}`, { cause })
}

function boundTo(server: Server | SecureServer): { readonly address: string; readonly port: number } {
  // A TCP server that listens has an address and a port.
  const { address, port } = server.address() as AddressInfo
  return { address, port }
}

async function closed(server: Server | SecureServer): Promise<void> {
  if (!server.listening) return
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  // Answers that are on their way get a moment; who holds a connection for longer is cut off.
  const timer = setTimeout(() => server.closeAllConnections(), 2000)
  await ended
  clearTimeout(timer)
}
