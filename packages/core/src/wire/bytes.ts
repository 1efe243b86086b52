import { UsageError } from '../errors.ts'
import type { Codec } from './codec.ts'

/** Exactly `length` opaque bytes, copied. */
export function bytes(length: number): Codec<Uint8Array> {
  return {
    read: (r) => r.copy(length),
    write: (w, value) => {
      if (value.length !== length) throw new UsageError('bad-value', `expected ${length} bytes, got ${value.length}`)
      w.bytes(value)
    },
  }
}

/** All bytes that are left, copied. */
export const rest: Codec<Uint8Array> = {
  read: (r) => r.copy(r.remaining),
  write: (w, value) => w.bytes(value),
}

/** All bytes that are left, as a view that shares memory with the message: for payloads that are decoded at once. */
export const restView: Codec<Uint8Array> = {
  read: (r) => r.view(r.remaining),
  write: (w, value) => w.bytes(value),
}

/** Opaque bytes behind their own count. */
export function countedBytes(count: Codec<number>, maximum = Number.POSITIVE_INFINITY): Codec<Uint8Array> {
  return {
    read: (r) => {
      const length = count.read(r)
      if (length > maximum) throw r.malformed('out-of-range', `expected at most ${maximum} bytes, got ${length}`)
      return r.copy(length)
    },
    write: (w, value) => {
      if (value.length > maximum) {
        throw new UsageError('bad-value', `expected at most ${maximum} bytes, got ${value.length}`)
      }
      count.write(w, value.length)
      w.bytes(value)
    },
  }
}
