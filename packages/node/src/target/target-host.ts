import {
  type DeviceAction,
  type DeviceEvent,
  type DevicePort,
  type HostedDevice,
  type Link,
  type LinkSecurity,
  pagesPort,
} from '@cordon/core/device'
import { type AnyError, MalformedMessage, TransportError } from '@cordon/core/errors'
import { Session } from '@cordon/tls'
import { Cable } from '../transports/cable.ts'
import { IoDispatch, type PlainIoPort } from '../transports/plain-io.ts'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import { type DtlsListener, listenDtls } from '../transports/dtls.ts'
import type { KeyLog } from '../transports/key-log.ts'
import { SecureTransport } from '../transports/secure.ts'
import { isOurs } from '../transports/system-error.ts'
import { listenTcp } from '../transports/tcp.ts'
import { type Endpoint, formatEndpoint, type Transport, type TransportSecurity } from '../transports/transport.ts'
import { bindUdp, type UdpSocket } from '../transports/udp.ts'
import { Association, type AssociationHost } from './association.ts'
import { type Conversation, datagramConversation, dtlsConversation, streamConversation } from './conversation.ts'
import { DatagramPeers } from './datagram-peers.ts'
import { Gate, type Guest, HandshakeRate } from './gate.ts'
import { ServerContexts } from './server-contexts.ts'
import { LimitedLog, type TargetLogEntry } from './target-log.ts'

/** Limits that keep one device's host within bounds whatever its peers do. */
export interface TargetLimits {
  /** Associations of one kind (plain TCP, TLS, DTLS) in all. Default 256. */
  readonly maxAssociations: number
  /** Associations of one kind per peer address. Default 64. */
  readonly maxPerHost: number
  /** Handshakes that TLS and DTLS each begin per second. Default 200. */
  readonly maxHandshakesPerSecond: number
  /** A handshake must be done within this, milliseconds. Default 10000. */
  readonly handshakeTimeoutMs: number
  /** A stream must send its first message, and finish each that it began, within this, milliseconds. Default 10000. */
  readonly frameTimeoutMs: number
  /** Log lines that peers can cause per second; the rest is counted. Default 20. */
  readonly logLinesPerSecond: number
}

const defaultLimits: TargetLimits = {
  maxAssociations: 256,
  maxPerHost: 64,
  maxHandshakesPerSecond: 200,
  handshakeTimeoutMs: 10_000,
  frameTimeoutMs: 10_000,
  logLinesPerSecond: 20,
}

/** How a device is hosted. */
export interface TargetHostOptions {
  readonly device: HostedDevice
  readonly limits?: Partial<TargetLimits>
  /** Hears of refused and malformed peers, limited per second. */
  readonly log?: (entry: TargetLogEntry) => void
  /** The device wants its state kept. Replies wait until a returned promise resolves: what was confirmed is durable. */
  readonly save?: () => void | Promise<void>
  /** The device restarts; its links are closed already. Default: the device's own `restart`, where it has one. */
  readonly restart?: () => void | Promise<void>
  /** Hears what the device reports of itself. */
  readonly event?: (event: DeviceEvent) => void
  readonly keyLog?: KeyLog
  /** How long each handshake waits before it begins, milliseconds: for virtual devices that are slow on purpose. */
  readonly handshakeDelayMs?: () => number
  readonly schedule?: Schedule
  /** What its sockets lead over; a virtual unit shares it with its originators. */
  readonly cable?: Cable
  /** Says in words why no TLS or DTLS session may be made now, as entropy is missing; undefined while they may. */
  readonly refuseSessions?: () => string | undefined
  /**
   * Opens the pages of a device that administers 80/tcp for them. Undefined: they cannot be served, which is no reason
   * for the device not to start; it says so itself.
   */
  readonly openPages?: () => Promise<OpenPort | undefined>
}

/** An association as it stands, for pages and tests. */
export interface AssociationRow {
  readonly transport: Link['transport']
  readonly localPort: number
  readonly peer: Endpoint
  /** IANA number; absent in plain. */
  readonly suite: number | undefined
  /** Its (D)TLS session took up an earlier one. */
  readonly resumed: boolean
  /** Milliseconds of the schedule. */
  readonly openedAt: number
}

