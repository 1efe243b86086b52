import type { Dscp } from '@cordon/core/device'
import { PeerError, TransportError, UsageError } from '@cordon/core/errors'
import type { Context, ResumptionTicket } from '@cordon/tls'
import { processSchedule, type Schedule } from '../schedule.ts'
import type { Cable } from '../transports/cable.ts'
import { type Credentials, makeContext } from '../transports/credentials.ts'
import { connectDtls } from '../transports/dtls.ts'
import type { KeyLog } from '../transports/key-log.ts'
import { secureClient, type SecureTransport } from '../transports/secure.ts'
import { aborted } from '../transports/system-error.ts'
import { connectTcp } from '../transports/tcp.ts'
import { clientSession, connectTls } from '../transports/tls.ts'
import { formatEndpoint, type Transport } from '../transports/transport.ts'
import { connectUdp } from '../transports/udp.ts'
import { ClientSession, defaultRequestTimeoutMs } from './client-session.ts'
import type { PeerInfo, Session } from './session.ts'
import { startDtls } from './start-dtls.ts'

/**
 * How CIP requests reach a target: `tcp` plain on 44818, `tls` on 2221/tcp, `dtls` item 0x8003 on 2221/udp, `udp` the
 * plain UDP-only profile on 44818/udp, `udp-dtls` the same after StartDTLS.
 */
export type SessionTransport = 'tcp' | 'tls' | 'dtls' | 'udp' | 'udp-dtls'

/** A first contact whose server certificate is looked at before anything is said. */
export interface Commissioning {
  /** Sees what the target showed; what it throws ends the attempt. */
  readonly inspect: (peer: PeerInfo) => void | Promise<void>
  /**
   * Hears the certificates that the target showed, DER, leaf first, also where it then refused us: a configured device
   * shows its own before it asks for ours. Such a chain proves nothing.
   */
  readonly shown?: (chain: readonly Uint8Array[]) => void
}

/** How a session is opened. */
export interface SessionOptions {
  /** IP address of the target. */
  readonly address: string
  /** Default 44818 for tcp, udp and udp-dtls, 2221 for tls and dtls. */
  readonly port?: number
  /** Default `tls` where credentials or commissioning are given, else `tcp`. */
  readonly transport?: SessionTransport
  /** Local address that the socket is bound to. */
  readonly localAddress?: string
  /** What we prove ourselves with and whom we believe; needed on secured transports unless commissioning. */
  readonly credentials?: Credentials
  /**
   * Accepts any server certificate, because the device is new and nothing is known about it. `inspect` sees what the
   * device showed before a single byte of CIP is sent; what it throws ends the attempt. Credentials may be given too:
   * our own certificate is then offered. Never a PSK.
   */
  readonly commissioning?: boolean | Commissioning
  /** For the whole opening, milliseconds. Default 10000. */
  readonly connectTimeoutMs?: number
  /** For each request without a timeout of its own, milliseconds. Default 10000. */
  readonly requestTimeoutMs?: number
  /** Cancels the opening. */
  readonly signal?: AbortSignal
  /** Hears the secrets of the association, for captures. */
  readonly keyLog?: KeyLog
  /** Requests on their way at once; more wait their turn. Default 64. */
  readonly maxOutstanding?: number
  /** Sends a NOP after this long without a request (tcp, tls), because targets close silent sessions. Default: never. */
  readonly keepAliveMs?: number
  readonly schedule?: Schedule
  /**
   * Takes up an earlier (D)TLS session with this target under the same credentials object, where the target agrees.
   * Default: a full handshake, in which the target proves its identity anew. Never with `commissioning`, a key log, or
   * credentials that check dates, which only a full handshake does.
   */
  readonly resume?: boolean
  /** The cable that it leads over, of a virtual unit. */
  readonly cable?: Cable
  /** DSCP marks of its packets, as the QoS object 0x48 has them. Default: not marked. */
  readonly dscp?: Dscp
}

const defaultConnectTimeoutMs = 10_000

/**
 * Opens a session with a target: transport, handshake, encapsulation session.
 *
 * @throws TransportError, NotTrusted (the target's certificate), PeerError `alert`, `handshake`, `encapsulation-status`,
 * UsageError `bad-option`, `missing`
 */
export async function connect(options: SessionOptions): Promise<Session> {
  return openClientSession(options)
}

