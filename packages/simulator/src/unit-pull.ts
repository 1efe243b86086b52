import type { Device, PullNotice } from '@cordon/core/device'
import { type EstReply, type EstServer, type PullState, pullReport } from '@cordon/core/enrollment'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { SimulatedPull } from '@cordon/core/policy'
import { nodeCrypto } from '@cordon/node/crypto'
import { type EstRequest, exchange, type ExchangeOptions, PullClient, type PullUnit } from '@cordon/node/est'
import type { TargetLogEntry } from '@cordon/node/target'
import type { Cable } from '@cordon/node/transports'
import type { Faults } from './faults.ts'
import type { HostSchedule } from './plant-schedule.ts'
import type { PullMaterials } from './pull-files.ts'
import type { Turnstile } from './turnstile.ts'

/** What the units of a plant share while they pull. */
export interface PullSurroundings {
  /** EST servers by discovery, best first. */
  readonly look: (signal: AbortSignal) => Promise<readonly EstServer[]>
  readonly materials: (device: string) => PullMaterials | undefined
  /** So many exchanges at the same time: more only wait for the processor. */
  readonly exchanges: Turnstile
  /** So many units begin at the same time: a plant that is switched on must not wait for itself until answers are late. */
  readonly beginnings: Turnstile
  /** Resolves when every unit of the plant is switched on: none begins before. */
  readonly ready: Promise<void>
}

/** What a unit gives whoever pulls for it. */
export interface UnitPullOptions {
  readonly name: string
  readonly simulated: SimulatedPull
  readonly materials: PullMaterials
  readonly shared: PullSurroundings
  readonly schedule: HostSchedule
  readonly cable: Cable
  readonly faults: Faults
  readonly log: (entry: TargetLogEntry) => void
  /** The device was moved: its actions are taken. Resolves when what it wanted stored is stored. */
  readonly used: () => Promise<void> | undefined
  readonly wait: (ms: number) => Promise<void>
}

/** How long a unit keeps others from beginning, milliseconds, when its server takes its time. */
const beginningMs = 5_000

/** How long an exchange waits for a cable to be put in, milliseconds. */
const cableMs = 10_000

/**
 * The pull model of one virtual unit while it is on: a client over the unit's cable and from its address, which obeys its
 * faults. A reset begins anew with another client.
 */
export class UnitPull {
  readonly #options: UnitPullOptions
  readonly #device: Device
  #client: PullClient | undefined
  /** Ends what waits for its turn. */
  #stop = new AbortController()
  /** Told when the first round of the client is over. */
  #settled: () => void = () => undefined
  #ending: Promise<void> = Promise.resolve()
  #isOver = false
  #told = ''

