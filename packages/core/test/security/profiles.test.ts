import { profileBits, profilesOf } from '@cordon/core/security'
import { fc } from '../policy/properties.ts'
import { describe, expect, test } from 'vitest'

describe('security profiles', () => {
  test('are the bits of the wire reference', () => {
    expect(profilesOf(0x0002)).toEqual({ profiles: ['confidentiality'], unknown: 0 })
    expect(profilesOf(0x0032).profiles).toEqual(['confidentiality', 'resourceConstrained', 'pullModel'])
  })

  test('keep unknown bits aside', () => {
    expect(profilesOf(0x8102)).toEqual({ profiles: ['confidentiality'], unknown: 0x8100 })
  })

  test('survive the way to bits and back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
        const { profiles, unknown } = profilesOf(bits)
        expect(profileBits(profiles) | unknown).toBe(bits)
      }),
    )
  })
})
