import type { CaptureEndpoint } from '../conversation.ts'

/** What a line of a decoded capture belongs to, as protocol analysers name it. */
export type RowProtocol = 'TLS' | 'DTLS' | 'ENIP' | 'CIP' | 'CIP CM' | 'CIP I/O'

/** Numbers of a Forward_Open, Forward_Close or their replies, as they were on the wire. */
export interface ConnectionFields {
  readonly connectionSerialNumber?: number
  readonly originatorVendorId?: number
  readonly originatorSerialNumber?: number
  readonly otConnectionId?: number
  readonly toConnectionId?: number
  /** Microseconds: requested in a request, granted in a reply. */
  readonly otRpiUs?: number
  /** Microseconds. */
  readonly toRpiUs?: number
  readonly otSize?: number
  readonly toSize?: number
  /** Code 0..7. */
  readonly timeoutMultiplier?: number
  readonly transportClass?: number
}

/** Numbers of one CIP request or reply; the embedded ones of a packet of several follow their packet. */
export interface CipFields extends ConnectionFields {
  readonly service: number
  readonly reply: boolean
  readonly class?: number
  readonly instance?: number
  readonly attribute?: number
  readonly generalStatus?: number
  readonly extendedStatus?: number
}

/** Numbers of one decoded message, for programs and for comparison with other analysers. */
export interface RowFields {
  /** Encapsulation command. */
  readonly command?: number
  /** Session handle. */
  readonly session?: number
  /** Encapsulation status. */
  readonly encapsulationStatus?: number
  /** Connection id of the address item. */
  readonly connectionId?: number
  /** Encapsulation sequence number of a class 0/1 datagram. */
  readonly sequence?: number
  /** Sequence count of a class 1, 2 or 3 message. */
  readonly sequenceCount?: number
  readonly cip?: readonly CipFields[]
}

/** One message of a capture on one line. */
export interface CaptureRow {
  /** Number of the packet that completed it. */
  readonly packet: number
  /** Microseconds since 1970. */
  readonly timeUs: number
  /** Number of its conversation. */
  readonly conversation: number
  readonly source: CaptureEndpoint
  readonly destination: CaptureEndpoint
  readonly protocol: RowProtocol
  /** It was read inside TLS or DTLS. */
  readonly protected: boolean
  /** What it says, in words. */
  readonly info: string
  readonly fields: RowFields
}
