import type { EPath } from '../cip/epath.ts'
import { extendedStatuses } from '../cip/extended-status.ts'
import { generalStatus } from '../cip/general-status.ts'
import type { MessageRouterRequest } from '../cip/message-router.ts'
import type { TagValue } from '../cip/tag.ts'
import { UsageError } from '../errors.ts'
import type { EthernetIpSecurityStateName } from '../objects/ethernet-ip-security.ts'
import type { ApplicationRequest, BoundApplication } from './application.ts'
import { type ApplicationHost, bindApplication } from './applications.ts'
import type { ObjectBehaviour } from './attributes.ts'
import type { BackplaneDevice } from './backplane.ts'
import { type ConnectionPart, type ConnectionRow, Connections } from './connections.ts'
import { type DeviceContext, describePeer, isConfigured } from './context.ts'
import { type CipSecurityState, type DeviceData, factoryAssemblies, factoryData, type QosData } from './data.ts'
import type {
  ActiveSecurity,
  Admission,
  ConnectedAnswer,
  DeviceAction,
  DeviceEvent,
  DevicePort,
  DeviceReply,
  Dscp,
  EncapsulationSettings,
  HostedDevice,
  RequestContext,
} from './hosted-device.ts'
import type { Link } from './link.ts'
import { identityItems } from './list-identity.ts'
import { assemblyBehaviour } from './objects/assembly.ts'
import { connectionManagerBehaviour } from './objects/connection-manager.ts'
import { ethernetLinkBehaviour } from './objects/ethernet-link.ts'
import { identityBehaviour } from './objects/identity.ts'
import { messageRouterBehaviour } from './objects/message-router.ts'
import { portBehaviour } from './objects/port.ts'
import { qosBehaviour } from './objects/qos.ts'
import { tcpIpBehaviour } from './objects/tcp-ip.ts'
import type { DeviceOptions, SecurityOptions } from './options.ts'
import { isRefusal, type Refusal, refuse } from './outcome.ts'
import { type DeviceSecrets, type DeviceState, persistData, restoreData } from './persistence.ts'
import { answerBytes, connectedRoom, type Routed, route, unconnectedRoom } from './router.ts'
import { certificateManagementBehaviourOf } from './security/certificate-management.ts'
import { cipSecurityBehaviour, cipSecurityBehaviour3, endCipSecuritySession } from './security/cip-security.ts'
import {
  activeSecurity,
  endEthernetIpSecuritySession,
  ethernetIpSecurityBehaviour7,
  ethernetIpSecurityBehaviour9,
  resetEthernetIpSecurity,
} from './security/ethernet-ip-security.ts'
import { endLateTransfers, endTransfersOf, fileBehaviour, transferDeadline } from './security/files.ts'
import { egress, ingress, ingressEgressBehaviour } from './security/ingress-egress.ts'
import type { DevicePull, PullNotice } from './device-pull.ts'
import { PullModel, restartPull } from './security/pull.ts'
import { SecondCounter } from './second-counter.ts'
import { TagTable, tagClasses } from './tags.ts'
import { eraseCertificate } from './security/references.ts'

/** Hears of output data: what a connection brought, or that it went idle (`run` false) or away (undefined). */
export type OutputListener = (instance: number, data: Uint8Array, run: boolean | undefined) => void

