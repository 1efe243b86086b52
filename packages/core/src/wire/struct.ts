import type { Codec, Value } from './codec.ts'

declare const reservedMark: unique symbol
declare const optionalMark: unique symbol

/** A field that is written as zero and ignored when read: it has no value. */
export interface Reserved extends Codec<undefined> {
  readonly [reservedMark]?: true
  readonly reserved: true
}

/** A field at the end of a struct that older or shorter messages leave out. */
export interface Optional<T> extends Codec<T | undefined> {
  readonly [optionalMark]?: true
  readonly optional: true
}

type Fields = Readonly<Record<string, Codec<unknown>>>

type RequiredKeys<F> = { [K in keyof F]: F[K] extends { reserved: true } | { optional: true } ? never : K }[keyof F]
type OptionalKeys<F> = { [K in keyof F]: F[K] extends { optional: true } ? K : never }[keyof F]

/** What a struct of these fields means: reserved fields are gone, optional ones may be missing. */
export type StructValue<F> = { readonly [K in RequiredKeys<F>]: Value<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Exclude<Value<F[K]>, undefined>
}

/** A reserved field: zero when written, ignored when read. */
export function reserved<T>(codec: Codec<T>, zero: T): Reserved {
  return {
    reserved: true,
    read: (r) => {
      codec.read(r)
      return undefined
    },
    write: (w) => codec.write(w, zero),
  }
}

/** A field that may be missing at the end of the message. */
export function optional<T>(codec: Codec<T>): Optional<T> {
  return {
    optional: true,
    read: (r) => (r.remaining === 0 ? undefined : codec.read(r)),
    write: (w, value) => {
      if (value !== undefined) codec.write(w, value)
    },
  }
}

/** Fields back to back, no padding, in the order of the declaration. */
export function struct<F extends Fields>(fields: F): Codec<StructValue<F>> & { readonly fields: F } {
  const entries = Object.entries<Codec<unknown>>(fields)
  return {
    fields,
    read: (r) => {
      const value: Record<string, unknown> = {}
      for (const [name, codec] of entries) {
        r.enter(name)
        const field = codec.read(r)
        r.leave()
        if (field !== undefined) value[name] = field
      }
      // Field by field what the codecs of F read.
      return value as StructValue<F>
    },
    write: (w, value) => {
      // By names that are known only at run time.
      const source = value as Record<string, unknown>
      for (const [name, codec] of entries) codec.write(w, source[name])
    },
  }
}

/** No bytes at all: the data of a service that carries none. */
export const empty: Codec<undefined> = { read: () => undefined, write: () => undefined }
