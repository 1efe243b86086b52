import {
  extendedStatuses,
  failure,
  generalStatus,
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterReply,
  messageRouterRequest,
  path,
} from '@cordon/core/cip'
import type {
  ActiveSecurity,
  Admission,
  ApplicationRequest,
  BackplaneDevice,
  BoundApplication,
  ConnectedAnswer,
  Device,
  DeviceAction,
  DevicePort,
  DeviceReply,
  Dscp,
  EncapsulationSettings,
  HostedDevice,
  Link,
  Refusal,
  RequestContext,
} from '@cordon/core/device'
import { encode } from '@cordon/core/wire'
import { alterIo } from './alteration.ts'
import { type AskedService, type Faults, requestOf, servicesOf } from './faults.ts'

/** A port as configuration names it. */
export type PortName = `${number}/${DevicePort['protocol']}`

/** The name of a port. */
export function portName({ port, protocol }: Pick<DevicePort, 'port' | 'protocol'>): PortName {
  return `${port}/${protocol}`
}

/** What a unit's face needs to know. */
export interface HostedUnitOptions {
  /** The unit that is there now: another one after each power cycle. */
  readonly unit: () => Device
  readonly faults: Faults
  /** TLS and DTLS associations that may exist besides those that do. */
  readonly room: (protocol: 'tcp' | 'udp') => number
  /** Hears of every service that is asked for, before it is answered. */
  readonly asked: (service: AskedService) => void
  /** 0 to 1, for faults that strike by chance. */
  readonly random: () => number
  readonly wait: (ms: number) => Promise<void>
}

/** Asks for the vendor of the Identity object: what every unit answers and nothing follows from. */
const harmless = encode(messageRouterRequest, {
  service: 0x0e,
  path: path({ class: 0x01, instance: 1, attribute: 1 }),
  data: new Uint8Array(0),
})

/** An answer that never comes. */
const silence = <T>(): Promise<T> => new Promise<T>(() => {})

const securePort = 2221

/**
 * A unit as its hosts meet it: the same object however often the unit behind it is switched off and on, and misbehaving
 * as long as faults are in force. Only what enters and leaves is touched; the state of the unit stays right, as with a
 * bad cable, or a bug in its server.
 */
export class HostedUnit implements HostedDevice {
  readonly #options: HostedUnitOptions
  /** Ports whose sockets are kept open or closed whatever the unit wants, because something stands in their place. */
  readonly #held = new Map<PortName, boolean>()
  readonly #announced: DeviceAction[] = []
  readonly #gone = new WeakSet<Link>()
  #socketAddress: string | undefined

  constructor(options: HostedUnitOptions) {
    this.#options = options
  }

