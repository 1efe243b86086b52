import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { addRandomness } from '../lib/index.ts'

describe('randomness from elsewhere', () => {
  it('is mixed in, whatever it is, and random numbers go on', () => {
    for (const bytes of [Uint8Array.of(0), new Uint8Array(4096), randomBytes(32)]) {
      const before = randomBytes(32)
      addRandomness(bytes)
      expect(randomBytes(32)).not.toEqual(before)
    }
  })

  it('takes 1 to 4096 bytes', () => {
    for (const length of [0, 4097]) {
      expect(() => addRandomness(new Uint8Array(length))).toThrow(expect.objectContaining({ code: 'bad-option' }))
    }
  })
})
