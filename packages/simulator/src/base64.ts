/** Bytes as base64 text. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** Base64 text as bytes. */
export function unbase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}