/** @internal As {@link connect}, with all that connections and hosts use. */
export async function openClientSession(options: SessionOptions): Promise<ClientSession> {
  const schedule = options.schedule ?? processSchedule()
  const endsAt = schedule.now() + (options.connectTimeoutMs ?? defaultConnectTimeoutMs)
  const transport = options.transport ?? (options.credentials === undefined && !options.commissioning ? 'tcp' : 'tls')
  const carrier = await openCarrier(options, transport, endsAt, schedule)
  const session = new ClientSession(carrier, transport === 'dtls' ? 'dtls-messages' : 'encapsulation', {
    requestTimeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    schedule,
    ...(options.maxOutstanding === undefined ? {} : { maxOutstanding: options.maxOutstanding }),
    ...(options.keepAliveMs === undefined ? {} : { keepAliveMs: options.keepAliveMs }),
    ...(options.dscp === undefined ? {} : { dscp: options.dscp }),
  })
  const { signal, commissioning } = options
  const onAbort = () => {
    if (signal !== undefined) session.destroy(aborted(signal, `session with ${formatEndpoint(carrier.remote)}`))
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    if (typeof commissioning === 'object') await commissioning.inspect(session.peer)
    if (signal?.aborted === true) throw aborted(signal, `session with ${formatEndpoint(carrier.remote)}`)
    await session.register(Math.max(1, endsAt - schedule.now()))
    return session
  } catch (error) {
    await session.close()
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

async function openCarrier(
  options: SessionOptions,
  transport: SessionTransport,
  endsAt: number,
  schedule: Schedule,
): Promise<Transport> {
  const base = {
    address: options.address,
    port: options.port ?? (transport === 'tls' || transport === 'dtls' ? 2221 : 44818),
    timeoutMs: Math.max(1, endsAt - schedule.now()),
    schedule,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.dscp === undefined ? {} : { dscp: options.dscp.explicit }),
    ...(options.cable === undefined ? {} : { cable: options.cable }),
    ...(options.keyLog === undefined ? {} : { keyLog: options.keyLog }),
    ...(typeof options.commissioning === 'object' && options.commissioning.shown !== undefined
      ? { shown: options.commissioning.shown }
      : {}),
  }
  switch (transport) {
    case 'tcp':
      return connectTcp(base)
    case 'udp':
      return connectUdp(base)
    case 'tls': {
      const context = clientContext(options, 'tls')
      return resumed(options, context, (resume) => connectTls({ ...base, ...resume, context })).finally(() =>
        retire(context, options),
      )
    }
    case 'dtls': {
      const context = clientContext(options, 'dtls')
      return resumed(options, context, (resume) => connectDtls({ ...base, ...resume, context })).finally(() =>
        retire(context, options),
      )
    }
    case 'udp-dtls': {
      const plain = await connectUdp(base)
      const context = clientContext(options, 'dtls')
      try {
        const flow = await startDtls(plain, schedule, endsAt)
        return await resumed(options, context, (resume) =>
          secureClient(flow, clientSession({ ...base, ...resume, context }), {
            ...base,
            timeoutMs: Math.max(1, endsAt - schedule.now()),
          }),
        )
      } catch (error) {
        plain.destroy()
        throw error
      } finally {
        retire(context, options)
      }
    }
  }
}

interface CachedContexts {
  readonly tls?: Context
  readonly dtls?: Context
}

/** Contexts live as long as the credentials they were made from; the native part is freed with them. */
const cache = new WeakMap<Credentials, CachedContexts>()

function clientContext(options: SessionOptions, protocol: 'tls' | 'dtls'): Context {
  const anyServer = options.commissioning !== undefined && options.commissioning !== false
  const { credentials } = options
  if (credentials === undefined && !anyServer) {
    throw new UsageError('missing', `expected credentials, or commissioning, to open ${protocol} to ${options.address}`)
  }
  if (anyServer || credentials === undefined || options.keyLog !== undefined) {
    // Never a PSK to a device that has not proven itself.
    const { psk: _, ...known } = credentials ?? {}
    return makeContext('client', protocol, anyServer ? known : (credentials ?? {}), {
      anyServer,
      keyLog: options.keyLog !== undefined,
    })
  }
  const cached = cache.get(credentials) ?? {}
  const context = cached[protocol] ?? makeContext('client', protocol, credentials)
  cache.set(credentials, { ...cached, [protocol]: context })
  return context
}

/** Targets per context whose last session is remembered; whoever was reached longest ago is forgotten first. */
const rememberedTargets = 256

/** Tickets go with the context they came from, and that with its credentials: none outlives a new configuration. */
const tickets = new WeakMap<Context, Map<string, ResumptionTicket>>()

/** Opens with the ticket of the last session with this target, and keeps the next one. */
async function resumed(
  options: SessionOptions,
  context: Context,
  open: (resume: { readonly resume?: ResumptionTicket }) => Promise<SecureTransport>,
): Promise<SecureTransport> {
  if (options.resume !== true || options.credentials?.verify?.time === true || isOwn(context, options)) return open({})
  const known = tickets.get(context) ?? new Map<string, ResumptionTicket>()
  tickets.set(context, known)
  const target = `${options.address}|${options.port ?? ''}|${options.transport ?? ''}`
  const ticket = known.get(target)
  // Taken out: an attempt that fails is followed by a full handshake.
  known.delete(target)
  const transport = await open(ticket === undefined ? {} : { resume: ticket })
  const next = transport.session.ticket()
  if (next !== undefined) known.set(target, next)
  for (const oldest of known.keys()) {
    if (known.size <= rememberedTargets) break
    known.delete(oldest)
  }
  return transport
}

/** A context that was made for this one session takes no new ones; the session itself lives on. */
function retire(context: Context, options: SessionOptions): void {
  if (isOwn(context, options)) context.close()
}

function isOwn(context: Context, options: SessionOptions): boolean {
  const cached = options.credentials === undefined ? undefined : cache.get(options.credentials)
  return cached?.tls !== context && cached?.dtls !== context
}

/** Is this the kind of failure that a later attempt may not meet: nobody there, no answer, closed? */
export function isTemporary(error: unknown): boolean {
  if (error instanceof TransportError) return error.code !== 'aborted'
  return error instanceof PeerError && (error.code === 'handshake' || error.code === 'encapsulation-status')
}
