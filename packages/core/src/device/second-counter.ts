/** Counts what happens, and says how often it did within the last whole second. */
export class SecondCounter {
  #second = 0
  #count = 0
  #before = 0

  /** It happened. */
  add(now: number): void {
    this.#turnTo(now)
    this.#count++
  }

  /** How often it happened in the second before the one of `now`. */
  perSecond(now: number): number {
    this.#turnTo(now)
    return this.#before
  }

  #turnTo(now: number): void {
    const second = Math.floor(now / 1000)
    if (second === this.#second) return
    this.#before = second === this.#second + 1 ? this.#count : 0
    this.#second = second
    this.#count = 0
  }
}
