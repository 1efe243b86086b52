import type { NotTrustedCode } from '../errors.ts'

/**
 * The kinds of private key Cordon makes and signs with. `ecdsa-p256` is the default everywhere: the suites that CIP
 * Security requires are ECDSA, and it is the only kind whose signature does not need a thread of its own.
 */
export type KeyKind = 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096'

/** Every {@link KeyKind}, for schemas and for checking what a person wrote. */
export const keyKinds: readonly KeyKind[] = [
  'ecdsa-p256',
  'ecdsa-p384',
  'ecdsa-p521',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
]

/** Hash functions by their FIPS 180-4 names. SHA-1 serves key identifiers (RFC 5280 4.2.1.2) and nothing that is signed. */
export type DigestAlgorithm = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'

/** A private key that can sign. Where it lives (memory, file, hardware) is its own matter. */
export interface PrivateKey {
  readonly kind: KeyKind
  /** The public half as a DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7). */
  readonly publicKey: Uint8Array
  /**
   * Signs a message, hashing it first. ECDSA gives a DER ECDSA-Sig-Value with SHA-256, SHA-384 or SHA-512 for P-256,
   * P-384 and P-521 (RFC 5758 3.2); RSA gives PKCS#1 v1.5 with SHA-256 (RFC 8017 8.2).
   */
  sign(data: Uint8Array): Promise<Uint8Array>
  /** The key as DER PKCS#8 (RFC 5958), or undefined when it cannot leave its hardware. */
  export(): Uint8Array | undefined
}

/** Whether revocation lists are consulted when a chain is judged, and whether a missing one is a refusal. */
export type RevocationCheck = 'off' | 'ifPresent' | 'required'

/** A question about a certificate: may it stand for a peer, given these anchors? */
export interface ChainRequest {
  /** The end-entity certificate, DER. */
  readonly leaf: Uint8Array
  /** What the peer sent along, DER, in any order. */
  readonly intermediates?: readonly Uint8Array[]
  /** CA certificates that end a chain, DER. An issuing CA without its root is enough (partial chain). */
  readonly anchors: readonly Uint8Array[]
  /** End-entity certificates believed as they are, DER: an exact match needs no chain. */
  readonly trusted?: readonly Uint8Array[]
  /** Revocation lists, DER. */
  readonly revocationLists?: readonly Uint8Array[]
  /** Default `ifPresent`: an issuer without a list is accepted, a revoked certificate never. */
  readonly revocation?: RevocationCheck
  /** The time to judge validity at, milliseconds since 1970; absent: dates are not judged, as most devices have no clock. */
  readonly at?: number
  /** The role the peer plays, which its key usages must permit; default `any`. */
  readonly purpose?: 'server' | 'client' | 'any'
}

/** The answer to a {@link ChainRequest}. */
export type ChainVerdict =
  | {
      readonly ok: true
      /** The path that was found, leaf first, DER. */
      readonly chain: readonly Uint8Array[]
    }
  | {
      readonly ok: false
      readonly code: NotTrustedCode
      /** What failed, in words for a log or a person. */
      readonly reason: string
      /** Position in the chain where it failed, 0 being the leaf. */
      readonly depth: number
    }

/**
 * All that Cordon asks of cryptography. The core has none of its own: keys, randomness and path validation are handed
 * in, so that a hardware key or a fixed test key is no special case.
 */
export interface Crypto {
  /** Unpredictable bytes, fit for keys. */
  random(length: number): Uint8Array
  /** The hash of a message. */
  digest(algorithm: DigestAlgorithm, data: Uint8Array): Uint8Array
  /** Makes a fresh key pair. P-256 takes a fraction of a millisecond; RSA runs beside the event loop. */
  generateKey(kind: KeyKind): Promise<PrivateKey>
  /**
   * Reads a key from DER PKCS#8.
   * @throws MalformedMessage when the bytes are not PKCS#8, or hold a key that is no {@link KeyKind} (explicit curve
   * parameters included)
   */
  importKey(pkcs8: Uint8Array): PrivateKey
  /**
   * Whether a signature holds. `signatureAlgorithm` is the dotted object identifier from the signed structure; an
   * algorithm outside the allow-list, or one that does not fit the key, is simply false.
   */
  verify(publicKey: Uint8Array, signatureAlgorithm: string, data: Uint8Array, signature: Uint8Array): boolean
  /**
   * Judges a certificate against anchors, by RFC 5280 section 6 with partial chains.
   * @throws MalformedMessage when one of the certificates or lists is not DER of its kind
   */
  verifyChain(request: ChainRequest): ChainVerdict
  /**
   * Encrypts and authenticates with AES-256-GCM under a fresh nonce. Shape: version byte 1, nonce (12), ciphertext, tag
   * (16). `associated` is authenticated, not stored: it ties the secret to the place it belongs to.
   * @throws UsageError `bad-value` when the key is not 32 bytes
   */
  seal(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array
  /**
   * Reverses {@link Crypto.seal}.
   * @throws MalformedMessage when the envelope is too short or of an unknown version
   * @throws NotTrusted `bad-signature` when key, associated data or bytes are not the ones it was sealed with
   */
  open(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array
  /** Compares two byte strings in time that depends on their lengths only. */
  equal(a: Uint8Array, b: Uint8Array): boolean
}
