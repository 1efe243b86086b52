import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Schedule } from '../src/schedule.ts'

/** Runs `body` with a clock that only moves when told. */
async function withClock(
  body: (schedule: Schedule, advance: (ms: number) => void) => void | Promise<void>,
): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const schedule = new Schedule(() => performance.now())
    await body(schedule, (ms) => vi.advanceTimersByTime(ms))
  } finally {
    vi.useRealTimers()
  }
}

describe('a schedule', () => {
  it('runs deadlines in the order of their times, on one timer', () =>
    withClock((schedule, advance) => {
      const ran: number[] = []
      for (const ms of [30, 10, 20]) schedule.after(ms, () => ran.push(ms))
      expect(vi.getTimerCount()).toBe(1)
      advance(100)
      expect(ran).toEqual([10, 20, 30])
      expect(schedule.size).toBe(0)
      expect(vi.getTimerCount()).toBe(0)
    }))

  it('forgets what is cancelled', () =>
    withClock((schedule, advance) => {
      const ran: string[] = []
      const first = schedule.after(10, () => ran.push('first'))
      schedule.after(20, () => ran.push('second'))
      first.cancel()
      first.cancel()
      expect(first.pending).toBe(false)
      advance(30)
      expect(ran).toEqual(['second'])
    }))

  it('moves a deadline both ways, and wakes one that has run', () =>
    withClock((schedule, advance) => {
      const ran: number[] = []
      const deadline = schedule.after(50, (now) => ran.push(now))
      const start = schedule.now()
      deadline.move(start + 10)
      advance(10)
      expect(ran).toHaveLength(1)
      deadline.move(start + 40)
      advance(20)
      expect(ran).toHaveLength(1)
      advance(20)
      expect(ran).toHaveLength(2)
    }))

  it('serves sockets between repetitions of what is always due', () =>
    withClock((schedule, advance) => {
      let runs = 0
      const greedy = schedule.after(0, (now) => {
        runs++
        greedy.move(now)
      })
      advance(1)
      expect(runs).toBeLessThan(5)
      greedy.cancel()
    }))

  it('goes on after a deadline that threw', () =>
    withClock((schedule, advance) => {
      const ran: string[] = []
      schedule.after(10, () => {
        throw new Error('broken')
      })
      schedule.after(10, () => ran.push('next'))
      expect(() => advance(10)).toThrow('broken')
      advance(10)
      expect(ran).toEqual(['next'])
    }))

  it('keeps order under any mixture of adding, moving and cancelling', () =>
    withClock((schedule, advance) => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(1000), fc.option(fc.nat(1000)), fc.boolean()), { maxLength: 60 }),
          (entries) => {
            const start = schedule.now()
            const ran: number[] = []
            const expected: number[] = []
            for (const [when, moved, cancelled] of entries) {
              const at = start + (moved ?? when)
              const deadline = schedule.at(start + when, () => ran.push(at))
              if (moved !== null) deadline.move(start + moved)
              if (cancelled) deadline.cancel()
              else expected.push(at)
            }
            advance(2000)
            expect(ran).toEqual(expected.sort((a, b) => a - b))
            expect(schedule.size).toBe(0)
          },
        ),
        { numRuns: 50 },
      )
    }))
})
