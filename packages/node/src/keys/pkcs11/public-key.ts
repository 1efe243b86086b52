import { createPublicKey, type JsonWebKey, X509Certificate } from 'node:crypto'
import type { KeyKind } from '@cordon/core/crypto'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { findKind, kindFacts } from './kinds.ts'

/** A public key as a token tells it, with the kind it was found to be. */
export interface TokenPublicKey {
  readonly kind: KeyKind
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

/**
 * A public key from CKA_EC_PARAMS and CKA_EC_POINT.
 * @throws UsageError `not-supported` for another curve; MalformedMessage for a point that is none
 */
export function ellipticKey(parameters: Buffer, point: Buffer): TokenPublicKey {
  const curve = parameters.toString('hex')
  const kind = findKind((facts) => facts.family === 'ecdsa' && facts.curve === curve)
  const facts = kind === undefined ? undefined : kindFacts[kind]
  if (kind === undefined || facts?.family !== 'ecdsa') {
    throw new UsageError(
      'not-supported',
      `the key's curve is not P-256, P-384 or P-521 (CKA_EC_PARAMS ${curve.slice(0, 64)})`,
    )
  }
  const { bytes, jwk } = facts
  const [x, y] = coordinates(point, bytes)
  return { kind, spki: encode({ kty: 'EC', crv: jwk, x: base64url(x), y: base64url(y) }) }
}

/** The point stands in an OCTET STRING (PKCS#11 2.40, 2.3.3); some tokens give it bare. */
function coordinates(point: Buffer, bytes: number): readonly [Buffer, Buffer] {
  const size = 1 + 2 * bytes
  const bare = point.subarray(-size)
  const lengthBytes = size < 0x80 ? [size] : [0x81, size]
  const wrapping = Buffer.from([0x04, ...lengthBytes])
  const isWhole =
    point.length === size ||
    (point.length === size + wrapping.length && point.subarray(0, wrapping.length).equals(wrapping))
  if (!isWhole || bare[0] !== 0x04) {
    throw new MalformedMessage(
      'bad-encoding',
      `expected CKA_EC_POINT to hold an uncompressed point of ${size} bytes, got ${point.length} bytes`,
    )
  }
  return [bare.subarray(1, 1 + bytes), bare.subarray(1 + bytes)]
}

/**
 * A public key from CKA_MODULUS and CKA_PUBLIC_EXPONENT.
 * @throws UsageError `not-supported` for a modulus of another size
 */
export function rsaKey(modulus: Buffer, exponent: Buffer): TokenPublicKey {
  const spki = encode({ kty: 'RSA', n: base64url(modulus), e: base64url(exponent) })
  return {
    kind: rsaKind(createPublicKey({ key: spki, format: 'der', type: 'spki' }).asymmetricKeyDetails?.modulusLength),
    spki,
  }
}

function rsaKind(bits: number | undefined): KeyKind {
  const kind = findKind((facts) => facts.family === 'rsa' && facts.bits === bits)
  if (kind === undefined)
    throw new UsageError(
      'not-supported',
      `expected an RSA key of 2048, 3072 or 4096 bits, the token holds one of ${bits}`,
    )
  return kind
}

/** The public key of a certificate, for cards that hold no public key beside it. */
export function certificateKey(der: Buffer): TokenPublicKey {
  const { publicKey } = new X509Certificate(der)
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const { namedCurve, modulusLength } = publicKey.asymmetricKeyDetails ?? {}
  if (publicKey.asymmetricKeyType === 'rsa') return { kind: rsaKind(modulusLength), spki }
  const names: Readonly<Record<string, KeyKind>> = {
    prime256v1: 'ecdsa-p256',
    secp384r1: 'ecdsa-p384',
    secp521r1: 'ecdsa-p521',
  }
  const kind = names[namedCurve ?? '']
  if (kind === undefined)
    throw new UsageError('not-supported', `the certificate's key is neither RSA nor on P-256, P-384 or P-521`)
  return { kind, spki }
}

function encode(key: JsonWebKey): Buffer {
  try {
    return createPublicKey({ key, format: 'jwk' }).export({ format: 'der', type: 'spki' })
  } catch (cause) {
    throw new MalformedMessage('bad-encoding', 'the token gave a public key that OpenSSL cannot read', { cause })
  }
}
