import { describe, expect, test } from 'vitest'
import { absoluteText, intervalText, relativeText } from '../src/components/moment-text.ts'

const now = Date.parse('2026-11-28T12:00:00Z')

describe('a relative time', () => {
  test.each([
    [0, 'just now'],
    [-30, 'just now'],
    [20, 'in less than a minute'],
    [-60, '1 minute ago'],
    [-3600, '1 hour ago'],
    [-2 * 3600 - 1800, '2 hours ago'],
    [86_400, 'in 1 day'],
    [-8 * 86_400, '1 week ago'],
    [400 * 86_400, 'in 1 year'],
  ])('%i seconds away is "%s"', (seconds, text) => {
    expect(relativeText(now + seconds * 1000, now)).toBe(text)
  })
})

test('an absolute time names its zone', () => {
  expect(absoluteText(now, 'UTC')).toBe('2026-11-28 12:00:00 UTC')
})

test('intervals are in the unit that people use for them', () => {
  expect(intervalText(20)).toBe('20 ms')
  expect(intervalText(0.5)).toBe('0.5 ms')
  expect(intervalText(1500)).toBe('1.5 s')
})
