import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { borderPoint } from '../../src/pages/plant/border-point.ts'
import { card, layoutZones } from '../../src/pages/plant/layout.ts'

const names = (count: number) => Array.from({ length: count }, (_, index) => `zone ${index}`)
const pairsOf = (zones: readonly string[]) =>
  zones.slice(1).map((zone, index): [string, string] => [zones[Math.floor(index / 3)] ?? zone, zone])

function overlaps(positions: Readonly<Record<string, { readonly x: number; readonly y: number }>>): number {
  const places = Object.values(positions)
  let found = 0
  for (const [index, a] of places.entries())
    for (const b of places.slice(index + 1))
      if (Math.abs(a.x - b.x) < card.width && Math.abs(a.y - b.y) < card.height) found++
  return found
}

describe('a layout', () => {
  test('places every zone and no card upon another', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.boolean(), (count, areJoined) => {
        const zones = names(count)
        const positions = layoutZones({ zones, pairs: areJoined ? pairsOf(zones) : [], placed: {} })
        expect(Object.keys(positions).sort()).toEqual([...zones].sort())
        expect(overlaps(positions)).toBe(0)
      }),
      { numRuns: 30 },
    )
  })

  test('moves nothing that somebody placed, and puts nothing upon it', () => {
    const zones = names(12)
    const placed = { 'zone 3': { x: 40, y: 70 }, 'zone 7': { x: 900, y: -200 } }
    const added = layoutZones({ zones, pairs: pairsOf(zones), placed })
    expect(Object.keys(added)).not.toContain('zone 3')
    expect(Object.keys(added)).toHaveLength(10)
    expect(overlaps({ ...placed, ...added })).toBe(0)
  })

  test('of 400 zones is about as wide as a screen, not a line', () => {
    const zones = names(400)
    for (const pairs of [[], pairsOf(zones)]) {
      const places = Object.values(layoutZones({ zones, pairs, placed: {} }))
      const width = Math.max(...places.map(({ x }) => x)) - Math.min(...places.map(({ x }) => x)) + card.width
      const height = Math.max(...places.map(({ y }) => y)) + card.height
      expect(width / height).toBeGreaterThan(0.8)
      expect(width / height).toBeLessThan(3)
    }
  })

  test('is the same for the same plant', () => {
    const zones = names(30)
    const order = { zones, pairs: pairsOf(zones), placed: {} }
    expect(layoutZones(order)).toEqual(layoutZones(order))
  })

  test('ignores conduits to what is no zone, and of a zone with itself', () => {
    const order = { zones: ['a', 'b'], pairs: [['a', 'gone'] as const, ['b', 'b'] as const], placed: {} }
    expect(Object.keys(layoutZones(order)).sort()).toEqual(['a', 'b'])
  })
})

describe('a line to a card', () => {
  const size = { width: 200, height: 100 }

  test('ends at its border', () => {
    expect(borderPoint({ x: 0, y: 0 }, { x: 500, y: 0 }, size)).toEqual({ x: 100, y: 0 })
    expect(borderPoint({ x: 0, y: 0 }, { x: 0, y: -300 }, size)).toEqual({ x: 0, y: -50 })
  })

  test('has no length between cards that lie upon each other', () => {
    expect(borderPoint({ x: 0, y: 0 }, { x: 0, y: 0 }, size)).toEqual({ x: 0, y: 0 })
    expect(borderPoint({ x: 0, y: 0 }, { x: 10, y: 5 }, size)).toEqual({ x: 10, y: 5 })
  })
})
