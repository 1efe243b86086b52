/** What was opened, to be closed the other way round. Node 20 has no AsyncDisposableStack. */
export class Opened {
  readonly #parts: AsyncDisposable[] = []

  /** Keeps a part to be closed with the others. */
  use<T extends AsyncDisposable>(part: T): T {
    this.#parts.push(part)
    return part
  }

  /** Closes the parts, the last one first; what was closed once is not closed again. */
  async close(): Promise<void> {
    for (const part of this.#parts.splice(0).reverse()) await part[Symbol.asyncDispose]()
  }
}
