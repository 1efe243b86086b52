import { createDefaultCredentials, type DeviceIdentity } from '@cordon/core/device'
import { dtlsDatagramKind } from '@cordon/core/enip'
import { nodeCrypto } from '@cordon/node/crypto'
import {
  connectDtls,
  connectTcp,
  connectTls,
  type Credentials,
  type Endpoint,
  formatEndpoint,
  listenDtls,
  listenTcp,
  listenTls,
  makeContext,
  type Transport,
} from '@cordon/node/transports'
import { alterIo, alterReply } from './alteration.ts'
import type { FrontPlace } from './front-place.ts'
import type { PortName } from './hosted-unit.ts'
import { messageFilter, Relay, type RelayOptions } from './relay.ts'

/** What became of one association that the man in the middle took part in. */
export interface Interception {
  /** `address:port` of the peer that wanted to reach the unit. */
  readonly peer: string
  /** Port that it came to. */
  readonly port: PortName
  /**
   * `relayed`: he sat between the two and read everything. `refused-by-peer`: the peer did not believe his certificate.
   * `refused-by-unit`: the peer did, the unit did not.
   */
  readonly outcome: 'relayed' | 'refused-by-peer' | 'refused-by-unit'
  /** Encapsulated messages, or datagrams, that he read. */
  readonly messages: number
  /** Those of them that he changed. */
  readonly altered: number
  /** Why he was refused. */
  readonly reason: string | undefined
}

/** Associations that are remembered; the oldest are forgotten first. */
const maxInterceptions = 256

/** How long he tries to reach the unit, milliseconds. */
const connectTimeoutMs = 5_000

interface Entry {
  readonly peer: string
  readonly port: PortName
  outcome: Interception['outcome']
  messages: number
  altered: number
  reason: string | undefined
}

/**
 * Someone between a unit and everybody else: he passes plain traffic on, reads it and alters replies, and on the
 * secured ports he shows a certificate of his own that carries the unit's name. Whoever does not look closely is
 * relayed over two associations and read as well; whoever does refuses him.
 */
export class ManInTheMiddle {
  readonly #place: FrontPlace
  readonly #credentials: Credentials
  readonly #entries: Entry[] = []
  readonly #relays = new Set<Relay>()
  readonly #abort = new AbortController()
  readonly #closers: (() => void | Promise<void>)[] = []

  private constructor(place: FrontPlace, credentials: Credentials) {
    this.#place = place
    this.#credentials = credentials
  }

  /** Steps in between. `identity` is the unit's: the name on his certificate. @throws TransportError */
  static async open(place: FrontPlace, identity: DeviceIdentity): Promise<ManInTheMiddle> {
    const { key, chain } = await createDefaultCredentials(nodeCrypto, { identity, now: Date.now() })
    const own = key.export() ?? new Uint8Array(0)
    const man = new ManInTheMiddle(place, { chain, key: own, verify: { peer: 'none' } })
    try {
      await man.#listen()
    } catch (error) {
      await man.close()
      throw error
    }
    return man
  }

  /** DER of the certificate that he shows. */
  get certificate(): Uint8Array {
    return this.#credentials.chain?.[0] ?? new Uint8Array(0)
  }

  /** What he got between, oldest first. */
  interceptions(): Interception[] {
    return this.#entries.map((entry) => ({ ...entry }))
  }

  async #listen(): Promise<void> {
    const { outside: address, ports } = this.#place
    for (const port of ports) {
      switch (port) {
        case '44818/tcp': {
          const listener = await listenTcp(
            { address, port: 44818 },
            (peer) => void this.#relay(peer, port, () => this.#plain(peer.remote)),
          )
          this.#closers.push(() => listener.close())
          break
        }
        case '2221/tcp': {
          const context = makeContext('server', 'tls', this.#credentials)
          const listener = await listenTls(
            {
              address,
              port: 2221,
              context: () => context,
              refused: (remote, error) => this.#refused(remote, port, error.message),
            },
            (peer) => void this.#relay(peer, port, () => this.#secured(peer.remote, 'tls')),
          )
          this.#closers.push(
            () => listener.close(),
            () => context.close(),
          )
          break
        }
        case '2221/udp': {
          const context = makeContext('server', 'dtls', this.#credentials)
          const listener = await listenDtls(
            {
              address,
              port: 2221,
              context: () => context,
              refused: (remote, error) => this.#refused(remote, port, error.message),
            },
            (peer) => void this.#relay(peer, port, () => this.#secured(peer.remote, 'dtls')),
          )
          this.#closers.push(
            () => listener.close(),
            () => context.close(),
          )
          break
        }
        default:
          // Datagrams of the other ports pass him: of plain I/O he takes part where the unit meets it.
          break
      }
    }
  }

  /** He comes from the peer's own address, so that no rule of the unit sees a difference. */
  #plain(remote: Endpoint): Promise<Transport> {
    return connectTcp({ ...this.#inside(remote), port: 44818 })
  }

  async #secured(remote: Endpoint, protocol: 'tls' | 'dtls'): Promise<Transport> {
    const { chain, key } = this.#credentials
    const own = chain === undefined || key === undefined ? {} : { chain, key }
    const context = makeContext('client', protocol, own, { anyServer: true })
    const options = { ...this.#inside(remote), port: 2221, context }
    try {
      return protocol === 'tls' ? await connectTls(options) : await connectDtls(options)
    } finally {
      context.close()
    }
  }

  #inside(remote: Endpoint): { address: string; localAddress: string; timeoutMs: number; signal: AbortSignal } {
    return {
      address: this.#place.inside,
      localAddress: remote.address,
      timeoutMs: connectTimeoutMs,
      signal: this.#abort.signal,
    }
  }

  async #relay(peer: Transport, port: PortName, connect: () => Promise<Transport>): Promise<void> {
    const entry = this.#remember({
      peer: formatEndpoint(peer.remote),
      port,
      outcome: 'relayed',
      messages: 0,
      altered: 0,
      reason: undefined,
    })
    try {
      const unit = await connect()
      const relay = new Relay(peer, unit, {
        ...filters(peer.boundaries, entry),
        ended: () => this.#relays.delete(relay),
      })
      this.#relays.add(relay)
    } catch (error) {
      entry.outcome = 'refused-by-unit'
      entry.reason = error instanceof Error ? error.message : String(error)
      peer.destroy()
    }
  }

  #refused(remote: Endpoint, port: PortName, reason: string): void {
    this.#remember({ peer: formatEndpoint(remote), port, outcome: 'refused-by-peer', messages: 0, altered: 0, reason })
  }

  #remember(entry: Entry): Entry {
    this.#entries.push(entry)
    if (this.#entries.length > maxInterceptions) this.#entries.shift()
    return entry
  }

  /** Steps away; all that he carries ends. */
  async close(): Promise<void> {
    this.#abort.abort()
    for (const relay of [...this.#relays]) relay.destroy()
    for (const close of this.#closers.splice(0)) await close()
  }
}

function filters(boundaries: Transport['boundaries'], entry: Entry): RelayOptions {
  if (boundaries === 'stream') {
    return {
      toUnit: messageFilter(() => {
        entry.messages++
      }),
      toPeer: messageFilter((message) => {
        entry.messages++
        if (alterReply(message)) entry.altered++
      }),
    }
  }
  const datagram = (bytes: Uint8Array): readonly Uint8Array[] => {
    entry.messages++
    const own = bytes.slice()
    if (dtlsDatagramKind(own) === 'io' && alterIo(own)) entry.altered++
    return [own]
  }
  return { toUnit: datagram, toPeer: datagram }
}
