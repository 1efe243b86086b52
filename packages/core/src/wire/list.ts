import { UsageError } from '../errors.ts'
import type { Codec } from './codec.ts'
import { Writer } from './writer.ts'

/** Elements behind their count. The count is checked against what can follow before anything is allocated. */
export function counted<T>(
  count: Codec<number>,
  element: Codec<T>,
  maximum = Number.POSITIVE_INFINITY,
): Codec<readonly T[]> {
  return {
    read: (r) => {
      const length = count.read(r)
      if (length > maximum) throw r.malformed('out-of-range', `expected at most ${maximum} entries, got ${length}`)
      const values: T[] = []
      for (let i = 0; i < length; i++) {
        // Every element takes at least one byte, so a huge count over few bytes ends at once.
        if (r.remaining === 0) throw r.malformed('truncated', `expected ${length} entries, got ${i}`)
        r.enter(String(i))
        values.push(element.read(r))
        r.leave()
      }
      return values
    },
    write: (w, values) => {
      if (values.length > maximum)
        throw new UsageError('bad-value', `expected at most ${maximum} entries, got ${values.length}`)
      count.write(w, values.length)
      for (const value of values) element.write(w, value)
    },
  }
}

/** Elements up to the end of the message. */
export function toEnd<T>(element: Codec<T>): Codec<readonly T[]> {
  return {
    read: (r) => {
      const values: T[] = []
      while (r.remaining > 0) {
        const before = r.offset
        r.enter(String(values.length))
        values.push(element.read(r))
        r.leave()
        if (r.offset === before) throw r.malformed('bad-length', 'an entry without bytes')
      }
      return values
    },
    write: (w, values) => {
      for (const value of values) element.write(w, value)
    },
  }
}

/** A fixed number of elements. */
export function exactly<T>(length: number, element: Codec<T>): Codec<readonly T[]> {
  return {
    read: (r) => Array.from({ length }, () => element.read(r)),
    write: (w, values) => {
      if (values.length !== length)
        throw new UsageError('bad-value', `expected ${length} entries, got ${values.length}`)
      for (const value of values) element.write(w, value)
    },
  }
}

/** A value inside a section of counted bytes, which it must fill exactly; `scale` is the unit of the count in bytes. */
export function sized<T>(count: Codec<number>, codec: Codec<T>, scale = 1): Codec<T> {
  return {
    read: (r) => {
      const section = r.section(count.read(r) * scale)
      const value = codec.read(section)
      section.finish()
      return value
    },
    write: (w, value) => {
      const inner = new Writer()
      codec.write(inner, value)
      const bytes = inner.finish()
      if (bytes.length % scale !== 0)
        throw new UsageError('bad-value', `expected a multiple of ${scale} bytes, got ${bytes.length}`)
      count.write(w, bytes.length / scale)
      w.bytes(bytes)
    },
  }
}
