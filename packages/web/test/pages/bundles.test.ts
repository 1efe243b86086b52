import { describe, expect, test } from 'vitest'
import type { Conduit, Protection } from '../../src/api-types.ts'
import { joins, pairOf } from '../../src/pages/connections/pair.ts'
import { bundled, promiseOf } from '../../src/pages/plant/bundles.ts'
import { detailAt } from '../../src/pages/plant/detail.ts'

function conduit(id: string, zones: Conduit['zones'], messaging: Protection, io: Protection = messaging): Conduit {
  return {
    id,
    between: zones.map((zone) => zone ?? 'range'),
    zones,
    authentication: 'certificate',
    messaging: '',
    io: '',
    messagingProtection: messaging,
    ioProtection: io,
    trustedAddress: false,
  }
}

describe('conduits between the same zones', () => {
  const bundles = bundled([
    conduit('1', ['green', 'blue'], 'Encrypted'),
    conduit('2', ['blue', 'green'], 'Authenticated'),
    conduit('3', ['green', 'red'], 'Encrypted'),
    conduit('4', ['green', 'green'], 'None'),
    conduit('5', ['green', null], 'None'),
  ])

  test('are one line, whichever end is named first', () => {
    expect(bundles.map(({ id, conduits }) => [id, conduits.length])).toEqual([
      ['blue~green', 2],
      ['green~red', 1],
    ])
  })

  test('promise no more than the weakest of them, and say that they differ', () => {
    expect(bundles[0]).toMatchObject({ a: 'blue', b: 'green', protection: 'Authenticated', isMixed: true })
    expect(bundles[1]).toMatchObject({ protection: 'Encrypted', isMixed: false })
  })
})

test('a conduit promises the weaker of its messaging and its I/O', () => {
  expect(promiseOf(conduit('1', ['a', 'b'], 'Encrypted', 'None'))).toBe('None')
  expect(promiseOf(conduit('1', ['a', 'b'], 'Authenticated', 'Encrypted'))).toBe('Authenticated')
})

test('a filter by pair takes both directions and nothing else', () => {
  const pair = pairOf('green~blue')
  if (pair === undefined) throw new Error('it is a pair')
  expect(joins({ fromZone: 'blue', toZone: 'green' }, pair)).toBe(true)
  expect(joins({ fromZone: 'green', toZone: 'green' }, pair)).toBe(false)
  expect(joins({ fromZone: null, toZone: 'green' }, pair)).toBe(false)
  expect(pairOf('green')).toBeUndefined()
  expect(pairOf('a~b~c')).toBeUndefined()
})

test('letters grow as the map is seen from farther away, and never shrink again', () => {
  const scales = [1, 0.7, 0.5, 0.4, 0.3, 0.25, 0.2, 0.1].map((zoom) => detailAt(zoom).scale)
  expect(scales).toEqual([...scales].sort((a, b) => a - b))
  expect(detailAt(0.25).detail).toBe('far')
})
