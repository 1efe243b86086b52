import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PlantSchedule } from '../src/plant-schedule.ts'

let real = 0

beforeEach(() => {
  real = 1000
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Lets time pass in small steps, as for a process that runs. */
function pass(ms: number): void {
  for (let i = 0; i < ms; i++) {
    real++
    vi.advanceTimersByTime(1)
  }
}

/** Lets time pass while the process stands still: timers come late. */
function stall(ms: number): void {
  real += ms
}

const schedule = () => new PlantSchedule(() => real)

describe('the time of a plant', () => {
  it('is the machine’s while the process runs', () => {
    const time = schedule()
    const ran: number[] = []
    time.after(500, (now) => ran.push(now))
    pass(499)
    expect(ran).toEqual([])
    pass(2)
    expect(ran).toEqual([1500])
    expect(time.stalledMs).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('stands still while the process does, and says for how long', () => {
    const time = schedule()
    const ran: number[] = []
    time.after(80, (now) => ran.push(now))
    pass(20)
    stall(500)
    pass(1)
    // The watchdog of 80 ms does not strike: the plant has lived for 20 ms and a moment.
    expect(ran).toEqual([])
    expect(time.now()).toBe(1000 + 20 + 25)
    expect(time.stalledMs).toBe(501 - 25)
    expect(time.longestStallMs).toBe(501)
    pass(40)
    expect(ran).toHaveLength(1)
  })

  it('takes a short pause as time', () => {
    const time = schedule()
    time.after(1000, () => {})
    pass(20)
    stall(14)
    expect(time.now()).toBe(1034)
    expect(time.stalledMs).toBe(0)
  })

  it('runs on while nothing waits: nobody looks at the clock then', () => {
    const time = schedule()
    const deadline = time.after(100, () => {})
    deadline.cancel()
    expect(vi.getTimerCount()).toBe(0)
    stall(60_000)
    expect(time.now()).toBe(61_000)
    time.after(10, () => {})
    stall(20)
    expect([time.now(), time.stalledMs]).toEqual([61_020, 0])
  })

  it('never goes back', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 60 }), (pauses) => {
        const time = schedule()
        time.after(1_000_000, () => {})
        let before = time.now()
        for (const pause of pauses) {
          stall(pause)
          const now = time.now()
          expect(now - before).toBe(Math.min(pause, 25))
          before = now
        }
        time.clear()
      }),
    )
  })
})

describe('deadlines of a plant', () => {
  it('run in the order of their times, each once, and never early', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(59), { maxLength: 20 }),
        (times, cancelled) => {
          const time = schedule()
          const begun = time.now()
          const ran: { when: number; now: number }[] = []
          const deadlines = times.map((ms) => time.after(ms, (now) => ran.push({ when: begun + ms, now })))
          const gone = new Set(cancelled.map((i) => deadlines[i]).filter((deadline) => deadline !== undefined))
          for (const deadline of gone) deadline.cancel()
          expect(time.size).toBe(times.length - gone.size)
          pass(310)
          expect(ran).toHaveLength(times.length - gone.size)
          for (const { when, now } of ran) expect(now).toBeGreaterThanOrEqual(when)
          expect(ran.map(({ when }) => when)).toEqual(ran.map(({ when }) => when).sort((a, b) => a - b))
          expect([time.size, vi.getTimerCount()]).toEqual([0, 0])
        },
      ),
      { numRuns: 30 },
    )
  })

  it('can be moved while they wait, after they ran, and from within', () => {
    const time = schedule()
    const ran: number[] = []
    const deadline = time.idle((now) => {
      ran.push(now)
      if (ran.length < 3) deadline.move(now + 20)
    })
    expect(deadline.pending).toBe(false)
    deadline.move(1100)
    deadline.move(1010)
    expect(deadline.pending).toBe(true)
    pass(100)
    expect(ran).toEqual([1010, 1030, 1050])
    deadline.move(time.now() - 5)
    pass(2)
    expect(ran).toHaveLength(4)
  })

  it('go on after one of them failed', () => {
    const time = schedule()
    const ran: string[] = []
    time.after(10, () => {
      throw new Error('one')
    })
    time.after(20, () => ran.push('two'))
    expect(() => pass(15)).toThrow('one')
    pass(20)
    expect(ran).toEqual(['two'])
  })
})