/** A device: what its host needs, and what owns its application needs. */
export interface Device extends HostedDevice, BackplaneDevice {
  readonly options: DeviceOptions
  readonly tags: TagTable
  /** The side of the pull model. */
  readonly pull: DevicePull
  connected(
    link: Link,
    connectionId: number,
    sequenceCount: number,
    message: Uint8Array,
    now: number,
  ): ConnectedAnswer | undefined | Promise<ConnectedAnswer | undefined>
  openSession(link: Link): number | undefined
  encapsulation(): EncapsulationSettings
  /** Connections that exist. */
  connections(now: number): readonly ConnectionRow[]
  /** Of those that came over a network, and not from a neighbour on the backplane, at most `limit` from row `from` on: what its pages show. */
  networkConnections(now: number, from: number, limit: number): ConnectionPart
  /** A copy of the data of an Assembly. @throws UsageError `missing` */
  assembly(instance: number): Uint8Array
  /** Sets the data of an Assembly; connections that wait for a change produce it. @throws UsageError `missing`, `bad-value` */
  setAssembly(instance: number, data: Uint8Array, now: number): void
  /** Sets a tag; its consumers get it with the next packet. @throws UsageError `missing`, `bad-value` */
  setTag(name: string, values: readonly TagValue[], now: number): void
  /** Who hears of output data; one listener. */
  onOutput(listener: OutputListener | undefined): void
  /** Identity attribute 19: while it is not 0, nothing can be configured or reset. */
  setProtectionMode(mode: number): void
  dscp(): Dscp
  heardNonCip(now: number): void
  /** Is it under a policy? */
  isConfigured(): boolean
  /** State of 0x5D; a device without CIP Security is always in factory default. */
  securityState(): CipSecurityState
  /** State of 0x5E; a device without CIP Security is always in factory default. */
  ethernetIpSecurityState(): EthernetIpSecurityStateName
  /** A power cycle: links, connections, transfers and begun configurations are gone, the rest stays. */
  restart(now: number): void
  /** What is to be stored, secrets apart. */
  persist(): { readonly state: DeviceState; readonly secrets: DeviceSecrets }
}

/** Connection points that carry no data O->T, of a device whose options say nothing (as many I/O adapters number them). */
export const defaultHeartbeats = { inputOnly: 198, listenOnly: 199 } as const

/** Actions that wait for the host, beyond which events are dropped. */
const maximumActions = 4096

const defaultSessions = 64
const defaultOutstanding = 16

const plainBehaviours: readonly ObjectBehaviour[] = [
  identityBehaviour,
  messageRouterBehaviour,
  connectionManagerBehaviour,
  qosBehaviour,
  portBehaviour,
  tcpIpBehaviour,
  ethernetLinkBehaviour,
]

function securityBehaviours(security: SecurityOptions): readonly ObjectBehaviour[] {
  return [
    fileBehaviour,
    security.cipSecurityRevision === 3 ? cipSecurityBehaviour3 : cipSecurityBehaviour,
    security.ethernetIpSecurityRevision === 7 ? ethernetIpSecurityBehaviour7 : ethernetIpSecurityBehaviour9,
    certificateManagementBehaviourOf(security.certificateManagementRevision ?? 3),
    ...(security.ingressEgress === false ? [] : [ingressEgressBehaviour]),
  ]
}

function behavioursOf(options: DeviceOptions): ReadonlyMap<number, ObjectBehaviour> {
  const { security } = options
  const all = [
    ...plainBehaviours,
    ...((options.assemblies?.length ?? 0) > 0 ? [assemblyBehaviour] : []),
    ...(security === undefined ? [] : securityBehaviours(security)),
    // A device without CIP Security may still serve its EDS.
    ...(security === undefined && options.eds !== undefined ? [fileBehaviour] : []),
  ]
  return new Map(all.map((behaviour) => [behaviour.declaration.id, behaviour]))
}

/** The link that neighbours see for a link of this device, and who of them has seen it. */
interface BackplaneUse {
  readonly link: Link
  readonly neighbours: Set<BackplaneDevice>
}

