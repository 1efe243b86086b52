import type { Crypto } from '@cordon/core/crypto'
import type { EntropyPool } from './pool.ts'

/**
 * Cryptography that makes no key and gives no random bytes while no entropy source is healthy: they are refused with
 * TransportError `io`. What exists already goes on: signing, verifying and sealing. A nonce of {@link Crypto.seal} comes
 * from OpenSSL's generator, which was well seeded while a source was healthy and stays so.
 */
export function guardedCrypto(crypto: Crypto, entropy: Pick<EntropyPool, 'require'>): Crypto {
  return {
    ...crypto,
    random: (length) => {
      entropy.require()
      return crypto.random(length)
    },
    generateKey: async (kind) => {
      entropy.require()
      return await crypto.generateKey(kind)
    },
  }
}
