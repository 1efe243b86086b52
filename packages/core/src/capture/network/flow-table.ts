import { wordAt } from './big-endian.ts'

/** Words of a key: two addresses of four words, two ports in one, transport and IP version in one. */
const keyWords = 10
/** Places of the parts in a key. */
const places = { low: 0, high: 4, ports: 8, transport: 9 } as const

/**
 * Conversations by their two ends, whichever of them sends. A slot is a small number that stands for one of them while
 * it is there. Nothing is allocated to find one: keys are words in one typed array.
 */
export class FlowTable {
  readonly #keys: Int32Array
  readonly #heads: Int32Array
  /** Next slot of the same bucket; of a free slot the next free one. */
  readonly #next: Int32Array
  readonly #mask: number
  readonly #seed: number
  /** The key that is looked for. */
  readonly #key = new Int32Array(keyWords)
  #isWide = false
  #free = 0
  #bucket = 0
  #size = 0

  /**
   * Room for so many conversations. `seed` is any number that a sender of packets does not know: without it packets
   * could be made that all fall into one bucket.
   */
  constructor(capacity: number, seed: number) {
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(capacity, 2) * 2))
    this.#keys = new Int32Array(capacity * keyWords)
    this.#heads = new Int32Array(buckets).fill(-1)
    this.#next = new Int32Array(capacity)
    for (let slot = 0; slot < capacity; slot++) this.#next[slot] = slot + 1 < capacity ? slot + 1 : -1
    this.#mask = buckets - 1
    this.#seed = seed | 0
  }

  /** Conversations in the table. */
  get size(): number {
    return this.#size
  }

  /** No slot is free. */
  get isFull(): boolean {
    return this.#free < 0
  }

  /** Takes up the ends of an IPv4 packet; true when the sender is the lower of them. */
  ipv4(transport: number, source: number, destination: number, sourcePort: number, destinationPort: number): boolean {
    const isLow = source < destination || (source === destination && sourcePort <= destinationPort)
    const key = this.#key
    key[places.low] = isLow ? source : destination
    key[places.high] = isLow ? destination : source
    key[places.ports] = isLow ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort
    key[places.transport] = transport
    this.#isWide = false
    return isLow
  }

  /** The same for an IPv6 packet, whose addresses stand in `bytes` one after the other. */
  ipv6(transport: number, bytes: Uint8Array, at: number, sourcePort: number, destinationPort: number): boolean {
    let order = 0
    for (let i = 0; i < 16 && order === 0; i++) order = (bytes[at + i] ?? 0) - (bytes[at + 16 + i] ?? 0)
    const isLow = order < 0 || (order === 0 && sourcePort <= destinationPort)
    const key = this.#key
    for (let word = 0; word < 4; word++) {
      key[places.low + word] = wordAt(bytes, at + (isLow ? 0 : 16) + word * 4)
      key[places.high + word] = wordAt(bytes, at + (isLow ? 16 : 0) + word * 4)
    }
    key[places.ports] = isLow ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort
    key[places.transport] = transport | 0x100
    this.#isWide = true
    return isLow
  }

  /** The slot of the conversation between the ends taken up last; -1 when there is none. */
  find(): number {
    const key = this.#key
    const keys = this.#keys
    let hash = this.#seed
    hash = mix(hash, key[places.low] ?? 0)
    hash = mix(hash, key[places.high] ?? 0)
    hash = mix(hash, key[places.ports] ?? 0)
    hash = mix(hash, key[places.transport] ?? 0)
    if (this.#isWide) {
      for (let word = 1; word < 4; word++) {
        hash = mix(hash, key[places.low + word] ?? 0)
        hash = mix(hash, key[places.high + word] ?? 0)
      }
    }
    hash ^= hash >>> 15
    this.#bucket = hash & this.#mask
    for (let slot = this.#heads[this.#bucket] ?? -1; slot >= 0; slot = this.#next[slot] ?? -1) {
      const at = slot * keyWords
      if (
        keys[at] === key[0] &&
        keys[at + places.high] === key[places.high] &&
        keys[at + places.ports] === key[places.ports] &&
        keys[at + places.transport] === key[places.transport] &&
        (!this.#isWide || this.#sameRest(at))
      ) {
        return slot
      }
    }
    return -1
  }

  #sameRest(at: number): boolean {
    for (let word = 1; word < 4; word++) {
      if (this.#keys[at + word] !== this.#key[word]) return false
      if (this.#keys[at + places.high + word] !== this.#key[places.high + word]) return false
    }
    return true
  }

  /** Adds the ends that {@link find} has just missed; there must be a free slot. */
  add(): number {
    const slot = this.#free
    this.#free = this.#next[slot] ?? -1
    // Words that IPv4 has not are never compared.
    this.#keys.set(this.#key, slot * keyWords)
    this.#next[slot] = this.#heads[this.#bucket] ?? -1
    this.#heads[this.#bucket] = slot
    this.#size++
    return slot
  }

  /** Frees a slot. The ends taken up stay, but {@link find} must be asked again before {@link add}. */
  remove(slot: number, bucket: number): void {
    const after = this.#next[slot] ?? -1
    if (this.#heads[bucket] === slot) this.#heads[bucket] = after
    else {
      let before = this.#heads[bucket] ?? -1
      while (before >= 0 && this.#next[before] !== slot) before = this.#next[before] ?? -1
      if (before >= 0) this.#next[before] = after
    }
    this.#next[slot] = this.#free
    this.#free = slot
    this.#size--
  }

  /** Where the conversation that was just found or added lies, for {@link remove}. */
  get bucket(): number {
    return this.#bucket
  }
}

/** A round of MurmurHash3 with its finisher's multiplication: every bit of a word reaches every bit of the hash. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51 | 0)
  k = (k << 15) | (k >>> 17)
  let h = hash ^ Math.imul(k, 0x1b873593)
  h = (h << 13) | (h >>> 19)
  h = (Math.imul(h, 5) + (0xe6546b64 | 0)) | 0
  return h
}
