/** What the listener counted since it began. */
export interface EstCounters {
  /** TCP connections. */
  readonly connections: number
  /** Those of them that were closed at once: too many at the same time, or in too short a time, from their address. */
  readonly refused: number
  /** Connections that were broken off so that another address had its share. */
  readonly evicted: number
  /** Connections that did not speak TLS. */
  readonly notTls: number
  /** TLS handshakes that failed for another reason. */
  readonly failedHandshakes: number
  /** Connections that were cut off for being slow, in the handshake, the headers, the body or in taking the answer. */
  readonly slow: number
  /** Messages that are no HTTP, or whose headers are too large. */
  readonly badMessages: number
  /** Bodies that ended before they were complete. */
  readonly brokenBodies: number
  /** Bodies in too many pieces, whose connections were cut off. */
  readonly choppedBodies: number
  readonly requests: number
  /** Requests that were answered 429 by this listener. */
  readonly limited: number
  /** Answers by their status. */
  readonly answers: Readonly<Record<number, number>>
}

/** How the listener does. */
export interface EstStatus {
  /** Where it listens. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[]
  /** Open connections. */
  readonly connections: number
  /** Those of them that are still in their TLS handshake. */
  readonly handshakes: number
  readonly counters: EstCounters
}

/** Counts. */
export class Counting {
  readonly #counts = new Map<Exclude<keyof EstCounters, 'answers'>, number>()
  readonly #answers = new Map<number, number>()

  count(what: Exclude<keyof EstCounters, 'answers'>): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }

  answer(status: number): void {
    this.#answers.set(status, (this.#answers.get(status) ?? 0) + 1)
  }

  read(): EstCounters {
    const of = (what: Exclude<keyof EstCounters, 'answers'>) => this.#counts.get(what) ?? 0
    return {
      connections: of('connections'),
      refused: of('refused'),
      evicted: of('evicted'),
      notTls: of('notTls'),
      failedHandshakes: of('failedHandshakes'),
      slow: of('slow'),
      badMessages: of('badMessages'),
      brokenBodies: of('brokenBodies'),
      choppedBodies: of('choppedBodies'),
      requests: of('requests'),
      limited: of('limited'),
      answers: Object.fromEntries(this.#answers),
    }
  }
}
