/**
 * Events for whoever iterates. Each iteration hears everything from the first event on, however late it begins, so that
 * a report of progress loses nothing; it ends with the queue.
 */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #events: T[] = []
  #ended = false
  #wake: () => void = () => {}
  #more = this.#next()

  push(event: T): void {
    this.#events.push(event)
    this.#signal()
  }

  end(): void {
    this.#ended = true
    this.#signal()
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #signal(): void {
    const wake = this.#wake
    this.#more = this.#next()
    wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (let place = 0; ; ) {
      const event = this.#events[place]
      if (event !== undefined) {
        place++
        yield event
      } else if (this.#ended) return
      else await this.#more
    }
  }
}
