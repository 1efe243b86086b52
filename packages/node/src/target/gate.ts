/** Something that holds a place at a gate. */
export interface Guest {
  readonly address: string
  /** It did something that only a working peer does, such as opening a session. */
  readonly proven: boolean
  /** Loses its place. */
  evict(): void
}

/** Why a newcomer was not let in, or that it was. */
export type GateVerdict = 'in' | 'too-many' | 'too-many-from-host'

/**
 * Places for associations of one kind. When all are taken, a guest that never proved to be a working peer makes room, so that
 * idle connections cannot lock everybody else out.
 */
export class Gate {
  readonly #maximum: number
  readonly #perHost: number
  /** In order of arrival. */
  readonly #guests = new Set<Guest>()
  readonly #hosts = new Map<string, number>()

  /** A gate with `maximum` places, at most `perHost` for one address. */
  constructor(maximum: number, perHost: number) {
    this.#maximum = maximum
    this.#perHost = perHost
  }

  /** Places taken. */
  get size(): number {
    return this.#guests.size
  }

  /** Would one from this address be let in? Makes room for it where that helps. */
  admits(address: string): GateVerdict {
    if ((this.#hosts.get(address) ?? 0) >= this.#perHost && !this.#makeRoom((guest) => guest.address === address)) {
      return 'too-many-from-host'
    }
    if (this.#guests.size >= this.#maximum && !this.#makeRoom(() => true)) return 'too-many'
    return 'in'
  }

  /** Takes a place; call {@link leave} when it ends. */
  enter(guest: Guest): void {
    if (this.#guests.has(guest)) return
    this.#guests.add(guest)
    this.#hosts.set(guest.address, (this.#hosts.get(guest.address) ?? 0) + 1)
  }

  /** Gives the place back; harmless when it was not taken. */
  leave(guest: Guest): void {
    if (!this.#guests.delete(guest)) return
    const left = (this.#hosts.get(guest.address) ?? 1) - 1
    if (left > 0) this.#hosts.set(guest.address, left)
    else this.#hosts.delete(guest.address)
  }

  /** Evicts the oldest unproven guest of the address that holds most places, so that a flood from one harms itself. */
  #makeRoom(may: (guest: Guest) => boolean): boolean {
    let chosen: Guest | undefined
    let most = 0
    for (const guest of this.#guests) {
      if (guest.proven || !may(guest)) continue
      const held = this.#hosts.get(guest.address) ?? 0
      if (held <= most) continue
      most = held
      chosen = guest
    }
    if (chosen === undefined) return false
    this.leave(chosen)
    chosen.evict()
    return true
  }
}

/** How many handshakes may begin: so many per second in all, and at most half of that from one address. */
export class HandshakeRate {
  readonly #perSecond: number
  readonly #hosts = new Map<string, number>()
  #tokens: number
  #refilledAt = 0
  #windowEndsAt = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
  }

  /** Takes a handshake's share; false when it may not begin now. */
  take(address: string, now: number): boolean {
    if (now >= this.#windowEndsAt) {
      this.#hosts.clear()
      this.#windowEndsAt = now + 1000
    }
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#refilledAt) / 1000) * this.#perSecond)
    this.#refilledAt = now
    const used = this.#hosts.get(address) ?? 0
    if (this.#tokens < 1 || used >= Math.max(1, this.#perSecond / 2)) return false
    this.#tokens--
    // No more entries than tokens in a second: the map cannot grow beyond the rate.
    this.#hosts.set(address, used + 1)
    return true
  }
}
