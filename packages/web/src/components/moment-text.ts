const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 365.25 * 86_400],
  ['month', 30.44 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'long' })

/** A time as people say it: `3 minutes ago`, `in 2 days`; below a minute `just now`. */
export function relativeText(at: number, now: number): string {
  const seconds = (at - now) / 1000
  for (const [unit, length] of units) {
    // One hour and 59.6 minutes are two hours, not 119 minutes.
    if (Math.abs(seconds) >= length - 0.5)
      return relative.format(Math.trunc(Math.round((seconds / length) * 10) / 10), unit)
  }
  return seconds > 1 ? 'in less than a minute' : 'just now'
}

/** A time to the second, in this zone, with the zone's name: what a title shows. */
export function absoluteText(at: number, zone?: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
    ...(zone === undefined ? {} : { timeZone: zone }),
  }).formatToParts(at)
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')} ${part('timeZoneName')}`
}

/** Milliseconds as an interval of a connection: `20 ms`, `1.5 s`. */
export function intervalText(ms: number): string {
  return ms < 1000 ? `${Number(ms.toFixed(3))} ms` : `${Number((ms / 1000).toFixed(3))} s`
}
