import {
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterReply,
  messageRouterRequest,
} from '@cordon/core/cip'
import type { RequestOptions } from '@cordon/core/client'
import type { Access, DevicePort, DeviceSession } from '@cordon/core/deployment'
import { NotTrusted, PeerError, TransportError } from '@cordon/core/errors'
import { findSuite } from '@cordon/core/security'
import { decode, encode } from '@cordon/core/wire'
import { nodeCrypto } from '@cordon/node/crypto'
import type { Device } from '../../src/device/device.ts'
import type { Link } from '../../src/device/link.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Which request it is: of this device, counted from 1 over all sessions. */
export interface RequestFact {
  readonly count: number
  readonly service: number
  readonly classId: number | undefined
  readonly instance: number | undefined
  readonly attribute: number | undefined
}

/** What the wire does to one request. */
export type Fault =
  /** It arrives, and the answer is this status. The device never sees it. */
  | { readonly kind: 'status'; readonly status: number; readonly extended?: number }
  /** It never arrives. */
  | { readonly kind: 'timeout' }
  /** It arrives and is done; the answer is lost. */
  | { readonly kind: 'lost-answer' }
  /** The connection breaks before it arrives, or after it was done. */
  | { readonly kind: 'disconnect'; readonly when: 'before' | 'after' }
  /** The answer is nonsense. */
  | { readonly kind: 'garbage' }
  /** The whole process dies: before the request left, or after the device has done it. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' }
  /** The answer takes so long. */
  | { readonly kind: 'slow'; readonly ms: number }

const managerAddress = '192.0.2.9'
const requestTimeoutMs = 10_000
const never = new Promise<never>(() => {})

/** Opens a device in memory with the rules of its (D)TLS settings, without a handshake. */
export class MemoryPort implements DevicePort {
  readonly address: string
  readonly #device: Device
  readonly #time: VirtualTime
  readonly #sessions = new Set<MemorySession>()
  /** Decides about each request; none when undefined. */
  fault: ((fact: RequestFact) => Fault | undefined) | undefined
  /** Every request so far. */
  readonly facts: RequestFact[] = []
  /** Nothing answers at all. */
  down = false
  dead = false

  constructor(device: Device, time: VirtualTime) {
    this.address = device.address
    this.#device = device
    this.#time = time
    time.add(this)
  }

  deadline(): number | undefined {
    return this.#device.deadline()
  }

  tick(now: number): void {
    this.#device.tick(now)
    this.#act()
  }

