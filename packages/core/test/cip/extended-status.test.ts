import {
  acceptableRpiOf,
  describeExtendedStatus,
  extendedStatuses,
  extendedStatusName,
  invalidSizeWords,
  isSecurityRelated,
  largestSizeOf,
  rpiNotAcceptableWords,
} from '@cordon/core/cip'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holds, unsigned } from '../wire/properties.ts'

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe('extended status', () => {
  it('has a name for every code that the wire reference lists', () => {
    const listed = [
      ...[0x0100, 0x0103, 0x0106, 0x0107, 0x0108, 0x0109],
      ...range(0x0110, 0x0133),
      ...range(0x0135, 0x0139),
      ...range(0x0203, 0x0207),
      ...range(0x0301, 0x0306),
      ...[0x0311, 0x0312],
      ...range(0x0315, 0x031f),
      ...range(0x0800, 0x0814),
      ...range(0x0916, 0x091b),
    ]
    for (const code of listed) expect(extendedStatusName(code), code.toString(16)).toBeDefined()
    expect(Object.values(extendedStatuses).sort((a, b) => a - b)).toEqual(listed)
  })

  it('has one name per code', () => {
    expect(new Set(Object.values(extendedStatuses)).size).toBe(Object.keys(extendedStatuses).length)
    for (const [name, code] of Object.entries(extendedStatuses)) expect(extendedStatusName(code)).toBe(name)
  })

  it('says which refusals come from the security policy', () => {
    expect(range(0x0900, 0x0920).filter(isSecurityRelated)).toEqual(range(0x0916, 0x091b))
    expect(describeExtendedStatus(0x0919)).toBe('security related: ingressRuleDenies (0x0919)')
    expect(describeExtendedStatus(0x0124)).toBe('invalidToConnectionType (0x0124)')
    expect(describeExtendedStatus(0x0999)).toBe('unlisted extended status 0x0999')
  })
})

describe('an RPI that is not acceptable', () => {
  it('comes with what would be, in six words', () => {
    expect(
      rpiNotAcceptableWords({ otVerdict: 'minimum', toVerdict: 'acceptable', otRpi: 0x0001_86a0, toRpi: 5 }),
    ).toEqual([0x0112, 0x0002, 0x86a0, 0x0001, 5, 0])
  })

  it('reads back as it was said', () => {
    const verdicts = fc.constantFrom('acceptable', 'unspecified', 'minimum', 'maximum', 'requiredToCorrectMismatch', 9)
    const values = fc.record({ otVerdict: verdicts, toVerdict: verdicts, otRpi: unsigned(32), toRpi: unsigned(32) })
    holds(values as fc.Arbitrary<Parameters<typeof rpiNotAcceptableWords>[0]>, (value) => {
      const words = rpiNotAcceptableWords(value)
      for (const word of words) expect(word >= 0 && word <= 0xffff && Number.isInteger(word)).toBe(true)
      expect(acceptableRpiOf(words)).toEqual(value)
    })
  })

  it('is not read from other words', () => {
    expect(acceptableRpiOf([0x0111])).toBeUndefined()
    expect(acceptableRpiOf([0x0112])).toBeUndefined()
    expect(acceptableRpiOf([0x0112, 0, 0, 0, 0])).toBeUndefined()
    expect(acceptableRpiOf([])).toBeUndefined()
  })
})

describe('a size that is not acceptable', () => {
  it('comes with the largest that would be', () => {
    expect(invalidSizeWords('invalidOtSize', 500)).toEqual([0x0127, 500])
    expect(largestSizeOf([0x0127, 500])).toBe(500)
    expect(largestSizeOf([0x0128])).toBeUndefined()
    expect(largestSizeOf([0x0100, 500])).toBeUndefined()
    expect(largestSizeOf([])).toBeUndefined()
  })
})
