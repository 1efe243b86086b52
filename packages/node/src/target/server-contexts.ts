import type { ActiveSecurity, HostedDevice } from '@cordon/core/device'
import { type Context, suites as knownSuites } from '@cordon/tls'
import type { Deadline, Schedule } from '../schedule.ts'
import { makeContext } from '../transports/credentials.ts'

interface Entry {
  readonly context: Context
  lastUsedAt: number
}

/** How long a context without new associations is kept for resumption, milliseconds. */
const unusedMs = 60_000

/** Settings that belong to all contexts of a host. */
export interface ServerContextSettings {
  readonly handshakeTimeoutMs: number
  readonly keyLog: boolean
}

/**
 * The (D)TLS server contexts of one device, made when the first peer comes that needs one: per protocol, configuration
 * and list of suites. Those of an older configuration and those that nobody uses are dropped.
 */
export class ServerContexts {
  readonly #device: HostedDevice
  readonly #settings: ServerContextSettings
  readonly #schedule: Schedule
  readonly #sweep: Deadline
  readonly #entries = new Map<string, Entry>()
  #generation: number | undefined

  constructor(device: HostedDevice, schedule: Schedule, settings: ServerContextSettings) {
    this.#device = device
    this.#schedule = schedule
    this.#settings = settings
    this.#sweep = schedule.idle((now) => this.#dropUnused(now))
  }

  /** How many exist. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * The context for a peer that may use `allowed` (undefined: the device's whole list), or undefined where no usable
   * suite is left.
   *
   * @throws UsageError `bad-option` for a configuration that OpenSSL refuses
   */
  get(protocol: 'tls' | 'dtls', allowed: readonly number[] | undefined): Context | undefined {
    const security = this.#device.security()
    this.#turnTo(security.generation)
    const offered = security.suites.filter(
      (id) => (allowed === undefined || allowed.includes(id)) && isUsable(id, security),
    )
    if (offered.length === 0) return undefined
    const key = `${protocol}|${offered.join(',')}`
    const now = this.#schedule.now()
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { context: this.#make(protocol, offered, security), lastUsedAt: now }
      this.#entries.set(key, entry)
    }
    entry.lastUsedAt = now
    if (!this.#sweep.pending) this.#sweep.move(now + unusedMs)
    return entry.context
  }

  /** Drops all: sessions that exist live on, tickets do not. */
  clear(): void {
    this.#sweep.cancel()
    for (const { context } of this.#entries.values()) context.close()
    this.#entries.clear()
  }

  #turnTo(generation: number): void {
    if (this.#generation !== undefined && this.#generation !== generation) this.clear()
    this.#generation = generation
  }

  #make(protocol: 'tls' | 'dtls', suites: readonly number[], security: ActiveSecurity): Context {
    return makeContext(
      'server',
      protocol,
      {
        suites,
        ...(security.chain.length === 0 ? {} : { chain: security.chain, key: security.key }),
        sendChain: security.sendChain,
        psk: security.psk.filter((entry) => entry.usage !== 'client'),
        anchors: security.anchors,
        trusted: security.trusted,
        crls: security.crls,
        verify: {
          peer: security.verifyPeer ? 'require' : 'none',
          time: security.checkExpiration,
          name: security.checkName,
        },
      },
      // A resumed session would take the dates of its certificate as they were when it began.
      { ...this.#settings, resumption: !security.checkExpiration },
    )
  }

  #dropUnused(now: number): void {
    for (const [key, { context, lastUsedAt }] of this.#entries) {
      if (now - lastUsedAt < unusedMs) continue
      context.close()
      this.#entries.delete(key)
    }
    if (this.#entries.size > 0) this.#sweep.move(now + unusedMs)
  }
}

/** OpenSSL has the suite, and the device has what it needs. */
function isUsable(id: number, security: ActiveSecurity): boolean {
  const suite = knownSuites.find((candidate) => candidate.id === id)
  if (suite === undefined || !suite.available) return false
  return suite.authentication === 'psk'
    ? security.psk.some((entry) => entry.usage !== 'client')
    : security.chain.length > 0
}
