/** What may be wrong with a packet that was captured whole. */
export type PacketFault =
  | 'link-header'
  | 'ip-version'
  | 'ipv4-header-length'
  | 'ipv4-length'
  | 'ipv6-length'
  | 'ipv6-extension'
  | 'fragment'
  | 'tcp-header'
  | 'udp-length'

/** How often something came, and where first. */
export interface Occurrence {
  readonly count: number
  /** Number of the first such packet. */
  readonly example: number
}

/** Packets by what became of them. Every packet is in exactly one of these, except those of {@link PacketNotes}. */
export interface PacketTotals {
  /** All packets: the sum of the others. */
  readonly packets: number
  /** In a TCP connection. */
  readonly tcp: number
  /** In a conversation of datagrams. */
  readonly udp: number
  /** Other protocols over IP by their numbers: 1 ICMP, 2 IGMP, 50 ESP, 58 ICMPv6, … */
  readonly otherIp: ReadonlyMap<number, Occurrence>
  /** Other protocols by EtherType: 0x0806 ARP, 0x88CC LLDP, …; below 1536 a length of IEEE 802.3. */
  readonly notIp: ReadonlyMap<number, Occurrence>
  /** Packets of link types that are not understood. */
  readonly otherLink: ReadonlyMap<number, Occurrence>
  /** Cut by the snap length before the end of their headers. */
  readonly headersSnapped: number
  readonly malformed: ReadonlyMap<PacketFault, Occurrence>
  /** Fragments that became part of a datagram; its last one counts as the datagram. */
  readonly fragmentsJoined: number
  /** Fragments whose datagram never became whole, or was given up to keep within memory. */
  readonly fragmentsIncomplete: number
  /** Fragments that overlap others of their datagram, or contradict them: the datagram is refused (RFC 5722). */
  readonly fragmentsRefused: number
  /** Fragments that wait for others; 0 at the end of a capture. */
  readonly fragmentsWaiting: number
}

/** What else is to be said about packets that are counted in {@link PacketTotals}. */
export interface PacketNotes {
  /** Of `tcp` and `udp`: captured without the end of their payload, which is a gap then. */
  readonly snapped: number
  /** Conversations there were, evicted ones included. */
  readonly conversations: number
  /** Conversations that were forgotten to keep within memory. */
  readonly evicted: number
}

/** Kinds of otherwise unknown numbers that are told apart; the rest is counted under -1. */
const maxKinds = 256

class Tally<K> {
  readonly counts = new Map<K, { count: number; example: number }>()

  note(kind: K, rest: K, packet: number): void {
    const known = this.counts.get(kind)
    if (known !== undefined) known.count++
    // The rest has a place beside them: every packet is in some row.
    else if (this.counts.size < maxKinds || kind === rest) this.counts.set(kind, { count: 1, example: packet })
    else this.note(rest, rest, packet)
  }
}

/** The counters while they count. */
export class Counters {
  packets = 0
  tcp = 0
  udp = 0
  headersSnapped = 0
  fragmentsJoined = 0
  fragmentsIncomplete = 0
  fragmentsRefused = 0
  fragmentsWaiting = 0
  snapped = 0
  conversations = 0
  evicted = 0
  readonly #otherIp = new Tally<number>()
  readonly #notIp = new Tally<number>()
  readonly #otherLink = new Tally<number>()
  readonly #malformed = new Tally<PacketFault>()

  /** A packet of another protocol over IP. */
  otherIp(protocol: number, packet: number): void {
    this.#otherIp.note(protocol, -1, packet)
  }

  /** A packet of another protocol than IP. */
  notIp(etherType: number, packet: number): void {
    this.#notIp.note(etherType, -1, packet)
  }

  /** A packet of another link type. */
  otherLink(linkType: number, packet: number): void {
    this.#otherLink.note(linkType, -1, packet)
  }

  /** A packet that contradicts its format. */
  malformed(fault: PacketFault, packet: number): void {
    this.#malformed.note(fault, fault, packet)
  }

  /** As they stand. */
  totals(): PacketTotals & PacketNotes {
    return {
      packets: this.packets,
      tcp: this.tcp,
      udp: this.udp,
      otherIp: new Map(this.#otherIp.counts),
      notIp: new Map(this.#notIp.counts),
      otherLink: new Map(this.#otherLink.counts),
      headersSnapped: this.headersSnapped,
      malformed: new Map(this.#malformed.counts),
      fragmentsJoined: this.fragmentsJoined,
      fragmentsIncomplete: this.fragmentsIncomplete,
      fragmentsRefused: this.fragmentsRefused,
      fragmentsWaiting: this.fragmentsWaiting,
      snapped: this.snapped,
      conversations: this.conversations,
      evicted: this.evicted,
    }
  }
}
