import {
  type ConnectionRequest,
  closeRequest,
  grantedBy,
  IoConnection,
  type IoStatistics,
  openRequest,
  priorityOf,
} from '@cordon/core/client'
import type { EPath, ForwardOpenReply, NetworkParameters } from '@cordon/core/cip'
import type { Dscp } from '@cordon/core/device'
import { type CommonPacket, findItem } from '@cordon/core/enip'
import { type AnyError, TransportError, UsageError } from '@cordon/core/errors'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import type { Credentials } from '../transports/credentials.ts'
import type { KeyLog } from '../transports/key-log.ts'
import { type Endpoint, formatEndpoint } from '../transports/transport.ts'
import { multiplierCode, type TimeoutMultiplier } from './class3.ts'
import { connect } from './connect.ts'
import { nextConnectionId, nextConnectionSerial, type OriginatorIdentity, processIdentity } from './numbers.ts'
import { OwnPlainIoPort, type PlainIoPort } from '../transports/plain-io.ts'
import type { Session } from './session.ts'

/** UDP port of plain class 0/1 data. */
export const plainIoPort = 2222

/** What a class 0/1 connection is to be. */
export interface IoOptions {
  /** Connection path: hops, electronic key, object, connection points, configuration. */
  readonly path: EPath
  readonly class: 0 | 1
  /** Requested packet interval, milliseconds, originator to target. */
  readonly rpiMs: number
  /** Target to originator; as `rpiMs` when absent. */
  readonly targetRpiMs?: number
  /** Bytes as the Forward_Open says them: sequence count and run/idle header included. */
  readonly outputSize: number
  readonly inputSize: number
  /** The run/idle header on O->T data. Default: where there is room for it. */
  readonly runIdleHeader?: boolean
  /** Decides about the mark of its packets. Default scheduled. */
  readonly priority?: NetworkParameters['priority']
  /** Watchdog in packets. Default 4. */
  readonly timeoutMultiplier?: TimeoutMultiplier
  readonly serial?: number
  readonly originator?: OriginatorIdentity
  /** Fills the output data before each production. */
  readonly produce?: (output: Uint8Array) => void
  /** New input data, a view that is valid during the call. */
  readonly onData?: (input: Uint8Array) => void
  /** Every packet that counts, data or heartbeat; time of the schedule. */
  readonly onPacket?: (now: number) => void
  readonly schedule?: Schedule
}

/** Where the data of a connection travels. */
interface Carrier {
  send(datagram: Uint8Array): void
  listen(connectionId: number, hear: (datagram: Uint8Array) => void): () => void
}

/** An open class 0/1 connection that produces and consumes by itself. */
export class IoSession implements AsyncDisposable {
  readonly granted: ForwardOpenReply
  /** Resolves when the connection has ended: without an error when it was closed. Never rejects. */
  readonly closed: Promise<AnyError | undefined>
  /** Resolves with the first data. Never rejects; stays open when the connection ends before. */
  readonly firstData: Promise<void>
  readonly session: Session
  readonly #connection: IoConnection
  readonly #request: ConnectionRequest
  readonly #options: IoOptions
  readonly #carrier: Carrier
  readonly #schedule: Schedule
  readonly #deadline: Deadline
  readonly #forget: () => void
  readonly #cleanup: (() => Promise<void> | void) | undefined
  #tellClosed: (error: AnyError | undefined) => void = () => {}
  #tellFirst: () => void = () => {}
  #open = true
  #lastDataAt: number | undefined

