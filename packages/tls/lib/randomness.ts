import { TlsError } from './errors.ts'
import { load } from './load.ts'

/** Most bytes that one call takes. */
const mostBytes = 4096

/**
 * Mixes bytes into the random numbers of OpenSSL, and so into those of `node:crypto` and of every session. They come
 * beside its own seed from the system, as additional input (SP 800-90A 9.2): whatever they are, nothing gets weaker.
 *
 * @throws TlsError `bad-option` for no bytes or more than 4096, `system` where OpenSSL's generator does not work
 */
export function addRandomness(bytes: Uint8Array): void {
  if (bytes.length === 0 || bytes.length > mostBytes) {
    throw new TlsError('bad-option', `Expected 1 to ${mostBytes} bytes to mix in, got ${bytes.length}`)
  }
  if (load().addRandomness(bytes) !== 1) {
    throw new TlsError('system', "OpenSSL's random number generator does not work on this machine")
  }
}