  /** Power off and on: every session is gone, what was not stored is lost. */
  powerCycle(): void {
    for (const session of [...this.#sessions]) session.drop()
    this.#device.restart(this.#time.now())
    this.#act()
  }

  /** The process behind this port is killed: the device sees its connections end, nothing ever answers. */
  crash(): void {
    this.dead = true
    for (const session of [...this.#sessions]) session.drop()
  }

  async open(access: Access): Promise<DeviceSession> {
    if (this.dead) return never
    await this.#time.wait(1)
    if (this.down) throw new TransportError('unreachable', `${this.address} does not answer`)
    const link = this.#handshake(access)
    const session = new MemorySession(this, this.#device, this.#time, link.link, access, link.presented)
    if (this.#device.openSession(link.link) === undefined) throw new TransportError('refused', 'no session is free')
    this.#sessions.add(session)
    return session
  }

  listens(port: number, protocol: 'tcp' | 'udp'): Promise<'open' | 'closed' | 'unknown'> {
    const open = this.#device.ports().some((one) => one.port === port && one.protocol === protocol && one.open)
    return Promise.resolve(protocol === 'udp' ? 'unknown' : open ? 'open' : 'closed')
  }

  #handshake(access: Access): { link: Link; presented: readonly Uint8Array[] } {
    const port = access.kind === 'plain' ? 44818 : 2221
    const admission = this.#device.admit(managerAddress, port, 'tcp')
    if (!admission.allowed) throw new TransportError('refused', `${this.address}: ${admission.reason}`)
    const base = { localPort: port, peer: { address: managerAddress, port: 40_000 } }
    if (access.kind === 'plain') return { link: { ...base, transport: 'tcp' }, presented: [] }
    const security = this.#device.security()
    const usable = admission.suites ?? security.suites
    const wanted = access.kind === 'psk' ? ['psk'] : ['ecdsa', 'rsa']
    const suite = usable.find((id) => wanted.includes(findSuite(id)?.authentication ?? ''))
    const shared = usable.length > 0 && suite !== undefined
    if (!shared) throw new PeerError('alert', `${this.address}: handshake_failure, no common suite`)
    const link = { suite, encrypts: findSuite(suite)?.encrypts === true }
    if (access.kind === 'psk') {
      const held = security.psk.find(({ identity }) => nodeCrypto.equal(identity, access.psk.identity))
      if (held === undefined || held.usage === 'client') throw new PeerError('alert', 'unknown_psk_identity')
      if (!nodeCrypto.equal(held.key, access.psk.key)) throw new PeerError('alert', 'decrypt_error')
      const psk = { ...link, authenticated: 'psk', pskIdentity: access.psk.identity } as const
      return { link: { ...base, transport: 'tls', security: psk }, presented: [] }
    }
    const [leaf, ...intermediates] = security.chain
    if (leaf === undefined) throw new PeerError('alert', 'handshake_failure, no certificate')
    if (access.kind === 'certificate') {
      const verdict = nodeCrypto.verifyChain({
        leaf,
        intermediates,
        anchors: access.anchors,
        revocation: 'off',
        purpose: 'server',
      })
      if (!verdict.ok) throw new NotTrusted(verdict.code, `${this.address}: ${verdict.reason}`)
    }
    if (!security.verifyPeer) {
      return {
        link: { ...base, transport: 'tls', security: { ...link, authenticated: 'none' } },
        presented: security.chain,
      }
    }
    const [client, ...more] = access.kind === 'certificate' ? access.credential.chain : []
    if (client === undefined)
      throw new PeerError('alert', `${this.address}: handshake_failure, a certificate is required`)
    const verdict = nodeCrypto.verifyChain({
      leaf: client,
      intermediates: more,
      anchors: security.anchors,
      trusted: security.trusted,
      revocationLists: security.crls,
      purpose: 'client',
    })
    if (!verdict.ok) throw new PeerError('alert', `${this.address}: bad_certificate (${verdict.reason})`)
    const peer = { ...link, authenticated: 'certificate', peerCertificate: client } as const
    return { link: { ...base, transport: 'tls', security: peer }, presented: security.chain }
  }

  closed(session: MemorySession): void {
    this.#sessions.delete(session)
    this.#act()
  }

  /** Does what the device asks of its host. */
  act(): void {
    this.#act()
  }

  #act(): void {
    for (const action of this.#device.takeActions()) {
      if (action.kind !== 'close-links') continue
      const { which } = action
      const close = () => {
        for (const session of [...this.#sessions]) {
          if (
            which === 'all' ||
            (which === 'all-secure' ? session.link.security !== undefined : which.includes(session.link))
          ) {
            session.drop()
          }
        }
      }
      // The reply that asked for it goes out first.
      void this.#time.wait(action.afterMs).then(close)
    }
  }
}

class MemorySession implements DeviceSession {
  readonly access: Access['kind']
  readonly presented: readonly Uint8Array[]
  readonly localAddress = managerAddress
  readonly link: Link
  readonly #port: MemoryPort
  readonly #device: Device
  readonly #time: VirtualTime
  #open = true
  #broken: () => void = () => {}
  readonly #gone: Promise<void>

  constructor(
    port: MemoryPort,
    device: Device,
    time: VirtualTime,
    link: Link,
    access: Access,
    presented: readonly Uint8Array[],
  ) {
    this.#port = port
    this.#device = device
    this.#time = time
    this.link = link
    this.access = access.kind
    this.presented = presented
    this.#gone = new Promise((resolve) => {
      this.#broken = resolve
    })
  }

  get suite(): number | undefined {
    return this.link.security?.suite
  }

  async request(request: MessageRouterRequest, options: RequestOptions = {}): Promise<MessageRouterReply> {
    if (this.#port.dead) return never
    if (!this.#open) throw closed()
    const count = this.#port.facts.length + 1
    const part = (kind: string) => {
      const segment = request.path.find((one) => one.kind === kind)
      return segment !== undefined && 'value' in segment ? segment.value : undefined
    }
    const fact = {
      count,
      service: request.service,
      classId: part('class'),
      instance: part('instance'),
      attribute: part('attribute'),
    }
    this.#port.facts.push(fact)
    const fault = this.#port.fault?.(fact)
    const timeoutMs = options.timeoutMs ?? requestTimeoutMs
    switch (fault?.kind) {
      case 'status': {
        const extended = fault.extended === undefined ? [] : [fault.extended]
        return { service: request.service, status: fault.status, extended, data: new Uint8Array() }
      }
      case 'timeout':
        return this.#late(timeoutMs)
      case 'disconnect':
        if (fault.when === 'after') await this.#deliver(request)
        this.drop()
        throw closed()
      case 'crash':
        if (fault.when === 'after') await this.#deliver(request)
        this.#port.crash()
        return never
      case 'lost-answer':
        await this.#deliver(request)
        return this.#late(timeoutMs)
      case 'garbage': {
        const reply = await this.#deliver(request)
        return { ...reply, status: 0, extended: [], data: Uint8Array.of(0xff, 0xff, 0xff) }
      }
      case 'slow': {
        const reply = await this.#deliver(request)
        const late = this.#time.wait(fault.ms)
        await Promise.race([late, this.#gone])
        if (fault.ms > timeoutMs) throw new TransportError('timeout', `no answer within ${timeoutMs} ms`)
        return reply
      }
      case undefined:
        return this.#deliver(request)
    }
  }

  async #late(timeoutMs: number): Promise<never> {
    await this.#time.wait(timeoutMs, this.#gone)
    if (!this.#open) throw closed()
    throw new TransportError('timeout', `no answer within ${timeoutMs} ms`)
  }

  /** Through the bytes of the wire, there and back. */
  async #deliver(request: MessageRouterRequest): Promise<MessageRouterReply> {
    await this.#time.wait(1)
    if (this.#port.dead) return never
    if (!this.#open) throw closed()
    const arrived = decode(messageRouterRequest, encode(messageRouterRequest, request))
    const answered = this.#device.request(arrived, this.link, this.#time.now())
    const reply = await this.#time.during(Promise.resolve(answered))
    this.#port.act()
    if (this.#port.dead) return never
    return decode(messageRouterReply, encode(messageRouterReply, reply))
  }

  /** The connection ends, whoever ended it. */
  drop(): void {
    if (!this.#open) return
    this.#open = false
    this.#broken()
    this.#device.linkClosed(this.link, this.#time.now())
    this.#port.closed(this)
  }

  close(): Promise<void> {
    this.drop()
    return Promise.resolve()
  }
}

function closed(): TransportError {
  return new TransportError('closed', 'the connection is closed')
}
