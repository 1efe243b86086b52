import { UsageError } from '../../errors.ts'
import { addressText } from '../../x509/address.ts'
import type { CaptureEndpoint, Consumers, Conversation, ConversationEnd, Moment, Side } from '../conversation.ts'
import type { CapturedPacket } from '../file/captured-packet.ts'
import { word, wordAt } from './big-endian.ts'
import { type ConversationSummary, Flow } from './flow.ts'
import { FlowOrder } from './flow-order.ts'
import { FlowTable } from './flow-table.ts'
import { Fragments } from './fragments.ts'
import { emptyIpPacket, ipProtocols, readIpv4, readIpv6 } from './ip.ts'
import { defaultNetworkLimits, type NetworkLimits } from './limits.ts'
import { etherTypes, type LinkPayload, readLink } from './link.ts'
import { WaitingBytes } from './stream.ts'
import { TcpConnection, type TcpSegment, tcpFlags } from './tcp.ts'
import { Counters, type PacketFault, type PacketNotes, type PacketTotals } from './totals.ts'

/** What the network part of a capture may be told. */
export interface CaptureNetworkOptions {
  /** Other limits than {@link defaultNetworkLimits}. */
  readonly limits?: Partial<NetworkLimits>
  /** Any number that whoever made the capture does not know, against packets made to collide in the table of conversations. */
  readonly seed?: number
  /** Hears of each conversation when it is over: nothing is remembered of it here. */
  ended?(summary: ConversationSummary): void
}

/** Makes conversations out of packets. */
export interface CaptureNetwork {
  /** Takes a packet, whatever is in it; nothing is thrown and every packet is counted once. */
  packet(packet: CapturedPacket): void
  /** The capture is over: so are all conversations. */
  end(): PacketTotals & PacketNotes
  /** As it stands. */
  totals(): PacketTotals & PacketNotes
}

/**
 * The network part of a capture: link layers, IPv4 and IPv6 with fragments, TCP and UDP. Drives consumers packet by packet,
 * in bounded memory.
 * @throws UsageError `bad-value` for a limit that is no whole number above 0
 */
export function captureNetwork(consumers: Consumers, options: CaptureNetworkOptions = {}): CaptureNetwork {
  for (const [name, limit] of Object.entries(options.limits ?? {})) {
    if (Number.isSafeInteger(limit) && limit > 0) continue
    throw new UsageError(
      'bad-value',
      `limits of a capture: expected ${name} to be a whole number above 0, got ${limit}`,
    )
  }
  return new Network(consumers, options)
}

/** Ports of servers: EtherNet/IP, its secure port, class 0/1 data, HTTP and HTTPS, EST. */
const serverPorts: ReadonlySet<number> = new Set([44_818, 2221, 2222, 80, 443, 8444])

/** Lists of conversations by when they were used last. */
const lists = { udp: 0, tcp: 1, closed: 2 } as const

class Network implements CaptureNetwork {
  readonly #consumers: Consumers
  readonly #limits: NetworkLimits
  readonly #hear: ((summary: ConversationSummary) => void) | undefined
  readonly #counters = new Counters()
  readonly #moment: Moment = { packet: 0, timeUs: 0.5 }
  readonly #link: LinkPayload = { etherType: 0, start: 0 }
  readonly #ip = emptyIpPacket()
  readonly #segment: TcpSegment
  readonly #table: FlowTable
  readonly #order: FlowOrder
  readonly #flows: (Flow | undefined)[] = []
  readonly #waiting = new WaitingBytes()
  readonly #fragments: Fragments

