import { keyChange, type KeyChange } from '@cordon/core/deployment'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const octets = (text: string) => new TextEncoder().encode(text)
const held = (...identities: string[]) =>
  // Only the keys matter here; the rest of the attributes is not looked at.
  ({
    preSharedKeys: identities.map((identity) => ({
      identity: octets(identity),
      key: new Uint8Array(),
      usage: 'any' as const,
    })),
  }) as never
const wanted = (...names: string[]) => ({
  psk: names.map((name) => ({ name, identity: `id-${name}`, usage: 'any' as const })),
})
const earlier = (...names: string[]) => names.map((name) => ({ name, identity: `id-${name}` }))

describe('how pre-shared keys change', () => {
  const change = (
    names: string[],
    identities: string[],
    pskSlots: number,
    more: { earlier?: string[]; changed?: string[] } = {},
  ) =>
    keyChange(
      wanted(...names),
      { security: held(...identities), pskSlots },
      { earlierKeys: earlier(...(more.earlier ?? [])), changedKeys: more.changed ?? [] },
    )

  test.each<[string, KeyChange, Parameters<typeof change>]>([
    ['nothing held, nothing wanted', 'none', [[], [], 1]],
    ['the first key', 'set', [['a'], [], 1]],
    ['the same key', 'none', [['a'], ['id-a'], 1]],
    ['a further key beside the one held', 'set', [['a', 'b'], ['id-a'], 2]],
    ['another key where two have room and the old one is stored', 'overlap', [['b'], ['id-a'], 2, { earlier: ['a'] }]],
    ['another key where only one has room', 'interrupt', [['b'], ['id-a'], 1, { earlier: ['a'] }]],
    ['another key when the old one is not stored any more', 'interrupt', [['b'], ['id-a'], 2]],
    ['the key is new under the same identity', 'interrupt', [['a'], ['id-a'], 2, { changed: ['a'], earlier: ['a'] }]],
    ['the last key leaves', 'interrupt', [[], ['id-a'], 1]],
  ])('%s: %s', (_, expected, request) => {
    expect(change(...request)).toBe(expected)
  })

  test('never overlap beyond the places of a device, and never interrupt where nothing leaves', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 })
    fc.assert(
      fc.property(names, names, fc.integer({ min: 1, max: 4 }), names, (want, have, slots, stored) => {
        const result = change(
          want,
          have.map((name) => `id-${name}`),
          slots,
          { earlier: stored },
        )
        const leaving = have.filter((name) => !want.includes(name))
        if (result === 'overlap') expect(want.length + leaving.length).toBeLessThanOrEqual(slots)
        if (leaving.length === 0) expect(result).not.toBe('interrupt')
        if (result === 'none') expect([...want].sort()).toEqual([...have].sort())
      }),
      { seed: 20_260_604 },
    )
  })
})