  /** @internal Use {@link openIo} or {@link openIoOver}. */
  constructor(
    session: Session,
    request: ConnectionRequest,
    granted: ForwardOpenReply,
    carrier: Carrier,
    options: IoOptions,
    cleanup?: () => Promise<void> | void,
  ) {
    this.session = session
    this.granted = granted
    this.#request = request
    this.#options = options
    this.#carrier = carrier
    this.#cleanup = cleanup
    this.#schedule = options.schedule ?? processSchedule()
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve
    })
    this.firstData = new Promise((resolve) => {
      this.#tellFirst = resolve
    })
    this.#connection = new IoConnection(request, granted, this.#schedule.now())
    this.#forget = carrier.listen(granted.toConnectionId, (datagram) => this.#receive(datagram))
    this.#deadline = this.#schedule.at(this.#connection.deadline, (now) => this.#tick(now))
    void session.closed.then((error) =>
      this.#end(error ?? new TransportError('closed', 'the session below was closed')),
    )
  }

  /** Connection serial number. */
  get serial(): number {
    return this.#request.triad.connectionSerialNumber
  }

  get state(): 'open' | 'closed' {
    return this.#open ? 'open' : 'closed'
  }

  /** O->T application data: what is written here goes out with the next production. */
  get output(): Uint8Array {
    return this.#connection.output
  }

  /** The last T->O application data. */
  get input(): Uint8Array {
    return this.#connection.input
  }

  /** Run (true) or idle, as the O->T header says it. */
  get run(): boolean {
    return this.#connection.run
  }

  set run(value: boolean) {
    this.#connection.run = value
  }

  get statistics(): IoStatistics {
    return this.#connection.statistics
  }

  /** When the last datagram counted, milliseconds of the schedule. */
  get lastDataAt(): number | undefined {
    return this.#lastDataAt
  }

  /** Closes the connection on the target. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#end(undefined)
    if (this.session.state === 'open') {
      // A target that does not answer loses the connection by its watchdog.
      await this.session.request(closeRequest(this.#request), { timeoutMs: 2000 }).catch(() => {})
    }
    await this.#cleanup?.()
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #receive(datagram: Uint8Array): void {
    const now = this.#schedule.now()
    const verdict = this.#connection.receive(datagram, now)
    if (verdict !== 'data' && verdict !== 'repeated') return
    if (this.#lastDataAt === undefined) this.#tellFirst()
    this.#lastDataAt = now
    this.#options.onPacket?.(now)
    if (verdict === 'data') this.#options.onData?.(this.#connection.input)
  }

  #tick(now: number): void {
    const connection = this.#connection
    if (connection.isTimedOut(now)) {
      const where = formatEndpoint(this.session.peer.endpoint)
      this.#end(
        new TransportError(
          'timeout',
          `class ${this.#options.class} connection with ${where}: no data for ${connection.watchdogMs} ms`,
        ),
      )
      void this.#cleanup?.()
      return
    }
    if (now >= connection.producesAt) {
      this.#options.produce?.(connection.output)
      this.#carrier.send(connection.produce(now))
    }
    if (this.#open) this.#deadline.move(connection.deadline)
  }

  #end(error: AnyError | undefined): void {
    if (!this.#open) return
    this.#open = false
    this.#deadline.cancel()
    this.#forget()
    this.#tellClosed(error)
  }
}

/** @internal The Forward_Open of a class 0/1 connection. */
export function ioRequest(options: IoOptions): ConnectionRequest {
  const identity = options.originator ?? processIdentity()
  return {
    triad: {
      connectionSerialNumber: options.serial ?? nextConnectionSerial(),
      originatorVendorId: identity.vendorId,
      originatorSerialNumber: identity.serialNumber,
    },
    transportClass: options.class,
    path: options.path,
    toConnectionId: nextConnectionId(),
    otRpiUs: Math.round(options.rpiMs * 1000),
    toRpiUs: Math.round((options.targetRpiMs ?? options.rpiMs) * 1000),
    otSize: options.outputSize,
    toSize: options.inputSize,
    timeoutMultiplier: multiplierCode(options.timeoutMultiplier ?? 4),
    ...(options.runIdleHeader === undefined ? {} : { runIdleHeader: options.runIdleHeader }),
    ...(options.priority === undefined ? {} : { priority: options.priority }),
  }
}