  constructor(device: Device, options: UnitPullOptions) {
    this.#device = device
    this.#options = options
    device.pull.onNotice((notice) => this.#hear(notice))
    this.#begin()
  }

  /** Ends it, as when the power goes; an installation that began is finished. */
  async close(): Promise<void> {
    this.#isOver = true
    this.#device.pull.onNotice(undefined)
    await this.#end()
  }

  #end(): Promise<void> {
    this.#stop.abort()
    this.#settled()
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) this.#ending = Promise.all([this.#ending, client.close()]).then(() => undefined)
    return this.#ending
  }

  #hear(notice: PullNotice): void {
    switch (notice.kind) {
      case 'pushBegan':
        this.#client?.pushBegan()
        return
      case 'pushEnded':
        this.#client?.pushEnded(notice.configured)
        return
      case 'reset':
        // What the old client still does is refused by the device: it has forgotten everything.
        void this.#end()
        this.#begin()
    }
  }

  #begin(): void {
    const { pull } = this.#device
    if (this.#isOver || !pull.isEnabled || !pull.isOpen) return
    const { simulated, materials, schedule } = this.#options
    const client = new PullClient({
      options: {
        crypto: nodeCrypto,
        trust: materials.trust,
        keyKind: simulated.keyKind,
        calendar: simulated.calendar,
      },
      unit: this.#unit((state) => client === this.#client && this.#follow(state)),
      search: (signal) => this.#search(signal),
      localAddress: this.#device.address,
      basic: materials.basic,
      schedule,
      exchange: (request, options) => this.#exchange(request, options),
      problem: ({ doing, error }) => {
        if (doing === 'step' || doing === 'changed') this.#say('error', 'pull-failed', String(error))
      },
    })
    this.#client = client
    this.#stop = new AbortController()
    const kept = pull.kept()
    if (kept.identity !== undefined && kept.pending === undefined) client.resume(kept)
    else void this.#inTurn(client, this.#stop.signal)
  }

  /** Begins when it is this unit's turn, unless it is over by then. */
  async #inTurn(client: PullClient, signal: AbortSignal): Promise<void> {
    const { beginnings, ready } = this.#options.shared
    await ready
    const begin = async () => {
      const isSettled = new Promise<void>((resolve) => {
        this.#settled = resolve
      })
      client.resume(this.#device.pull.kept())
      await Promise.race([isSettled, this.#options.wait(beginningMs)])
    }
    await beginnings.pass(begin, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#say('error', 'pull-failed', String(error))
    })
  }

  /** The unit as the client meets it; `follow` hears of its states. */
  #unit(follow: (state: PullState) => void): PullUnit {
    const { materials, faults, used, wait } = this.#options
    const { pull } = this.#device
    return {
      credential: (which) => (which === 'default' ? materials.credential : undefined) ?? pull.credential(which),
      makeRequest: async (wished) => {
        const slow = faults.get('slow-csr')
        if (slow !== undefined) await wait(slow.delayMs)
        const request = await pull.makeRequest(wished)
        await used()
        return request
      },
      install: async (earned) => {
        if (faults.has('full-certificate-store')) {
          throw new UsageError('not-supported', 'fault: the certificate store is full')
        }
        pull.install(earned)
        await used()
      },
      changed: follow,
    }
  }

  #follow(state: PullState): void {
    this.#device.pull.follow(state)
    void this.#options.used()
    if (state.kind !== 'working') this.#settled()
    if (state.kind !== 'waiting') return
    // Whoever waits says so once, and not with each look at a server.
    const words = `${pullReport(state).status}: ${state.reason}`
    if (words === this.#told) return
    this.#told = words
    this.#say(state.why === 'failure' ? 'warning' : 'notice', 'pull-waits', words)
  }

  #say(severity: TargetLogEntry['severity'], event: string, message: string): void {
    this.#options.log({ severity, event, message })
  }

  async #search(signal: AbortSignal): Promise<readonly EstServer[]> {
    const { simulated, shared, cable, faults } = this.#options
    if (cable.isPulled || faults.silent) return []
    const { servers, label } = simulated
    const found = servers ?? (await shared.look(signal))
    return label === undefined ? found : found.map((server) => ({ ...server, label }))
  }

  async #exchange(request: EstRequest, options: ExchangeOptions): Promise<EstReply> {
    const { cable, faults, shared } = this.#options
    const doing = `EST at ${request.server.host}:${request.server.port}`
    await cable.plugged(doing, cableMs, options.signal)
    if (faults.silent) throw new TransportError('timeout', `${doing}: fault: the unit does nothing`)
    const cut = new AbortController()
    const forget = cable.onChange(() => cut.abort())
    const signal = options.signal === undefined ? cut.signal : AbortSignal.any([options.signal, cut.signal])
    try {
      return await shared.exchanges.pass(() => exchange(request, { ...options, signal }), signal)
    } catch (error) {
      if (!cut.signal.aborted || options.signal?.aborted === true) throw error
      throw new TransportError('timeout', `${doing}: its cable was pulled out`, { cause: error })
    } finally {
      forget()
    }
  }
}
