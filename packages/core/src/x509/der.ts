import { AsnConvert } from '@peculiar/asn1-schema'
import { MalformedMessage, UsageError } from '../errors.ts'

/** Writes one DER element: identifier octet, minimal length, contents one after another. */
export function derEncode(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const content of contents) length += content.length
  const lengthBytes: number[] = []
  if (length < 0x80) lengthBytes.push(length)
  else {
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) lengthBytes.unshift(rest % 256)
    lengthBytes.unshift(0x80 | lengthBytes.length)
  }
  const bytes = new Uint8Array(1 + lengthBytes.length + length)
  bytes[0] = tag
  bytes.set(lengthBytes, 1)
  let offset = 1 + lengthBytes.length
  for (const content of contents) {
    bytes.set(content, offset)
    offset += content.length
  }
  return bytes
}

/** Writes a non-negative INTEGER from its magnitude, big-endian: leading zeros go, a sign byte comes where needed. */
export function derUnsigned(magnitude: Uint8Array): Uint8Array {
  let start = 0
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++
  const bytes = magnitude.length === 0 ? Uint8Array.of(0) : magnitude.subarray(start)
  return (bytes[0] ?? 0) >= 0x80 ? derEncode(0x02, Uint8Array.of(0), bytes) : derEncode(0x02, bytes)
}

/** Writes a BIT STRING of whole bytes. */
export function derBitString(bytes: Uint8Array): Uint8Array {
  return derEncode(0x03, Uint8Array.of(0), bytes)
}

/** Writes an object identifier from its dotted form. @throws UsageError `bad-value` for what is none */
export function derOid(dotted: string): Uint8Array {
  const [root, second, ...arcs] = dotted.split('.').map(Number)
  const first = (root ?? Number.NaN) * 40 + (second ?? Number.NaN)
  const bytes: number[] = []
  for (const arc of [first, ...arcs]) {
    if (!/^[0-2](?:\.\d{1,15})+$/.test(dotted) || !Number.isSafeInteger(arc)) {
      throw new UsageError('bad-value', `expected an object identifier such as 2.5.4.3, got "${dotted.slice(0, 64)}"`)
    }
    const digits = [arc % 128]
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(0x80 | (rest % 128))
    bytes.push(...digits)
  }
  return derEncode(0x06, Uint8Array.from(bytes))
}

/** Writes a value by its schema. */
export function schemaEncode(value: object): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(value))
}

/**
 * Reads a value by its schema. Only for bytes that went through the gate.
 * @throws MalformedMessage `bad-encoding` for whatever the schema refuses
 */
export function schemaDecode<T>(bytes: Uint8Array, schema: new () => T, what: string): T {
  try {
    // The schema reader works on the whole buffer behind a view, so it gets a buffer of its own.
    return AsnConvert.parse(bytes.slice(), schema)
  } catch (cause) {
    throw new MalformedMessage('bad-encoding', `${what}: not of the shape its type prescribes`, { cause })
  }
}

/** Bytes as lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** Whether two byte strings are the same. Not for secrets: it stops at the first difference. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
