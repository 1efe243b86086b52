/** Bytes of a text. One of ASCII alone, as pages nearly always are, is copied and not encoded. */
export function utf8(text: string): Uint8Array {
  return Buffer.from(text, Buffer.byteLength(text) === text.length ? 'latin1' : 'utf8')
}
