/** A line for the log of a target. */
export interface TargetLogEntry {
  readonly severity: 'info' | 'notice' | 'warning' | 'error'
  /** Kebab-case word: `refused`, `malformed`, `too-many`, `handshake-failed`, `closed`, … or the name of a device's event. */
  readonly event: string
  /** `address:port` of the peer. */
  readonly peer?: string
  /** Local port that the peer came to. */
  readonly port?: number
  readonly message: string
}

/**
 * Passes log lines on, but only so many per second about peers: a flood must not become a flood of lines. What was left
 * out is counted in one line when there is room again.
 */
export class LimitedLog {
  readonly #log: (entry: TargetLogEntry) => void
  readonly #perSecond: number
  #tokens: number
  #refilledAt = 0
  #suppressed = 0

  constructor(log: (entry: TargetLogEntry) => void, perSecond: number) {
    this.#log = log
    this.#perSecond = perSecond
    this.#tokens = perSecond
  }

  /** A line that always appears. */
  write(entry: TargetLogEntry): void {
    this.#log(entry)
  }

  /** A line that a peer can cause. */
  writeLimited(entry: TargetLogEntry, now: number): void {
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#refilledAt) / 1000) * this.#perSecond)
    this.#refilledAt = now
    if (this.#tokens < 1) {
      this.#suppressed++
      return
    }
    this.#tokens -= 1
    if (this.#suppressed > 0) {
      this.#log({
        severity: 'warning',
        event: 'log-limited',
        message: `${this.#suppressed} lines about peers were left out`,
      })
      this.#suppressed = 0
    }
    this.#log(entry)
  }
}
