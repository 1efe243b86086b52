import { tagValues } from '@cordon/core/cip'
import type { SimulatedTag } from '@cordon/core/policy'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countBytes, countUp, Steps, virtualTag } from '../src/tags.ts'

const tag = (type: SimulatedTag['type'], ...value: SimulatedTag['value']): SimulatedTag => ({
  name: 'T',
  type,
  length: value.length,
  value,
  produced: false,
  change: { kind: 'constant' },
})

describe('a virtual tag', () => {
  it.each([
    ['SINT', [-1, 5]],
    ['INT', [-300]],
    ['DINT', [70_000]],
    ['REAL', [1.5]],
    ['LREAL', [0.1]],
    ['BOOL', [true]],
    ['STRING', ['Grüße']],
  ] as const)('of type %s holds what the simulation file says', (type, value) => {
    expect(tagValues(virtualTag(tag(type, ...value)))).toEqual(value)
  })

  it('of type LINT takes plain numbers', () => {
    expect(tagValues(virtualTag(tag('LINT', 12)))).toEqual([12n])
  })

  it.each([
    ['SINT', [127, 1], [-128, 1]],
    ['INT', [32_767], [-32_768]],
    ['DINT', [2_147_483_647], [-2_147_483_648]],
    ['REAL', [1], [2]],
    ['LREAL', [1], [2]],
    ['BOOL', [true], [false]],
    ['STRING', ['x'], ['x']],
  ] as const)('of type %s counts its first element and begins anew behind the largest', (type, before, after) => {
    const counted = virtualTag(tag(type, ...before))
    countUp(counted, type, 1)
    expect(tagValues(counted)).toEqual(after)
  })

  it('counts several steps at once', () => {
    const long = virtualTag(tag('LINT', 5))
    countUp(long, 'LINT', 7)
    expect(tagValues(long)).toEqual([12n])
    const flag = virtualTag(tag('BOOL', true))
    countUp(flag, 'BOOL', 4)
    expect(tagValues(flag)).toEqual([true])
  })
})

describe('I/O data that counts', () => {
  it('is a number of at most four bytes, least significant first', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(1_000_000), fc.nat(12), (start, by, size) => {
        const data = new Uint8Array(size)
        new Uint8Array(Uint32Array.of(start).buffer).subarray(0, size).forEach((byte, i) => {
          data[i] = byte
        })
        const bytes = Math.min(4, size)
        const before = data.subarray(0, bytes).reduce((sum, byte, i) => sum + byte * 256 ** i, 0)
        countBytes(data, by)
        const after = data.subarray(0, bytes).reduce((sum, byte, i) => sum + byte * 256 ** i, 0)
        expect(after).toBe((before + by) % 256 ** bytes)
        expect([...data.subarray(bytes)].every((byte) => byte === 0)).toBe(true)
      }),
    )
  })
})

describe('steps', () => {
  it('are as many in the end however often they are asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 50 }), fc.integer({ min: 1, max: 100 }), (pauses, everyMs) => {
        const steps = new Steps(everyMs, 0)
        let now = 0
        let sum = 0
        for (const pause of pauses) {
          now += pause
          sum += steps.take(now)
        }
        expect(sum).toBe(Math.floor(now / everyMs))
      }),
    )
  })

  it('are none while time stands still or goes back', () => {
    const steps = new Steps(20, 1000)
    expect([steps.take(1000), steps.take(1019), steps.take(1020), steps.take(900)]).toEqual([0, 0, 1, 0])
  })
})
