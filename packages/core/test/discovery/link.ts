import type { DnsMessage, Endpoint, OutgoingMessage } from '../../src/discovery/record.ts'

/** Random numbers that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Station {
  receive(message: DnsMessage, from: Endpoint, now: number): void
  tick(now: number): void
  deadline(): number | undefined
  takeOutput(): readonly OutgoingMessage[]
}

/** A link in virtual time: what one station says to the group, all others hear a millisecond later, or lose. */
export class Link {
  now = 0
  /** Every message that was sent, with its sender. */
  readonly log: { readonly at: number; readonly from: string; readonly message: DnsMessage; readonly to?: Endpoint }[] =
    []
  readonly #stations = new Map<string, Station>()
  readonly #random: () => number
  readonly #loss: number
  #air: { at: number; to: string; from: string; message: DnsMessage }[] = []

  constructor(random: () => number, loss = 0) {
    this.#random = random
    this.#loss = loss
  }

  add(address: string, station: Station): void {
    this.#stations.set(address, station)
    this.flush()
  }

  remove(address: string): void {
    this.#stations.delete(address)
  }

  /** Puts on the air what the stations want to say. */
  flush(): void {
    for (const [from, station] of this.#stations) {
      for (const { message, to } of station.takeOutput()) {
        this.log.push({ at: this.now, from, message, ...(to === undefined ? {} : { to }) })
        for (const other of this.#stations.keys()) {
          if (other === from || (to !== undefined && to.address !== other) || this.#random() < this.#loss) continue
          this.#air.push({ at: this.now + 1, to: other, from, message })
        }
      }
    }
  }

  /** Lets `ms` milliseconds pass. */
  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      this.flush()
      const due = [...this.#stations.values()].flatMap((station) => station.deadline() ?? [])
      const next = Math.min(end, ...due, ...this.#air.map(({ at }) => at))
      this.now = Math.max(this.now, next)
      const arrived = this.#air.filter(({ at }) => at <= this.now)
      this.#air = this.#air.filter(({ at }) => at > this.now)
      for (const { to, from, message } of arrived)
        this.#stations.get(to)?.receive(message, { address: from, port: 5353 }, this.now)
      for (const station of this.#stations.values())
        if ((station.deadline() ?? Infinity) <= this.now) station.tick(this.now)
      this.flush()
      if (next >= end && this.#air.every(({ at }) => at > this.now)) return
    }
  }
}
