import { MalformedMessage } from '../errors.ts'
import { Reader } from '../wire/reader.ts'

/** How a value must look, as the reference describes it: reads it, and says in words what is wrong with it. */
export interface Layout {
  /** The reference's word for it: `USINT`, `USINT n, n x EPATH`. */
  readonly words: string
  /** Reads the value; gives what is out of range. @throws MalformedMessage where the bytes do not fit */
  readonly read: (r: Reader) => string | undefined
}

/** What is wrong with a value; nothing where it fits. */
export function wrongWith(layout: Layout, value: Uint8Array): string | undefined {
  const reader = new Reader(value)
  try {
    const problem = layout.read(reader)
    if (problem !== undefined) return problem
    return reader.remaining === 0 ? undefined : `${reader.remaining} bytes too many for ${layout.words}`
  } catch (error) {
    if (error instanceof MalformedMessage) return `too few or wrong bytes for ${layout.words}: ${error.message}`
    throw error
  }
}

/** A number of so many bytes, in a range. */
function number(words: string, bytes: 1 | 2 | 4, allowed?: (value: number) => boolean, range = ''): Layout {
  return {
    words: range === '' ? words : `${words} ${range}`,
    read: (r) => {
      const value = bytes === 1 ? r.u8() : bytes === 2 ? r.u16() : r.u32()
      return allowed === undefined || allowed(value) ? undefined : `value ${value}, expected ${range}`
    },
  }
}

/** USINT, UINT, UDINT, with what values are allowed. */
export const usint = (range?: string, allowed?: (value: number) => boolean): Layout =>
  number('USINT', 1, allowed, range)
/** UINT. */
export const uint = (range?: string, allowed?: (value: number) => boolean): Layout => number('UINT', 2, allowed, range)
/** UDINT. */
export const udint = (range?: string, allowed?: (value: number) => boolean): Layout =>
  number('UDINT', 4, allowed, range)
/** WORD and DWORD are bit strings: only listed bits may be set. */
export const word = (bits: number): Layout =>
  number('WORD', 2, (value) => (value & ~bits & 0xffff) === 0, `with no bits but 0x${bits.toString(16)}`)
/** DWORD. */
export const dword = (bits: number): Layout =>
  number('DWORD', 4, (value) => (value & ~bits) >>> 0 === 0, `with no bits but 0x${bits.toString(16)}`)
/** BYTE. */
export const byte = (bits: number): Layout =>
  number('BYTE', 1, (value) => (value & ~bits & 0xff) === 0, `with no bits but 0x${bits.toString(16)}`)
/** BOOL: 0 or 1; 0xFF is also seen (2.6). */
export const bool: Layout = number('BOOL', 1, (value) => value <= 1 || value === 0xff, 'false or true')
/** 0 to most. */
export const upTo =
  (most: number): ((value: number) => boolean) =>
  (value) =>
    value <= most

/** Bytes that mean nothing to us, so many. */
export function fixed(length: number): Layout {
  return {
    words: `${length} bytes`,
    read: (r) => {
      r.take(length)
      return undefined
    },
  }
}

/** SHORT_STRING, at most so many characters. */
export function shortString(most = 255): Layout {
  return {
    words: 'SHORT_STRING',
    read: (r) => {
      const length = r.u8()
      r.take(length)
      return length > most ? `${length} characters, expected at most ${most}` : undefined
    },
  }
}

/** STRING padded to an even length, as 0xF5 has it. */
export const paddedText: Layout = {
  words: 'STRING, padded',
  read: (r) => {
    const length = r.u16()
    r.take(length + (length % 2))
    return undefined
  },
}

/** STRINGI (2.6). */
export const stringI: Layout = {
  words: 'STRINGI',
  read: (r) => {
    for (let left = r.u8(); left > 0; left--) {
      r.take(3)
      const type = r.u8()
      r.u16()
      if (type === 0xd0) r.take(r.u16())
      else if (type === 0xd5) r.take(r.u16() * 2)
      else if (type === 0xd9) r.take(r.u16() * r.u16())
      else if (type === 0xda) r.take(r.u8())
      else return `string type 0x${type.toString(16)}, expected 0xD0, 0xD5, 0xD9 or 0xDA`
    }
    return undefined
  },
}

/** USINT words and a padded path, of the classes that may stand there; empty allowed. */
export function path(...classes: readonly number[]): Layout {
  return {
    words: 'USINT words + EPATH',
    read: (r) => {
      const bytes = r.view(r.u8() * 2)
      if (bytes.length === 0) return undefined
      const target = pathTarget(bytes)
      if (target === undefined) return 'a path that is not class and instance'
      return classes.includes(target.class) ? undefined : `a path to class 0x${target.class.toString(16)}`
    },
  }
}

/** Class and instance of a padded path of logical segments. */
export function pathTarget(bytes: Uint8Array): { readonly class: number; readonly instance: number } | undefined {
  const r = new Reader(bytes)
  try {
    const classId = logical(r, 0x20)
    const instance = logical(r, 0x24)
    return classId === undefined || instance === undefined || r.remaining > 0 ? undefined : { class: classId, instance }
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

function logical(r: Reader, type: number): number | undefined {
  const segment = r.u8()
  if (segment === type) return r.u8()
  if (segment === type + 1) {
    r.take(1)
    return r.u16()
  }
  return undefined
}

/** A count, then so many of the same. */
export function list(count: 'USINT' | 'UINT', each: Layout, most = Number.POSITIVE_INFINITY): Layout {
  return {
    words: `${count} n, n x ${each.words}`,
    read: (r) => {
      const n = count === 'USINT' ? r.u8() : r.u16()
      if (n > most) return `${n} entries, expected at most ${most}`
      for (let i = 0; i < n; i++) {
        const problem = each.read(r)
        if (problem !== undefined) return `entry ${i + 1}: ${problem}`
      }
      return undefined
    },
  }
}

/** One after the other. */
export function record(words: string, ...fields: readonly Layout[]): Layout {
  return {
    words,
    read: (r) => {
      for (const field of fields) {
        const problem = field.read(r)
        if (problem !== undefined) return problem
      }
      return undefined
    },
  }
}

/** The same again to the end of the data. */
export function toEnd(each: Layout): Layout {
  return {
    words: `${each.words}, repeated`,
    read: (r) => {
      while (r.remaining > 0) {
        const problem = each.read(r)
        if (problem !== undefined) return problem
      }
      return undefined
    },
  }
}

/** One of several: what an earlier and a later object revision have. */
export function either(...layouts: readonly Layout[]): Layout {
  return {
    words: layouts.map(({ words }) => words).join(' or '),
    read: (r) => {
      const bytes = r.view(r.remaining)
      const problems = layouts.map((layout) => wrongWith(layout, bytes))
      return problems.includes(undefined) ? undefined : problems[0]
    },
  }
}
