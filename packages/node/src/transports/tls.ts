import { type Context, type ResumptionTicket, Session } from '@cordon/tls'
import { processSchedule, type Schedule } from '../schedule.ts'
import type { KeyLog } from './key-log.ts'
import { secureClient, SecureTransport } from './secure.ts'
import { connectTcp, type ListenOptions, listenTcp } from './tcp.ts'
import { isOurs } from './system-error.ts'
import type { AnyError } from '@cordon/core/errors'
import { type ConnectOptions, defaultConnectTimeoutMs, type Endpoint, type TransportListener } from './transport.ts'

/** How an outgoing secured transport is opened. */
export interface ConnectSecureOptions extends ConnectOptions {
  /** A client context of the right protocol; it must outlive the transport. */
  readonly context: Context
  /** Name the certificate must hold besides or instead of the address, where the context checks names. */
  readonly peerName?: string
  /** Takes up an earlier session of the same context. */
  readonly resume?: ResumptionTicket
  readonly keyLog?: KeyLog
  /** Hears the certificates that the peer showed, also where it then refused us. */
  readonly shown?: (chain: readonly Uint8Array[]) => void
  readonly schedule?: Schedule
}

/** @internal The client session for a peer. */
export function clientSession(options: ConnectSecureOptions): Session {
  return new Session(options.context, {
    peer: options.address,
    ...(options.peerName === undefined ? {} : { peerName: options.peerName }),
    ...(options.resume === undefined ? {} : { resume: options.resume }),
  })
}

/**
 * Opens TLS over TCP.
 *
 * @throws TransportError, NotTrusted, PeerError `alert`, `handshake`
 */
export async function connectTls(options: ConnectSecureOptions): Promise<SecureTransport> {
  const schedule = options.schedule ?? processSchedule()
  const started = schedule.now()
  const timeoutMs = options.timeoutMs ?? defaultConnectTimeoutMs
  const lower = await connectTcp(options)
  const left = Math.max(1, timeoutMs - (schedule.now() - started))
  return secureClient(lower, clientSession(options), { ...options, timeoutMs: left })
}

/** How incoming TLS is accepted. */
export interface ListenTlsOptions extends ListenOptions {
  /** The context for a peer, or nothing to refuse it. Asked per connection, so that settings can change. */
  readonly context: (remote: Endpoint) => Context | undefined
  /** A handshake that did not come about; the peer's side knows less. */
  readonly refused?: (remote: Endpoint, error: AnyError) => void
  readonly keyLog?: KeyLog
  readonly schedule?: Schedule
}

/**
 * Listens for TLS. `accept` gets associations whose handshake is done.
 *
 * @throws TransportError `address-in-use`, `unreachable`, `io`
 */
export async function listenTls(
  options: ListenTlsOptions,
  accept: (transport: SecureTransport) => void,
): Promise<TransportListener> {
  const listener = await listenTcp(options, (lower) => {
    const context = options.context(lower.remote)
    if (context === undefined) {
      lower.destroy()
      return
    }
    const secure = new SecureTransport(lower, new Session(context, { peer: lower.remote.address }), options)
    secure.opened.then(
      () => accept(secure),
      (error: unknown) => {
        if (isOurs(error)) options.refused?.(lower.remote, error)
      },
    )
    secure.start()
  })
  return { kind: 'tls', local: listener.local, close: () => listener.close() }
}
