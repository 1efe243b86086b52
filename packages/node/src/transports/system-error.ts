import { type AnyError, TransportError, type TransportCode } from '@cordon/core/errors'

const codes: Readonly<Record<string, TransportCode>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  ECONNABORTED: 'closed',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EHOSTDOWN: 'unreachable',
  EADDRINUSE: 'address-in-use',
}

const remedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: the port is closed, or the device is off',
  ETIMEDOUT: 'no answer: the device is off, or a firewall is in between',
  EADDRNOTAVAIL: 'this machine does not have that local address: add it to an interface, or bind to another',
  EADDRINUSE: 'another process holds that address and port: stop it, or use another address',
  EACCES: 'this user may not use that address or port',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
}

/** A system call's error as ours: which call on which peer failed, and what to do about it. */
export function systemError(error: unknown, doing: string): TransportError {
  const code = errorCode(error)
  const remedy = remedies[code]
  const message = error instanceof Error ? error.message : String(error)
  return new TransportError(codes[code] ?? 'io', `${doing}: ${message}${remedy === undefined ? '' : ` (${remedy})`}`, {
    cause: error,
    details: { code },
  })
}

/** The system's own code of an error, such as `ECONNREFUSED`; empty without one. */
export function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** The error of an operation that its AbortSignal ended. */
export function aborted(signal: AbortSignal, doing: string): TransportError {
  return new TransportError('aborted', `${doing}: cancelled by the caller`, { cause: signal.reason })
}

/** Is this one of the errors that Cordon throws on purpose? */
export function isOurs(error: unknown): error is AnyError {
  return error instanceof Error && 'details' in error && 'code' in error
}