  get #unit(): Device {
    return this.#options.unit()
  }

  /** Where sockets that are opened now are bound: the unit's address, unless they are being moved. */
  get address(): string {
    return this.#socketAddress ?? this.#unit.address
  }

  // What stands in front of ports.

  /** Opens or closes the sockets of these ports at `address`, whatever the unit wants, until {@link release}. */
  hold(ports: readonly PortName[], open: boolean, address?: string): void {
    for (const port of ports) this.#held.set(port, open)
    this.#socketAddress = address
    this.#announced.push({ kind: 'ports-changed' })
  }

  /** Sockets that are opened from now on are at the unit's address again. */
  settle(): void {
    this.#socketAddress = undefined
  }

  /** The ports are the unit's own again. */
  release(ports: readonly PortName[]): void {
    for (const port of ports) this.#held.delete(port)
    this.#socketAddress = undefined
    this.#announced.push({ kind: 'ports-changed' })
  }

  /** Does the unit itself want this port open? */
  wants(port: PortName): boolean {
    return this.#unit.ports().some((entry) => entry.open && portName(entry) === port)
  }

  // What hosts ask.

  ports(): readonly DevicePort[] {
    const ports = this.#unit.ports()
    if (this.#held.size === 0) return ports
    return ports.map((port) => ({ ...port, open: this.#held.get(portName(port)) ?? port.open }))
  }

  security(): ActiveSecurity {
    return this.#unit.security()
  }

  admit(peer: string, port: number, protocol: 'tcp' | 'udp'): Admission {
    const admission = this.#unit.admit(peer, port, protocol)
    if (!admission.allowed) return admission
    if (port === securePort && this.#options.room(protocol) <= 0) {
      return {
        allowed: false,
        reason: `its stated capacity of ${protocol === 'tcp' ? 'TLS sessions' : 'DTLS associations'} is used up`,
      }
    }
    // A peer of 2222/udp is judged once and remembered: its datagrams are lost one by one.
    if (port !== 2222 && this.#options.faults.loses(this.#options.random)) {
      return { allowed: false, reason: 'fault: lost by chance' }
    }
    return admission
  }

  egress(peer: string, protocol: 'tcp' | 'udp'): Admission & { readonly secure: boolean } {
    return this.#unit.egress(peer, protocol)
  }

  request(
    request: MessageRouterRequest,
    link: Link,
    now: number,
    context?: RequestContext,
  ): DeviceReply | Promise<DeviceReply> {
    return this.#answer(request, link, now, (at) => this.#unit.request(request, link, at, context))
  }

  connected(
    link: Link,
    connectionId: number,
    sequenceCount: number,
    message: Uint8Array,
    now: number,
  ): ConnectedAnswer | undefined | Promise<ConnectedAnswer | undefined> {
    const request = requestOf(message)
    if (request !== undefined) for (const service of servicesOf(request)) this.#options.asked(service)
    const { faults, wait } = this.#options
    if (faults.silent) return undefined
    const pass = (at: number, bytes: Uint8Array) => this.#unit.connected(link, connectionId, sequenceCount, bytes, at)
    if (request === undefined) return pass(now, message)
    const delayMs = faults.delayMs(request)
    if (delayMs > 0) {
      // The bytes are the stream's, and it goes on meanwhile.
      const kept = message.slice()
      return wait(delayMs).then(() =>
        this.#gone.has(link) ? undefined : this.#refuseOr(request, (bytes) => pass(now + delayMs, bytes), kept),
      )
    }
    return this.#refuseOr(request, (bytes) => pass(now, bytes), message)
  }

  /** A connected request; its refusal travels over the connection that an answer to something harmless shows. */
  #refuseOr(
    request: MessageRouterRequest,
    pass: (bytes: Uint8Array) => ConnectedAnswer | undefined | Promise<ConnectedAnswer | undefined>,
    message: Uint8Array,
  ): ConnectedAnswer | undefined | Promise<ConnectedAnswer | undefined> {
    const refusal = this.#options.faults.refusal(request)
    if (refusal === undefined) return pass(message)
    const instead = (answer: ConnectedAnswer | undefined) =>
      answer === undefined ? undefined : { ...answer, message: encode(messageRouterReply, refusal) }
    const answer = pass(harmless)
    return answer instanceof Promise ? answer.then(instead) : instead(answer)
  }

  #answer<R extends MessageRouterReply>(
    request: MessageRouterRequest,
    link: Link,
    now: number,
    ask: (now: number) => R | Promise<R>,
  ): R | MessageRouterReply | Promise<R | MessageRouterReply> {
    const { faults, asked, wait } = this.#options
    for (const service of servicesOf(request)) asked(service)
    if (faults.silent) return silence()
    const delayMs = faults.delayMs(request)
    if (delayMs === 0) return faults.refusal(request) ?? ask(now)
    return wait(delayMs).then(() => {
      // Nobody is there any more who could hear it, and a unit must not meet a link that has ended.
      if (this.#gone.has(link)) return failure(request.service, generalStatus.connectionLost)
      return faults.refusal(request) ?? ask(now + delayMs)
    })
  }

  openSession(link: Link): number | undefined {
    return this.#unit.openSession(link)
  }

  encapsulation(): EncapsulationSettings {
    return this.#unit.encapsulation()
  }

  heardNonCip(now: number): void {
    this.#unit.heardNonCip(now)
  }

  dscp(): Dscp {
    return this.#unit.dscp()
  }

  listIdentity(): Uint8Array {
    return this.#unit.listIdentity()
  }

  datagram(link: Link, bytes: Uint8Array, now: number): void {
    const { faults, random } = this.#options
    if (faults.silent || faults.loses(random)) return
    if (!this.#isInterceptable(link)) {
      this.#unit.datagram(link, bytes, now)
      return
    }
    const altered = bytes.slice()
    alterIo(altered)
    this.#unit.datagram(link, altered, now)
  }

  /** Is it plain I/O that the man in the middle reads and alters? */
  #isInterceptable(link: Link): boolean {
    return link.transport === 'udp' && this.#options.faults.has('man-in-the-middle')
  }

  linkClosed(link: Link, now: number): void {
    this.#gone.add(link)
    this.#unit.linkClosed(link, now)
  }

  deadline(): number | undefined {
    return this.#unit.deadline()
  }

  tick(now: number): void {
    this.#unit.tick(now)
  }

  takeActions(): DeviceAction[] {
    const taken = this.#unit.takeActions()
    if (taken.length === 0 && this.#announced.length === 0) return taken
    const { faults } = this.#options
    const touched = faults.silent || faults.has('drop') || faults.has('man-in-the-middle')
    return [...(touched ? taken.filter((action) => this.#leaves(action)) : taken), ...this.#announced.splice(0)]
  }

  /** Does it leave the unit? A datagram that does may be altered on its way. */
  #leaves(action: DeviceAction): boolean {
    if (action.kind !== 'send') return true
    const { faults, random } = this.#options
    if (faults.silent || faults.loses(random)) return false
    if (this.#isInterceptable(action.link)) alterIo(action.datagram)
    return true
  }

  // What neighbours on the backplane meet.

  /** The unit as the modules of its chassis reach it. `settled` is called when it was used: its actions are to be taken. */
  neighbour(settled: () => Promise<void> | undefined): BackplaneDevice {
    const durable = <R>(reply: R): R | Promise<R> => settled()?.then(() => reply) ?? reply
    return {
      request: (request, link, now, context) => {
        const reply = this.#answer(request, link, now, (at) => this.#unit.request(request, link, at, context))
        return reply instanceof Promise ? reply.then(durable) : durable(reply)
      },
      bind: (epath, request: ApplicationRequest, link, now): BoundApplication | Refusal => {
        if (this.#options.faults.silent)
          return { status: generalStatus.connectionFailure, extended: [extendedStatuses.unconnectedRequestTimedOut] }
        const bound = this.#unit.bind(epath, request, link, now)
        return 'status' in bound ? bound : this.#bound(bound, durable)
      },
      linkClosed: (link, now) => {
        this.linkClosed(link, now)
        void settled()
      },
    }
  }

  #bound(bound: BoundApplication, durable: <R>(reply: R) => R | Promise<R>): BoundApplication {
    return {
      ...bound,
      message: (request, link, now, room) => {
        const reply = this.#answer(request, link, now, (at) => bound.message(request, link, at, room))
        return reply instanceof Promise ? reply.then(durable) : durable(reply)
      },
    }
  }
}
