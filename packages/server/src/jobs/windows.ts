import { UsageError } from '@cordon/core/errors'
import { checkTimeZone, dayOf, firstInstant, wallAt } from './wall-clock.ts'

/** Days of the week as windows name them; Sunday first, as clocks count them. */
export const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** A day of the week. */
export type Weekday = (typeof weekdays)[number]

/**
 * When a window is open. `weekly`: on these days from one time to another by the clocks of a time zone; a window that
 * ends at or before its beginning ends on the next day. `once`: from one instant to another, ISO 8601.
 */
export type WindowRule =
  | {
      readonly kind: 'weekly'
      /** Days on which it opens. */
      readonly days: readonly Weekday[]
      /** `HH:MM`. */
      readonly from: string
      readonly to: string
      /** Of the IANA list. */
      readonly timeZone: string
    }
  | { readonly kind: 'once'; readonly from: string; readonly to: string }

/** Whether a window is open, and until when that holds. */
export interface WindowState {
  readonly isOpen: boolean
  /** When it opens or closes next, milliseconds since 1970; undefined: it does not any more. */
  readonly changesAt: number | undefined
}

const dayMinutes = 1440
/** The longest once-only window, milliseconds: longer than that is a mistake. */
const longestMs = 366 * 24 * 3_600_000

/**
 * A rule that can be kept.
 * @throws UsageError `bad-value` that says what is wrong
 */
export function checkRule(rule: WindowRule): void {
  if (rule.kind === 'weekly') {
    minutesOf(rule.from)
    minutesOf(rule.to)
    checkTimeZone(rule.timeZone)
    if (rule.days.length === 0) throw new UsageError('bad-value', 'a weekly window needs at least one day')
    return
  }
  const from = Date.parse(rule.from)
  const to = Date.parse(rule.to)
  if (Number.isNaN(from) || Number.isNaN(to) || to <= from || to - from > longestMs)
    throw new UsageError('bad-value', 'expected two times in ISO 8601, the second one later and within a year')
}

/** Minutes since midnight. @throws UsageError `bad-value` */
function minutesOf(text: string): number {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
  if (hours === undefined || minutes === undefined)
    throw new UsageError('bad-value', `expected a time such as 22:30, got "${text.slice(0, 16)}"`)
  return Number(hours) * 60 + Number(minutes)
}

/**
 * Whether a window is open at a time (milliseconds since 1970), and when that changes. A weekly window opens at the first
 * moment at which the clocks show its beginning or, where summer time skips that, a later time; it closes by the same
 * rule at its end. So it opens once on its day, also where clocks show an hour twice.
 */
export function windowState(rule: WindowRule, now: number): WindowState {
  if (rule.kind === 'weekly' && rule.from === rule.to && new Set(rule.days).size === weekdays.length)
    return { isOpen: true, changesAt: undefined }
  const spans =
    rule.kind === 'once' ? [{ from: Date.parse(rule.from), to: Date.parse(rule.to) }] : weeklySpans(rule, now)
  for (const { from, to } of spans) {
    if (now < from) return { isOpen: false, changesAt: from }
    if (now < to) return { isOpen: true, changesAt: to }
  }
  return { isOpen: false, changesAt: undefined }
}

interface Span {
  readonly from: number
  readonly to: number
}

/** Openings from about a time on, in order, those that touch joined; as many as are asked for. */
function* weeklySpans(rule: Extract<WindowRule, { readonly kind: 'weekly' }>, now: number): Generator<Span> {
  const { timeZone } = rule
  const begins = minutesOf(rule.from)
  const ends = minutesOf(rule.to)
  const length = ends > begins ? ends - begins : ends - begins + dayMinutes
  const { midnight: today } = dayOf(wallAt(timeZone, now))
  let last: Span | undefined
  // From those that began yesterday or before a skipped day, to the same day of the week after next.
  for (let day = -2; day <= 15; day++) {
    const { midnight, weekday } = dayOf(today + day * dayMinutes)
    if (!rule.days.some((name) => weekdays[weekday] === name)) continue
    const from = firstInstant(timeZone, midnight + begins)
    const to = firstInstant(timeZone, midnight + begins + length)
    // All of it lies in the hour that was skipped.
    if (to <= from) continue
    if (last !== undefined && from > last.to) yield last
    last = last !== undefined && from <= last.to ? { from: last.from, to: Math.max(last.to, to) } : { from, to }
  }
  if (last !== undefined) yield last
}
