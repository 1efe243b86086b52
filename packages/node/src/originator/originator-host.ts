import { closeRequest, isStatus } from '@cordon/core/client'
import { extendedStatuses } from '@cordon/core/cip'
import type { HostedDevice } from '@cordon/core/device'
import { type AnyError, TransportError, UsageError } from '@cordon/core/errors'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import type { TargetHost } from '../target/target-host.ts'
import type { Cable } from '../transports/cable.ts'
import type { KeyLog } from '../transports/key-log.ts'
import { isOurs } from '../transports/system-error.ts'
import { Backoff, type BackoffOptions } from './backoff.ts'
import type {
  ConfiguredConnection,
  ConnectionMove,
  ConnectionStatus,
  ConnectionTransport,
} from './configured-connection.ts'
import { parseTarget, type Way, wayTo } from './egress.ts'
import { plainIoPort } from './io.ts'
import { type LiveConnection, openLive } from './live-connection.ts'
import { nextConnectionSerial, type OriginatorIdentity } from './numbers.ts'
import { OwnPlainIoPort, type PlainIoPort } from '../transports/plain-io.ts'
import { type EndedSession, type Lease, type PooledSession, SessionPool } from './session-pool.ts'

/** A line for the log of an originator. */
export interface OriginatorLogEntry {
  readonly severity: 'info' | 'notice' | 'warning' | 'error'
  readonly connection: string
  /** Address of the target. */
  readonly peer: string
  readonly message: string
}

/** What an originator host does and reports. */
export interface OriginatorHostOptions {
  /** Whose address, credentials and egress policy the connections use. For controllers behind a module: the module. */
  readonly device: HostedDevice
  /** The host of the same device: its 2222/udp socket carries plain I/O, and it tells of changed security. */
  readonly target?: TargetHost
  readonly connections?: readonly ConfiguredConnection[]
  /** Vendor and serial number in Forward_Opens. */
  readonly originator: OriginatorIdentity
  /** Hears what went wrong, and what came back. */
  readonly log?: (entry: OriginatorLogEntry) => void
  /** Hears of connections that changed their way. */
  readonly onMove?: (move: ConnectionMove) => void
  readonly keyLog?: KeyLog
  /** What its sockets lead over, of a virtual unit. */
  readonly cable?: Cable
  readonly schedule?: Schedule
  /** Waits between attempts of one connection. */
  readonly backoff?: BackoffOptions
  /**
   * How long a plain connection may go on although policy wants it secured and the secured way cannot be opened,
   * milliseconds. Default 30000.
   */
  readonly plainGraceMs?: number
}

/** How often the policy is asked again without being told of a change, milliseconds. */
const recheckMs = 1_000
/** How long a new way may take to deliver its first data before the old one closes anyway, milliseconds. */
const firstDataMs = 5_000

/** Refusals that say: not while the old connection is there. */
const onlyOneAtATime: readonly number[] = [
  extendedStatuses.duplicateForwardOpen,
  extendedStatuses.ownershipConflict,
  extendedStatuses.outOfConnections,
  extendedStatuses.targetObjectOutOfConnections,
]

interface Open {
  readonly live: LiveConnection
  readonly lease: Lease
  readonly wayId: string
  readonly transport: ConnectionTransport
  readonly openedAt: number
  readonly secure: boolean
}

type OpenWay = Way & { readonly allowed: true }

/** The first packet or reply of a connection, and how long none had come before it. */
class FirstData {
  readonly settled: Promise<void>
  #gapMs: number | undefined
  #settle: () => void = () => {}

