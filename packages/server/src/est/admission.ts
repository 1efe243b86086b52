/** What a connection is doing; only the first two may be broken off for another's sake. */
export type ConnectionPhase = 'handshake' | 'waiting' | 'request'

/** A connection as admission sees it. */
export interface Admitted {
  /** See addressKey. */
  readonly key: string
  phase: ConnectionPhase
  /** Breaks it off. */
  drop(): void
}

/** How many connections there may be. */
export interface AdmissionLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly handshakes: number
}

/**
 * Who may connect. Places are shared between addresses: when none is left, the address that holds most gives up its
 * oldest idle one, provided that it holds more than the newcomer would. So a flood from a few addresses never locks out
 * another.
 */
export class Admission<T extends Admitted> {
  readonly #limits: AdmissionLimits
  readonly #byKey = new Map<string, Set<T>>()
  #size = 0

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  /** Connections that were admitted and not removed. */
  get size(): number {
    return this.#size
  }

  /** Those of them that are still in their handshake. */
  get handshakes(): number {
    let count = 0
    for (const connection of this) if (connection.phase === 'handshake') count++
    return count
  }

  *[Symbol.iterator](): Generator<T> {
    for (const set of this.#byKey.values()) yield* set
  }

  /** @returns whether it is in, and who had to leave for it, already removed */
  admit(connection: T): { readonly admitted: boolean; readonly evicted: T | undefined } {
    const refused = { admitted: false, evicted: undefined }
    if ((this.#byKey.get(connection.key)?.size ?? 0) >= this.#limits.connectionsPerAddress) return refused
    const full = this.#size >= this.#limits.connections
    if (!full && this.handshakes < this.#limits.handshakes) {
      this.#add(connection)
      return { admitted: true, evicted: undefined }
    }
    const evicted = this.#victim(connection.key, full ? ['handshake', 'waiting'] : ['handshake'])
    if (evicted === undefined) return refused
    this.remove(evicted)
    this.#add(connection)
    return { admitted: true, evicted }
  }

  /** Forgets a connection; nothing happens if it is not there. */
  remove(connection: T): void {
    const set = this.#byKey.get(connection.key)
    if (set?.delete(connection) !== true) return
    this.#size--
    if (set.size === 0) this.#byKey.delete(connection.key)
  }

  #add(connection: T): void {
    const set = this.#byKey.get(connection.key) ?? new Set<T>()
    set.add(connection)
    this.#byKey.set(connection.key, set)
    this.#size++
  }

  #victim(newcomer: string, phases: readonly ConnectionPhase[]): T | undefined {
    const candidates = (key: string) => [...(this.#byKey.get(key) ?? [])].filter(({ phase }) => phases.includes(phase))
    let heaviest: readonly T[] = []
    for (const key of this.#byKey.keys()) {
      const those = candidates(key)
      if (those.length > heaviest.length) heaviest = those
    }
    return heaviest.length > candidates(newcomer).length + 1 ? heaviest[0] : undefined
  }
}
