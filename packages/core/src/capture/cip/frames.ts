import { encapsulationCommands } from '../../enip/commands.ts'
import { encapsulationHeaderLength, maxEncapsulationDataLength } from '../../enip/header.ts'
import { encapsulationStatuses } from '../../enip/status.ts'

/** Commands at which reading may begin anew. NOP is not among them: a run of zeros looks like it. */
const beginnings: ReadonlySet<number> = new Set(Object.values(encapsulationCommands).filter((code) => code !== 0))
const statuses: ReadonlySet<number> = new Set(Object.values(encapsulationStatuses))

/** Does an encapsulated message begin here, as far as its header tells? `strict`: as one does after a gap. */
export function couldBegin(bytes: Uint8Array, at: number, strict: boolean): boolean {
  const word = (offset: number): number => (bytes[at + offset] ?? 0) | ((bytes[at + offset + 1] ?? 0) << 8)
  if (word(2) > maxEncapsulationDataLength) return false
  // Options are always 0, and a status is a small number.
  if ((word(20) | word(22) | word(10)) !== 0) return false
  if (strict) return beginnings.has(word(0)) && statuses.has(word(8))
  return word(8) < 0x100
}

/**
 * Cuts one side of a captured stream into encapsulated messages, and finds its way again where bytes are missing or are
 * something else. Holds one unfinished message at most, in memory that grows with what arrived; the work is linear.
 */
export class EncapsulationFrames {
  #held = new Uint8Array(0)
  #length = 0
  #lost: boolean
  #skipped = 0

  /** A stream whose beginning is in the capture is in step at once; any other looks for its first message. */
  constructor(begun: boolean) {
    this.#lost = !begun
  }

  /** Bytes that belonged to no message. */
  get skipped(): number {
    return this.#skipped
  }

  /** Bytes that wait for the rest of their message. */
  get buffered(): number {
    return this.#length
  }

  /** Bytes are missing here. */
  gap(): void {
    this.#skipped += this.#length
    this.#length = 0
    this.#lost = true
  }

  /** Takes the next bytes; `take` gets each whole message, as a view that is good until it returns. */
  push(bytes: Uint8Array, take: (frame: Uint8Array) => void): void {
    let data = bytes
    let at = 0
    while (at >= 0) {
      if (this.#lost) {
        if (this.#length > 0) {
          data = this.#withHeld(data, at)
          at = 0
        }
        at = this.#search(data, at)
      } else at = this.#length > 0 ? this.#fill(data, at, take) : this.#cut(data, at, take)
    }
  }

  /** Takes messages straight out of the bytes. Returns where it stopped, or -1 when all are used. */
  #cut(bytes: Uint8Array, from: number, take: (frame: Uint8Array) => void): number {
    let at = from
    while (bytes.length - at >= encapsulationHeaderLength) {
      if (!couldBegin(bytes, at, false)) {
        this.#lost = true
        return at
      }
      const total = encapsulationHeaderLength + ((bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8))
      if (bytes.length - at < total) break
      take(bytes.subarray(at, at + total))
      at += total
    }
    this.#hold(bytes, at, bytes.length)
    return -1
  }

  /** Completes the message that is held. Returns where the next one begins, or -1 when the bytes are used. */
  #fill(bytes: Uint8Array, from: number, take: (frame: Uint8Array) => void): number {
    let at = from
    if (this.#length < encapsulationHeaderLength) {
      const until = Math.min(bytes.length, at + encapsulationHeaderLength - this.#length)
      this.#hold(bytes, at, until)
      at = until
      if (this.#length < encapsulationHeaderLength) return -1
      if (!couldBegin(this.#held, 0, false)) {
        this.#lost = true
        return at
      }
    }
    const total = encapsulationHeaderLength + ((this.#held[2] ?? 0) | ((this.#held[3] ?? 0) << 8))
    const until = Math.min(bytes.length, at + total - this.#length)
    this.#hold(bytes, at, until)
    if (this.#length < total) return -1
    take(this.#held.subarray(0, total))
    this.#length = 0
    return until
  }

  #hold(bytes: Uint8Array, from: number, until: number): void {
    const needed = this.#length + until - from
    if (needed > this.#held.length) {
      const larger = new Uint8Array(Math.max(256, needed, Math.min(2 * this.#held.length, 65_536)))
      larger.set(this.#held.subarray(0, this.#length))
      this.#held = larger
    }
    this.#held.set(bytes.subarray(from, until), this.#length)
    this.#length = needed
  }

  /** What is held and the bytes behind it, in one piece: at most twice for each call of `push`. */
  #withHeld(bytes: Uint8Array, at: number): Uint8Array {
    const all = new Uint8Array(this.#length + bytes.length - at)
    all.set(this.#held.subarray(0, this.#length))
    all.set(bytes.subarray(at), this.#length)
    this.#length = 0
    return all
  }

  /** Looks for the next message. Returns where it begins, or -1 when there is none in these bytes. */
  #search(bytes: Uint8Array, from: number): number {
    let at = from
    while (bytes.length - at >= encapsulationHeaderLength) {
      if (couldBegin(bytes, at, true)) {
        this.#skipped += at - from
        this.#lost = false
        return at
      }
      at++
    }
    this.#skipped += at - from
    this.#hold(bytes, at, bytes.length)
    return -1
  }
}
