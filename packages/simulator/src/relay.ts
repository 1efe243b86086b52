import { FrameSplitter } from '@cordon/core/enip'
import { MalformedMessage, TransportError } from '@cordon/core/errors'
import type { Transport } from '@cordon/node/transports'

/** What a relay does with what passes. */
export interface RelayOptions {
  /** Sees each chunk or datagram from the peer; what it gives goes on to the unit. */
  readonly toUnit?: (bytes: Uint8Array) => readonly Uint8Array[]
  /** The same from the unit to the peer. */
  readonly toPeer?: (bytes: Uint8Array) => readonly Uint8Array[]
  /** Called once, when both ends are closed. */
  readonly ended?: () => void
}

const unchanged = (bytes: Uint8Array): readonly Uint8Array[] => [bytes]

/** Joins a peer and a unit: what one sends, the other gets, and when one ends, so does the other. */
export class Relay {
  readonly #peer: Transport
  readonly #unit: Transport
  readonly #ended: (() => void) | undefined
  #over = false

  constructor(peer: Transport, unit: Transport, options: RelayOptions = {}) {
    this.#peer = peer
    this.#unit = unit
    this.#ended = options.ended
    this.#join(peer, unit, options.toUnit ?? unchanged)
    this.#join(unit, peer, options.toPeer ?? unchanged)
  }

  /** Ends both without a word. */
  destroy(): void {
    this.#peer.destroy()
    this.#unit.destroy()
    this.#end()
  }

  #join(from: Transport, to: Transport, change: (bytes: Uint8Array) => readonly Uint8Array[]): void {
    from.attach({
      data: (bytes) => {
        for (const part of this.#changed(bytes, change)) {
          // Whoever sends faster than the other end reads waits in the network, not here.
          if (!to.send(part) && to.state === 'open') from.pause()
        }
      },
      drain: () => to.resume(),
      closed: () => {
        to.close()
        this.#end()
      },
    })
  }

  #changed(bytes: Uint8Array, change: (bytes: Uint8Array) => readonly Uint8Array[]): readonly Uint8Array[] {
    try {
      return change(bytes)
    } catch (error) {
      if (!(error instanceof MalformedMessage) && !(error instanceof TransportError)) throw error
      this.destroy()
      return []
    }
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#ended?.()
  }
}

/** Cuts a stream into whole encapsulated messages and hands each, in a copy of its own, to `see`, which may change it. */
export function messageFilter(see: (message: Uint8Array) => void): (bytes: Uint8Array) => readonly Uint8Array[] {
  const splitter = new FrameSplitter()
  return (bytes) => {
    splitter.push(bytes)
    const messages: Uint8Array[] = []
    for (let message = splitter.next(); message !== undefined; message = splitter.next()) {
      const own = message.slice()
      see(own)
      messages.push(own)
    }
    return messages
  }
}
