/** Something that waits for a moment. The heap keeps `heapIndex`; nobody else writes it. */
export interface Waiting {
  /** Milliseconds of the host's clock. */
  at: number
  /** Place in the heap, -1 outside. */
  heapIndex: number
}

/** A binary heap of moments: the earliest at hand, changes in logarithmic time, no timer per entry. */
export class DeadlineHeap<T extends Waiting> {
  readonly #entries: T[] = []

  /** How many entries wait. */
  get size(): number {
    return this.#entries.length
  }

  /** The entry that is due first, or undefined. */
  peek(): T | undefined {
    return this.#entries[0]
  }

  /** Adds an entry, or moves one whose `at` has changed. */
  put(entry: T): void {
    if (entry.heapIndex < 0) {
      entry.heapIndex = this.#entries.length
      this.#entries.push(entry)
    }
    this.#down(this.#up(entry.heapIndex))
  }

  /** Removes an entry, if it is there. */
  remove(entry: T): void {
    const { heapIndex: slot } = entry
    if (slot < 0) return
    entry.heapIndex = -1
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    last.heapIndex = slot
    this.#entries[slot] = last
    this.#down(this.#up(slot))
  }

  #swap(a: number, b: number): void {
    const first = this.#entries[a]
    const second = this.#entries[b]
    if (first === undefined || second === undefined) return
    this.#entries[a] = second
    this.#entries[b] = first
    second.heapIndex = a
    first.heapIndex = b
  }

  #at(slot: number): number {
    return this.#entries[slot]?.at ?? Number.POSITIVE_INFINITY
  }

  #up(start: number): number {
    let slot = start
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if (this.#at(parent) <= this.#at(slot)) break
      this.#swap(slot, parent)
      slot = parent
    }
    return slot
  }

  #down(start: number): void {
    let slot = start
    for (;;) {
      const left = slot * 2 + 1
      const right = left + 1
      let least = this.#at(left) < this.#at(slot) ? left : slot
      if (this.#at(right) < this.#at(least)) least = right
      if (least === slot) return
      this.#swap(slot, least)
      slot = least
    }
  }
}
