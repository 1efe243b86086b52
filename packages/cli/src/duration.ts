import { UsageError } from '@cordon/core/errors'

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds of `500ms`, `30s`, `5m`, `1h`. @throws UsageError `bad-value` naming the option */
export function parseDuration(
  option: string,
  text: string,
  bounds: { readonly least: number; readonly most: number },
): number {
  const [, digits = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? []
  const ms = Number(digits) * (units[unit] ?? Number.NaN)
  if (digits === '' || !(ms >= bounds.least && ms <= bounds.most)) {
    const range = `${bounds.least / 1000}s to ${bounds.most / 1000}s`
    throw new UsageError('bad-value', `${option}: expected a time such as 30s, from ${range}, got ${text}`)
  }
  return ms
}
