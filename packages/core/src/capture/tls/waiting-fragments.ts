/** Bytes that wait in all conversations of a capture together. */
const mostBytesInAll = 16 * 1024 * 1024

/** Who has fragments that wait. */
export interface FragmentHolder {
  /** Gives up what waits, because too much does in the whole capture. */
  forget(): void
}

/** Bytes of handshakes that wait in all DTLS conversations of a capture together, and whose. */
export class WaitingFragments {
  readonly #most: number
  total = 0
  /** In the order in which they began to wait. */
  readonly holders = new Set<FragmentHolder>()

  /** Nothing waits yet, and never more than so many bytes. */
  constructor(most = mostBytesInAll) {
    this.#most = most
  }

  /** Whether those that wait longest have to give up. */
  get isTooMuch(): boolean {
    return this.total > this.#most
  }
}
