import type { MessageRouterReply, MessageRouterRequest } from '../cip/message-router.ts'
import type { Link } from './link.ts'

/** What a Forward_Open asks of the application at its end, in bytes of application data. */
export interface ApplicationRequest {
  readonly transportClass: number
  /** O->T size as the Forward_Open states it, headers included; undefined where that direction is null. */
  readonly outputSize: number | undefined
  /** T->O size as the Forward_Open states it, headers included; undefined where that direction is null. */
  readonly inputSize: number | undefined
  readonly outputVariable: boolean
  readonly inputVariable: boolean
}

/** Why a connection ended. */
export type ConnectionEnd = 'closed' | 'timed-out' | 'link-closed' | 'device'

/** The application end of a connection: where consumed data goes and produced data comes from. */
export interface BoundApplication {
  readonly kind: 'messages' | 'identity' | 'tag' | 'assembly'
  /** For people: `Assembly 101 to 100`, `tag Produced`. */
  readonly label: string
  /** Whose change makes it produce: input assembly, or tag name in lower case. */
  readonly source: number | string | undefined
  /** Bytes of data it consumes, without sequence count and run/idle header; 0 is a heartbeat. */
  readonly consumes: number
  /** Whether consumed data begins with a run/idle header. */
  readonly runIdle: boolean
  /** Bytes of data it produces; 0 is a heartbeat. */
  readonly produces: number
  /** Owns the outputs: no second connection may. */
  readonly owner: boolean
  /** Listens along: exists only while another connection to the same inputs does. */
  readonly listenOnly: boolean
  /** Writes the {@link produces} bytes of the moment. */
  produce(into: Uint8Array, offset: number): void
  /** Takes {@link consumes} bytes; `run` is false while the originator is idle. */
  consume(data: Uint8Array, offset: number, run: boolean): void
  /** Answers a connected message (class 3) with at most `room` bytes of reply. */
  message(
    request: MessageRouterRequest,
    link: Link,
    now: number,
    room: number,
  ): MessageRouterReply | Promise<MessageRouterReply>
  /** The connection exists from now on. */
  opened(): void
  /** The connection is gone; outputs go to their fault state unless it was closed in order. */
  ended(why: ConnectionEnd): void
}
