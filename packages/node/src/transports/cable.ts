import { TransportError } from '@cordon/core/errors'

/**
 * The network cable of a virtual unit. While it is pulled nothing arrives and nothing leaves on transports that
 * `overCable` leads over it, and no peer is told, not even of their end.
 */
export class Cable {
  readonly #loses: () => boolean
  readonly #listeners = new Set<() => void>()
  readonly #held = new Set<() => void>()
  #pulled = false

  /** `loses` is asked for each datagram and for each connection that is opened: does chance lose it? Default never. */
  constructor(loses: () => boolean = () => false) {
    this.#loses = loses
  }

  /** Does a datagram of now get over it? */
  passes(): boolean {
    return !this.#pulled && !this.#loses()
  }

  /** Is it out? */
  get isPulled(): boolean {
    return this.#pulled
  }

  /** Pulls it out. */
  pull(): void {
    this.#turn(true)
  }

  /** Puts it in again. What ended meanwhile ends for its peers now. */
  plug(): void {
    this.#turn(false)
    this.release()
  }

  #turn(pulled: boolean): void {
    if (this.#pulled === pulled) return
    this.#pulled = pulled
    for (const listener of [...this.#listeners]) listener()
  }

  /** Hears of each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @internal Ends a socket once no peer can hear it too early. */
  hold(end: () => void): void {
    if (this.#pulled) this.#held.add(end)
    else end()
  }

  /** Ends what waits for the cable, because its unit is gone. */
  release(): void {
    const held = [...this.#held]
    this.#held.clear()
    for (const end of held) end()
  }

  /**
   * Resolves when it is in and lets a connection be opened.
   *
   * @throws TransportError `timeout` after `timeoutMs`, `aborted`
   */
  async plugged(doing: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const isLost = this.#loses()
    if (!this.#pulled && !isLost) return
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: TransportError) => {
        clearTimeout(timer)
        forget()
        signal?.removeEventListener('abort', onAbort)
        if (error === undefined) resolve()
        else reject(error)
      }
      const onAbort = () => settle(new TransportError('aborted', `${doing}: cancelled by the caller`))
      const forget = this.onChange(() => {
        if (!isLost) settle()
      })
      const timer = setTimeout(
        () => settle(new TransportError('timeout', `${doing}: no answer within ${timeoutMs} ms`)),
        timeoutMs,
      )
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
