import type { SimulatedFault } from '@cordon/core/policy'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FaultSchedule } from '../src/fault-schedule.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const at = (afterMs: number, more: Partial<SimulatedFault> = {}): SimulatedFault => ({
  fault: { kind: 'hang' },
  when: { kind: 'time', afterMs },
  ...more,
})

function planned(...faults: SimulatedFault[]): { schedule: FaultSchedule; heard: string[] } {
  const heard: string[] = []
  const schedule = new FaultSchedule(faults, {
    strike: ({ kind }) => heard.push(`+${kind}`),
    over: (kind) => heard.push(`-${kind}`),
  })
  return { schedule, heard }
}

describe('a fault schedule', () => {
  it('counts time from the first start alone', () => {
    const { schedule, heard } = planned(at(0), at(100, { fault: { kind: 'delay', delayMs: 1 } }))
    expect(heard).toEqual([])
    schedule.start()
    expect(heard).toEqual(['+hang'])
    vi.advanceTimersByTime(60)
    schedule.start()
    vi.advanceTimersByTime(40)
    expect(heard).toEqual(['+hang', '+delay'])
  })

  it('ends a fault after its duration, but never a power cycle, which ends by itself', () => {
    const cycle: SimulatedFault = at(0, { fault: { kind: 'power-cycle', downMs: 10 }, durationMs: 5 })
    const { schedule, heard } = planned(at(10, { durationMs: 20 }), cycle)
    schedule.start()
    vi.advanceTimersByTime(29)
    expect(heard).toEqual(['+power-cycle', '+hang'])
    vi.advanceTimersByTime(1)
    expect(heard).toEqual(['+power-cycle', '+hang', '-hang'])
  })

  it('strikes once, at the n-th request of exactly that service of that class', () => {
    const { schedule, heard } = planned({
      fault: { kind: 'hang' },
      when: { kind: 'service', class: 0x5e, service: 0x4d, occurrence: 3 },
    })
    schedule.asked({ class: 0x5d, service: 0x4d })
    schedule.asked({ class: 0x5e, service: 0x4c })
    for (let i = 0; i < 2; i++) schedule.asked({ class: 0x5e, service: 0x4d })
    expect(heard).toEqual([])
    for (let i = 0; i < 5; i++) schedule.asked({ class: 0x5e, service: 0x4d })
    expect(heard).toEqual(['+hang'])
  })

  it('does nothing any more when it is stopped', () => {
    const { schedule, heard } = planned(at(10), at(0, { durationMs: 10 }), {
      fault: { kind: 'hang' },
      when: { kind: 'service', class: 1, service: 1, occurrence: 1 },
    })
    schedule.start()
    schedule.stop()
    vi.advanceTimersByTime(100)
    schedule.asked({ class: 1, service: 1 })
    expect(heard).toEqual(['+hang'])
    expect(vi.getTimerCount()).toBe(0)
  })
})
