import type { CipReport } from './cip/cip-conversation.ts'
import type { ConnectionReport } from './cip/connection-table.ts'
import type { PushReport } from './cip/push.ts'
import type { CaptureEndpoint, ConversationEnd } from './conversation.ts'
import type { CaptureFileReport } from './file/report.ts'
import type { SideFigures } from './network/flow.ts'
import type { PacketFault, PacketNotes, PacketTotals } from './network/totals.ts'
import type { ProtectedStep } from './protected.ts'
import type { TlsReport } from './tls/report.ts'
import type { ProtectionWord } from './tls/suites.ts'

/** What a conversation is: by its content, and by its ports where the content does not tell. */
export type ConversationContent = 'ethernet-ip' | 'tls' | 'dtls' | 'other'

/** A TCP connection or the datagrams between two endpoints, and all that was read in them. */
export interface ConversationReport {
  /** Counted up from 0 in the order of first packets. */
  readonly id: number
  readonly transport: 'tcp' | 'udp'
  readonly client: CaptureEndpoint
  readonly server: CaptureEndpoint
  /** The capture has its beginning: otherwise sides are a guess by port numbers. */
  readonly begun: boolean
  readonly ended: ConversationEnd
  readonly firstPacket: number
  /** Microseconds since 1970. */
  readonly firstUs: number
  readonly lastUs: number
  readonly figures: { readonly client: SideFigures; readonly server: SideFigures }
  readonly content: ConversationContent
  /** What protects it, in the words of a device's own pages; undefined where its handshake is not in the capture. */
  readonly protection: ProtectionWord | undefined
  readonly tls: TlsReport | undefined
  /** Messages of the handshakes, changes of cipher and alerts, in order. */
  readonly steps: readonly ProtectedStep[]
  /** Steps beyond the limit. */
  readonly moreSteps: number
  /** What EtherNet/IP said in it; undefined where nothing of it could be read. */
  readonly cip: CipReport | undefined
  /** What stood in plain beside TLS or DTLS; undefined where nothing did, and of a conversation in plain. */
  readonly plain: CipReport | undefined
}

/** A commissioning that was read, or one that the shape of its sessions gives away. */
export interface CommissioningReport {
  readonly client: string
  readonly server: string
  /** `read`: its messages were readable; `guess`: only its shape was seen. */
  readonly how: 'read' | 'guess'
  /** One sentence for people. */
  readonly text: string
  readonly conversations: readonly number[]
  readonly firstPacket: number
  readonly firstUs: number
  readonly lastUs: number
  readonly push: PushReport | undefined
}

/** Everything that two addresses had with each other in CIP, connection by connection kind: what a plant file needs. */
export interface ObservedPair {
  readonly originator: string
  readonly target: string
  /** 0 or 1 where the Forward_Open was seen, `io` where not; 3 for connected messages; `unconnected` for the rest. */
  readonly class: 0 | 1 | 3 | 'io' | 'unconnected'
  readonly protection: 'none' | 'tls' | 'dtls'
  /** Bytes as Forward_Open carries them. */
  readonly outputSize: number | undefined
  readonly inputSize: number | undefined
  /** Requested, or measured where the Forward_Open is not in the capture; microseconds. */
  readonly outputRpiUs: number | undefined
  readonly inputRpiUs: number | undefined
  readonly multiplier: number | undefined
  readonly multicast: boolean
  /** In words: `Message Router`, `'Part_Count'`, `Assembly 1 points 100, 101`. */
  readonly application: string | undefined
  /** Hops behind the target. */
  readonly route: string | undefined
  /** The Forward_Open is in the capture: who is the originator is certain. */
  readonly opened: boolean
  /** Connections, or conversations of unconnected messages. */
  readonly count: number
  /** Microseconds since 1970. */
  readonly firstUs: number
  readonly lastUs: number
  /** A packet that shows it. */
  readonly evidencePacket: number
}

/** Packets of one kind that were not read further. */
export interface NotRead {
  /** In words. */
  readonly what: string
  readonly count: number
  /** Number of the first such packet. */
  readonly examplePacket: number | undefined
}

/** What was found in captures. */
export interface CaptureReport {
  readonly files: readonly (CaptureFileReport & { readonly name: string })[]
  readonly packets: Pick<
    PacketTotals & PacketNotes,
    'packets' | 'tcp' | 'udp' | 'snapped' | 'headersSnapped' | 'conversations' | 'evicted'
  >
  /** Microseconds since 1970; undefined without a packet. */
  readonly firstUs: number | undefined
  readonly lastUs: number | undefined
  /** What was not readable, and why; nothing is left out silently. */
  readonly notRead: readonly NotRead[]
  readonly conversations: readonly ConversationReport[]
  /** Conversations beyond the limit: counted, not described. */
  readonly moreConversations: number
  readonly connections: readonly ConnectionReport[]
  /** Messages and datagrams of connections beyond the limit: counted, not described. */
  readonly moreConnectionMessages: number
  readonly commissioning: readonly CommissioningReport[]
  readonly pairs: readonly ObservedPair[]
  /** Authorities that certificates were told apart with. */
  readonly anchors: { readonly vendor: number; readonly plant: number }
  /** Secrets that a key log or the files themselves gave; never what they are. */
  readonly keyLogSecrets: number
}

/** What a packet that contradicts its format is called. */
export const faultTexts: Readonly<Record<PacketFault, string>> = {
  'link-header': 'a link header that is too short',
  'ip-version': 'an IP version that does not exist',
  'ipv4-header-length': 'an IPv4 header with a wrong length',
  'ipv4-length': 'an IPv4 packet with a wrong length',
  'ipv6-length': 'an IPv6 packet with a wrong length',
  'ipv6-extension': 'an IPv6 extension header that cannot be read',
  fragment: 'a fragment that cannot be',
  'tcp-header': 'a TCP header that cannot be read',
  'udp-length': 'a UDP header with a wrong length',
}
