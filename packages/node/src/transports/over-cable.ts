import { type AnyError, TransportError } from '@cordon/core/errors'
import type { Cable } from './cable.ts'
import { ReceiveQueue } from './receive-queue.ts'
import { defaultTransportLimits, formatEndpoint, type Transport, type TransportHandlers } from './transport.ts'

/** Leads a transport over a cable; over none it stays as it is. */
export function overCable(lower: Transport, cable: Cable | undefined): Transport {
  return cable === undefined ? lower : new CabledTransport(lower, cable)
}

/** While the cable is out a stream waits, as the kernel's own would repeat itself; datagrams are lost. */
class CabledTransport implements Transport {
  readonly #lower: Transport
  readonly #cable: Cable
  readonly #queue: ReceiveQueue
  readonly #forget: () => void
  readonly #isStream: boolean
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #isPaused = false
  #wantsDrain = false
  /** How the lower transport ended while nobody could hear of it. */
  #unheardEnd: { readonly error: AnyError | undefined } | undefined
  #state: 'open' | 'closed' = 'open'

  constructor(lower: Transport, cable: Cable) {
    this.#lower = lower
    this.#cable = cable
    this.#isStream = lower.boundaries === 'stream'
    // The lower transport keeps what arrives while this one is paused.
    this.#queue = new ReceiveQueue(Number.POSITIVE_INFINITY)
    this.#forget = cable.onChange(() => this.#turned())
    this.#regulate()
  }

  get kind() {
    return this.#lower.kind
  }

  get boundaries() {
    return this.#lower.boundaries
  }

  get local() {
    return this.#lower.local
  }

  get remote() {
    return this.#lower.remote
  }

  get security() {
    return this.#lower.security
  }

  get state(): 'open' | 'closed' {
    return this.#state
  }

  attach(handlers: TransportHandlers): void {
    this.#queue.attach(handlers)
    this.#lower.attach({
      data: (bytes) => {
        if (this.#isStream || this.#cable.passes()) this.#queue.push(bytes)
      },
      drain: () => this.#queue.drained(),
      closed: (error) => {
        if (this.#cable.isPulled) this.#unheardEnd = { error }
        else this.#end(error, false)
      },
    })
  }

  send(bytes: Uint8Array, dscp?: number): boolean {
    if (this.#state === 'closed') return false
    if (this.#waiting.length > 0 && !this.#cable.isPulled) this.#flush()
    if (!this.#isStream) return !this.#cable.passes() || this.#lower.send(bytes, dscp)
    if (!this.#cable.isPulled) return this.#lower.send(bytes)
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > defaultTransportLimits.maxQueued) {
      const reason = `${formatEndpoint(this.remote)} does not read: ${this.#waitingBytes} bytes wait to be sent`
      this.destroy(new TransportError('closed', reason))
      return false
    }
    this.#wantsDrain = this.#waitingBytes > defaultTransportLimits.highWaterMark
    return !this.#wantsDrain
  }

  pause(): void {
    this.#isPaused = true
    this.#regulate()
  }

  resume(): void {
    this.#isPaused = false
    this.#regulate()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#end(undefined, true)
    this.#afterwards(() => {
      this.#flush()
      this.#lower.close()
    })
  }

  destroy(error?: AnyError): void {
    if (this.#state === 'closed') return
    this.#end(error, true)
    this.#afterwards(() => this.#lower.destroy(error))
  }

  /** The end of a datagram socket tells nobody anything. */
  #afterwards(end: () => void): void {
    if (this.#isStream) this.#cable.hold(end)
    else end()
  }

  #turned(): void {
    if (this.#state === 'closed') return
    if (!this.#cable.isPulled) this.#flush()
    this.#regulate()
    if (this.#cable.isPulled) return
    if (this.#unheardEnd !== undefined) this.#end(this.#unheardEnd.error, false)
    else if (this.#wantsDrain) {
      this.#wantsDrain = false
      this.#queue.drained()
    }
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    for (const bytes of waiting) this.#lower.send(bytes)
  }

  #regulate(): void {
    if (this.#state === 'closed') return
    if (this.#isPaused) this.#queue.pause()
    else this.#queue.resume()
    if (this.#isPaused || (this.#isStream && this.#cable.isPulled)) this.#lower.pause()
    else this.#lower.resume()
  }

  #end(error: AnyError | undefined, discard: boolean): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#forget()
    this.#queue.end(error, discard)
  }
}
