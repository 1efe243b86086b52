import type { Clock } from './device-port.ts'
import type { ConnectionTransport } from './results.ts'

/** A connection of the plant that runs another way now. */
export interface ConnectionMove {
  /** Its name in the plant file. */
  readonly connection: string
  /** Milliseconds of the clock of whoever reports. */
  readonly movedAt: number
  /**
   * How long its data was interrupted: from the last data of the old to the first of the new, milliseconds. Undefined: it
   * did not run before.
   */
  readonly gapMs: number | undefined
  /** Undefined: it did not run before. */
  readonly from: ConnectionTransport | undefined
  readonly to: ConnectionTransport
  /** IANA number of the new suite; undefined in plain. */
  readonly suite?: number | undefined
}

/** Collects what is reported about moves, so that each may be waited for by name. */
export class MoveWatch {
  readonly #moves = new Map<string, ConnectionMove>()
  readonly #waiting = new Map<string, (move: ConnectionMove) => void>()
  readonly #iterator: AsyncIterator<ConnectionMove>
  #ended = false

  constructor(moves: AsyncIterable<ConnectionMove>) {
    this.#iterator = moves[Symbol.asyncIterator]()
    void this.#follow()
  }

  /** The move of a connection to TLS or DTLS, or undefined when it does not come in time. */
  async moved(connection: string, clock: Clock, timeoutMs: number): Promise<ConnectionMove | undefined> {
    const known = this.#moves.get(connection)
    if (known !== undefined) return known
    const coming = new Promise<void>((resolve) => this.#waiting.set(connection, () => resolve()))
    await clock.wait(timeoutMs, coming)
    this.#waiting.delete(connection)
    return this.#moves.get(connection)
  }

  /** Asks for no more reports. */
  close(): void {
    this.#ended = true
    // A source that is waiting itself answers this only with its next report: nobody waits for that.
    void this.#iterator.return?.().catch(() => {})
  }

  async #follow(): Promise<void> {
    try {
      while (!this.#ended) {
        const { done, value } = await this.#iterator.next()
        if (done === true) return
        if (value.to !== 'tls' && value.to !== 'dtls') continue
        this.#moves.set(value.connection, value)
        this.#waiting.get(value.connection)?.(value)
      }
    } catch {
      // A source that fails reports nothing more: the connections count as not observed.
    }
  }
}
