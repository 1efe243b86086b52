/** Something that waits for a moment. The heap keeps `heapIndex`; nobody else writes it. */
export interface Waiting {
  /** Due time, milliseconds of its owner's clock. */
  when: number
  /** Place in the heap, -1 outside. */
  heapIndex: number
}

/** A binary heap of due times: the earliest at hand, changes in logarithmic time and without allocation, no timer per entry. */
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

  /** Adds an entry, or moves one whose `when` has changed. */
  put(entry: T): void {
    if (entry.heapIndex < 0) {
      entry.heapIndex = this.#entries.length
      this.#entries.push(entry)
    }
    this.#up(entry)
    this.#down(entry)
  }

  /** Removes an entry, if it is there. */
  remove(entry: T): void {
    const { heapIndex } = entry
    if (heapIndex < 0) return
    entry.heapIndex = -1
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    this.#settle(last, heapIndex)
    this.#up(last)
    this.#down(last)
  }

  /** Removes every entry. */
  clear(): void {
    for (const entry of this.#entries) entry.heapIndex = -1
    this.#entries.length = 0
  }

  #settle(entry: T, index: number): void {
    this.#entries[index] = entry
    entry.heapIndex = index
  }

  // Both move the others out of the way and settle the entry once, where swaps would write each place twice.

  #up(entry: T): void {
    let index = entry.heapIndex
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = this.#entries[parentIndex]
      if (parent === undefined || parent.when <= entry.when) break
      this.#settle(parent, index)
      index = parentIndex
    }
    this.#settle(entry, index)
  }

  #down(entry: T): void {
    let index = entry.heapIndex
    for (;;) {
      let childIndex = 2 * index + 1
      let child = this.#entries[childIndex]
      if (child === undefined) break
      const right = this.#entries[childIndex + 1]
      if (right !== undefined && right.when < child.when) {
        child = right
        childIndex++
      }
      if (entry.when <= child.when) break
      this.#settle(child, index)
      index = childIndex
    }
    this.#settle(entry, index)
  }
}
