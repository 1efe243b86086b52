import type { FaultKind, SimulatedFault } from '@cordon/core/policy'
import type { AskedService } from './faults.ts'

/** What happens when a fault of the simulation file begins and ends. */
export interface FaultEffects {
  strike(fault: FaultKind): void
  over(kind: FaultKind['kind']): void
}

/**
 * Brings about the faults that the simulation file plans for one unit: some time after its first start, or when it is
 * asked for a service for the n-th time. Each strikes once, whatever power cycles come between.
 */
export class FaultSchedule {
  readonly #planned: readonly SimulatedFault[]
  readonly #effects: FaultEffects
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #asked = new Map<SimulatedFault, number>()
  #started = false

  constructor(planned: readonly SimulatedFault[], effects: FaultEffects) {
    this.#planned = planned
    this.#effects = effects
    for (const fault of planned) if (fault.when.kind === 'service') this.#asked.set(fault, 0)
  }

  /** The unit is switched on; only the first time counts. */
  start(): void {
    if (this.#started) return
    this.#started = true
    for (const planned of this.#planned) {
      if (planned.when.kind !== 'time') continue
      if (planned.when.afterMs === 0) this.#strike(planned)
      else this.#after(planned.when.afterMs, () => this.#strike(planned))
    }
  }

  /** The unit is asked for a service; a fault that waits for it strikes before it is answered. */
  asked({ class: classId, service }: AskedService): void {
    if (this.#asked.size === 0) return
    for (const [planned, before] of this.#asked) {
      const { when } = planned
      if (when.kind !== 'service' || when.class !== classId || when.service !== service) continue
      if (before + 1 < when.occurrence) {
        this.#asked.set(planned, before + 1)
        continue
      }
      this.#asked.delete(planned)
      this.#strike(planned)
    }
  }

  /** Nothing strikes or ends any more. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#asked.clear()
  }

  #strike({ fault, durationMs }: SimulatedFault): void {
    this.#effects.strike(fault)
    // A power cycle says itself how long the unit is dark.
    if (durationMs === undefined || fault.kind === 'power-cycle') return
    this.#after(durationMs, () => this.#effects.over(fault.kind))
  }

  #after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, ms)
    this.#timers.add(timer)
  }
}
