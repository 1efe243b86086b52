import { MalformedMessage } from '@cordon/core/errors'

/**
 * An ECDSA-Sig-Value (RFC 3279 2.2.3) from r and s side by side, as PKCS#11 gives them (2.40, 2.3.1).
 * @throws MalformedMessage when the bytes are not two halves of `bytes` each
 */
export function ecdsaSignature(sides: Uint8Array, bytes: number): Uint8Array {
  if (sides.length !== 2 * bytes) {
    throw new MalformedMessage(
      'bad-length',
      `expected an ECDSA signature of ${2 * bytes} bytes from the token, got ${sides.length}`,
    )
  }
  const body = [...integer(sides.subarray(0, bytes)), ...integer(sides.subarray(bytes))]
  const length = body.length < 0x80 ? [body.length] : [0x81, body.length]
  return Uint8Array.from([0x30, ...length, ...body])
}

function integer(bytes: Uint8Array): number[] {
  const start = bytes.findIndex((byte) => byte !== 0)
  const digits = start < 0 ? [0] : [...bytes.subarray(start)]
  const positive = (digits[0] ?? 0) >= 0x80 ? [0, ...digits] : digits
  return [0x02, positive.length, ...positive]
}
