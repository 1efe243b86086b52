import type { RecordHash } from './suites.ts'

/** Authenticated ciphers of records, as they are handed to {@link RecordCrypto.openAead}. */
export type RecordAead = 'aes-128-gcm' | 'aes-256-gcm' | 'aes-128-ccm' | 'aes-256-ccm' | 'chacha20-poly1305'

/** The private RSA key of a server, as far as reading its captures goes. */
export interface CaptureRsaKey {
  /** What RSAES-PKCS1-v1_5 (RFC 8017 7.2) encrypted, or undefined when it was not for this key. */
  decrypt(encrypted: Uint8Array): Uint8Array | undefined
}

/**
 * What a passive reader of records asks of cryptography. Apart from `Crypto`, because nothing that takes part in a
 * conversation may ever need it: it only opens, and what it opens was sent long ago.
 */
export interface RecordCrypto {
  /** The hash of `data`. */
  hash(algorithm: RecordHash, data: Uint8Array): Uint8Array
  /** HMAC (RFC 2104) of `data`. */
  hmac(algorithm: RecordHash, key: Uint8Array, data: Uint8Array): Uint8Array
  /** AES-CBC without touching the padding: as many bytes as came. The key is 16 or 32 bytes, `data` whole blocks. */
  decryptCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array
  /**
   * Opens an authenticated record. `sealed` ends with a tag of `tagLength` bytes; undefined when the tag does not fit,
   * or when the cipher is not offered here.
   */
  openAead(
    cipher: RecordAead,
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    sealed: Uint8Array,
    tagLength: number,
  ): Uint8Array | undefined
  /**
   * Reads a server's key.
   * @throws MalformedMessage when it is no RSA key as DER PKCS#8
   */
  importRsaKey(pkcs8: Uint8Array): CaptureRsaKey
}
