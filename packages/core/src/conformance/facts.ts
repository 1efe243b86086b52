import type { PacketItem } from './frames.ts'
import type { ConformancePort, IoDescription } from './port.ts'

/** How a session is opened for a case. */
export type SessionWay = 'tcp' | 'tls'

/** What is known of the target before the first case. */
export interface Facts {
  /** 44818/tcp answers ListIdentity. */
  readonly tcp: boolean
  /** 44818/udp answers ListIdentity. */
  readonly udp: boolean
  /** 2221/tcp answers a ClientHello. */
  readonly tls: boolean
  /** 2221/udp answers a ClientHello. */
  readonly dtls: boolean
  /** Items of a ListIdentity reply; empty where nobody answered one. */
  readonly items: readonly PacketItem[]
  /** A session can be opened in plain. */
  readonly plainSession: boolean
  /** Over what the cases of objects talk to it. */
  readonly session: SessionWay | undefined
  /** Why there is none. */
  readonly noSession: string
  /** Class codes of the objects it has, of those that cases ask about. */
  readonly classes: ReadonlySet<number>
  /** 0x5D attribute 1. */
  readonly cipSecurityState: number | undefined
  /** 0x5E attribute 1. */
  readonly ethernetIpSecurityState: number | undefined
  readonly own: ConformancePort['own']
  readonly io: IoDescription | undefined
}
