import type { Message } from './message.ts'

/** What became of a sending. Errors are one line, without secrets. */
export type Outcome =
  | { readonly kind: 'sent' }
  /** May succeed later; not before `afterMs` where the receiver said so. */
  | { readonly kind: 'retry'; readonly error: string; readonly afterMs?: number }
  /** Will not succeed: the receiver does not want it. */
  | { readonly kind: 'refused'; readonly error: string }

/** A way to tell people. */
export interface Channel {
  /** Unique among the channels; the record of deliveries knows it by this name. */
  readonly name: string
  readonly kind: 'webhook' | 'mail' | 'syslog'
  /** Kinds that are told; undefined: all. */
  readonly kinds: readonly string[] | undefined
  /** Where it leads, for people; no secret, no path of a URL. */
  readonly target: string
  /** Sendings in a minute at most; undefined: no limit. */
  readonly perMinute: number | undefined
  /** How many messages the next sending takes when so many wait, at least 1. */
  take(waiting: number): number
  /**
   * Sends messages. Ends soon after `signal` was aborted, as `retry`. Never throws for what network or receiver do.
   */
  send(messages: readonly Message[], signal: AbortSignal): Promise<Outcome>
  /** Gives up connections that are kept open. */
  close(): void
}

/** Longest that a sending lasts, milliseconds. */
export const longestSendMs = 30_000

/** Longest that a receiver may keep silent, milliseconds. */
export const silenceMs = 10_000
