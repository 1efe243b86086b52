import type { TSchema, TString } from 'typebox'
import { Type } from './type.ts'

/**
 * The words that every file of Cordon's is declared with, so that names, durations and numbers look and fail alike in
 * all of them.
 * @module
 */

/** A name of a zone, device, chassis, range or connection: a letter, then letters, digits, `_` and `-`, at most 63 in all. */
export const namePattern = '^[A-Za-z][A-Za-z0-9_-]{0,62}$'

/** A duration: a number and a unit of us, ms, s, min, h, d, y. */
export const durationPattern = '^[0-9]{1,9}(?:\\.[0-9]{1,6})?(?:us|ms|s|min|h|d|y)$'

const nameAdvice = {
  'x-expected': 'a name: a letter, then letters, digits, _ or -, at most 63 in all',
  'x-remedy': 'rename it; names end up in certificates and file names',
}

/** A name that refers to something or gives it a name. */
export const name = (description: string): TString => Type.String({ pattern: namePattern, description, ...nameAdvice })

/** An open mapping from names to parts. */
export const named = <Part extends TSchema>(part: Part, description: string) =>
  Type.Record(Type.String({ pattern: namePattern }), part, {
    description,
    additionalProperties: false,
    'x-expected': 'a mapping (`name: …`)',
    'x-keys': nameAdvice['x-expected'],
    'x-keys-remedy': nameAdvice['x-remedy'],
  })

/** A fixed set of words. */
export const words = <const Values extends readonly string[]>(values: Values, description: string) =>
  Type.Unsafe<Values[number]>({
    type: 'string',
    enum: [...values],
    description,
    'x-expected': `one of ${values.join(', ')}`,
  })

/** A duration as text. */
export const duration = (description: string, example: string) =>
  Type.String({
    pattern: durationPattern,
    description: `${description} A number and a unit: us, ms, s, min, h, d or y.`,
    'x-expected': `a duration such as ${example}`,
    'x-remedy': `write a number and one of us, ms, s, min, h, d, y without a space: ${example}`,
  })

/** An unsigned whole number; YAML also takes hexadecimal (`0x00e17388`). */
export const unsigned = (bits: 8 | 16 | 32, description: string) =>
  Type.Integer({
    minimum: 0,
    maximum: 2 ** bits - 1,
    description,
    'x-expected': `a whole number from 0 to ${2 ** bits - 1}`,
  })

/** The milliseconds of a duration that fits `durationPattern`. A year has 365 days. */
export function durationMs(text: string): number {
  const [, value = '', unit = ''] = /^([0-9.]+)([a-z]+)$/.exec(text) ?? []
  return Number(value) * (unitMs[unit] ?? Number.NaN)
}

const unitMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  y: 365 * 86_400_000,
}
