import type { ObjectClient } from '../client/object-client.ts'
import { cipSecurity } from '../objects/cip-security.ts'
import { ethernetIpSecurity } from '../objects/ethernet-ip-security.ts'
import type { Clock } from './device-port.ts'

/** Milliseconds between two Kick_Timer; a configuration ends after 10 s without one (Volume 8 via cip-security-wire 4.1). */
export const kickIntervalMs = 3000

/** The objects whose configuration can be kept alive. */
export type KeptObject = 'cipSecurity' | 'ethernetIpSecurity'

/**
 * Keeps the configuration timers of a device alive while a configuration is in progress, also while a long call is
 * outstanding on the same session. A kick that fails changes nothing here: the step that runs meets the same failure.
 */
export class Keeper {
  readonly #client: ObjectClient
  readonly #clock: Clock
  readonly #kept = new Set<KeptObject>()
  #running: Promise<void> | undefined
  #stop: () => void = () => {}

  constructor(client: ObjectClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** Begins to kick an object. */
  keep(object: KeptObject): void {
    this.#kept.add(object)
    this.#running ??= this.#run()
  }

  /** Stops kicking an object. */
  release(object: KeptObject): void {
    this.#kept.delete(object)
    if (this.#kept.size === 0) this.#stop()
  }

  /** Stops all, and waits until no kick is outstanding. */
  async end(): Promise<void> {
    this.#kept.clear()
    this.#stop()
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#kept.size > 0) {
      const stopped = new Promise<void>((resolve) => {
        this.#stop = resolve
      })
      await this.#clock.wait(kickIntervalMs, stopped)
      await Promise.all([...this.#kept].map((object) => this.#kick(object)))
    }
    this.#running = undefined
  }

  async #kick(object: KeptObject): Promise<void> {
    const request = { timeoutMs: kickIntervalMs }
    try {
      if (object === 'cipSecurity') await this.#client.call(cipSecurity, 1, 'kickTimer', undefined, request)
      else await this.#client.call(ethernetIpSecurity, 1, 'kickTimer', undefined, request)
    } catch {
      // Refused, late or lost: whoever uses the session sees it, and says it with the step it happened at.
    }
  }
}