class TargetDevice implements Device, DeviceContext, Routed, ApplicationHost {
  readonly options: DeviceOptions
  readonly tags: TagTable
  readonly behaviours: ReadonlyMap<number, ObjectBehaviour>
  readonly classes: readonly number[]
  readonly links = new Set<Link>()
  readonly owned = new Set<number>()
  readonly producing = new Map<number, number>()
  readonly connectionManager: Connections
  readonly pull: PullModel = new PullModel(this)
  readonly nonCipMessages = new SecondCounter()
  #data: DeviceData
  #dscp: Dscp
  #actions: DeviceAction[] = []
  #unsaved = false
  readonly #sessions = new Set<Link>()
  #nextSession: number
  #listener: OutputListener | undefined
  /** When an object wants to hear of time; undefined until computed again. */
  #objectDeadline: number | undefined
  #now = 0
  /** Connections that neighbours hold to this device. */
  #bound = 0
  readonly #backplane = new Map<Link, BackplaneUse>()

  constructor(options: DeviceOptions, stored?: { readonly state: DeviceState; readonly secrets: DeviceSecrets }) {
    this.options = options
    this.#data = stored === undefined ? factoryData(options) : restoreData(options, stored.state, stored.secrets)
    this.#dscp = marksOf(this.#data.qos)
    this.tags = new TagTable(options.tags)
    this.behaviours = behavioursOf(options)
    const tagged = this.tags.size > 0 ? tagClasses : []
    this.classes = [...this.behaviours.keys(), ...tagged].sort((a, b) => a - b)
    // Ids and handles begin where a stranger cannot guess.
    const view = new DataView(options.crypto.random(8).slice().buffer)
    this.#nextSession = view.getUint32(4, true)
    this.connectionManager = new Connections(
      {
        options,
        bind: (path, request, link, now) => this.bind(path, request, link, now),
        neighbour: (slot) => this.neighbour(slot),
        backplaneLink: (link, neighbour) => this.backplaneLink(link, neighbour),
        isOpen: (port, protocol) => this.#isOpen(port, protocol),
        ingress: (link, port, protocol) =>
          ingress(this, link.peer.address, port, protocol, port === link.localPort ? link.security?.suite : undefined)
            .extendedStatus,
        send: (link, datagram, priority) => {
          this.#actions.push({ kind: 'send', link, datagram, dscp: this.#dscp[priority] })
        },
        report: (name, severity, message, link) => this.report(name, severity, message, link),
      },
      view.getUint32(0, true),
    )
  }

  get address(): string {
    return this.options.address
  }

  get data(): DeviceData {
    return this.#data
  }

  get identity(): DeviceOptions['identity'] {
    return this.options.identity
  }

  get assemblies(): DeviceData['assemblies'] {
    return this.#data.assemblies
  }

  get heartbeats(): { readonly inputOnly: number; readonly listenOnly: number } {
    return { ...defaultHeartbeats, ...this.options.heartbeats }
  }

  get context(): DeviceContext {
    return this
  }

  get connectionFacts(): Connections {
    return this.connectionManager
  }

  // What objects ask of their device.

  act(action: DeviceAction): void {
    this.#actions.push(action)
  }

  changed(): void {
    this.#unsaved = true
    this.#data.identity.consistency = (this.#data.identity.consistency + 1) & 0xffff
  }

  staged(): void {
    const { cipSecurity, ethernetIpSecurity } = this.#data
    if (cipSecurity.session === undefined && ethernetIpSecurity.session === undefined) this.changed()
  }

