import { timeoutPackets } from '../../cip/connection.ts'
import type { Moment } from '../conversation.ts'

/** A jump of the sequence number by more than this is a producer that began anew, not that many lost datagrams. */
export const restartDistance = 4096

/** How much longer than its RPI the mean interval may be before the RPI counts as not held. Ours. */
export const meanTolerance = 1.1

/** Intervals from which on it is said whether an RPI is held. Ours. */
export const leastIntervals = 10

/** What the class 0/1 datagrams of one connection id in one direction were like. */
export interface FlowReport {
  readonly connectionId: number
  /** Address of the producer. */
  readonly from: string
  /** Address of the consumer, or of the multicast group. */
  readonly to: string
  readonly frames: number
  /** Bytes of item 0x00B1, least and most. */
  readonly size: { readonly least: number; readonly most: number }
  /** Sequence numbers that never came. */
  readonly missing: number
  /** Times that at least one sequence number was skipped. */
  readonly gaps: number
  readonly duplicates: number
  readonly outOfOrder: number
  /** Times that the producer began its numbers anew. */
  readonly restarts: number
  /** Microseconds: what the Forward_Open granted, else the mean of what was measured. */
  readonly rpiUs: number | undefined
  readonly rpiFrom: 'forward-open' | 'measured'
  /** Mean interval between datagrams, microseconds. */
  readonly meanUs: number | undefined
  /** Standard deviation of the interval, microseconds. */
  readonly jitterUs: number | undefined
  readonly longestUs: number | undefined
  /** Packet that ended the longest interval. */
  readonly longestAtPacket: number | undefined
  /** Intervals of RPI x multiplier or longer: the consumer has given the connection up. */
  readonly timeouts: number
  /** Was the granted RPI held: mean and every interval? Undefined without a Forward_Open, or with too few datagrams. */
  readonly held: boolean | undefined
  /** What the run/idle header said; undefined where there is none, or nobody can tell. */
  readonly mode: 'run' | 'idle' | 'both' | undefined
  readonly firstPacket: number
  readonly lastPacket: number
  /** Microseconds since 1970. */
  readonly firstUs: number
  readonly lastUs: number
}

/**
 * Counts the class 0/1 datagrams of one connection id in one direction. {@link receive} runs for every datagram of a
 * capture: it allocates nothing.
 */
export class IoFlow {
  readonly connectionId: number
  readonly from: string
  readonly to: string
  #rpiUs = 0
  #timeoutUs = Number.POSITIVE_INFINITY
  #granted = false
  #headerAt = -1
  #frames = 0
  #sequence = 0
  #least = 0
  #most = 0
  #missing = 0
  #gaps = 0
  #duplicates = 0
  #outOfOrder = 0
  #restarts = 0
  #intervals = 0
  #sumUs = 0
  #sumSquares = 0
  #longestUs = -1
  #longestAt = 0
  #timeouts = 0
  #run = 0
  #idle = 0
  #other = 0
  #firstPacket = 0
  #lastPacket = 0
  #firstUs = 0
  #lastUs = 0

  /** A flow from one address to another that has no datagram yet. */
  constructor(connectionId: number, from: string, to: string) {
    this.connectionId = connectionId
    this.from = from
    this.to = to
  }

  /** Whether any datagram was seen. */
  get hasStarted(): boolean {
    return this.#frames > 0
  }

  /** Microseconds since 1970 of the last datagram. */
  get lastUs(): number {
    return this.#lastUs
  }

  /**
   * The Forward_Open of this flow: what it promised, and where a run/idle header may stand (-1: nowhere).
   * `multiplier` is the code 0..7, anything else is taken for the largest.
   */
  granted(rpiUs: number, multiplier: number, headerAt: number): void {
    this.#granted = rpiUs > 0
    this.#rpiUs = rpiUs
    this.#timeoutUs = rpiUs * timeoutPackets(Math.min(7, Math.max(0, multiplier)))
    this.#headerAt = headerAt
  }