/** A peer that was turned away. */
export interface RefusedPeer {
  readonly address: string
  readonly port: number
  readonly reason: string
  /** Milliseconds of the schedule, the last time. */
  readonly at: number
  /** How often, one after the other. */
  readonly count: number
}

type PortName = `${number}/${DevicePort['protocol']}`

/** A port that listens. */
export interface OpenPort {
  /** Stops listening and ends whoever is connected. */
  close(): Promise<void>
}

/** Refusals, and associations ended by a change of policy, that are remembered. */
const remembered = 32
/** How long an association that a change of policy ended is remembered, milliseconds. */
const endedMs = 60_000

interface PlainPeer {
  readonly link: Link
  readonly allowed: boolean
}

/** Peers of 2222/udp that are remembered; beyond it all are asked about anew. */
const maxPlainPeers = 1024
/** How long a failed save waits to be tried again, milliseconds. */
const saveAgainMs = 1_000
/** How long a device rests that threw while time passed, milliseconds. */
const afterDefectMs = 1_000
/** How often silent DTLS associations are looked for, milliseconds. */
const dtlsSweepMs = 1_000

/**
 * A device on its real sockets: listens where the device says, follows at once when that changes, carries requests and
 * datagrams to it, and keeps its peers within limits. Nothing heavy exists before the first peer comes.
 */
export class TargetHost implements AsyncDisposable {
  readonly device: HostedDevice
  readonly #options: TargetHostOptions
  readonly #limits: TargetLimits
  readonly #schedule: Schedule
  readonly #log: LimitedLog
  readonly #contexts: ServerContexts
  readonly #ports = new Map<PortName, OpenPort>()
  readonly #associations = new Map<Link, Association>()
  readonly #gates: { readonly tcp: Gate; readonly tls: Gate }
  readonly #deadline: Deadline
  readonly #dtlsSweep: Deadline
  readonly #securityListeners = new Set<() => void>()
  readonly #laterActions = new Set<Deadline>()
  readonly #io = new IoDispatch()
  readonly #plainPeers = new Map<string, PlainPeer>()
  readonly #around: AssociationHost
  readonly #handshakes = new Set<SecureTransport>()
  readonly #handshakeRate: HandshakeRate
  readonly #cable: Cable
  /** What messages, and all that is not class 0/1 data, are marked with. */
  readonly #explicitMark = () => this.device.dscp?.().explicit
  /** Latest last. */
  readonly #refusals: RefusedPeer[] = []
  /** Latest last. */
  #endedByPolicy: (AssociationRow & { readonly endedAt: number })[] = []
  #datagramPeers: DatagramPeers | undefined
  #udp2222: UdpSocket | undefined
  #portWork: Promise<void> = Promise.resolve()
  #saving: Promise<void> | undefined
  #savingAgain: Promise<void> | undefined
  #saveAtOnce: () => void = () => {}
  #running = false
  #letGoOfCable: () => void = () => {}

