/** A hash table from keys of 31 bits to values, that grows with its entries. */
class NumberTable {
  #mask = 1023
  #keys = new Int32Array(1024).fill(-1)
  #values = new Int32Array(1024)
  #entries = 0

  /** The value of a key, or -1. */
  get(key: number): number {
    const slot = this.#slot(key)
    return this.#keys[slot] === key ? (this.#values[slot] ?? -1) : -1
  }

  set(key: number, value: number): void {
    let slot = this.#slot(key)
    if (this.#keys[slot] !== key) {
      this.#entries++
      if (this.#entries * 2 > this.#mask) {
        this.#grow()
        slot = this.#slot(key)
      }
      this.#keys[slot] = key
    }
    this.#values[slot] = value
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values]
    this.#mask = this.#mask * 2 + 1
    this.#keys = new Int32Array(this.#mask + 1).fill(-1)
    this.#values = new Int32Array(this.#mask + 1)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] ?? -1
      if (key < 0) continue
      const slot = this.#slot(key)
      this.#keys[slot] = key
      this.#values[slot] = values[i] ?? 0
    }
  }

  #slot(key: number): number {
    const mixed = Math.imul(key ^ (key >>> 15), 0x9e3779b1)
    let slot = (mixed ^ (mixed >>> 15)) & this.#mask
    while (this.#keys[slot] !== -1 && this.#keys[slot] !== key) slot = (slot + 1) & this.#mask
    return slot
  }
}

/**
 * What followed on which contexts: a tree whose root is the empty context and whose branches add one older sample each.
 * The predictors of SP 800-90B 6.3.9 and 6.3.10 count in it.
 */
export class ContextTree {
  readonly #children = new NumberTable()
  readonly #counts = new NumberTable()
  readonly #best: Uint8Array
  readonly #bestCounts: Int32Array
  #nodes = 1

  /** @param nodes most contexts that will be added */
  constructor(nodes: number) {
    this.#best = new Uint8Array(nodes + 1)
    this.#bestCounts = new Int32Array(nodes + 1)
  }

  /** The context that has one older sample than `node`, or -1. */
  child(node: number, older: number): number {
    return this.#children.get(node * 256 + older)
  }

  /** Adds such a context. */
  add(node: number, older: number): number {
    const added = this.#nodes++
    this.#children.set(node * 256 + older, added)
    return added
  }

  /** How often a sample followed a context. */
  count(node: number, sample: number): number {
    return Math.max(0, this.#counts.get(node * 256 + sample))
  }

  /** Counts a sample that followed a context. Of equals the greatest is predicted. */
  increment(node: number, sample: number): void {
    const count = this.count(node, sample) + 1
    this.#counts.set(node * 256 + sample, count)
    const best = this.#bestCounts[node] ?? 0
    if (count > best || (count === best && sample > (this.#best[node] ?? 0))) {
      this.#best[node] = sample
      this.#bestCounts[node] = count
    }
  }

  /** What followed a context most often. */
  prediction(node: number): number {
    return this.#best[node] ?? 0
  }

  /** How often that followed; 0 for a context that nothing has been counted in. */
  strength(node: number): number {
    return this.#bestCounts[node] ?? 0
  }
}
