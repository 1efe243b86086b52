import { UsageError } from '../errors.ts'
import type { Codec } from './codec.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** Text of one byte per character (ISO 8859-1) from bytes; never fails. */
export function latin1(bytes: Uint8Array): string {
  let text = ''
  // Not by spreading: that makes an object for every byte.
  for (let start = 0; start < bytes.length; start += 4096) {
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(start, start + 4096))
  }
  return text
}

/** Bytes of ISO 8859-1 text. @throws UsageError `bad-value` for a character above U+00FF */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff) throw new UsageError('bad-value', `expected one byte per character, got "${text[i]}" at ${i}`)
    bytes[i] = code
  }
  return bytes
}

/** UTF-8 bytes of a string; lone surrogates become U+FFFD. The platform's own encoder is not available here. */
export function utf8Bytes(text: string): Uint8Array {
  return isAscii(text) ? latin1Bytes(text) : encodeUtf8(text)
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    let code = character.codePointAt(0) ?? 0xfffd
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f))
    else if (code < 0x1_0000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
    }
  }
  return Uint8Array.from(bytes)
}

/** A string from UTF-8 bytes, or `undefined` where they are not UTF-8 (overlong forms and surrogates included). */
export function utf8(bytes: Uint8Array): string | undefined {
  return bytes.every((byte) => byte < 0x80) ? latin1(bytes) : decodeUtf8(bytes)
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  let text = ''
  let i = 0
  while (i < bytes.length) {
    const first = bytes[i] ?? 0
    const extra =
      first < 0x80
        ? 0
        : first >= 0xc2 && first < 0xe0
          ? 1
          : first >= 0xe0 && first < 0xf0
            ? 2
            : first >= 0xf0 && first < 0xf5
              ? 3
              : -1
    if (extra < 0 || i + extra >= bytes.length) return undefined
    let code = extra === 0 ? first : first & (0x3f >> extra)
    for (let k = 1; k <= extra; k++) {
      const next = bytes[i + k] ?? 0
      if ((next & 0xc0) !== 0x80) return undefined
      code = (code << 6) | (next & 0x3f)
    }
    const least = extra === 2 ? 0x800 : extra === 3 ? 0x1_0000 : 0
    if (code < least || code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined
    text += String.fromCodePoint(code)
    i += extra + 1
  }
  return text
}

function counted(readLength: (r: Reader) => number, writeLength: (w: Writer, n: number) => void): Codec<string> {
  return {
    read: (r) => latin1(r.view(readLength(r))),
    write: (w, text) => {
      const bytes = latin1Bytes(text)
      writeLength(w, bytes.length)
      w.bytes(bytes)
    },
  }
}

/** SHORT_STRING: USINT length, one byte per character (Volume 1, C-2.1 via cip-security-wire 2.6). */
export const shortString: Codec<string> = counted(
  (r) => r.u8(),
  (w, n) => w.u8(n),
)

/** STRING: UINT length, one byte per character (Volume 1, C-2.1 via cip-security-wire 2.6). */
export const longString: Codec<string> = counted(
  (r) => r.u16(),
  (w, n) => w.u16(n),
)

/** STRING padded to an even number of bytes, as TCP/IP Interface attributes 5 and 6 carry it. */
export const paddedString: Codec<string> = {
  read: (r) => {
    const length = r.u16()
    const text = latin1(r.view(length))
    // Some devices leave out the pad byte behind the last field of a reply.
    if (length % 2 === 1 && r.remaining > 0) r.u8()
    return text
  },
  write: (w, text) => {
    longString.write(w, text)
    if (text.length % 2 === 1) w.u8(0)
  },
}

/** Text in a field of `length` bytes, padded with zeros; reading stops at the first zero. */
export function fixedText(length: number): Codec<string> {
  return {
    read: (r) => {
      const bytes = r.view(length)
      const end = bytes.indexOf(0)
      return latin1(end < 0 ? bytes : bytes.subarray(0, end))
    },
    write: (w, text) => {
      const bytes = latin1Bytes(text)
      if (bytes.length > length) {
        throw new UsageError('bad-value', `expected at most ${length} characters, got ${bytes.length}`)
      }
      w.bytes(bytes)
      w.zeros(length - bytes.length)
    },
  }
}

/** A number as people read it: `0x006A` for `hexadecimal(0x6a, 4)`; `digits` is the least count of digits. */
export function hexadecimal(value: number, digits: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(digits, '0')}`
}