  constructor(options: TargetHostOptions) {
    this.#options = options
    this.device = options.device
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#schedule = options.schedule ?? processSchedule()
    this.#log = new LimitedLog((entry) => options.log?.(entry), this.#limits.logLinesPerSecond)
    this.#contexts = new ServerContexts(options.device, this.#schedule, {
      handshakeTimeoutMs: this.#limits.handshakeTimeoutMs,
      keyLog: options.keyLog !== undefined,
    })
    const { maxAssociations, maxPerHost } = this.#limits
    this.#gates = { tcp: new Gate(maxAssociations, maxPerHost), tls: new Gate(maxAssociations, maxPerHost) }
    this.#handshakeRate = new HandshakeRate(this.#limits.maxHandshakesPerSecond)
    this.#deadline = this.#schedule.idle((now) => this.#tick(now))
    this.#dtlsSweep = this.#schedule.idle((now) => this.#endSilentDtls(now))
    this.#cable = options.cable ?? new Cable()
    this.#around = {
      schedule: this.#schedule,
      frameTimeoutMs: this.#limits.frameTimeoutMs,
      afterDevice: (now) => this.#afterDevice(now),
      isSaving: () => this.#saving !== undefined,
      isCablePulled: () => this.#cable.isPulled,
      defect: (error, association) => {
        this.#defect(error, association.describePeer())
        association.destroy('it met a defect of the device')
      },
      ended: (association, reason, error) => this.#ended(association, reason, error),
    }
  }

  /**
   * Opens the ports that the device wants open.
   *
   * @throws TransportError `address-in-use`, `unreachable` (the address is not on this machine), `io`
   */
  async start(): Promise<void> {
    this.#running = true
    this.#letGoOfCable = this.#cable.onChange(() => this.#cableTurned())
    this.#afterDevice(this.#schedule.now())
    this.#portWork = this.#portWork.then(() => this.#openMissing(true))
    try {
      await this.#portWork
    } catch (error) {
      this.#portWork = Promise.resolve()
      await this.close()
      throw error
    }
  }

  /** As a loss of power: every socket ends without a goodbye of TLS, DTLS or CIP. The host is closed then. */
  async powerOff(): Promise<void> {
    this.#running = false
    for (const association of [...this.#associations.values()]) association.destroy('the power is off')
    await this.close()
  }

  /** Closes every association and port. What the device still wanted saved is saved. */
  async close(): Promise<void> {
    this.#running = false
    this.#letGoOfCable()
    this.#deadline.cancel()
    this.#dtlsSweep.cancel()
    for (const later of this.#laterActions) later.cancel()
    this.#laterActions.clear()
    for (const secure of [...this.#handshakes]) secure.destroy()
    for (const association of [...this.#associations.values()]) association.close('the device shuts down')
    await this.#portWork.catch(() => {})
    const ports = [...this.#ports.values()]
    this.#ports.clear()
    await Promise.all(ports.map((port) => port.close()))
    this.#contexts.clear()
    this.#cable.release()
    this.#saveAtOnce()
    await this.#saving
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Who is connected now. */
  associations(): AssociationRow[] {
    return Array.from(this.#associations.values(), rowOf)
  }

  /** TLS handshakes that are under way. */
  handshakes(): readonly { readonly localPort: number; readonly peer: Endpoint }[] {
    return Array.from(this.#handshakes, ({ local, remote }) => ({ localPort: local.port, peer: remote }))
  }

  /** Who was turned away, the latest first; a limited number is kept. */
  refusals(): readonly RefusedPeer[] {
    return this.#refusals.toReversed()
  }

  /** Associations that a change of policy ended a short time ago. */
  endedByPolicy(): readonly (AssociationRow & { readonly endedAt: number })[] {
    const since = this.#schedule.now() - endedMs
    this.#endedByPolicy = this.#endedByPolicy.filter(({ endedAt }) => endedAt > since)
    return this.#endedByPolicy
  }

  #endByPolicy(association: Association, reason: string): void {
    this.#endedByPolicy.push({ ...rowOf(association), endedAt: this.#schedule.now() })
    if (this.#endedByPolicy.length > remembered) this.#endedByPolicy.shift()
    association.close(reason)
  }

  /** Ports that are open now. */
  ports(): PortName[] {
    return [...this.#ports.keys()]
  }

  /** Resolves when what the device wanted of its ports is done. */
  settled(): Promise<void> {
    return this.#portWork
  }

  /**
   * The owner of the device used it directly (set a tag, an input): what the device wants done about it is done now, and
   * its next deadline is noticed.
   */
  deviceChanged(): void {
    this.#afterDevice(this.#schedule.now())
  }

  /** Tells of each change of credentials or rules, until the returned function is called. */
  onSecurityChanged(listener: () => void): () => void {
    this.#securityListeners.add(listener)
    return () => this.#securityListeners.delete(listener)
  }

  /** The device's port 2222/udp for the plain I/O that it originates; undefined while that port is closed. */
  plainIo(): PlainIoPort | undefined {
    const socket = this.#udp2222
    if (socket === undefined) return undefined
    return {
      local: socket.local,
      send: (datagram, remote, dscp) => !this.#cable.passes() || socket.send(datagram, remote, dscp),
      listen: (connectionId, address, hear) =>
        this.#io.listen(connectionId, address, (bytes) => {
          if (this.#cable.passes()) hear(bytes)
        }),
    }
  }

  /** A datagram that came to a broadcast address: answered from the device's own 44818/udp, while that is open. */
  hearBroadcast(bytes: Uint8Array, remote: Endpoint): void {
    this.#datagramPeers?.receive(bytes, remote, true)
  }

  /** As if the cable were pulled: nothing is heard and nothing is sent, and no peer is told. */
  pullCable(): void {
    this.#cable.pull()
  }

  /** Puts the cable back in: what waited in the kernel's buffers goes on. */
  plugCable(): void {
    this.#cable.plug()
  }

  #cableTurned(): void {
    for (const association of [...this.#associations.values()]) {
      if (this.#cable.isPulled) association.pause()
      else association.resume()
    }
    if (!this.#cable.isPulled) this.#afterDevice(this.#schedule.now())
  }

  // The device

  #tick(now: number): void {
    try {
      this.device.tick(now)
    } catch (error) {
      this.#defect(error, undefined)
      // What threw may throw again at once: the process goes on serving others meanwhile.
      this.#deadline.move(now + afterDefectMs)
      return
    }
    this.#afterDevice(now)
  }

  /** What a device throws is its own fault; the stack is for whoever mends it. */
  #defect(error: unknown, peer: string | undefined): void {
    this.#log.writeLimited(
      {
        severity: 'error',
        event: 'defect',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        ...(peer === undefined ? {} : { peer }),
      },
      this.#schedule.now(),
    )
  }

  #afterDevice(now: number): void {
    for (const action of this.device.takeActions()) this.#carryOut(action, now)
    if (!this.#running) return
    const due = this.device.deadline()
    if (due === undefined || due === Number.POSITIVE_INFINITY) this.#deadline.cancel()
    else if (!this.#deadline.pending || this.#deadline.when !== due) this.#deadline.move(due)
  }

  #carryOut(action: DeviceAction, now: number): void {
    switch (action.kind) {
      case 'send':
        this.#send(action.link, action.datagram, action.dscp)
        break
      case 'save':
        this.#save()
        break
      case 'close-links':
        this.#later(action.afterMs, () => this.#closeLinks(action.which, action.reason))
        break
      case 'ports-changed':
        this.#plainPeers.clear()
        this.#portsChanged()
        break
      case 'security-changed':
        this.#plainPeers.clear()
        for (const listener of [...this.#securityListeners]) listener()
        break
      case 'restart':
        this.#later(0, () => this.#restart())
        break
      case 'event':
        this.#report(action.event, now)
        break
    }
  }

  /** After the replies that are under way: never within the call that caused it. */
  #later(afterMs: number, run: () => void): void {
    const deadline = this.#schedule.after(Math.max(0, afterMs), () => {
      this.#laterActions.delete(deadline)
      if (this.#saving === undefined) run()
      else void this.#saving.then(run)
    })
    this.#laterActions.add(deadline)
  }

  #report(event: DeviceEvent, now: number): void {
    this.#options.event?.(event)
    const entry: TargetLogEntry = {
      severity: event.severity,
      event: event.name,
      message: event.message,
      ...(event.peer === undefined ? {} : { peer: event.peer }),
    }
    if (event.peer === undefined) this.#log.write(entry)
    else this.#log.writeLimited(entry, now)
  }

  #send(link: Link, datagram: Uint8Array, dscp: number): void {
    if (this.#cable.isPulled) return
    if (link.transport === 'udp') {
      if (link.localPort === 2222) this.#udp2222?.send(datagram, link.peer, dscp)
      else this.#datagramPeers?.send(datagram, link.peer, dscp)
    } else this.#associations.get(link)?.sendDatagram(datagram, dscp)
  }

  #save(): void {
    const saved = this.#options.save?.()
    if (saved === undefined) return
    const before = this.#saving
    const stored = Promise.resolve(saved).catch((error: unknown) => this.#saveFailed(error))
    const all: Promise<void> = Promise.all([before, stored]).then(() => {})
    this.#saving = all
    void all.then(() => {
      if (this.#saving !== all) return
      this.#saving = undefined
      for (const association of [...this.#associations.values()]) association.pump()
      this.#datagramPeers?.pump()
    })
  }

  /**
   * Nothing may be confirmed that is not stored: the replies that waited are lost with their links, and there are none to
   * later requests until the state is on its storage. Resolves then, or when the host closes and the last try failed.
   */
  #saveFailed(error: unknown): Promise<void> {
    this.#log.write({
      severity: 'error',
      event: 'save-failed',
      message: `the state could not be stored, so no reply is sent until it is: ${error instanceof Error ? error.message : String(error)}`,
    })
    this.#loseReplies()
    this.#savingAgain ??= this.#saveAgain().finally(() => {
      this.#savingAgain = undefined
    })
    return this.#savingAgain
  }

  async #saveAgain(): Promise<void> {
    for (;;) {
      const isLast = !this.#running
      if (!isLast) await this.#saveAgainDue()
      try {
        await this.#options.save?.()
        this.#log.write({
          severity: 'warning',
          event: 'saved',
          message: 'the state is stored after all; replies are sent again',
        })
        return
      } catch {
        // Its reason was told at the first try.
        this.#loseReplies()
      }
      if (isLast) return
    }
  }

  #saveAgainDue(): Promise<void> {
    return new Promise((due) => {
      const deadline = this.#schedule.after(saveAgainMs, () => due())
      this.#saveAtOnce = () => {
        deadline.cancel()
        due()
      }
    })
  }

  #loseReplies(): void {
    for (const association of [...this.#associations.values()]) association.destroy('the state could not be stored')
  }

  #closeLinks(which: Extract<DeviceAction, { kind: 'close-links' }>['which'], reason: string): void {
    for (const association of [...this.#associations.values()]) {
      const { link } = association
      const chosen = which === 'all' || (which === 'all-secure' ? link.security !== undefined : which.includes(link))
      if (chosen) this.#endByPolicy(association, reason)
    }
    if (which !== 'all' && which !== 'all-secure') return
    for (const secure of [...this.#handshakes]) secure.destroy()
    if (which === 'all') this.#datagramPeers?.closeAll()
  }

  #restart(): void {
    this.#closeLinks('all', 'the device restarts')
    const { restart } = this.#options
    const device: HostedDevice & { restart?(now: number): void } = this.device
    if (restart === undefined) device.restart?.(this.#schedule.now())
    else {
      void Promise.resolve(restart()).catch((error: unknown) => {
        this.#log.write({
          severity: 'error',
          event: 'restart-failed',
          message: `the device could not restart: ${String(error)}`,
        })
      })
    }
    this.#afterDevice(this.#schedule.now())
  }

  // Ports

  #portsChanged(): void {
    if (!this.#running) return
    this.#portWork = this.#portWork
      .then(() => this.#closeUnwanted())
      .then(() => this.#openMissing(false))
      .catch((error: unknown) => {
        this.#log.write({ severity: 'error', event: 'port-failed', message: String(error) })
      })
  }

  async #closeUnwanted(): Promise<void> {
    const wanted = new Set(
      this.device
        .ports()
        .filter(({ open }) => open)
        .map(portName),
    )
    for (const [name, port] of [...this.#ports]) {
      if (wanted.has(name)) continue
      this.#ports.delete(name)
      await port.close()
      // The reply that closed the port may still have to leave over it.
      this.#later(0, () => {
        for (const association of [...this.#associations.values()]) {
          if (portName(portOf(association.link)) === name) this.#endByPolicy(association, 'its port was closed')
        }
      })
      this.#log.write({ severity: 'notice', event: 'port-closed', message: `port ${name} is closed` })
    }
  }

  async #openMissing(strict: boolean): Promise<void> {
    for (const port of this.device.ports()) {
      const name = portName(port)
      if (!port.open || this.#ports.has(name) || !this.#running) continue
      try {
        const opened = await this.#openPort(port)
        if (opened === undefined) continue
        if (this.#running) this.#ports.set(name, opened)
        else await opened.close()
      } catch (error) {
        if (strict) throw error
        this.#log.write({ severity: 'error', event: 'port-failed', port: port.port, message: String(error) })
      }
    }
  }

  async #openPort({ port, protocol }: DevicePort): Promise<OpenPort | undefined> {
    const { address } = this.device
    if (port === pagesPort && protocol === 'tcp') return this.#options.openPages?.()
    if (protocol === 'tcp') {
      const secure = port === 2221
      const admit = (remote: Endpoint) => this.#admit(remote, port, secure)
      return listenTcp({ address, port, admit, dscp: this.#explicitMark, cable: this.#cable }, (transport) => {
        if (secure) this.#handshakeSoon(transport)
        else this.#begin(transport, { transport: 'tcp', localPort: port, peer: transport.remote })
      })
    }
    if (port === 2221) return this.#openDtls(port)
    if (port === 2222) {
      const socket = await bindUdp({ address, port }, (bytes, remote) => this.#hearIo(bytes, remote))
      this.#udp2222 = socket
      return {
        close: async () => {
          this.#udp2222 = undefined
          socket.close()
        },
      }
    }
    return this.#openDatagrams(port)
  }

  async #openDatagrams(port: number): Promise<OpenPort> {
    const { maxPerHost, maxHandshakesPerSecond } = this.#limits
    const peers = await DatagramPeers.open({
      device: this.device,
      port,
      schedule: this.#schedule,
      afterDevice: (now) => this.#afterDevice(now),
      isSaving: () => this.#saving !== undefined,
      isSilent: () => this.#cable.isPulled,
      defect: (error, peer) => this.#defect(error, peer),
      dtls: {
        maxPerHost,
        maxHandshakesPerSecond,
        schedule: this.#schedule,
        isSilent: () => this.#cable.isPulled,
        context: (peer) => this.#contextFor({ address: peer, port: 0 }, 'dtls', port),
        refused: (remote, error) => this.#handshakeFailed(remote, port, error),
        handshakeDelayMs: () => this.#handshakeDelayMs(),
        ...(this.#options.keyLog === undefined ? {} : { keyLog: this.#options.keyLog }),
      },
      accept: (transport) => this.#beginDtls(transport, port),
    })
    this.#datagramPeers = peers
    return {
      close: async () => {
        this.#datagramPeers = undefined
        peers.close()
      },
    }
  }

  async #openDtls(port: number): Promise<OpenPort> {
    const { address } = this.device
    const { maxAssociations, maxPerHost, maxHandshakesPerSecond } = this.#limits
    const listener: DtlsListener = await listenDtls(
      {
        address,
        port,
        maxSessions: maxAssociations,
        maxPerHost,
        maxHandshakesPerSecond,
        schedule: this.#schedule,
        dscp: this.#explicitMark,
        isSilent: () => this.#cable.isPulled,
        context: (peer) => this.#contextFor({ address: peer, port: 0 }, 'dtls', port),
        refused: (remote, error) => this.#handshakeFailed(remote, port, error),
        handshakeDelayMs: () => this.#handshakeDelayMs(),
        ...(this.#options.keyLog === undefined ? {} : { keyLog: this.#options.keyLog }),
      },
      (transport) => this.#beginDtls(transport, port),
    )
    return listener
  }

  // Peers

  /** Asked when a TCP connection is accepted, before anything exists for it. */
  #admit(remote: Endpoint, port: number, secure: boolean): boolean {
    const now = this.#schedule.now()
    const admission = this.device.admit(remote.address, port, 'tcp')
    if (!admission.allowed) {
      this.#refuse('refused', remote, port, admission.reason, now)
      return false
    }
    const verdict = (secure ? this.#gates.tls : this.#gates.tcp).admits(remote.address)
    if (verdict === 'in') return !secure || this.#mayShakeHands(remote, port, now)
    const { maxAssociations, maxPerHost } = this.#limits
    const reason =
      verdict === 'too-many'
        ? `all ${maxAssociations} places are taken`
        : `${maxPerHost} connections from there already`
    this.#refuse('too-many', remote, port, reason, now)
    return false
  }

  #mayShakeHands(remote: Endpoint, port: number, now: number): boolean {
    if (this.#handshakeRate.take(remote.address, now)) return true
    const rate = this.#limits.maxHandshakesPerSecond
    this.#refuse(
      'too-many',
      remote,
      port,
      `more than ${rate} handshakes per second, or half of that from one address`,
      now,
    )
    return false
  }

  #contextFor(remote: Endpoint, protocol: 'tls' | 'dtls', port: number) {
    const admission = this.device.admit(remote.address, port, protocol === 'tls' ? 'tcp' : 'udp')
    if (!admission.allowed) {
      this.#refuse('refused', remote, port, admission.reason, this.#schedule.now())
      return undefined
    }
    const refusal = this.#options.refuseSessions?.()
    if (refusal !== undefined) {
      this.#refuse('no-entropy', remote, port, refusal, this.#schedule.now())
      return undefined
    }
    try {
      const context = this.#contexts.get(protocol, admission.suites)
      if (context === undefined) {
        this.#refuse(
          'refused',
          remote,
          port,
          `no cipher suite is left for it: ${admission.reason}`,
          this.#schedule.now(),
        )
      }
      return context
    } catch (error) {
      if (!isOurs(error)) throw error
      this.#log.write({
        severity: 'error',
        event: 'bad-configuration',
        port,
        message: `${protocol} cannot be served: ${error.message}`,
      })
      return undefined
    }
  }

  #handshakeSoon(lower: Transport): void {
    const delayMs = this.#handshakeDelayMs()
    if (delayMs > 0) this.#later(delayMs, () => this.#handshake(lower))
    else this.#handshake(lower)
  }

  #handshake(lower: Transport): void {
    const port = lower.local.port
    const context = this.#contextFor(lower.remote, 'tls', port)
    if (context === undefined) {
      lower.destroy()
      return
    }
    const session = new Session(context, { peer: lower.remote.address })
    const secure = new SecureTransport(lower, session, {
      schedule: this.#schedule,
      ...(this.#options.keyLog === undefined ? {} : { keyLog: this.#options.keyLog }),
    })
    const guest: Guest = {
      address: lower.remote.address,
      proven: false,
      evict: () => secure.destroy(new TransportError('closed', 'made room for a newer handshake')),
    }
    this.#gates.tls.enter(guest)
    this.#handshakes.add(secure)
    const settle = () => {
      this.#gates.tls.leave(guest)
      this.#handshakes.delete(secure)
    }
    secure.opened.then(
      () => {
        settle()
        const { security } = secure
        if (security === undefined || !this.#running) secure.destroy()
        else
          this.#begin(secure, {
            transport: 'tls',
            localPort: port,
            peer: lower.remote,
            security: linkSecurity(security),
          })
      },
      (error: unknown) => {
        settle()
        if (isOurs(error)) this.#handshakeFailed(lower.remote, port, error)
      },
    )
    secure.start()
  }

  #handshakeDelayMs(): number {
    return this.#options.handshakeDelayMs?.() ?? 0
  }

  #handshakeFailed(remote: Endpoint, port: number, error: AnyError): void {
    if (!this.#running) return
    this.#refuse('handshake-failed', remote, port, error.message, this.#schedule.now())
  }

  #beginDtls(transport: SecureTransport, port: number): void {
    const { security } = transport
    if (security === undefined) return
    this.#begin(transport, {
      transport: 'dtls',
      localPort: port,
      peer: transport.remote,
      security: linkSecurity(security),
    })
    if (!this.#dtlsSweep.pending) this.#dtlsSweep.move(this.#schedule.now() + dtlsSweepMs)
  }

  #begin(transport: Transport, link: Link): void {
    if (!this.#running) {
      transport.destroy()
      return
    }
    const wake = () => {
      const now = this.#schedule.now()
      this.#afterDevice(now)
      association.pump()
    }
    const conversation = this.#converse(link, wake)
    const association = new Association(this.#around, transport, link, conversation)
    this.#associations.set(link, association)
    if (link.transport !== 'dtls') this.#gateOf(link).enter(association)
    association.start()
  }

  #converse(link: Link, wake: () => void): Conversation {
    const now = this.#schedule.now()
    if (link.transport !== 'dtls') return streamConversation(this.device, link, now, wake)
    return link.localPort === 2221
      ? dtlsConversation(this.device, link, wake)
      : datagramConversation(this.device, link, now, wake)
  }

  #gateOf(link: Link): Gate {
    return link.transport === 'tls' ? this.#gates.tls : this.#gates.tcp
  }

  #ended(association: Association, reason: string, error: AnyError | undefined): void {
    const { link } = association
    this.#associations.delete(link)
    if (link.transport !== 'dtls') this.#gateOf(link).leave(association)
    const now = this.#schedule.now()
    this.device.linkClosed(link, now)
    const hostile = error instanceof MalformedMessage || association.malformed
    this.#log.writeLimited(
      {
        severity: hostile ? 'warning' : 'info',
        event: hostile ? 'malformed' : 'closed',
        peer: association.describePeer(),
        port: link.localPort,
        message: `${link.transport} association ended: ${reason}`,
      },
      now,
    )
    this.#afterDevice(now)
  }

  #hearIo(bytes: Uint8Array, remote: Endpoint): void {
    if (this.#cable.isPulled) return
    const name = `${remote.address}:${remote.port}`
    let peer = this.#plainPeers.get(name)
    if (peer === undefined) {
      const admission = this.device.admit(remote.address, 2222, 'udp')
      const link: Link = { transport: 'udp', localPort: 2222, peer: { address: remote.address, port: remote.port } }
      peer = { link, allowed: admission.allowed }
      if (!admission.allowed) this.#refuse('refused', remote, 2222, admission.reason, this.#schedule.now())
      if (this.#plainPeers.size >= maxPlainPeers) this.#plainPeers.clear()
      this.#plainPeers.set(name, peer)
    }
    if (!peer.allowed || this.#io.deliver(bytes, remote.address)) return
    const now = this.#schedule.now()
    try {
      this.device.datagram(peer.link, bytes, now)
    } catch (error) {
      this.#defect(error, name)
    }
    this.#afterDevice(now)
  }

  /** Ends DTLS associations whose peer has been silent for the device's DTLS timeout (0x5E attribute 15). */
  #endSilentDtls(now: number): void {
    const timeoutMs = this.device.security().dtlsTimeoutS * 1000
    let left = 0
    for (const association of [...this.#associations.values()]) {
      const { transport } = association
      if (!(transport instanceof SecureTransport) || transport.kind !== 'dtls') continue
      if (timeoutMs > 0 && now - transport.lastReceivedAt >= timeoutMs)
        association.close(`silent for ${timeoutMs / 1000} s`)
      else left++
    }
    if (left > 0) this.#dtlsSweep.move(now + dtlsSweepMs)
  }

  #refuse(event: string, remote: Endpoint, port: number, reason: string, now: number): void {
    const peer = remote.port === 0 ? remote.address : formatEndpoint(remote)
    const last = this.#refusals.at(-1)
    const isSame = last?.address === remote.address && last.port === port && last.reason === reason
    if (isSame || this.#refusals.length >= remembered) this.#refusals.splice(isSame ? -1 : 0, 1)
    this.#refusals.push({ address: remote.address, port, reason, at: now, count: isSame ? last.count + 1 : 1 })
    this.#log.writeLimited({ severity: 'warning', event, peer, port, message: reason }, now)
  }
}

function rowOf({ link, transport, openedAt }: Association): AssociationRow {
  return {
    transport: link.transport,
    localPort: link.localPort,
    peer: link.peer,
    suite: link.security?.suite,
    resumed: transport.security?.resumed ?? false,
    openedAt,
  }
}

function portName({ port, protocol }: Pick<DevicePort, 'port' | 'protocol'>): PortName {
  return `${port}/${protocol}`
}

function portOf(link: Link): Pick<DevicePort, 'port' | 'protocol'> {
  return { port: link.localPort, protocol: link.transport === 'tcp' || link.transport === 'tls' ? 'tcp' : 'udp' }
}

/** What the objects of a device may know of a (D)TLS association. */
export function linkSecurity(security: TransportSecurity): LinkSecurity {
  const [peerCertificate] = security.peerChain
  return {
    suite: security.suite,
    encrypts: security.encrypts,
    authenticated: security.authenticated,
    ...(peerCertificate === undefined ? {} : { peerCertificate }),
    ...(security.pskIdentity === undefined ? {} : { pskIdentity: security.pskIdentity }),
  }
}
