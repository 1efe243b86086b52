import type { AnyError } from '@cordon/core/errors'
import { type Context, Listener, type Session } from '@cordon/tls'
import { processSchedule, type Schedule } from '../schedule.ts'
import type { KeyLog } from './key-log.ts'
import { secureClient, SecureTransport } from './secure.ts'
import { isOurs } from './system-error.ts'
import { clientSession, type ConnectSecureOptions } from './tls.ts'
import {
  defaultConnectTimeoutMs,
  type Endpoint,
  type Transport,
  type TransportHandlers,
  type TransportListener,
} from './transport.ts'
import { bindUdp, connectUdp } from './udp.ts'

/**
 * Opens DTLS over UDP.
 *
 * @throws TransportError, NotTrusted, PeerError `alert`, `handshake`
 */
export async function connectDtls(options: ConnectSecureOptions): Promise<SecureTransport> {
  let isOpen = false
  // A refusal ends the handshake early; an open association does not believe one, as anybody can forge it.
  const lower = await connectUdp({ ...options, refusalIsFinal: () => !isOpen })
  const timeoutMs = options.timeoutMs ?? defaultConnectTimeoutMs
  const transport = await secureClient(lower, clientSession(options), { ...options, timeoutMs })
  isOpen = true
  return transport
}

/** How incoming DTLS is accepted. */
export interface ListenDtlsOptions {
  readonly address: string
  /** 0 lets the system choose. */
  readonly port: number
  /** The context for a peer's address, or nothing to stay silent. Asked per association. */
  readonly context: (peer: string) => Context | undefined
  /** DSCP of datagrams without one of their own, 0..63. Default: not marked. */
  readonly dscp?: () => number | undefined
  /** Associations in all, handshakes included. Default 1024. */
  readonly maxSessions?: number
  /** Associations per peer address. Default 64. */
  readonly maxPerHost?: number
  readonly maxHandshakesPerSecond?: number
  /** How long a ClientHello with its cookie waits before it is looked at, milliseconds: for devices that are slow on purpose. */
  readonly handshakeDelayMs?: () => number
  /** While this says true nothing is heard and nothing is sent, as with a pulled cable. */
  readonly isSilent?: () => boolean
  /** A handshake that did not come about, after the cookie proved the address. */
  readonly refused?: (remote: Endpoint, error: AnyError) => void
  readonly keyLog?: KeyLog
  readonly schedule?: Schedule
}

/** The flow of one peer on a shared UDP socket. Its datagrams reach the session through the listener. */
class PeerFlow implements Transport {
  readonly kind = 'udp'
  readonly boundaries = 'datagram'
  readonly security = undefined
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly #socket: DatagramSender
  readonly #forget: () => void
  readonly #isSilent: () => boolean
  #handlers: TransportHandlers | undefined
  #state: 'open' | 'closed' = 'open'

  constructor(socket: DatagramSender, remote: Endpoint, forget: () => void, isSilent: () => boolean) {
    this.#socket = socket
    this.#isSilent = isSilent
    this.local = socket.local
    this.remote = remote
    this.#forget = forget
  }

  get state(): 'open' | 'closed' {
    return this.#state
  }

  attach(handlers: TransportHandlers): void {
    this.#handlers = handlers
  }

  send(bytes: Uint8Array, dscp?: number): boolean {
    // A datagram without room is lost, as anywhere on the way.
    if (this.#state === 'open' && !this.#isSilent()) this.#socket.send(bytes, this.remote, dscp)
    return true
  }

  pause(): void {}

  resume(): void {}

  close(): void {
    this.destroy()
  }

  destroy(error?: AnyError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#forget()
    this.#handlers?.closed(error)
  }
}

/** Where the datagrams of many peers go out. */
export interface DatagramSender {
  readonly local: Endpoint
  send(bytes: Uint8Array, remote: Endpoint, dscp?: number): boolean
}

/** How {@link DtlsFlows} treats its peers. */
export type DtlsFlowsOptions = Omit<ListenDtlsOptions, 'address' | 'port' | 'dscp'>

/** The DTLS associations of all peers of one UDP socket, whoever owns that socket. */
export class DtlsFlows {
  readonly #socket: DatagramSender
  readonly #options: DtlsFlowsOptions
  readonly #accept: (transport: SecureTransport) => void
  readonly #schedule: Schedule
  readonly #transports = new Map<Session, SecureTransport>()
  #listener: Listener | undefined
  #closing = false

