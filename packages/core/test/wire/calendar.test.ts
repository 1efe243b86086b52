import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { calendarMs, calendarOf, formatTime, parseTime } from '../../src/wire/calendar.ts'

describe('the calendar', () => {
  test('agrees with the platform about every moment from year 0 to 9999', () => {
    fc.assert(
      fc.property(
        fc.date({ noInvalidDate: true, min: new Date('0000-01-01'), max: new Date('9999-12-31T23:59:59Z') }),
        (date) => {
          const whole = Math.floor(date.getTime() / 1000) * 1000
          expect(formatTime(date.getTime())).toBe(new Date(whole).toISOString().replace('.000Z', 'Z'))
          expect(parseTime(formatTime(date.getTime()))).toBe(whole)
          expect(calendarOf(date.getTime())).toMatchObject({ year: date.getUTCFullYear(), day: date.getUTCDate() })
        },
      ),
    )
  })

  test('knows which days do not exist', () => {
    expect(calendarMs(2024, 2, 29, 0, 0, 0)).toBe(Date.UTC(2024, 1, 29))
    for (const [month, day] of [
      [2, 29],
      [4, 31],
      [13, 1],
      [0, 1],
      [1, 0],
    ] as const)
      expect(calendarMs(2026, month, day, 0, 0, 0)).toBeUndefined()
    expect(calendarMs(2026, 1, 1, 24, 0, 0)).toBeUndefined()
  })

  test.each(['2026-12-24', '2026-12-24T18:00:00', '2026-12-24T18:00:00+01:00', '2026-02-30T00:00:00Z', ''])(
    'reads "%s" as no time',
    (text) => expect(parseTime(text)).toBeUndefined(),
  )
})