  report(name: string, severity: DeviceEvent['severity'], message: string, link?: Link): void {
    // Nobody may be there to take them: a log must not fill memory.
    if (this.#actions.length >= maximumActions) return
    const peer = link === undefined ? {} : { peer: describePeer(link) }
    this.#actions.push({ kind: 'event', event: { name, severity, message, ...peer } })
  }

  securityChanged(): void {
    const security = this.#data.ethernetIpSecurity
    security.generation++
    security.active = undefined
    this.#actions.push({ kind: 'security-changed' })
  }

  deadlineMoved(): void {
    this.#objectDeadline = undefined
  }

  endPlainIo(): void {
    this.connectionManager.endPlainIo(this.#now)
  }

  tellPull(notice: PullNotice): void {
    this.pull.tell(notice)
  }

  factoryReset(keepCommunication: boolean, now: number): void {
    const old = this.#data
    this.#now = now
    if (keepCommunication) {
      // Network and security settings stay; application data and the rest begin anew.
      for (const [instance, fresh] of factoryAssemblies(this.options)) old.assemblies.set(instance, fresh)
      old.identity.heartbeat = 0
      this.changed()
      return
    }
    resetEthernetIpSecurity(this, true)
    endTransfersOf(this)
    const fresh = factoryData(this.options)
    for (const [instance, certificate] of old.certificates) {
      if (!fresh.certificates.has(instance)) eraseCertificate(certificate)
    }
    // Contexts of the host go by the generation, so it goes on counting.
    fresh.ethernetIpSecurity.generation = old.ethernetIpSecurity.generation
    fresh.rules.changeCount = old.rules.changeCount + 1
    this.#data = fresh
    this.deadlineMoved()
    this.changed()
    this.securityChanged()
    this.#actions.push({ kind: 'ports-changed' })
    this.tellPull({ kind: 'reset', enabled: true })
  }

  // What a connection's application asks of its device.

  message(request: MessageRouterRequest, link: Link, now: number, room: number): DeviceReply | Promise<DeviceReply> {
    return route(this, request, link, now, connectedRoom(room))
  }

  consumed(instance: number, data: Uint8Array, run: boolean | undefined): void {
    this.#listener?.(instance, data, run)
  }

  neighbour(slot: number): BackplaneDevice | undefined {
    return this.options.backplane?.(slot)
  }

  backplaneLink(link: Link, neighbour: BackplaneDevice): Link {
    let use = this.#backplane.get(link)
    if (use === undefined) {
      use = {
        link: { transport: 'backplane', localPort: 0, peer: link.peer, outer: link },
        neighbours: new Set(),
      }
      this.#backplane.set(link, use)
    }
    use.neighbours.add(neighbour)
    return use.link
  }

  bind(path: EPath, request: ApplicationRequest, link: Link, now: number): BoundApplication | Refusal {
    this.#now = now
    const bound = bindApplication(this, path, request)
    if (link.transport !== 'backplane' || isRefusal(bound)) return bound
    // The module in front counts the connection; so does this device, whose capacity is its own.
    if (this.#bound >= this.connectionManager.capacity) {
      return refuse(generalStatus.connectionFailure, extendedStatuses.targetObjectOutOfConnections)
    }
    return {
      ...bound,
      opened: () => {
        this.#bound++
        bound.opened()
      },
      ended: (why) => {
        this.#bound--
        bound.ended(why)
      },
    }
  }

  // What the host asks.

  #isOpen(port: number, protocol: 'tcp' | 'udp'): boolean {
    return this.#data.tcpIp.ports.some((entry) => entry.port === port && entry.protocol === protocol && entry.open)
  }

  ports(): readonly DevicePort[] {
    return this.#data.tcpIp.ports.map(({ port, protocol, open }) => ({ port, protocol, open }))
  }

  security(): ActiveSecurity {
    return activeSecurity(this)
  }

  admit(peer: string, port: number, protocol: 'tcp' | 'udp'): Admission {
    if (!this.#isOpen(port, protocol)) return { allowed: false, reason: `${protocol}/${port} is closed` }
    const { extendedStatus: _, ...admission } = ingress(this, peer, port, protocol)
    if (admission.suites === undefined) return admission
    // Rules narrow; what the device does not allow at all they cannot give.
    const allowed = this.#data.ethernetIpSecurity.settings.allowedSuites
    return { ...admission, suites: admission.suites.filter((suite) => allowed.includes(suite)) }
  }

  egress(peer: string, protocol: 'tcp' | 'udp'): Admission & { readonly secure: boolean } {
    return egress(this, peer, protocol)
  }

  request(
    request: MessageRouterRequest,
    link: Link,
    now: number,
    context?: RequestContext,
  ): DeviceReply | Promise<DeviceReply> {
    this.#arrived(link, now)
    return route(this, request, link, now, unconnectedRoom, context)
  }

  #arrived(link: Link, now: number): void {
    this.#now = now
    // A device behind a module may have nobody who ticks it, and a host may be late: what is over is over.
    if (this.#objectsDue() <= now) this.#tickObjects(now)
    if (link.transport !== 'backplane') this.links.add(link)
  }

  connected(
    link: Link,
    connectionId: number,
    sequenceCount: number,
    message: Uint8Array,
    now: number,
  ): ConnectedAnswer | undefined | Promise<ConnectedAnswer | undefined> {
    this.#arrived(link, now)
    return this.connectionManager.connected(link, connectionId, sequenceCount, now, (room, application) => {
      const seen = this.connectionManager.linkOf(connectionId, link)
      return answerBytes(message, (request) => application.message(request, seen, now, room))
    })
  }

  openSession(link: Link): number | undefined {
    if (this.#sessions.size >= (this.options.capacity?.sessions ?? defaultSessions)) return undefined
    this.#sessions.add(link)
    this.links.add(link)
    this.#nextSession = (this.#nextSession + 1) >>> 0 || 1
    return this.#nextSession
  }

  encapsulation(): EncapsulationSettings {
    return {
      inactivityTimeoutS: this.#data.tcpIp.inactivityTimeoutS,
      outstanding: this.options.capacity?.outstanding ?? defaultOutstanding,
      udpOnly: this.#udpOnly(),
      io: true,
    }
  }

  #udpOnly(): EncapsulationSettings['udpOnly'] {
    const { udpOnlyPolicy } = this.#data.ethernetIpSecurity.settings
    if (this.options.udpOnly !== true || udpOnlyPolicy === 2) return 'no'
    return udpOnlyPolicy === 1 ? 'dtls' : 'plain-and-dtls'
  }

  listIdentity(): Uint8Array {
    return identityItems(this)
  }

  datagram(link: Link, bytes: Uint8Array, now: number): void {
    this.#now = now
    this.connectionManager.datagram(link, bytes, now)
  }

  linkClosed(link: Link, now: number): void {
    this.#now = now
    this.links.delete(link)
    this.#sessions.delete(link)
    this.connectionManager.linkClosed(link, now)
    endTransfersOf(this, link)
    if (this.#data.cipSecurity.session?.owner === link) endCipSecuritySession(this, 'configuratorLost')
    if (this.#data.ethernetIpSecurity.session?.owner === link) endEthernetIpSecuritySession(this, 'configuratorLost')
    const use = this.#backplane.get(link)
    if (use === undefined) return
    this.#backplane.delete(link)
    for (const neighbour of use.neighbours) neighbour.linkClosed(use.link, now)
  }

  deadline(): number | undefined {
    const next = Math.min(this.#objectsDue(), this.connectionManager.deadline())
    return next === Number.POSITIVE_INFINITY ? undefined : next
  }

  #objectsDue(): number {
    this.#objectDeadline ??= Math.min(
      this.#data.cipSecurity.session?.deadline ?? Number.POSITIVE_INFINITY,
      this.#data.ethernetIpSecurity.session?.deadline ?? Number.POSITIVE_INFINITY,
      transferDeadline(this),
    )
    return this.#objectDeadline
  }

  tick(now: number): void {
    this.#now = now
    if (this.#objectsDue() <= now) this.#tickObjects(now)
    this.connectionManager.tick(now)
  }

  #tickObjects(now: number): void {
    const { cipSecurity, ethernetIpSecurity } = this.#data
    if (cipSecurity.session !== undefined && cipSecurity.session.deadline <= now) endCipSecuritySession(this, 'timeout')
    if (ethernetIpSecurity.session !== undefined && ethernetIpSecurity.session.deadline <= now) {
      endEthernetIpSecuritySession(this, 'timeout')
    }
    endLateTransfers(this, now)
    this.deadlineMoved()
  }

  takeActions(): DeviceAction[] {
    if (!this.#unsaved && this.#actions.length === 0) return []
    const actions: DeviceAction[] = this.#unsaved ? [{ kind: 'save' }, ...this.#actions] : this.#actions
    this.#actions = []
    this.#unsaved = false
    return actions
  }

  // What owns the device's application asks.

  connections(now: number): readonly ConnectionRow[] {
    return this.connectionManager.rows(now)
  }

  networkConnections(now: number, from: number, limit: number): ConnectionPart {
    return this.connectionManager.networkRows(now, from, limit)
  }

  assembly(instance: number): Uint8Array {
    return this.#assembly(instance).slice()
  }

  #assembly(instance: number): Uint8Array {
    const found = this.#data.assemblies.get(instance)
    if (found === undefined) throw new UsageError('missing', `expected an assembly ${instance}, there is none`)
    return found.data
  }

  setAssembly(instance: number, data: Uint8Array, now: number): void {
    const own = this.#assembly(instance)
    if (data.length !== own.length) {
      throw new UsageError('bad-value', `expected ${own.length} bytes for assembly ${instance}, got ${data.length}`)
    }
    own.set(data)
    this.connectionManager.inputChanged(instance, now)
  }

  setTag(name: string, values: readonly TagValue[], now: number): void {
    this.tags.write(name, values)
    this.connectionManager.inputChanged(name.toLowerCase(), now)
  }

  onOutput(listener: OutputListener | undefined): void {
    this.#listener = listener
  }

  setProtectionMode(mode: number): void {
    if (!Number.isInteger(mode) || mode < 0 || mode > 0xffff) {
      throw new UsageError('bad-value', `expected a protection mode 0..65535, got ${mode}`)
    }
    this.#data.identity.protectionMode = mode
    this.changed()
  }

  heardNonCip(now: number): void {
    this.nonCipMessages.add(now)
  }

  dscp(): Dscp {
    return this.#dscp
  }

  isConfigured(): boolean {
    return isConfigured(this)
  }

  securityState(): CipSecurityState {
    return this.#data.cipSecurity.state
  }

  ethernetIpSecurityState(): EthernetIpSecurityStateName {
    return this.#data.ethernetIpSecurity.state
  }

  restart(now: number): void {
    this.#now = now
    this.connectionManager.endAll(now)
    this.#dscp = marksOf(this.#data.qos)
    endTransfersOf(this)
    if (this.#data.cipSecurity.session !== undefined) endCipSecuritySession(this, 'powerUp')
    if (this.#data.ethernetIpSecurity.session !== undefined) endEthernetIpSecuritySession(this, 'powerUp')
    restartPull(this)
    for (const [instance, fresh] of factoryAssemblies(this.options)) this.#data.assemblies.set(instance, fresh)
    for (const { link, neighbours } of this.#backplane.values()) {
      for (const neighbour of neighbours) neighbour.linkClosed(link, now)
    }
    this.#backplane.clear()
    this.links.clear()
    this.#sessions.clear()
    this.deadlineMoved()
  }

  persist(): { readonly state: DeviceState; readonly secrets: DeviceSecrets } {
    return persistData(this.#data)
  }
}

/**
 * Makes a device, as it leaves the factory or as it was stored.
 * @throws MalformedMessage for a stored state that is not readable
 * @throws UsageError `bad-value` for a tag name that occurs twice
 */
export function createDevice(
  options: DeviceOptions,
  stored?: { readonly state: DeviceState; readonly secrets: DeviceSecrets },
): Device {
  return new TargetDevice(options, stored)
}

/** New values of 0x48 are in force after the next power-up (Volume 2, 5-7.4.2). */
function marksOf([, , , urgent, scheduled, high, low, explicit]: QosData): Dscp {
  return { urgent, scheduled, high, low, explicit }
}
