import type { Crypto } from '@cordon/core/crypto'

/** Where a sealed secret lies: it opens there and nowhere else. */
export type SecretPlace =
  | { readonly table: 'authorities'; readonly id: string }
  | { readonly table: 'psks'; readonly name: string }
  | { readonly table: 'journal'; readonly deployment: string; readonly device: string }
  | { readonly table: 'facts'; readonly name: string }
  | { readonly table: 'user_totp'; readonly id: string }
  | { readonly table: 'identity_providers'; readonly id: string }

/** Seals and opens secrets under the key of the state. */
export interface Secrets {
  /** Encrypts and authenticates a secret for one place. */
  seal(place: SecretPlace, plaintext: Uint8Array): Uint8Array
  /** @throws NotTrusted `bad-signature` when it was sealed for another place, under another key, or altered */
  open(place: SecretPlace, sealed: Uint8Array): Uint8Array
}

/** The place as the bytes that are authenticated with a secret. JSON keeps its parts apart. */
export function placeBytes(place: SecretPlace): Uint8Array {
  const parts = 'id' in place ? [place.id] : place.table === 'journal' ? [place.deployment, place.device] : [place.name]
  return new TextEncoder().encode(JSON.stringify(['cordon', place.table, ...parts]))
}

/** {@link Secrets} under one key. */
export function secretsUnder(crypto: Crypto, key: Uint8Array): Secrets {
  return {
    seal: (place, plaintext) => crypto.seal(key, plaintext, placeBytes(place)),
    open: (place, sealed) => crypto.open(key, sealed, placeBytes(place)),
  }
}
