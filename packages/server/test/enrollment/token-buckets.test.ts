import { expect, test } from 'vitest'
import { TokenBuckets } from '../../src/enrollment/token-buckets.ts'

/** So many at once and a minute. */
const perMinute = (count: number, most = 20_000) => new TokenBuckets(count / 60, count, most)

test('a limit gives so many at once, then so many a minute, to each name', () => {
  const limit = perMinute(6)
  const takes = (name: string, at: number, count: number) => Array.from({ length: count }, () => limit.take(name, at))
  expect(takes('a', 0, 7)).toEqual([0, 0, 0, 0, 0, 0, 10])
  expect(takes('b', 0, 1)).toEqual([0])
  expect(takes('a', 10_000, 2)).toEqual([0, 10])
  expect(takes('a', 600_000, 7)).toEqual([0, 0, 0, 0, 0, 0, 10])
})

test('a clock that is turned back gives nothing and takes nothing', () => {
  const limit = perMinute(2)
  expect([limit.take('a', 100_000), limit.take('a', 0), limit.take('a', 0)]).toEqual([0, 0, 30])
})

test('of too many names the longest unused are forgotten', () => {
  const limit = perMinute(1, 2)
  for (const name of ['a', 'b', 'c']) expect(limit.take(name, 0)).toBe(0)
  expect(limit.take('c', 0)).toBe(60)
  expect(limit.take('a', 0)).toBe(0)
})
