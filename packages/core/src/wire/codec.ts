import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

/** A wire format as a value: how it is read, how it is written, and through `T` what it means. */
export interface Codec<T> {
  /** Reads one value at the cursor. @throws MalformedMessage and nothing else */
  read(reader: Reader): T
  /** Appends one value. @throws UsageError `bad-value` for what the format cannot carry */
  write(writer: Writer, value: T): void
}

/** What a codec reads and writes. */
export type Value<C> = C extends Codec<infer T> ? T : never

/** Reads a whole message. @throws MalformedMessage, also when bytes are left over */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes)
  const value = codec.read(reader)
  reader.finish()
  return value
}

/** Reads a message and hands back what follows it. @throws MalformedMessage */
export function decodeFirst<T>(codec: Codec<T>, bytes: Uint8Array): { value: T; rest: Uint8Array } {
  const reader = new Reader(bytes)
  const value = codec.read(reader)
  return { value, rest: bytes.subarray(reader.offset) }
}

/** Writes a message. @throws UsageError `bad-value` */
export function encode<T>(codec: Codec<T>, value: NoInfer<T>): Uint8Array {
  const writer = new Writer()
  codec.write(writer, value)
  return writer.finish()
}

/** The same bytes with another meaning: `to` after reading, `from` before writing. */
export function map<T, U>(codec: Codec<T>, to: (value: T, reader: Reader) => U, from: (value: U) => T): Codec<U> {
  return {
    read: (reader) => to(codec.read(reader), reader),
    write: (writer, value) => codec.write(writer, from(value)),
  }
}
