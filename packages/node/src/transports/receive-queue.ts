import { type AnyError, UsageError } from '@cordon/core/errors'
import type { TransportHandlers } from './transport.ts'

/**
 * What arrived before anybody listened or while delivery is paused: bounded, in order, and the end is told last. Every
 * transport delivers through one.
 */
export class ReceiveQueue {
  readonly #maxBytes: number
  readonly #waiting: Uint8Array[] = []
  #bytes = 0
  #handlers: TransportHandlers | undefined
  #paused = false
  #ended: { readonly error: AnyError | undefined } | undefined
  #told = false
  #delivering = false

  /** Holds at most `maxBytes` for later. */
  constructor(maxBytes = 256 * 1024) {
    this.#maxBytes = maxBytes
  }

  /** Bytes that wait. */
  get size(): number {
    return this.#bytes
  }

  /** Nobody takes anything now. */
  get blocked(): boolean {
    return this.#paused || this.#handlers === undefined
  }

  /** Delivers or keeps; false when there was no room and the bytes are lost. */
  push(bytes: Uint8Array): boolean {
    if (this.#ended !== undefined) return false
    if (!this.blocked && this.#waiting.length === 0 && !this.#delivering) {
      this.#delivering = true
      try {
        this.#handlers?.data(bytes)
      } finally {
        this.#delivering = false
      }
      if (this.#waiting.length > 0) this.#flush()
      else this.#tell()
      return true
    }
    if (this.#bytes + bytes.length > this.#maxBytes) return false
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    return true
  }

  /** Names the listener. @throws UsageError `bad-option` the second time */
  attach(handlers: TransportHandlers): void {
    if (this.#handlers !== undefined)
      throw new UsageError('bad-option', 'expected one listener per transport, got a second')
    this.#handlers = handlers
    // The caller finishes its own set-up before anything arrives.
    queueMicrotask(() => this.#flush())
  }

  /** There is room for sending again. */
  drained(): void {
    this.#handlers?.drain?.()
  }

  /** Keeps what arrives. */
  pause(): void {
    this.#paused = true
  }

  /** Delivers what was kept. */
  resume(): void {
    this.#paused = false
    this.#flush()
  }

  /** The end: told after everything that waits, at once where `discard` is set. */
  end(error: AnyError | undefined, discard = false): void {
    if (this.#ended !== undefined) return
    this.#ended = { error }
    if (discard) {
      this.#waiting.length = 0
      this.#bytes = 0
    }
    // Never inside the caller's own call.
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    if (this.#delivering) return
    this.#delivering = true
    try {
      while (!this.blocked) {
        const bytes = this.#waiting.shift()
        if (bytes === undefined) break
        this.#bytes -= bytes.length
        this.#handlers?.data(bytes)
      }
    } finally {
      this.#delivering = false
    }
    this.#tell()
  }

  #tell(): void {
    if (this.#ended === undefined || this.#told || this.#handlers === undefined || this.#waiting.length > 0) return
    this.#told = true
    this.#handlers.closed(this.#ended.error)
  }
}
