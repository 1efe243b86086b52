import { createHash } from 'node:crypto'
import type { RequestOptions } from '@cordon/core/client'
import type { MessageRouterReply, MessageRouterRequest } from '@cordon/core/cip'
import type { Access, DevicePort, DeviceSession } from '@cordon/core/deployment'
import { NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { connect, type Session } from '@cordon/node/originator'
import type { Credentials, KeyLog } from '@cordon/node/transports'

/** How devices are reached from this machine. */
export interface ReachOptions {
  /** Local address that Cordon works from; the system chooses where it is absent. */
  readonly localAddress?: string | undefined
  /** For opening a session, milliseconds. */
  readonly connectTimeoutMs?: number | undefined
  /** For each request, milliseconds. */
  readonly requestTimeoutMs?: number | undefined
  /** Hears the secrets of all associations, for captures. */
  readonly keyLog?: KeyLog | undefined
}

/**
 * The ways to all devices of a plant. Contexts of the TLS library are made once per set of credentials, so that a
 * thousand devices of a zone share one.
 */
export class SessionPorts {
  readonly #reach: ReachOptions
  readonly #credentials = new Map<string, Credentials>()

  constructor(reach: ReachOptions = {}) {
    this.#reach = reach
  }

  /** The way to one device. */
  port(address: string): DevicePort {
    return {
      address,
      open: (access) => this.#open(address, access),
      listens: (port, protocol) => this.#listens(address, port, protocol),
    }
  }

  async #open(address: string, access: Access): Promise<DeviceSession> {
    const { localAddress, connectTimeoutMs, requestTimeoutMs, keyLog } = this.#reach
    const session = await connect({
      address,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      ...(keyLog === undefined || access.kind === 'plain' ? {} : { keyLog }),
      ...this.#way(access),
    })
    return new DeviceConnection(session, access)
  }

  #way(access: Access): { transport: 'tcp' | 'tls'; credentials?: Credentials; commissioning?: boolean } {
    switch (access.kind) {
      case 'plain':
        return { transport: 'tcp' }
      case 'commissioning':
        return { transport: 'tls', commissioning: true }
      case 'psk': {
        const { name, identity, key } = access.psk
        const id = `psk ${name} ${Buffer.from(identity).toString('hex')} ${fingerprintOf(key)}`
        return { transport: 'tls', credentials: this.#once(id, () => ({ psk: [{ identity, key, usage: 'any' }] })) }
      }
      case 'certificate': {
        const { credential, anchors } = access
        const id = `certificate ${credential.serial} ${anchors.map(fingerprintOf).join(' ')}`
        const credentials = this.#once(id, () => {
          const key = credential.key.export()
          if (key === undefined) throw new UsageError('not-supported', "the manager's key cannot leave its hardware")
          return { chain: credential.chain, key, anchors, verify: { crl: 'ifPresent' } }
        })
        return { transport: 'tls', credentials }
      }
    }
  }

  #once(id: string, make: () => Credentials): Credentials {
    const known = this.#credentials.get(id)
    if (known !== undefined) return known
    const made = make()
    this.#credentials.set(id, made)
    return made
  }

  async #listens(address: string, port: number, protocol: 'tcp' | 'udp'): Promise<'open' | 'closed' | 'unknown'> {
    // Whether a UDP port is open cannot be told from a missing answer.
    if (protocol === 'udp') return 'unknown'
    try {
      const { localAddress } = this.#reach
      const session = await connect({
        address,
        port,
        transport: 'tcp',
        connectTimeoutMs: probeTimeoutMs,
        ...(localAddress === undefined ? {} : { localAddress }),
      })
      await session.close()
      return 'open'
    } catch (error) {
      if (error instanceof TransportError && error.code === 'refused') return 'closed'
      // Something took the connection and then did not speak EtherNet/IP with us.
      if (error instanceof PeerError || error instanceof NotTrusted) return 'open'
      if (error instanceof TransportError) return 'unknown'
      throw error
    }
  }
}

const probeTimeoutMs = 2000

/** Tells credentials apart in a cache. Part of a hash is enough: a key is never put into a string. */
function fingerprintOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64')
}

class DeviceConnection implements DeviceSession {
  readonly access: Access['kind']
  readonly presented: readonly Uint8Array[]
  readonly suite: number | undefined
  readonly localAddress: string
  readonly #session: Session

  constructor(session: Session, access: Access) {
    const { security, localEndpoint } = session.peer
    this.#session = session
    this.access = access.kind
    this.presented = security?.peerChain ?? []
    this.suite = security?.suite
    this.localAddress = localEndpoint.address
  }

  request(request: MessageRouterRequest, options?: RequestOptions): Promise<MessageRouterReply> {
    return this.#session.request(request, options)
  }

  close(): Promise<void> {
    return this.#session.close()
  }
}
