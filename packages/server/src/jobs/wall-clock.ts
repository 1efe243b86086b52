import { UsageError } from '@cordon/core/errors'

/** What the clocks of a time zone show, as minutes since 1970 by those clocks. */
export type WallMinutes = number

const minuteMs = 60_000
const dayMinutes = 1440

const formats = new Map<string, Intl.DateTimeFormat>()

/** @throws UsageError `bad-value` for a time zone that the machine does not know */
export function checkTimeZone(zone: string): void {
  formatOf(zone)
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known !== undefined) return known
  try {
    const made = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    })
    // A person may try many names; those that exist are some hundreds.
    formats.set(zone, made)
    return made
  } catch (cause) {
    const expected = 'expected a time zone of the IANA list, such as Europe/Berlin'
    throw new UsageError('bad-value', `${expected}, got "${zone.slice(0, 64)}"`, { cause })
  }
}

/** What the clocks show at an instant, in milliseconds since 1970. */
export function wallAt(zone: string, instant: number): WallMinutes {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const read = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0
  return Date.UTC(read('year'), read('month') - 1, read('day'), read('hour'), read('minute')) / minuteMs
}

/**
 * The first instant at which the clocks show a time or, where that time is skipped as summer begins, a later one. A time
 * that comes twice as summer ends is its first coming. Milliseconds since 1970.
 */
export function firstInstant(zone: string, wall: WallMinutes): number {
  const guess = wall * minuteMs
  const early = guess - 26 * 60 * minuteMs
  const late = guess + 26 * 60 * minuteMs
  const offsets = [offsetAt(zone, early), offsetAt(zone, late)]
  const [before, after] = offsets
  if (before !== undefined && before === after) return guess - before * minuteMs
  const fitting = offsets
    .map((offset) => guess - offset * minuteMs)
    .filter((instant) => wallAt(zone, instant) === wall)
    .sort((a, b) => a - b)
  return fitting[0] ?? skipTo(zone, early, late)
}

/** Minutes by which the clocks are ahead of UTC. */
function offsetAt(zone: string, instant: number): number {
  return wallAt(zone, instant) - Math.floor(instant / minuteMs)
}

/** The minute at which the offset changes between two instants. */
function skipTo(zone: string, early: number, late: number): number {
  let before = Math.floor(early / minuteMs)
  let after = Math.floor(late / minuteMs)
  const offset = offsetAt(zone, early)
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offsetAt(zone, middle * minuteMs) === offset) before = middle
    else after = middle
  }
  return after * minuteMs
}

/** Midnight of a day by the clocks, and its day of the week: 0 is Sunday. */
export function dayOf(wall: WallMinutes): { readonly midnight: WallMinutes; readonly weekday: number } {
  const days = Math.floor(wall / dayMinutes)
  // 1970 began on a Thursday.
  return { midnight: days * dayMinutes, weekday: (((days + 4) % 7) + 7) % 7 }
}
