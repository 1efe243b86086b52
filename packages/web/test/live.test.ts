import { describe, expect, test } from 'vitest'
import { parseEvent, staleKeys } from '../src/data/live.ts'

describe('an event', () => {
  test('makes stale what it tells of', () => {
    expect(staleKeys('drift-found')).toContain('devices')
    expect(staleKeys('enrollment-pending')).toContain('enrollments')
    expect(staleKeys('plant-saved')).toContain('topology')
    expect(staleKeys('something-new')).toEqual([])
  })

  test('is read from the stream, and anything else is none', () => {
    expect(parseEvent('{"id":3,"kind":"drift-found","subject":"a","plant":null,"detail":{}}')).toEqual({
      id: 3,
      kind: 'drift-found',
      subject: 'a',
      plant: null,
    })
    for (const text of ['', 'null', '[]', '{"id":"3","kind":"x"}', '{']) expect(parseEvent(text)).toBeUndefined()
  })
})
