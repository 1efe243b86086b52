import type { Moment, Side } from './conversation.ts'

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
  /** What it carries: see the folder `tls`. */
  readonly detail: ProtectedDetail
}

/** What a step carries; the folder `tls` gives each kind its type. */
export interface ProtectedDetail {
  readonly kind: string
}

/** Hears what a watched TLS or DTLS conversation does. */
export interface ProtectedListener {
  step(step: ProtectedStep): void
  /**
   * Application data. `bytes` is a view of what was in it, after decryption where that was possible; undefined where it
   * was not. `length` is that of the record's fragment then. DTLS: one call is one record, so one datagram of the
   * application.
   */
  application(side: Side, bytes: Uint8Array | undefined, length: number, moment: Moment): void
}
