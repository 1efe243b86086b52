import { UsageError } from '../errors.ts'
import type { Codec } from './codec.ts'

type Table = Readonly<Record<string, number>>

function invert(table: Table): Map<number, string> {
  return new Map(Object.entries(table).map(([name, number]) => [number, name]))
}

/** A closed set of numbers, as words: anything else is malformed. */
export function oneOf<T extends Table>(codec: Codec<number>, table: T): Codec<keyof T & string> {
  const names = invert(table)
  return {
    read: (r) => {
      const number = codec.read(r)
      const name = names.get(number)
      if (name === undefined) {
        throw r.malformed('unknown-value', `expected one of ${[...names.keys()].join(', ')}, got ${number}`)
      }
      return name
    },
    write: (w, name) => {
      const number = table[name]
      if (number === undefined)
        throw new UsageError('bad-value', `expected one of ${[...names.values()].join(', ')}, got "${name}"`)
      codec.write(w, number)
    },
  }
}

/** An open set: listed numbers become words, an unlisted number is kept as it came and survives a round trip. */
export function known<T extends Table>(codec: Codec<number>, table: T): Codec<(keyof T & string) | number> {
  const names = invert(table)
  return {
    read: (r) => {
      const number = codec.read(r)
      return names.get(number) ?? number
    },
    write: (w, value) => {
      const number = typeof value === 'number' ? value : table[value]
      if (number === undefined)
        throw new UsageError(
          'bad-value',
          `expected a number or one of ${[...names.values()].join(', ')}, got "${String(value)}"`,
        )
      codec.write(w, number)
    },
  }
}

/** Named bits of a word; unnamed bits are kept under `other`, so that a round trip loses nothing. */
export type BitsValue<T> = { readonly [K in keyof T]: boolean } & { readonly other?: number }

/** A bit string whose bits have names: `{ name: bit number }`. */
export function bits<T extends Table>(codec: Codec<number>, table: T): Codec<BitsValue<T>> {
  const entries = Object.entries(table)
  const named = entries.reduce((mask, [, bit]) => mask + 2 ** bit, 0)
  return {
    read: (r) => {
      const word = codec.read(r)
      const value: Record<string, boolean | number> = {}
      for (const [name, bit] of entries) value[name] = Math.floor(word / 2 ** bit) % 2 === 1
      const other = (word & ~named) >>> 0
      if (other !== 0) value['other'] = other
      // Bit by bit what T names.
      return value as BitsValue<T>
    },
    write: (w, value) => {
      // By names that are known only at run time.
      const source = value as Record<string, boolean | number | undefined>
      const other = typeof source['other'] === 'number' ? source['other'] : 0
      codec.write(
        w,
        entries.reduce((word, [name, bit]) => (source[name] === true ? word + 2 ** bit : word), (other & ~named) >>> 0),
      )
    },
  }
}
