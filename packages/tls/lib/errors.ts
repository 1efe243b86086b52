/**
 * What can go wrong at a call into this package, by literal code:
 *
 * - `bad-option`: an option has the wrong type or value
 * - `suite-unavailable`: a cipher suite is unknown, or the running OpenSSL (or the host's crypto policy) does not have it
 * - `bad-certificate`, `bad-key`, `bad-crl`: bytes that are not one complete DER object of that kind, or do not fit together
 * - `not-established`: a call that needs a finished handshake
 * - `message-too-large`: a message that does not fit into one DTLS record at the session's MTU
 * - `wrong-context`: a resumption ticket of another context
 * - `closed`: the context or session was closed or destroyed before
 * - `native-missing`, `native-unusable`: the compiled part was not found, or this runtime cannot load it
 * - `not-supported`: this operating system has no way to do it; `system`: it has, and refused
 * - `internal`: OpenSSL failed in a way that no input explains (memory, for example)
 */
export type TlsErrorCode =
  | 'bad-option'
  | 'suite-unavailable'
  | 'bad-certificate'
  | 'bad-key'
  | 'bad-crl'
  | 'not-established'
  | 'message-too-large'
  | 'wrong-context'
  | 'closed'
  | 'native-missing'
  | 'native-unusable'
  | 'not-supported'
  | 'system'
  | 'internal'

/** The one error class of this package. What a peer does wrong is an event, never an exception. */
export class TlsError extends Error {
  override readonly name = 'TlsError'
  readonly code: TlsErrorCode

  constructor(code: TlsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Runs a call into the addon, whose errors are plain ones with a `code`. */
export function callNative<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error
    throw new TlsError(error.code as TlsErrorCode, error.message, { cause: error }) // src/addon.c gives no other codes
  }
}
