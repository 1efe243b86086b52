import { UsageError } from '../errors.ts'

/** Milliseconds that 0 in a ListIdentity request stands for (Volume 2, 2-4.2 via cip-security-wire 1.2). */
export const defaultResponseDelayMs = 2000

/** Fewer milliseconds than this are raised to it. */
export const leastResponseDelayMs = 500

/**
 * The longest time a target may wait before it answers a ListIdentity request over UDP, milliseconds: bytes 0 and 1 of
 * the request's sender context, with the default and the least applied. The target answers after a uniformly random
 * part of it, over TCP at once.
 */
export function maxResponseDelayMs(senderContext: Uint8Array): number {
  const asked = (senderContext[0] ?? 0) | ((senderContext[1] ?? 0) << 8)
  return asked === 0 ? defaultResponseDelayMs : Math.max(asked, leastResponseDelayMs)
}

/**
 * The sender context of a ListIdentity request: the delay that targets may take, then 6 bytes that they echo.
 * @throws UsageError `bad-value` for a delay outside 0..65535 or a mark that is not 6 bytes
 */
export function listIdentityContext(delayMs: number, mark: Uint8Array = new Uint8Array(6)): Uint8Array {
  if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs > 0xffff) {
    throw new UsageError('bad-value', `expected a delay 0..65535 ms, got ${delayMs}`)
  }
  if (mark.length !== 6) throw new UsageError('bad-value', `expected a mark of 6 bytes, got ${mark.length}`)
  return Uint8Array.of(delayMs & 0xff, delayMs >> 8, ...mark)
}