  constructor() {
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** Milliseconds since the data before; undefined while nothing came. */
  get gapMs(): number | undefined {
    return this.#gapMs
  }

  arrived(now: number, lastDataAt: number | undefined): void {
    if (this.#gapMs !== undefined) return
    this.#gapMs = lastDataAt === undefined ? 0 : now - lastDataAt
    this.#settle()
  }

  giveUp(): void {
    this.#settle()
  }
}

/** What the keepers of one host share. */
interface Surroundings {
  /** The device of the moment: a power cycle may replace it. */
  readonly device: () => HostedDevice
  readonly originator: OriginatorIdentity
  readonly pool: SessionPool
  readonly schedule: Schedule
  readonly backoff: BackoffOptions
  readonly plainGraceMs: number
  plain(): Promise<PlainIoPort>
  log(entry: OriginatorLogEntry): void
  moved(move: ConnectionMove): void
}

/** Keeps one connection alive over the way that policy says at each moment. */
class ConnectionKeeper {
  readonly connection: ConfiguredConnection
  readonly #around: Surroundings
  readonly #backoff: Backoff
  readonly #timer: Deadline
  readonly #ended: Promise<void>
  #wake: () => void = () => {}
  #stopped = false
  #state: ConnectionStatus['state'] = 'connecting'
  #open: Open | undefined
  /** The way of the last opening. */
  #before: Pick<Open, 'transport' | 'wayId'> | undefined
  readonly #stopping = new Set<FirstData>()
  #failingSince: number | undefined
  #packets = 0
  #missedBefore = 0
  #lastDataAt: number | undefined
  #lastDataEpoch: number | undefined
  #longestGapMs = 0
  #opens = 0
  #losses = 0
  #lastError: string | undefined
  #lastMove: ConnectionMove | undefined

  constructor(connection: ConfiguredConnection, around: Surroundings) {
    this.connection = connection
    this.#around = around
    this.#backoff = new Backoff(around.backoff)
    this.#timer = around.schedule.idle(() => this.#wake())
    this.#ended = this.#run()
  }

  /** Something changed: decide again now. */
  wake(): void {
    this.#wake()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const first of this.#stopping) first.giveUp()
    this.#wake()
    await this.#ended
  }

  get status(): ConnectionStatus {
    const { connection } = this
    const open = this.#open
    const security = open?.lease.session.peer.security
    return {
      name: connection.name,
      target: connection.target,
      address: parseTarget(connection.target).address,
      class: connection.class,
      slot: connection.slot,
      state: this.#state,
      transport: open?.transport,
      suite: security?.suite,
      resumed: security?.resumed,
      protection:
        open === undefined
          ? undefined
          : security === undefined
            ? 'none'
            : security.encrypts
              ? 'encrypted'
              : 'authenticated',
      serial: open?.live.serial ?? connection.serial,
      outputSize: connection.outputSize,
      inputSize: connection.inputSize,
      rpiMs: connection.rpiMs,
      targetRpiMs: connection.targetRpiMs ?? connection.rpiMs,
      outputApiMs: open === undefined ? undefined : open.live.granted.otApi / 1000,
      inputApiMs: open === undefined ? undefined : open.live.granted.toApi / 1000,
      openedAt: open?.openedAt,
      packets: this.#packets,
      missed: this.#missedBefore + (open?.live.missed ?? 0),
      lastDataAt: this.#lastDataEpoch,
      longestGapMs: this.#longestGapMs,
      opens: this.#opens,
      losses: this.#losses,
      lastError: this.#lastError,
      lastMove: this.#lastMove,
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const way = wayTo(this.#around.device(), this.connection.target, this.connection.class)
      const open = this.#open
      if (!way.allowed) {
        if (open !== undefined) this.#log('warning', `closed, because policy refuses it: ${way.reason}`)
        await this.#close()
        this.#state = 'refused-by-policy'
        this.#lastError = way.reason
        await this.#sleep(recheckMs)
      } else if (open !== undefined && open.wayId === wayId(way)) {
        this.#failingSince = undefined
        await this.#sleep(recheckMs)
      } else {
        await this.#attempt(way, open)
      }
    }
    await this.#close()
    this.#timer.cancel()
    this.#state = 'stopped'
  }

  async #attempt(way: OpenWay, open: Open | undefined): Promise<void> {
    try {
      if (open === undefined) {
        if (this.#state !== 'waiting') this.#state = 'connecting'
        await this.#openFresh(way)
      } else await this.#move(way, open)
      this.#backoff.reset()
      this.#failingSince = undefined
    } catch (error) {
      if (!isOurs(error)) throw error
      await this.#failed(way, error)
    }
  }

  async #failed(way: OpenWay, error: AnyError): Promise<void> {
    if (this.#stopped) return
    const now = this.#around.schedule.now()
    this.#failingSince ??= now
    if (this.#lastError !== error.message) this.#log('warning', error.message)
    this.#lastError = error.message
    const open = this.#open
    if (open === undefined) this.#state = 'waiting'
    else if (way.secure && !open.secure && now - this.#failingSince > this.#around.plainGraceMs) {
      this.#log('error', 'closed: policy wants it secured, and the secured way could not be opened in time')
      await this.#close()
    }
    await this.#sleep(this.#backoff.next())
  }

  async #openFresh(way: OpenWay): Promise<void> {
    const before = this.#before
    const lease = await this.#around.pool.acquire(way.key)
    const first = new FirstData()
    try {
      const serial = this.connection.serial ?? nextConnectionSerial()
      const live = await this.#forwardOpen(lease, serial, way.secure, (now) => this.#heard(now, first))
      this.#adopt(live, lease, way)
      // It was lost over another way: plain ports that close, or links that new credentials ended.
      if (before !== undefined && before.wayId !== wayId(way))
        void this.#reportMove(before, way, live, lease, first, false)
    } catch (error) {
      lease.release()
      throw error
    }
    const what = way.secure ? `secured (${describeSuite(this.#open)})` : 'in plain'
    this.#log('info', `open ${what}; ${way.reason}`)
  }

  /** The new way first, where the target lets both be open; data is missed only between the last old and the first new. */
  async #move(way: OpenWay, old: Open): Promise<void> {
    const lease = await this.#around.pool.acquire(way.key)
    const first = new FirstData()
    const heard = (now: number) => this.#heard(now, first)
    let live: LiveConnection | undefined
    let overlap = false
    try {
      if (this.connection.serial === undefined) {
        live = await this.#forwardOpenBeside(lease, way.secure, heard)
        overlap = live !== undefined
      }
      if (live === undefined) {
        await this.#close()
        live = await this.#forwardOpen(lease, this.connection.serial ?? nextConnectionSerial(), way.secure, heard)
      }
    } catch (error) {
      lease.release()
      throw error
    }
    const replaced = overlap ? this.#open : undefined
    this.#open = undefined
    this.#adopt(live, lease, way)
    await this.#reportMove(old, way, live, lease, first, overlap)
    if (replaced !== undefined) await this.#dismiss(replaced)
  }

  /** Waits for the first data over the new way, then tells of the move. */
  async #reportMove(
    from: Pick<Open, 'transport' | 'wayId'>,
    way: OpenWay,
    live: LiveConnection,
    lease: Lease,
    first: FirstData,
    overlap: boolean,
  ): Promise<void> {
    const { schedule } = this.#around
    const patience = schedule.after(firstDataMs, () => first.giveUp())
    this.#stopping.add(first)
    await Promise.race([first.settled, live.closed])
    this.#stopping.delete(first)
    patience.cancel()
    if (first.gapMs === undefined && (this.#stopped || this.#open?.live !== live)) {
      // It ended before any data came: the move is not done yet.
      this.#before = { transport: from.transport, wayId: from.wayId }
      return
    }
    const { connection } = this
    const move: ConnectionMove = {
      connection: connection.name,
      class: connection.class,
      target: connection.target,
      movedAt: Date.now(),
      gapMs: first.gapMs ?? (this.#lastDataAt === undefined ? 0 : schedule.now() - this.#lastDataAt),
      intervalMs: connection.class === 3 ? (connection.pollMs ?? connection.rpiMs) : live.granted.toApi / 1000,
      from: from.transport,
      to: way.key.transport,
      suite: lease.session.peer.security?.suite,
      overlap,
    }
    this.#lastMove = move
    const gap = `${Math.round(move.gapMs)} ms without data`
    this.#log('notice', `moved from ${move.from} to ${move.to}, ${gap}; ${way.reason}`)
    this.#around.moved(move)
  }

  /** Undefined where the target has room for only one of the two. */
  async #forwardOpenBeside(
    lease: Lease,
    secure: boolean,
    heard: (now: number) => void,
  ): Promise<LiveConnection | undefined> {
    try {
      return await this.#forwardOpen(lease, nextConnectionSerial(), secure, heard)
    } catch (error) {
      if (onlyOneAtATime.some((extended) => isStatus(error, 0x01, extended))) return undefined
      throw error
    }
  }

  async #forwardOpen(
    lease: Lease,
    serial: number,
    secure: boolean,
    heard: (now: number) => void,
  ): Promise<LiveConnection> {
    const { schedule } = this.#around
    const originator = this.connection.originator ?? this.#around.originator
    const plain = secure || this.connection.class === 3 ? undefined : await this.#around.plain()
    const options = { originator, schedule, plain, heard }
    try {
      return await openLive(this.connection, lease.session, serial, options)
    } catch (error) {
      // A target that did not notice our end still holds the triad: it is ours to close.
      if (this.connection.serial === undefined || !isStatus(error, 0x01, extendedStatuses.duplicateForwardOpen))
        throw error
      const triad = {
        connectionSerialNumber: serial,
        originatorVendorId: originator.vendorId,
        originatorSerialNumber: originator.serialNumber,
      }
      await lease.session.request(closeRequest({ triad, path: this.connection.path }), { timeoutMs: 2000 })
      return openLive(this.connection, lease.session, serial, options)
    }
  }

  #adopt(live: LiveConnection, lease: Lease, way: OpenWay): void {
    const open: Open = {
      live,
      lease,
      wayId: wayId(way),
      transport: way.key.transport,
      openedAt: Date.now(),
      secure: way.secure,
    }
    this.#open = open
    this.#before = { transport: open.transport, wayId: open.wayId }
    this.#state = 'open'
    this.#lastError = undefined
    this.#opens++
    void live.closed.then((error) => {
      if (this.#open !== open) return
      this.#open = undefined
      this.#state = 'waiting'
      this.#losses++
      this.#missedBefore += live.missed
      this.#lastError = error?.message ?? 'closed by the target'
      this.#log('warning', `lost: ${this.#lastError}`)
      lease.release()
      this.#wake()
    })
  }

  async #close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    if (open !== undefined) await this.#dismiss(open)
  }

