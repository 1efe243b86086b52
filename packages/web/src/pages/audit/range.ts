/** Spans of time that end now, everything, and what is between two moments. */
export const ranges = ['hour', 'day', 'week', 'month', 'all', 'exact'] as const

export type Range = (typeof ranges)[number]

const hourMs = 3_600_000

const lengths: Readonly<Record<Exclude<Range, 'all' | 'exact'>, number>> = {
  hour: hourMs,
  day: 24 * hourMs,
  week: 7 * 24 * hourMs,
  month: 30 * 24 * hourMs,
}

/** The range of an address that names none. */
export const usualRange: Range = 'day'

export const rangeWords: Readonly<Record<Range, string>> = {
  hour: 'Last hour',
  day: 'Last 24 hours',
  week: 'Last 7 days',
  month: 'Last 30 days',
  all: 'All',
  exact: 'From – to',
}

/**
 * Limits of a range for the manager.
 * @param from and `to`: as a field of date and time has them, in the zone of the browser; what is no moment is no limit
 */
export function limits(
  range: Range,
  now: number,
  { from = '', to = '' }: { readonly from?: string | undefined; readonly to?: string | undefined },
): { readonly from?: string; readonly to?: string } {
  if (range === 'all') return {}
  if (range !== 'exact') return { from: new Date(now - lengths[range]).toISOString() }
  const [start, end] = [isoOf(from), isoOf(to)]
  return { ...(start === undefined ? {} : { from: start }), ...(end === undefined ? {} : { to: end }) }
}

function isoOf(text: string): string | undefined {
  const date = new Date(text)
  return text === '' || Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
