/** Slots in lists, least recently used first. A slot is in one list or none; moving it allocates nothing. */
export class FlowOrder {
  readonly #older: Int32Array
  readonly #newer: Int32Array
  readonly #capacity: number

  /** Slots from 0 below `capacity`, lists from 0 below `lists`. */
  constructor(capacity: number, lists: number) {
    this.#capacity = capacity
    // Behind the slots stands a place for each list, between its newest and its oldest slot: itself while it is empty.
    this.#older = Int32Array.from({ length: capacity + lists }, (_, place) => place)
    this.#newer = Int32Array.from(this.#older)
  }

  /** Makes a slot the newest of a list, wherever it was. */
  touch(slot: number, list: number): void {
    const head = this.#capacity + list
    const newest = this.#older[head] ?? head
    if (newest === slot) return
    this.remove(slot)
    this.#older[slot] = newest
    this.#newer[newest] = slot
    this.#newer[slot] = head
    this.#older[head] = slot
  }

  /** Takes a slot out of its list. */
  remove(slot: number): void {
    const older = this.#older[slot] ?? slot
    const newer = this.#newer[slot] ?? slot
    this.#newer[older] = newer
    this.#older[newer] = older
    this.#older[slot] = slot
    this.#newer[slot] = slot
  }

  /** The least recently used slot of a list; -1 when it is empty. */
  oldest(list: number): number {
    const head = this.#capacity + list
    const slot = this.#newer[head] ?? head
    return slot === head ? -1 : slot
  }
}
