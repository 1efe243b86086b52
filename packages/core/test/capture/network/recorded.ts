import {
  type CaptureNetworkOptions,
  type CapturedPacket,
  type Conversation,
  type ConversationSummary,
  captureNetwork,
  type PacketNotes,
  type PacketTotals,
  type Side,
} from '@cordon/core/capture'

/** What a consumer heard of one conversation, gaps as `{ gap }`. */
export interface Heard {
  readonly conversation: Conversation
  readonly events: (
    | { readonly side: Side; readonly bytes: Uint8Array; readonly packet: number }
    | { readonly side: Side; readonly gap: number }
    | { readonly side: Side; readonly snapped: Uint8Array; readonly length: number }
  )[]
  ended: string | undefined
}

export interface Recorded {
  readonly heard: readonly Heard[]
  readonly summaries: readonly ConversationSummary[]
  readonly totals: PacketTotals & PacketNotes
}

export interface Sent {
  readonly data: Uint8Array
  readonly originalLength?: number
  readonly linkType?: number
  readonly timeUs?: number
}

/** Sends packets through the network part and records what comes out. */
export function record(packets: readonly (Sent | Uint8Array)[], options: CaptureNetworkOptions = {}): Recorded {
  const heard: Heard[] = []
  const summaries: ConversationSummary[] = []
  const open = (conversation: Conversation): Heard => {
    const one: Heard = { conversation, events: [], ended: undefined }
    heard.push(one)
    return one
  }
  const network = captureNetwork(
    {
      stream: (conversation) => {
        const one = open(conversation)
        return {
          data: (side, bytes, { packet }) => one.events.push({ side, bytes: bytes.slice(), packet }),
          gap: (side, gap) => one.events.push({ side, gap }),
          ended: (how) => {
            if (one.ended !== undefined) throw new Error('ended twice')
            one.ended = how
          },
        }
      },
      datagrams: (conversation) => {
        const one = open(conversation)
        return {
          datagram: (side, bytes, start, end, { packet }) =>
            one.events.push({ side, bytes: bytes.slice(start, end), packet }),
          snapped: (side, bytes, start, end, length) =>
            one.events.push({ side, snapped: bytes.slice(start, end), length }),
          ended: (how) => {
            if (one.ended !== undefined) throw new Error('ended twice')
            one.ended = how
          },
        }
      },
    },
    { ...options, ended: (summary) => summaries.push(summary) },
  )
  packets.forEach((sent, place) => {
    network.packet(captured(sent instanceof Uint8Array ? { data: sent } : sent, place + 1))
  })
  return { heard, summaries, totals: network.end() }
}

/** A packet as a reader would hand it on: somewhere inside a buffer that is spoilt later. */
export function captured({ data, originalLength, linkType = 1, timeUs }: Sent, number: number): CapturedPacket {
  const bytes = new Uint8Array(data.length + 20).fill(0xaa)
  bytes.set(data, 7)
  return {
    number,
    timeUs: timeUs ?? number * 1000,
    linkType,
    bytes,
    start: 7,
    end: 7 + data.length,
    originalLength: originalLength ?? data.length,
    interface: 0,
  }
}

/** What one side said, without places of gaps. */
export function said(heard: Heard | undefined, side: Side): Uint8Array {
  const parts =
    heard?.events.flatMap((event) => ('bytes' in event && event.side === side ? [...event.bytes] : [])) ?? []
  return Uint8Array.from(parts)
}

/** Sum of everything a packet can become; must be `packets`. */
export function accounted(totals: PacketTotals): number {
  const sum = (of: ReadonlyMap<unknown, { readonly count: number }>) =>
    [...of.values()].reduce((total, { count }) => total + count, 0)
  return (
    totals.tcp +
    totals.udp +
    sum(totals.otherIp) +
    sum(totals.notIp) +
    sum(totals.otherLink) +
    sum(totals.malformed) +
    totals.headersSnapped +
    totals.fragmentsJoined +
    totals.fragmentsIncomplete +
    totals.fragmentsRefused +
    totals.fragmentsWaiting
  )
}
