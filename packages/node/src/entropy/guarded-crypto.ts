import type { Crypto } from '@cordon/core/crypto'
import type { EntropyPool } from './pool.ts'

/**
 * Cryptography that makes no key while no entropy source is healthy: it is refused with TransportError `io`. What exists
 * already goes on: signing, verifying and sealing. So do random numbers, which a device needs for the identifiers of its
 * connections even then: they come from OpenSSL's generator, which stays what it was while a source was healthy.
 */
export function guardedCrypto(crypto: Crypto, entropy: Pick<EntropyPool, 'require'>): Crypto {
  return {
    ...crypto,
    generateKey: async (kind) => {
      entropy.require()
      return await crypto.generateKey(kind)
    },
  }
}
