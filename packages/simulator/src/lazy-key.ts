import type { Crypto, KeyKind, PrivateKey } from '@cordon/core/crypto'
import { nodeCrypto } from '@cordon/node/crypto'

/**
 * A private key that is read when it is used for the first time: a plant of a thousand units holds more keys than it
 * ever uses, and reading one costs more than everything else of a unit that starts.
 */
class LazyKey implements PrivateKey {
  readonly #pkcs8: Uint8Array
  #key: PrivateKey | undefined

  constructor(pkcs8: Uint8Array) {
    this.#pkcs8 = pkcs8
  }

  get #read(): PrivateKey {
    this.#key ??= nodeCrypto.importKey(this.#pkcs8)
    return this.#key
  }

  get kind(): KeyKind {
    return this.#read.kind
  }

  get publicKey(): Uint8Array {
    return this.#read.publicKey
  }

  sign(data: Uint8Array): Promise<Uint8Array> {
    return this.#read.sign(data)
  }

  export(): Uint8Array {
    return this.#pkcs8.slice()
  }
}

/** The cryptography of virtual units. Their stored keys were sealed by this process's kind, so none is malformed. */
export const unitCrypto: Crypto = { ...nodeCrypto, importKey: (pkcs8) => new LazyKey(pkcs8) }