  constructor(consumers: Consumers, { limits, seed = 0, ended }: CaptureNetworkOptions) {
    this.#consumers = consumers
    this.#limits = { ...defaultNetworkLimits, ...limits }
    this.#hear = ended
    this.#table = new FlowTable(this.#limits.conversations, seed)
    this.#order = new FlowOrder(this.#limits.conversations, Object.keys(lists).length)
    this.#fragments = new Fragments(this.#limits, this.#counters)
    this.#segment = {
      sourcePort: 0,
      destinationPort: 0,
      sequence: 0,
      acknowledgment: 0,
      flags: 0,
      bytes: new Uint8Array(0),
      start: 0,
      end: 0,
      length: 0,
    }
  }

  totals(): PacketTotals & PacketNotes {
    return this.#counters.totals()
  }

  packet(packet: CapturedPacket): void {
    this.#counters.packets++
    this.#moment.packet = packet.number
    this.#moment.timeUs = packet.timeUs
    const verdict = readLink(packet, this.#link)
    if (verdict === 'unknown') this.#counters.otherLink(packet.linkType, packet.number)
    else if (verdict === 'short') this.#short(packet, 'link-header')
    else if (this.#link.etherType === etherTypes.ipv4) this.#ipv4(packet)
    else if (this.#link.etherType === etherTypes.ipv6) this.#ipv6(packet)
    else this.#counters.notIp(this.#link.etherType, packet.number)
  }

  end(): PacketTotals & PacketNotes {
    this.#fragments.end()
    for (const list of Object.values(lists)) {
      for (let slot = this.#order.oldest(list); slot >= 0; slot = this.#order.oldest(list)) {
        this.#endFlow(slot, 'end-of-capture')
      }
    }
    return this.totals()
  }

  #ipv4(packet: CapturedPacket): void {
    const wireEnd = packet.start + packet.originalLength
    const verdict = readIpv4(packet.bytes, this.#link.start, packet.end, wireEnd, this.#ip)
    if (verdict === 'read') this.#transport(packet)
    else if (verdict === 'short') this.#short(packet, 'ipv4-length')
    else this.#counters.malformed(verdict, packet.number)
  }

  #ipv6(packet: CapturedPacket): void {
    const wireEnd = packet.start + packet.originalLength
    const verdict = readIpv6(packet.bytes, this.#link.start, packet.end, wireEnd, this.#ip)
    if (verdict === 'read') this.#transport(packet)
    else if (verdict === 'short') this.#short(packet, 'ipv6-length')
    else this.#counters.malformed(verdict, packet.number)
  }

  #transport(packet: CapturedPacket): void {
    const ip = this.#ip
    if (ip.isFragment && !this.#fragments.take(ip, packet.timeUs)) return
    if (ip.protocol === ipProtocols.udp) this.#udp(packet)
    else if (ip.protocol === ipProtocols.tcp) this.#tcp(packet)
    else this.#counters.otherIp(ip.protocol, packet.number)
  }

  #udp(packet: CapturedPacket): void {
    const { payload: bytes, start, end, length } = this.#ip
    if (end - start < 8) {
      if (length < 8) this.#counters.malformed('udp-length', packet.number)
      else this.#short(packet, 'udp-length')
      return
    }
    const stated = word(bytes, start + 4)
    if (stated < 8 || stated > length) {
      this.#counters.malformed('udp-length', packet.number)
      return
    }
    const sourcePort = word(bytes, start)
    const destinationPort = word(bytes, start + 2)
    const isLow = this.#ends(ipProtocols.udp, sourcePort, destinationPort)
    let slot = this.#table.find()
    let flow = slot < 0 ? undefined : this.#flows[slot]
    if (flow !== undefined && this.#isIdle(flow, packet.timeUs, this.#limits.udpIdleMs)) {
      this.#endFlow(slot, 'idle')
      this.#table.find()
      flow = undefined
    }
    if (flow === undefined) {
      slot = this.#open('udp', isLow, sourcePort, destinationPort)
      flow = this.#flows[slot]
      if (flow === undefined) return
    }
    this.#order.touch(slot, lists.udp)
    this.#counters.udp++
    const isClient = isLow === flow.clientIsLow
    const behind = start + stated
    flow.lastUs = packet.timeUs
    if (isClient) {
      flow.clientPackets++
      flow.clientBytes += stated - 8
    } else {
      flow.serverPackets++
      flow.serverBytes += stated - 8
    }
    const side = isClient ? 'client' : 'server'
    if (behind <= end) flow.datagrams?.datagram(side, bytes, start + 8, behind, this.#moment)
    else {
      this.#noteSnapped(flow, side)
      flow.datagrams?.snapped?.(side, bytes, start + 8, end, stated - 8, this.#moment)
    }
  }

  #tcp(packet: CapturedPacket): void {
    const { payload: bytes, start, end, length } = this.#ip
    if (end - start < 20) {
      if (length < 20) this.#counters.malformed('tcp-header', packet.number)
      else this.#short(packet, 'tcp-header')
      return
    }
    const header = ((bytes[start + 12] ?? 0) >> 4) * 4
    if (header < 20 || header > length) {
      this.#counters.malformed('tcp-header', packet.number)
      return
    }
    const segment = this.#segment
    segment.sourcePort = word(bytes, start)
    segment.destinationPort = word(bytes, start + 2)
    segment.sequence = wordAt(bytes, start + 4)
    segment.acknowledgment = wordAt(bytes, start + 8)
    segment.flags = bytes[start + 13] ?? 0
    segment.bytes = bytes
    segment.start = Math.min(start + header, end)
    segment.end = end
    segment.length = length - header
    this.#connection(packet)
  }

  /** The segment that was just read, in its connection. */
  #connection(packet: CapturedPacket): void {
    const segment = this.#segment
    const { sourcePort, destinationPort, flags } = segment
    const isLow = this.#ends(ipProtocols.tcp, sourcePort, destinationPort)
    let slot = this.#table.find()
    let flow = slot < 0 ? undefined : this.#flows[slot]
    if (flow?.isClosed === true && this.#isIdle(flow, packet.timeUs, this.#limits.closedMs)) {
      this.#endFlow(slot, 'idle')
      this.#table.find()
      flow = undefined
    }
    for (let attempt = 0; attempt < 2; attempt++) {
      if (flow === undefined) {
        slot = this.#open('tcp', isLow, sourcePort, destinationPort, flags)
        flow = this.#flows[slot]
        if (flow === undefined) return
      }
      const side = isLow === flow.clientIsLow ? 'client' : 'server'
      const isReopened =
        flow.tcp === undefined
          ? flow.isClosed && (flags & (tcpFlags.syn | tcpFlags.ack)) === tcpFlags.syn
          : flow.tcp.segment(side, segment) === 'reopened'
      if (isReopened) {
        this.#endFlow(slot, 'reused')
        this.#table.find()
        flow = undefined
        continue
      }
      this.#countSegment(flow, side, packet.timeUs)
      flow.isClosed =
        flow.tcp === undefined
          ? flow.isClosed || (flags & (tcpFlags.fin | tcpFlags.rst)) !== 0
          : flow.tcp.ended !== undefined
      this.#order.touch(slot, flow.isClosed ? lists.closed : lists.tcp)
      return
    }
  }

  #countSegment(flow: Flow, side: Side, timeUs: number): void {
    const { start, end, length } = this.#segment
    this.#counters.tcp++
    flow.lastUs = timeUs
    if (side === 'client') {
      flow.clientPackets++
      flow.clientBytes += length
    } else {
      flow.serverPackets++
      flow.serverBytes += length
    }
    if (end - start < length) this.#noteSnapped(flow, side)
  }

  #noteSnapped(flow: Flow, side: Side): void {
    this.#counters.snapped++
    if (side === 'client') flow.clientSnapped++
    else flow.serverSnapped++
  }

  /** Takes up the two ends of the current packet; true when the sender is the lower one. */
  #ends(protocol: number, sourcePort: number, destinationPort: number): boolean {
    const { version, header, addresses } = this.#ip
    return version === 4
      ? this.#table.ipv4(
          protocol,
          wordAt(header, addresses),
          wordAt(header, addresses + 4),
          sourcePort,
          destinationPort,
        )
      : this.#table.ipv6(protocol, header, addresses, sourcePort, destinationPort)
  }

  #isIdle(flow: Flow, nowUs: number, ms: number): boolean {
    return nowUs - flow.lastUs > ms * 1000
  }

  /** Begins a conversation between the ends that were just looked for. */
  #open(
    transport: Conversation['transport'],
    isLow: boolean,
    sourcePort: number,
    destinationPort: number,
    flags = 0,
  ): number {
    this.#makeRoom()
    const { version, header, addresses } = this.#ip
    const size = version === 4 ? 4 : 16
    const source = endpoint(header, addresses, size, sourcePort)
    const destination = endpoint(header, addresses + size, size, destinationPort)
    const isAnswer = (flags & tcpFlags.ack) !== 0
    const begun = transport === 'tcp' ? (flags & tcpFlags.syn) !== 0 : !isServer(sourcePort, destinationPort)
    const senderIsClient = begun
      ? !(transport === 'tcp' && isAnswer)
      : !guessServer(transport, sourcePort, destinationPort)
    const conversation: Conversation = {
      id: this.#counters.conversations++,
      transport,
      client: senderIsClient ? source : destination,
      server: senderIsClient ? destination : source,
      begun,
    }
    const slot = this.#table.add()
    const flow = new Flow(conversation, senderIsClient === isLow, this.#table.bucket, this.#moment)
    this.#flows[slot] = flow
    if (transport === 'udp') flow.datagrams = this.#consumers.datagrams(conversation)
    else {
      const stream = this.#consumers.stream(conversation)
      if (stream !== undefined) flow.tcp = new TcpConnection(stream, this.#limits, this.#moment, this.#waiting)
    }
    return slot
  }

  #makeRoom(): void {
    // Datagrams that fell silent are over; one look per new conversation keeps pace with those that begin.
    const silent = this.#order.oldest(lists.udp)
    const flow = silent < 0 ? undefined : this.#flows[silent]
    let isFreed = false
    if (flow !== undefined && this.#isIdle(flow, this.#moment.timeUs, this.#limits.udpIdleMs)) {
      this.#endFlow(silent, 'idle')
      isFreed = true
    }
    if (this.#table.isFull) {
      this.#evict()
      isFreed = true
    }
    // The ends of the current packet must be looked for again, to be added.
    if (isFreed) this.#table.find()
  }

  #evict(): void {
    const closed = this.#order.oldest(lists.closed)
    if (closed >= 0) {
      this.#endFlow(closed, 'evicted')
      return
    }
    const tcp = this.#order.oldest(lists.tcp)
    const udp = this.#order.oldest(lists.udp)
    const isTcpOlder = (this.#flows[tcp]?.lastUs ?? Infinity) <= (this.#flows[udp]?.lastUs ?? Infinity)
    this.#counters.evicted++
    this.#endFlow(isTcpOlder ? tcp : udp, 'evicted')
  }

  /** Ends a conversation, if it has not ended by itself, and forgets it. */
  #endFlow(slot: number, how: ConversationEnd): void {
    const flow = this.#flows[slot]
    if (flow === undefined) return
    flow.tcp?.end(how)
    flow.datagrams?.ended(how, this.#moment)
    this.#flows[slot] = undefined
    this.#order.remove(slot)
    this.#table.remove(slot, flow.bucket)
    this.#hear?.(flow.summary(how))
  }

  /** A packet that ends before its headers do: by the snap length, or by itself. */
  #short(packet: CapturedPacket, fault: PacketFault): void {
    if (packet.end - packet.start < packet.originalLength) this.#counters.headersSnapped++
    else this.#counters.malformed(fault, packet.number)
  }
}

function endpoint(bytes: Uint8Array, at: number, size: number, port: number): CaptureEndpoint {
  return { address: addressText(bytes.subarray(at, at + size)) ?? '', port }
}

/** By the ports alone the sender is a server and the other is none. */
function isServer(sourcePort: number, destinationPort: number): boolean {
  return serverPorts.has(sourcePort) && !serverPorts.has(destinationPort)
}

/** Whether the sender is probably the server, where the beginning is not in the capture. */
function guessServer(transport: Conversation['transport'], sourcePort: number, destinationPort: number): boolean {
  if (isServer(sourcePort, destinationPort)) return true
  if (isServer(destinationPort, sourcePort) || transport === 'udp') return false
  return sourcePort < destinationPort
}