  constructor(socket: DatagramSender, options: DtlsFlowsOptions, accept: (transport: SecureTransport) => void) {
    this.#socket = socket
    this.#options = options
    this.#accept = accept
    this.#schedule = options.schedule ?? processSchedule()
  }

  /** Associations, handshakes included. */
  get size(): number {
    return this.#transports.size
  }

  /** A datagram from any peer. What belongs to no association and is no ClientHello meets silence. */
  receive(bytes: Uint8Array, remote: Endpoint): void {
    if (this.#closing || this.#isSilent()) return
    const delayMs = this.#options.handshakeDelayMs?.() ?? 0
    if (delayMs > 0 && isSecondHello(bytes)) this.#schedule.after(delayMs, () => this.#take(bytes, remote))
    else this.#take(bytes, remote)
  }

  #take(bytes: Uint8Array, remote: Endpoint): void {
    if (this.#closing) return
    // The native listener (and its cookie secret) exists from the first datagram on.
    this.#listener ??= this.#makeListener()
    const result = this.#listener.receive(remote, bytes, this.#schedule.now())
    for (const datagram of result.output) this.#socket.send(datagram, remote)
    if (result.replaced !== undefined) this.#transports.get(result.replaced)?.destroy()
    const session = result.session
    if (session === undefined) return
    if (result.created) this.#begin(session, { address: remote.address, port: remote.port })
    else this.#transports.get(session)?.pump()
  }

  /** Ends all associations and takes no more. */
  closeAll(): void {
    this.#closing = true
    for (const transport of [...this.#transports.values()]) transport.close()
  }

  #isSilent(): boolean {
    return this.#options.isSilent?.() === true
  }

  #makeListener(): Listener {
    const { maxSessions, maxPerHost, maxHandshakesPerSecond, context } = this.#options
    return new Listener(context, {
      maxSessions: maxSessions ?? 1024,
      maxPerHost: maxPerHost ?? 64,
      ...(maxHandshakesPerSecond === undefined ? {} : { maxHandshakesPerSecond }),
    })
  }

  #begin(session: Session, remote: Endpoint): void {
    const flow = new PeerFlow(
      this.#socket,
      remote,
      () => {
        this.#listener?.forget(session)
        this.#transports.delete(session)
      },
      () => this.#isSilent(),
    )
    const secure = new SecureTransport(flow, session, { ...this.#options, fedByListener: true })
    this.#transports.set(session, secure)
    secure.opened.then(
      () => this.#accept(secure),
      (error: unknown) => {
        if (isOurs(error)) this.#options.refused?.(remote, error)
      },
    )
    secure.pump()
  }
}

/** A ClientHello that brings its cookie back (RFC 6347 4.2.1): what a server begins to work at. */
function isSecondHello(datagram: Uint8Array): boolean {
  if (datagram[0] !== 22 || datagram[13] !== 1) return false
  const sessionIdLength = datagram[59] ?? 0
  return (datagram[60 + sessionIdLength] ?? 0) > 0
}

/** A UDP port that speaks DTLS with every peer that proved its address by a cookie. */
export interface DtlsListener extends TransportListener {
  /** Associations, handshakes included. */
  readonly size: number
}

/**
 * Listens for DTLS. `accept` gets associations whose handshake is done. Closing ends them all: they share the socket.
 *
 * @throws TransportError `address-in-use`, `unreachable`, `io`
 */
export async function listenDtls(
  options: ListenDtlsOptions,
  accept: (transport: SecureTransport) => void,
): Promise<DtlsListener> {
  let flows: DtlsFlows | undefined
  const socket = await bindUdp(options, (bytes, remote) => flows?.receive(bytes, remote))
  const made = new DtlsFlows(socket, options, accept)
  flows = made
  return {
    kind: 'dtls',
    local: socket.local,
    get size() {
      return made.size
    },
    close: async () => {
      made.closeAll()
      socket.close()
    },
  }
}
