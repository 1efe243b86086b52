import type { Session } from '../lib/index.ts'

/** A seeded generator (mulberry32): the same seed, the same network. */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = state
    value = Math.imul(value ^ (value >>> 15), value | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296
  }
}

/** What a network does to a datagram, as shares of 1. */
export interface Weather {
  readonly loss: number
  readonly duplication: number
  /** Milliseconds; a random delay up to this reorders. */
  readonly jitter: number
}

interface Flight {
  readonly at: number
  readonly order: number
  readonly to: Session
  readonly bytes: Uint8Array
}

/** Two DTLS sessions on a lossy network in virtual time. */
export class VirtualLink {
  now = 0
  sent = 0
  lost = 0
  readonly #flights: Flight[] = []
  readonly #random: () => number
  readonly #ends: readonly [Session, Session]
  weather: Weather

  constructor(client: Session, server: Session, seed: number, weather: Weather) {
    this.#ends = [client, server]
    this.#random = generator(seed)
    this.weather = weather
  }

  /** Puts what both ends have to say on the way. */
  collect(): void {
    const [client, server] = this.#ends
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      for (const bytes of from.takeOutput()) this.#send(bytes, to)
    }
  }

  /** Moves time to the next arrival or deadline; false when there is none before the limit. */
  step(limit: number): boolean {
    this.collect()
    this.#flights.sort((a, b) => a.at - b.at || a.order - b.order)
    const [next] = this.#flights
    const deadlines = this.#ends.flatMap((session) => session.deadline() ?? [])
    const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, ...deadlines)
    if (at > limit) return false
    this.now = Math.max(this.now, at)
    if (next !== undefined && next.at <= at) {
      this.#flights.shift()
      next.to.receive(next.bytes, this.now)
    } else {
      for (const session of this.#ends) session.tick(this.now)
    }
    return true
  }

  /** Steps until a condition holds or nothing more happens. */
  run(until: () => boolean, limit = 600_000): boolean {
    for (let steps = 0; steps < 5000; steps++) {
      if (until()) return true
      if (!this.step(limit)) return until()
    }
    throw new Error('A network without end')
  }

  #send(bytes: Uint8Array, to: Session): void {
    this.sent++
    const { loss, duplication, jitter } = this.weather
    if (this.#random() < loss) {
      this.lost++
      return
    }
    const copies = this.#random() < duplication ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      this.#flights.push({ at: this.now + 1 + this.#random() * jitter, order: this.sent + copy / 2, to, bytes })
    }
  }
}