  async #dismiss(open: Open): Promise<void> {
    this.#missedBefore += open.live.missed
    await open.live.close()
    open.lease.release()
  }

  #heard(now: number, first: FirstData): void {
    first.arrived(now, this.#lastDataAt)
    this.#packets++
    if (this.#lastDataAt !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastDataAt)
    this.#lastDataAt = now
    this.#lastDataEpoch = Date.now()
  }

  /** Waits for the time, or for {@link wake}. */
  #sleep(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#timer.cancel()
        this.#wake = () => {}
        resolve()
      }
      this.#timer.move(this.#around.schedule.now() + ms)
    })
  }

  #log(severity: OriginatorLogEntry['severity'], message: string): void {
    this.#around.log({ severity, connection: this.connection.name, peer: this.connection.target, message })
  }
}

/**
 * The originating side of a device: keeps its configured connections alive, each over the way that the device's egress
 * policy says at the moment, and moves a running connection when policy or credentials change. Sessions are shared as
 * Ethernet modules share them: one TCP or TLS session and one DTLS association per target address.
 */
export class OriginatorHost implements AsyncDisposable {
  readonly #keepers = new Map<string, ConnectionKeeper>()
  readonly #around: Surroundings
  readonly #cable: Cable | undefined
  #device: HostedDevice
  #target: TargetHost | undefined
  #unsubscribe: () => void = () => {}
  #ownPlain: Promise<OwnPlainIoPort> | undefined
  #closed = false

