import { MalformedMessage, UsageError } from '../errors.ts'
import { latin1 } from '../wire/text.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const values = new Int8Array(128).fill(-1)
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i

/** Bytes as base64 with padding (RFC 4648 section 4), on one line. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil(bytes.length / 3) * 4)
  for (let i = 0, at = 0; i < bytes.length; i += 3, at += 4) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    const left = bytes.length - i
    text[at] = alphabet.charCodeAt(group >> 18)
    text[at + 1] = alphabet.charCodeAt((group >> 12) & 63)
    text[at + 2] = left > 1 ? alphabet.charCodeAt((group >> 6) & 63) : pad
    text[at + 3] = left > 2 ? alphabet.charCodeAt(group & 63) : pad
  }
  return latin1(text)
}

/** `=`. */
const pad = 0x3d

/**
 * Bytes from base64. White space is skipped (RFC 8951); everything else must be exact: padding present, no bits left
 * over.
 * @throws MalformedMessage `bad-encoding`
 */
export function decodeBase64(text: string, what = 'base64'): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let count = 0
  let bits = 0
  let held = 0
  let padding = 0
  let characters = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) continue
    characters++
    if (code === pad) {
      padding++
      continue
    }
    const value = code < 128 ? (values[code] ?? -1) : -1
    if (value < 0 || padding > 0) {
      throw new MalformedMessage('bad-encoding', `${what}: expected base64, got another character at ${i}`)
    }
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[count++] = (held >> bits) & 0xff
    }
  }
  if (characters % 4 !== 0 || padding > 2 || (held & ((1 << bits) - 1)) !== 0) {
    throw new MalformedMessage('bad-encoding', `${what}: base64 that ends too early or holds bits left over`)
  }
  return bytes.slice(0, count)
}

/** What a PEM block may hold (RFC 7468). */
export type PemLabel =
  | 'CERTIFICATE'
  | 'CERTIFICATE REQUEST'
  | 'X509 CRL'
  | 'PKCS7'
  | 'PRIVATE KEY'
  | 'PUBLIC KEY'
  | 'NEW CERTIFICATE REQUEST'
  | 'ENCRYPTED PRIVATE KEY'

/** One block of a PEM file. */
export interface PemBlock {
  readonly label: string
  readonly bytes: Uint8Array
}

/** Writes one PEM block with lines of 64 characters (RFC 7468). */
export function encodePem(label: PemLabel, bytes: Uint8Array): string {
  const lines = encodeBase64(bytes).match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

const maxBlocks = 256

/**
 * Reads the blocks of a PEM text in order; explanatory text around them is skipped (RFC 7468 section 5.2).
 * @throws MalformedMessage for a block without an end, headers inside a block, bad base64, or more than 256 blocks
 */
export function decodePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = []
  const begin = '-----BEGIN '
  for (let at = text.indexOf(begin); at >= 0; ) {
    const labelEnd = text.indexOf('-----', at + begin.length)
    const label = labelEnd < 0 ? '' : text.slice(at + begin.length, labelEnd)
    if (!/^[A-Z0-9][A-Z0-9 ]{0,63}$/.test(label)) {
      throw new MalformedMessage('bad-encoding', `PEM at character ${at}: expected a label after BEGIN`)
    }
    const end = `-----END ${label}-----`
    const bodyEnd = text.indexOf(end, labelEnd + 5)
    if (bodyEnd < 0) throw new MalformedMessage('truncated', `PEM at character ${at}: the block ${label} has no end`)
    if (blocks.length === maxBlocks) {
      throw new MalformedMessage('out-of-range', `PEM: more than ${maxBlocks} blocks`)
    }
    blocks.push({ label, bytes: decodeBase64(text.slice(labelEnd + 5, bodyEnd), `PEM block ${label}`) })
    at = text.indexOf(begin, bodyEnd + end.length)
  }
  return blocks
}

/**
 * Bytes of the one thing that a person or device handed over, as PEM or as DER: devices store files in either.
 * @throws MalformedMessage when a PEM text holds no block of the labels, or more than one
 */
export function pemOrDer(bytes: Uint8Array, ...labels: readonly PemLabel[]): Uint8Array {
  if (labels.length === 0) throw new UsageError('missing', 'name the labels that are expected')
  // DER of all these begins with a SEQUENCE, PEM text never with "0".
  if (bytes[0] === 0x30) return bytes
  const found = decodePem(latin1(bytes)).filter(({ label }) => labels.some((wanted) => wanted === label))
  const [block, ...more] = found
  if (block === undefined || more.length > 0) {
    throw new MalformedMessage(
      'unknown-value',
      `expected one PEM block ${labels.join(' or ')} or DER, got ${found.length}`,
    )
  }
  return block.bytes
}
