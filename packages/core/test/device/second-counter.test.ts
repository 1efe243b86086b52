import { describe, expect, it } from 'vitest'
import { SecondCounter } from '../../src/device/second-counter.ts'

describe('a count per second', () => {
  it('is that of the last whole second, and nothing once a second was silent', () => {
    const counter = new SecondCounter()
    for (const now of [5000, 5100, 5999]) counter.add(now)
    expect(counter.perSecond(5999)).toBe(0)
    expect(counter.perSecond(6000)).toBe(3)
    counter.add(6500)
    expect(counter.perSecond(6999)).toBe(3)
    expect(counter.perSecond(7000)).toBe(1)
    expect(counter.perSecond(9000)).toBe(0)
  })
})