  /** Begins at once with the configured connections. @throws UsageError `bad-option` for a name that is there twice */
  constructor(options: OriginatorHostOptions) {
    this.#device = options.device
    this.#cable = options.cable
    const schedule = options.schedule ?? processSchedule()
    this.#around = {
      device: () => this.#device,
      originator: options.originator,
      pool: new SessionPool({
        localAddress: options.device.address,
        schedule,
        dscp: () => this.#device.dscp?.(),
        ...(options.keyLog === undefined ? {} : { keyLog: options.keyLog }),
        ...(options.cable === undefined ? {} : { cable: options.cable }),
      }),
      schedule,
      backoff: options.backoff ?? {},
      plainGraceMs: options.plainGraceMs ?? 30_000,
      plain: () => this.#plainPort(),
      log: (entry) => options.log?.(entry),
      moved: (move) => options.onMove?.(move),
    }
    this.#follow(options.target)
    for (const connection of options.connections ?? []) this.add(connection)
  }

  /** One row per configured connection. */
  connections(): ConnectionStatus[] {
    return [...this.#keepers.values()].map((keeper) => keeper.status)
  }

  /** Its TCP, TLS and DTLS sessions as they stand, and those that are being opened. */
  sessions(): readonly PooledSession[] {
    return this.#around.pool.sessions()
  }

  /** Plain sessions that a change of policy, or their other end, ended a short time ago. */
  endedSessions(): readonly EndedSession[] {
    return this.#around.pool.ended()
  }

  /** Keeps one more connection. @throws UsageError `bad-option` for a name that is there already, `not-open` after close */
  add(connection: ConfiguredConnection): void {
    if (this.#closed) throw new UsageError('not-open', 'this originator was closed')
    if (this.#keepers.has(connection.name)) {
      throw new UsageError('bad-option', `expected one connection of each name, got a second "${connection.name}"`)
    }
    this.#keepers.set(connection.name, new ConnectionKeeper(connection, this.#around))
  }

  /** Closes a connection for good. */
  async remove(name: string): Promise<void> {
    const keeper = this.#keepers.get(name)
    this.#keepers.delete(name)
    await keeper?.stop()
  }

  /**
   * Goes on with another device object of the same address, after a power cycle made a new one with a new host. What is
   * open stays open as long as the new one's policy and credentials agree.
   */
  useDevice(device: HostedDevice, target?: TargetHost): void {
    this.#device = device
    this.#follow(target)
    this.securityChanged()
  }

  #follow(target: TargetHost | undefined): void {
    this.#unsubscribe()
    this.#target = target
    this.#unsubscribe = target?.onSecurityChanged(() => this.securityChanged()) ?? (() => {})
  }

  /** Policy, rules or credentials changed: every connection decides again. */
  securityChanged(): void {
    for (const keeper of this.#keepers.values()) keeper.wake()
  }

  /** Closes all connections and their sessions. */
  async close(): Promise<void> {
    this.#closed = true
    this.#unsubscribe()
    await Promise.all([...this.#keepers.values()].map((keeper) => keeper.stop()))
    const own = this.#ownPlain
    this.#ownPlain = undefined
    await own?.then(
      (port) => port.close(),
      () => {},
    )
    this.#cable?.release()
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The device's own 2222/udp where it is hosted with one, so that a closed port stops plain I/O in both directions. */
  async #plainPort(): Promise<PlainIoPort> {
    const device = this.#device
    const target = this.#target
    const has2222 = device.ports().some(({ port, protocol }) => port === plainIoPort && protocol === 'udp')
    if (target !== undefined && has2222) {
      const port = target.plainIo()
      if (port === undefined)
        throw new TransportError('refused', `${device.address}: port 2222/udp is closed, so there is no plain I/O`)
      return port
    }
    this.#ownPlain ??= OwnPlainIoPort.open(device.address, 0, this.#cable)
    try {
      return await this.#ownPlain
    } catch (error) {
      this.#ownPlain = undefined
      throw error
    }
  }
}

function wayId(way: OpenWay): string {
  return `${way.key.transport}|${way.key.credentialsId}`
}

function describeSuite(open: Open | undefined): string {
  return open?.lease.session.peer.security?.suiteName ?? 'unknown suite'
}