/**
 * Opens a class 0/1 connection over a session: over DTLS the data shares its association, over plain TCP it takes `plain`.
 *
 * @throws PeerError `general-status` with the extended status, TransportError, UsageError `not-supported` over TLS, `missing` without `plain`
 */
export async function openIoOver(
  session: Session,
  options: IoOptions,
  plain?: PlainIoPort,
  cleanup?: () => Promise<void> | void,
): Promise<IoSession> {
  const request = ioRequest(options)
  const { transport, endpoint } = session.peer
  const mark = session.carrier.dscp?.[priorityOf(request)]
  if (transport === 'dtls') {
    const granted = grantedBy(await session.request(openRequest(request)), request)
    const carrier: Carrier = {
      send: (datagram) => session.carrier.sendIo(datagram, mark),
      listen: (id, hear) => session.carrier.onIo(id, hear),
    }
    return new IoSession(session, request, granted, carrier, options, cleanup)
  }
  if (transport !== 'tcp') {
    throw new UsageError(
      'not-supported',
      `class 0/1 runs over DTLS, or plain with its Forward_Open over TCP; the session runs over ${transport}`,
    )
  }
  if (plain === undefined)
    throw new UsageError('missing', 'expected a plain I/O port for a class 0/1 connection without DTLS')
  const { reply, items } = await session.carrier.requestWithItems(openRequest(request), socketItems(plain))
  const granted = grantedBy(reply, request)
  const remote: Endpoint = { address: endpoint.address, port: targetPort(items) }
  const carrier: Carrier = {
    send: (datagram) => plain.send(datagram, remote, mark),
    listen: (id, hear) => plain.listen(id, endpoint.address, hear),
  }
  return new IoSession(session, request, granted, carrier, options, cleanup)
}

/** Tells the target where to send, unless it is where targets send anyway. */
function socketItems(plain: PlainIoPort): CommonPacket {
  if (plain.local.port === plainIoPort) return []
  return [{ kind: 'socketAddressTargetToOriginator', address: '0.0.0.0', port: plain.local.port }]
}

/** Another port than 2222 may be named; another address is not followed, as it could be anybody's. */
function targetPort(items: CommonPacket): number {
  const item = findItem(items, 'socketAddressOriginatorToTarget')
  return item === undefined || item.port === 0 ? plainIoPort : item.port
}

/** How {@link openIo} reaches the target. */
export interface OpenIoOptions extends IoOptions {
  /** IP address of the target. */
  readonly target: string
  /** Over DTLS 2221, Forward_Open included (true), or plain over 44818 and 2222. Default: true where credentials are given. */
  readonly secure?: boolean
  readonly credentials?: Credentials
  readonly localAddress?: string
  /** Default 44818, or 2221 where secured. */
  readonly port?: number
  readonly connectTimeoutMs?: number
  readonly signal?: AbortSignal
  readonly keyLog?: KeyLog
  /** DSCP marks of its packets. Default: not marked. */
  readonly dscp?: Dscp
}

/**
 * Opens a class 0/1 connection with a session of its own, which ends with it.
 *
 * @throws TransportError, NotTrusted, PeerError, UsageError
 */
export async function openIo(options: OpenIoOptions): Promise<IoSession> {
  const secure = options.secure ?? options.credentials !== undefined
  const session = await connect({
    address: options.target,
    transport: secure ? 'dtls' : 'tcp',
    keepAliveMs: 30_000,
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    ...(options.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: options.connectTimeoutMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.keyLog === undefined ? {} : { keyLog: options.keyLog }),
    ...(options.schedule === undefined ? {} : { schedule: options.schedule }),
    ...(options.dscp === undefined ? {} : { dscp: options.dscp }),
  })
  let plain: OwnPlainIoPort | undefined
  const cleanup = async () => {
    plain?.close()
    await session.close()
  }
  try {
    if (!secure) plain = await OwnPlainIoPort.open(session.peer.localEndpoint.address)
    return await openIoOver(session, options, plain, cleanup)
  } catch (error) {
    await cleanup()
    throw error
  }
}
