import { UsageError } from '@cordon/core/errors'
import { checkRule, type Weekday, weekdays, type WindowRule, windowState } from '@cordon/server/jobs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const minuteMs = 60_000
const at = (text: string) => Date.parse(text)

/** What the clocks of a zone show. */
interface Clock {
  readonly instant: number
  readonly day: string
  readonly weekday: Weekday
  readonly minutes: number
}

/** The clocks of a zone minute by minute, from formatters of their own. */
function clocks(zone: string, from: number, to: number): readonly Clock[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' })
  const all: Clock[] = []
  for (let instant = from; instant < to; instant += minuteMs) {
    const [day = '', time = ''] = format.format(instant).split(' ')
    const [hours = 0, minutes = 0] = time.split(':').map(Number)
    const weekday = weekdays[new Date(`${day}T00:00:00Z`).getUTCDay()] ?? 'sun'
    all.push({ instant, day, weekday, minutes: hours * 60 + minutes })
  }
  return all
}

/** Openings by walking through the minutes, as a person with a clock would: an independent judge. */
function walked(
  rule: Extract<WindowRule, { kind: 'weekly' }>,
  minutesOf: readonly Clock[],
  from: number,
): ReadonlySet<number> {
  const of = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
  const begins = of(rule.from)
  const ends = of(rule.to)
  const isOvernight = ends <= begins
  const open = new Set<number>()
  /** Days that opened and are not closed yet. */
  const opened = new Map<string, 'open' | 'closed'>()
  const dayBefore = (day: string) => new Date(at(`${day}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10)
  for (const { instant, day, weekday, minutes } of minutesOf) {
    if (rule.days.includes(weekday) && minutes >= begins && !opened.has(day)) opened.set(day, 'open')
    for (const [one, state] of opened) {
      if (state === 'closed') continue
      const isOver = isOvernight
        ? one !== day && (dayBefore(day) !== one || minutes >= ends)
        : one !== day || minutes >= ends
      if (isOver) opened.set(one, 'closed')
    }
    if (instant >= from && [...opened.values()].includes('open')) open.add(instant)
  }
  return open
}

/** Nights in which the clocks change, and one in which they do not; one zone changes by half an hour, one at midnight. */
const nights = [
  ['Europe/Berlin', '2026-03-28T12:00Z'],
  ['Europe/Berlin', '2026-10-24T12:00Z'],
  ['America/New_York', '2026-03-07T18:00Z'],
  ['America/New_York', '2026-10-31T18:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T06:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T06:00Z'],
  ['America/Santiago', '2026-09-05T18:00Z'],
  ['Asia/Kolkata', '2026-06-10T12:00Z'],
] as const

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 15, 30, 59))
  .map(([hours, minutes]) => `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`)

describe('a weekly window', () => {
  test.each(nights)('in %s around %s is open when a walk through the minutes says so', (timeZone, noon) => {
    const from = at(noon)
    const to = from + 30 * 3_600_000
    const minutesOf = clocks(timeZone, from - 2 * 86_400_000, to)
    const shape = fc.record({
      days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }),
      from: time,
      to: time,
    })
    fc.assert(
      fc.property(shape, (drawn) => {
        const rule = { kind: 'weekly', timeZone, ...drawn } as const
        const open = walked(rule, minutesOf, from)
        const wrong: string[] = []
        for (let instant = from; instant < to; instant += 15 * minuteMs) {
          if (windowState(rule, instant).isOpen !== open.has(instant)) wrong.push(new Date(instant).toISOString())
        }
        expect(wrong).toEqual([])
      }),
      { numRuns: 8, seed: 42 },
    )
  })

  test('changes when it says, and not before', () => {
    const shape = fc.record({
      days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }),
      from: time,
      to: time,
      timeZone: fc.constantFrom(...nights.map(([zone]) => zone)),
    })
    const instants = fc.integer({ min: at('2026-01-01T00:00Z'), max: at('2027-12-31T00:00Z') })
    fc.assert(
      fc.property(shape, instants, (drawn, now) => {
        const rule = { kind: 'weekly', ...drawn } as const
        const { isOpen, changesAt } = windowState(rule, now)
        if (changesAt === undefined) {
          expect(isOpen && drawn.from === drawn.to && drawn.days.length === 7).toBe(true)
          return
        }
        expect(changesAt).toBeGreaterThan(now)
        expect(windowState(rule, changesAt - 1).isOpen).toBe(isOpen)
        expect(windowState(rule, changesAt).isOpen).toBe(!isOpen)
      }),
      { numRuns: 300, seed: 7 },
    )
  })

  test('whose beginning is skipped opens when the clocks go on, and closes by them', () => {
    const rule = { kind: 'weekly', days: ['sun'], from: '02:30', to: '04:00', timeZone: 'Europe/Berlin' } as const
    expect(windowState(rule, at('2026-03-29T00:59Z'))).toEqual({ isOpen: false, changesAt: at('2026-03-29T01:00Z') })
    expect(windowState(rule, at('2026-03-29T01:30Z'))).toEqual({ isOpen: true, changesAt: at('2026-03-29T02:00Z') })
  })

  test('within an hour that comes twice opens once', () => {
    const rule = { kind: 'weekly', days: ['sun'], from: '02:15', to: '02:45', timeZone: 'Europe/Berlin' } as const
    expect(windowState(rule, at('2026-10-25T00:20Z')).isOpen).toBe(true)
    expect(windowState(rule, at('2026-10-25T01:20Z')).isOpen).toBe(false)
  })
})

describe('a window of one time', () => {
  const rule = { kind: 'once', from: '2026-12-01T20:00:00Z', to: '2026-12-02T04:00:00Z' } as const

  test('opens, closes and never opens again', () => {
    expect(windowState(rule, at(rule.from) - 1)).toEqual({ isOpen: false, changesAt: at(rule.from) })
    expect(windowState(rule, at(rule.from))).toEqual({ isOpen: true, changesAt: at(rule.to) })
    expect(windowState(rule, at(rule.to))).toEqual({ isOpen: false, changesAt: undefined })
  })
})

describe('a rule that nobody can keep', () => {
  const weekly = { kind: 'weekly', days: ['mon'], from: '20:00', to: '22:00', timeZone: 'UTC' } as const
  test.each([
    ['a time of another clock', { ...weekly, from: '8 pm' }],
    ['an hour that does not exist', { ...weekly, to: '24:00' }],
    ['a zone that nobody knows', { ...weekly, timeZone: 'Mars/Olympus' }],
    ['no day', { ...weekly, days: [] }],
    ['an end before the beginning', { kind: 'once', from: '2026-12-02T00:00Z', to: '2026-12-01T00:00Z' }],
    ['no dates', { kind: 'once', from: 'soon', to: 'later' }],
  ] as const)('is refused: %s', (_, rule) => {
    expect(() => checkRule(rule as WindowRule)).toThrow(UsageError)
  })
})
