import { getSystemErrorName } from 'node:util'
import { TlsError } from './errors.ts'
import { load } from './load.ts'

/**
 * Marks the packets that a socket sends from now on: IP_TOS or IPV6_TCLASS of its descriptor, for which Node has no call.
 * `dscp` is 0..63; the two bits for congestion stay the kernel's. Linux and macOS.
 *
 * @throws TlsError `bad-option` for another value, `not-supported` on other systems, `system` where the system refuses
 */
export function markSocket(descriptor: number, dscp: number): void {
  if (!Number.isInteger(dscp) || dscp < 0 || dscp > 63) {
    throw new TlsError('bad-option', `Expected a DSCP of 0 to 63, got ${dscp}`)
  }
  const result = load().markSocket(descriptor, dscp)
  if (result === 0) return
  if (result < 0) {
    throw new TlsError('not-supported', `Packets cannot be marked with a DSCP on ${process.platform}`)
  }
  throw new TlsError('system', `The system refused the mark ${dscp} for a socket: ${getSystemErrorName(-result)}`)
}
