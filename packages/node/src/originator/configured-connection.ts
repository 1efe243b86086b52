import type { EPath, MessageRouterReply, MessageRouterRequest } from '@cordon/core/cip'
import type { TimeoutMultiplier } from './class3.ts'
import type { OriginatorIdentity } from './numbers.ts'

/** A connection that an originator keeps alive. */
export interface ConfiguredConnection {
  /** Unique within its host; appears in status and logs. */
  readonly name: string
  /** Address of the target; `:2221` behind it forces a secured transport, else the egress policy decides. */
  readonly target: string
  /** Transport class of the connection. */
  readonly class: 0 | 1 | 3
  /** Connection path as the Forward_Open carries it: hops, electronic key, object, connection points, configuration. */
  readonly path: EPath
  /** Requested packet interval in milliseconds, originator to target. */
  readonly rpiMs: number
  /** Target to originator; as `rpiMs` when absent. */
  readonly targetRpiMs?: number
  /** Bytes as the Forward_Open says them: sequence count and run/idle header included. */
  readonly outputSize: number
  /** As `outputSize`, target to originator. */
  readonly inputSize: number
  /** The run/idle header on O->T data. Default: where there is room for it. */
  readonly runIdleHeader?: boolean
  /** Connection serial number where the plant fixes it; else the host takes the next free one. */
  readonly serial?: number
  /** Who opens it, where that is not the host's own: one of several controllers behind a module. */
  readonly originator?: OriginatorIdentity
  /** Slot of the one who opens it, where that is a controller behind the module whose address the host has. */
  readonly slot?: number
  /** Watchdog in packets. Default 4, for class 3 16. */
  readonly timeoutMultiplier?: TimeoutMultiplier
  /** Class 0/1: fills the output data before each production. Default: zeros. */
  readonly produce?: (data: Uint8Array) => void
  /** Class 0/1: new input data, a view that is valid during the call. */
  readonly onData?: (data: Uint8Array) => void
  /** Class 3: what is asked each `pollMs`. Default: the vendor id of the Identity object. */
  readonly poll?: () => MessageRouterRequest
  /** Class 3: default the RPI. */
  readonly pollMs?: number
  /** Class 3: each reply to {@link ConfiguredConnection.poll}. */
  readonly onReply?: (reply: MessageRouterReply) => void
}

/** The transports under a connection. `tcp`: Forward_Open over TCP 44818, class 0/1 data over UDP 2222. */
export type ConnectionTransport = 'tcp' | 'tls' | 'dtls'

/** What is known about a configured connection now. */
export interface ConnectionStatus {
  readonly name: string
  readonly target: string
  /** Address of the target alone. */
  readonly address: string
  readonly class: 0 | 1 | 3
  /** Slot of the one who opens it; undefined where that is the host's own device. */
  readonly slot: number | undefined
  /** `waiting`: the last attempt failed, another follows. */
  readonly state: 'connecting' | 'open' | 'refused-by-policy' | 'waiting' | 'stopped'
  readonly transport: ConnectionTransport | undefined
  /** IANA number of the suite; absent in plain. */
  readonly suite: number | undefined
  /** Its (D)TLS session took up an earlier one; undefined in plain. */
  readonly resumed: boolean | undefined
  readonly protection: 'none' | 'authenticated' | 'encrypted' | undefined
  readonly serial: number | undefined
  readonly outputSize: number
  readonly inputSize: number
  readonly rpiMs: number
  readonly targetRpiMs: number
  /** Granted intervals, milliseconds. */
  readonly outputApiMs: number | undefined
  readonly inputApiMs: number | undefined
  /** Milliseconds since the epoch. */
  readonly openedAt: number | undefined
  /** Data packets or replies received, over all openings. */
  readonly packets: number
  /** Packets that the sequence numbers say were lost, over all openings. */
  readonly missed: number
  /** Time of the last data, milliseconds since the epoch. */
  readonly lastDataAt: number | undefined
  /** The longest time without data since there was any, milliseconds; changes of transport included. */
  readonly longestGapMs: number
  /** Times it was opened. */
  readonly opens: number
  /** Times it ended without our wish. */
  readonly losses: number
  readonly lastError: string | undefined
  /** The last change of transport or credentials under it. */
  readonly lastMove: ConnectionMove | undefined
}

/** A connection that changed its transport, or the credentials below it, while it ran. */
export interface ConnectionMove {
  readonly connection: string
  readonly class: 0 | 1 | 3
  readonly target: string
  /** Milliseconds since the epoch. */
  readonly movedAt: number
  /** From the last data over the old way to the first over the new one, milliseconds. */
  readonly gapMs: number
  /** How often data comes anyway, milliseconds: a gap of about this is no interruption. */
  readonly intervalMs: number
  readonly from: ConnectionTransport
  readonly to: ConnectionTransport
  /** IANA number of the new suite; absent in plain. */
  readonly suite: number | undefined
  /** Whether the new connection was open before the old one closed. */
  readonly overlap: boolean
}
