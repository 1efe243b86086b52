import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Backoff } from '../../src/originator/backoff.ts'

describe('waits between attempts', () => {
  it('grow by the factor up to the bound, and begin anew after a success', () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 500, jitter: 0 })
    expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([100, 200, 400, 500, 500])
    backoff.reset()
    expect(backoff.next()).toBe(100)
  })

  it('never leave their bounds, whatever chance says', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 30 }),
        (random, jitter, attempts) => {
          const backoff = new Backoff({ firstMs: 200, maxMs: 10_000, jitter, random: () => random })
          for (let i = 0; i < attempts; i++) {
            const wait = backoff.next()
            expect(wait).toBeGreaterThanOrEqual(200 * (1 - jitter) - 1e-6)
            expect(wait).toBeLessThanOrEqual(10_000)
          }
        },
      ),
    )
  })
})
