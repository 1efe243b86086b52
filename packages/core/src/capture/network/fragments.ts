import { latin1 } from '../../wire/text.ts'
import type { IpPacket } from './ip.ts'
import { type NetworkLimits, pieceOverhead } from './limits.ts'
import type { Counters } from './totals.ts'

interface Fragment {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** A datagram of which fragments have come. */
interface PartialDatagram {
  readonly key: string
  readonly sinceUs: number
  readonly fragments: Fragment[]
  /** Packets that count as waiting: repeated ones too. */
  packets: number
  bytes: number
  /** Bytes of all different fragments. */
  filled: number
  /** Length of the datagram's payload; -1 until the last fragment has come. */
  total: number
  /** Of the fragment at offset 0. */
  protocol: number
  /** Nothing can become of it: by contradiction, or because a part was not captured. */
  lost: 'refused' | 'incomplete' | undefined
}

/** Longest payload of a fragmented datagram. */
const maxPayload = 65_535
/** Fragments of a datagram at most: the least that a link must carry makes about a hundred (RFC 791). */
const maxFragments = 1024

/** Datagrams in fragments, put together within limits. Every fragment is counted, whatever becomes of it. */
export class Fragments {
  /** In the order in which they began. */
  readonly #partial = new Map<string, PartialDatagram>()
  readonly #limits: NetworkLimits
  readonly #counters: Counters
  #bytes = 0

  /** Counts what becomes of fragments. */
  constructor(limits: NetworkLimits, counters: Counters) {
    this.#limits = limits
    this.#counters = counters
  }

  /** Takes a fragment. True when its datagram is whole: then `packet` is that datagram. */
  take(packet: IpPacket, timeUs: number): boolean {
    this.#expire(timeUs)
    const key = keyOf(packet)
    let partial = this.#partial.get(key)
    if (partial === undefined) {
      partial = {
        key,
        sinceUs: timeUs,
        fragments: [],
        packets: 0,
        bytes: pieceOverhead,
        filled: 0,
        total: -1,
        protocol: 0,
        lost: undefined,
      }
      this.#partial.set(key, partial)
      this.#bytes += pieceOverhead
    }
    partial.packets++
    this.#counters.fragmentsWaiting++
    if (partial.lost === undefined) this.#add(partial, packet)
    if (partial.lost === undefined && partial.total >= 0 && partial.filled === partial.total) {
      this.#join(partial, packet)
      return true
    }
    if (partial.lost !== undefined) this.#release(partial)
    this.#makeRoom(partial)
    return false
  }

  /** Gives up everything that waits. */
  end(): void {
    for (const partial of this.#partial.values()) this.#giveUp(partial)
  }

  #add(partial: PartialDatagram, packet: IpPacket): void {
    const { fragmentOffset: offset, length, start, end, moreFragments } = packet
    if (end - start < length) {
      partial.lost = 'incomplete'
      return
    }
    // Only the last fragment may have a length that is no multiple of eight.
    if (length === 0 || offset + length > maxPayload || (moreFragments && length % 8 !== 0)) {
      partial.lost = 'refused'
      return
    }
    const behind = offset + length
    for (const known of partial.fragments) {
      if (known.offset >= behind || known.offset + known.bytes.length <= offset) continue
      // The same fragment again was captured twice, or repeated by the network.
      if (known.offset === offset && known.bytes.length === length && same(known.bytes, packet.payload, start)) return
      partial.lost = 'refused'
      return
    }
    const last = moreFragments ? partial.total : behind
    const isBeyond = last >= 0 && partial.fragments.some((known) => known.offset + known.bytes.length > last)
    if ((partial.total >= 0 && last !== partial.total) || (last >= 0 && behind > last) || isBeyond) {
      partial.lost = 'refused'
      return
    }
    if (partial.fragments.length >= maxFragments) {
      partial.lost = 'incomplete'
      return
    }
    if (offset === 0) partial.protocol = packet.protocol
    partial.total = last
    partial.fragments.push({ offset, bytes: new Uint8Array(packet.payload.subarray(start, end)) })
    partial.filled += length
    partial.bytes += length + pieceOverhead
    this.#bytes += length + pieceOverhead
  }

  #makeRoom(newest: PartialDatagram): void {
    for (const oldest of this.#partial.values()) {
      const isTooMuch =
        this.#bytes > this.#limits.fragmentBytes || this.#partial.size > this.#limits.fragmentedDatagrams
      if (!isTooMuch) return
      if (oldest !== newest) this.#giveUp(oldest)
    }
  }

  #join(partial: PartialDatagram, packet: IpPacket): void {
    const whole = new Uint8Array(partial.total)
    for (const { offset, bytes } of partial.fragments) whole.set(bytes, offset)
    packet.payload = whole
    packet.start = 0
    packet.end = whole.length
    packet.length = whole.length
    packet.protocol = partial.protocol
    packet.isFragment = false
    // The last one counts as what the datagram is.
    this.#counters.fragmentsWaiting -= partial.packets
    this.#counters.fragmentsJoined += partial.packets - 1
    this.#forget(partial)
  }

  /** Frees the bytes of a datagram that nothing can become of; it stays known, so that what else comes is counted with it. */
  #release(partial: PartialDatagram): void {
    partial.fragments.length = 0
    this.#bytes -= partial.bytes - pieceOverhead
    partial.bytes = pieceOverhead
  }

  #giveUp(partial: PartialDatagram): void {
    this.#counters.fragmentsWaiting -= partial.packets
    if (partial.lost === 'refused') this.#counters.fragmentsRefused += partial.packets
    else this.#counters.fragmentsIncomplete += partial.packets
    this.#forget(partial)
  }

  #forget(partial: PartialDatagram): void {
    this.#bytes -= partial.bytes
    this.#partial.delete(partial.key)
  }

  #expire(nowUs: number): void {
    for (const partial of this.#partial.values()) {
      if (Math.abs(nowUs - partial.sinceUs) < this.#limits.fragmentMs * 1000) return
      this.#giveUp(partial)
    }
  }
}

function keyOf({ version, header, addresses, protocol, identification }: IpPacket): string {
  const both = version === 4 ? 8 : 32
  // IPv4 counts its identifications per protocol (RFC 791); in IPv6 only the first fragment need name the right one.
  return `${version === 4 ? protocol : 'v6'} ${identification} ${latin1(header.subarray(addresses, addresses + both))}`
}

function same(one: Uint8Array, other: Uint8Array, start: number): boolean {
  for (let i = 0; i < one.length; i++) if (one[i] !== other[start + i]) return false
  return true
}
