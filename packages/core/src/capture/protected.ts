import type { Moment, Side } from './conversation.ts'
import type { StepDetail } from './tls/detail.ts'

/**
 * What a TLS or DTLS conversation says to whoever watches it from outside.
 * @module
 */

/** A message of a handshake, a change of cipher, or an alert, with what it says in words. */
export interface ProtectedStep {
  readonly side: Side
  /** Copied from the {@link Moment} of the packet that completed it. */
  readonly packet: number
  readonly timeUs: number
  /** As protocol analysers name it: `Client Hello`, `Certificate`, `Change Cipher Spec`, `Encrypted Handshake Message`. */
  readonly name: string
  /** What it carries, told apart by its `kind`. */
  readonly detail: ProtectedDetail
  /** DTLS: it came before, and was sent again because an answer was late. */
  readonly retransmission?: true
}

/** What a step carries. */
export type ProtectedDetail = StepDetail

/** Hears what a watched TLS or DTLS conversation does. */
export interface ProtectedListener {
  /** A message, a change of cipher or an alert was complete. */
  step(step: ProtectedStep): void
  /**
   * Application data. `bytes` is a view of what was in it, after decryption where that was possible; undefined where it
   * was not. `length` is that of the record's fragment then. DTLS: one call is one record, so one datagram of the
   * application. The view may be reused: copy what is kept.
   */
  application(side: Side, bytes: Uint8Array | undefined, length: number, moment: Moment): void
  /** TLS: records of this side are missing in the capture, so what follows does not continue what came before. */
  gap?(side: Side, moment: Moment): void
}