  /** A datagram with `length` bytes of data at `offset`. */
  receive(sequence: number, bytes: Uint8Array, offset: number, length: number, moment: Moment): void {
    const { timeUs, packet } = moment
    this.#lookAtHeader(bytes, offset, length)
    if (this.#frames++ === 0) {
      this.#firstPacket = packet
      this.#firstUs = timeUs
      this.#least = length
      this.#most = length
      this.#advance(sequence, timeUs, packet)
      return
    }
    if (length < this.#least) this.#least = length
    else if (length > this.#most) this.#most = length
    const step = (sequence - this.#sequence) | 0
    if (step === 1) {
      this.#interval(timeUs, packet)
      this.#advance(sequence, timeUs, packet)
    } else if (step === 0) this.#duplicates++
    else if (step > 1 && step <= restartDistance) {
      this.#gaps++
      this.#missing += step - 1
      this.#interval(timeUs, packet)
      this.#advance(sequence, timeUs, packet)
    } else if (step < 0 && step >= -restartDistance) {
      this.#outOfOrder++
      if (this.#missing > 0) this.#missing--
    } else {
      this.#restarts++
      this.#advance(sequence, timeUs, packet)
    }
  }

  #advance(sequence: number, timeUs: number, packet: number): void {
    this.#sequence = sequence
    this.#lastUs = timeUs
    this.#lastPacket = packet
  }

  #interval(timeUs: number, packet: number): void {
    const us = timeUs - this.#lastUs
    this.#intervals++
    this.#sumUs += us
    this.#sumSquares += us * us
    if (us > this.#longestUs) {
      this.#longestUs = us
      this.#longestAt = packet
    }
    if (us >= this.#timeoutUs) this.#timeouts++
  }

  /** The run/idle header has only its four lowest bits; anything else there is data. */
  #lookAtHeader(bytes: Uint8Array, offset: number, length: number): void {
    const at = this.#headerAt
    if (at < 0 || length < at + 4) return
    const first = bytes[offset + at] ?? 0
    if (
      first > 15 ||
      ((bytes[offset + at + 1] ?? 0) | (bytes[offset + at + 2] ?? 0) | (bytes[offset + at + 3] ?? 0)) !== 0
    )
      this.#other++
    else if ((first & 1) === 0) this.#idle++
    else this.#run++
  }

  /** What was seen so far. */
  report(): FlowReport {
    const many = this.#intervals > 0
    const meanUs = many ? this.#sumUs / this.#intervals : undefined
    const jitterUs =
      meanUs === undefined ? undefined : Math.sqrt(Math.max(0, this.#sumSquares / this.#intervals - meanUs * meanUs))
    const mode =
      this.#other > 0 || this.#run + this.#idle === 0
        ? undefined
        : this.#idle === 0
          ? 'run'
          : this.#run === 0
            ? 'idle'
            : 'both'
    return {
      connectionId: this.connectionId,
      from: this.from,
      to: this.to,
      frames: this.#frames,
      size: { least: this.#least, most: this.#most },
      missing: this.#missing,
      gaps: this.#gaps,
      duplicates: this.#duplicates,
      outOfOrder: this.#outOfOrder,
      restarts: this.#restarts,
      rpiUs: this.#granted ? this.#rpiUs : meanUs,
      rpiFrom: this.#granted ? 'forward-open' : 'measured',
      meanUs,
      jitterUs,
      longestUs: many ? this.#longestUs : undefined,
      longestAtPacket: many ? this.#longestAt : undefined,
      timeouts: this.#timeouts,
      held:
        this.#granted && meanUs !== undefined && (this.#intervals >= leastIntervals || this.#timeouts > 0)
          ? meanUs <= this.#rpiUs * meanTolerance && this.#timeouts === 0
          : undefined,
      mode,
      firstPacket: this.#firstPacket,
      lastPacket: this.#lastPacket,
      firstUs: this.#firstUs,
      lastUs: this.#lastUs,
    }
  }
}
