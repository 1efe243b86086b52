import { createHash, timingSafeEqual } from 'node:crypto'
import { nodeCrypto } from '@cordon/node/crypto'

/** A secret of 32 random bytes as text, base64url: 43 signs. */
export function makeSecretText(): string {
  return Buffer.from(nodeCrypto.random(32)).toString('base64url')
}

/** SHA-256 of a secret text: all that the store keeps of one. It needs no salt, for it is random. */
export function secretHash(secret: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(secret).digest())
}

/** Whether a text has the form of {@link makeSecretText}: anything else is looked up nowhere. */
export function isSecretText(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text)
}

/** Comparison in a time that does not depend on where the texts differ. */
export function isSameText(left: string, right: string): boolean {
  return timingSafeEqual(secretHash(left), secretHash(right))
}
