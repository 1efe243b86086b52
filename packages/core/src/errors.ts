/**
 * The six errors of Cordon, by whose fault it is. Each carries a literal `code` that callers may switch on; codes are
 * API and change only with a major version. Messages say what was expected, what came, and where. No secret ever
 * appears in a message or in `details`.
 */

/** What an error says besides its message: plain data, never secret. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>

/** How an error is made: the usual cause, and details for programs. */
export interface ErrorContext {
  readonly cause?: unknown
  readonly details?: ErrorDetails
}

class CordonError<Code extends string> extends Error {
  /** The literal to switch on. */
  readonly code: Code
  /** Plain data about the case, for programs. */
  readonly details: ErrorDetails

  constructor(code: Code, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause })
    this.code = code
    this.details = context.details ?? {}
    this.name = new.target.name
  }
}

/** What may be wrong with bytes or text. */
export type MalformedCode =
  | 'truncated'
  | 'unknown-value'
  | 'trailing'
  | 'out-of-range'
  | 'bad-length'
  | 'bad-text'
  | 'too-deep'
  | 'bad-encoding'

/** The bytes (or the text) are wrong. The only thing a decoder throws. */
export class MalformedMessage extends CordonError<MalformedCode> {}

/** How a peer may fail us. */
export type PeerCode =
  | 'general-status'
  | 'encapsulation-status'
  | 'unexpected-reply'
  | 'alert'
  | 'handshake'
  | 'connection-refused'
  | 'wrong-device'

/** The peer answered no, or out of order. */
export class PeerError extends CordonError<PeerCode> {}

/** Why a certificate, key or identity is not believed. */
export type NotTrustedCode =
  | 'expired'
  | 'not-yet-valid'
  | 'unknown-authority'
  | 'wrong-identity'
  | 'revoked'
  | 'no-revocation-list'
  | 'wrong-purpose'
  | 'bad-signature'
  | 'self-signed'
  | 'unknown-psk'

/** A certificate, key or identity fails. */
export class NotTrusted extends CordonError<NotTrustedCode> {}

/** Why policy, role or an access rule says no. */
export type NotAllowedCode = 'no-conduit' | 'read-only' | 'role' | 'port' | 'rule' | 'insecure-link' | 'refused'

/** Policy, role or an access rule forbids it. */
export class NotAllowed extends CordonError<NotAllowedCode> {}

/** How the network, the disk or the system may fail. */
export type TransportCode = 'refused' | 'timeout' | 'closed' | 'unreachable' | 'address-in-use' | 'aborted' | 'io'

/** The network or the machine failed. */
export class TransportError extends CordonError<TransportCode> {}

/** What a caller may do wrong. */
export type UsageCode = 'not-open' | 'bad-option' | 'bad-value' | 'not-supported' | 'missing'

/** Our caller's mistake. */
export class UsageError extends CordonError<UsageCode> {}

/** Every error Cordon throws on purpose: a switch on `code` over this union is complete. */
export type AnyError = MalformedMessage | PeerError | NotTrusted | NotAllowed | TransportError | UsageError
