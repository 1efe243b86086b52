import type { KeyKind } from '@cordon/core/crypto'

/** What a token must know of a kind of key. */
export type KindFacts =
  | {
      readonly family: 'ecdsa'
      /** Named curve as DER (CKA_EC_PARAMS), hexadecimal. */
      readonly curve: string
      /** The curve's name in a JSON Web Key (RFC 7518 6.2.1.1). */
      readonly jwk: string
      /** Bytes of a coordinate. */
      readonly bytes: number
      readonly hash: 'sha256' | 'sha384' | 'sha512'
    }
  | { readonly family: 'rsa'; readonly bits: number; readonly hash: 'sha256' }

/** Curves of RFC 5480 2.1.1.1, hash functions of RFC 5758 3.2. */
export const kindFacts: Readonly<Record<KeyKind, KindFacts>> = {
  'ecdsa-p256': { family: 'ecdsa', curve: '06082a8648ce3d030107', jwk: 'P-256', bytes: 32, hash: 'sha256' },
  'ecdsa-p384': { family: 'ecdsa', curve: '06052b81040022', jwk: 'P-384', bytes: 48, hash: 'sha384' },
  'ecdsa-p521': { family: 'ecdsa', curve: '06052b81040023', jwk: 'P-521', bytes: 66, hash: 'sha512' },
  'rsa-2048': { family: 'rsa', bits: 2048, hash: 'sha256' },
  'rsa-3072': { family: 'rsa', bits: 3072, hash: 'sha256' },
  'rsa-4096': { family: 'rsa', bits: 4096, hash: 'sha256' },
}

/** The kind that fits, undefined for a key that Cordon does not sign with. */
export function findKind(fits: (facts: KindFacts) => boolean): KeyKind | undefined {
  const entry = Object.entries(kindFacts).find(([, facts]) => fits(facts))
  // The keys of the table are the kinds.
  return entry?.[0] as KeyKind | undefined
}
