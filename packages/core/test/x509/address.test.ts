import { UsageError } from '@cordon/core/errors'
import { addressBytes, addressText } from '@cordon/core/x509'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isIP } from 'node:net'

describe('an IP address', () => {
  test('of 4 or 16 bytes reads and writes the same', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    fc.assert(
      fc.property(bytes, (value) => {
        const text = addressText(value) ?? ''
        expect(isIP(text)).toBe(value.length === 4 ? 4 : 6)
        expect(addressBytes(text)).toEqual(value)
      }),
    )
  })

  test('of version 6 is written in its shortest form', () => {
    for (const [long, short] of [
      ['0:0:0:0:0:0:0:1', '::1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['1:0:2:0:3:0:4:0', '1:0:2:0:3:0:4:0'],
      ['fe80::', 'fe80::'],
    ] as const) {
      expect(addressText(addressBytes(long))).toBe(short)
    }
  })

  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    '01.2.3.4.',
    '::1::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'g::1',
    '1.2.3.4/24',
    'localhost',
    ' 1.2.3.4',
  ])('is not %j', (text) => {
    expect(() => addressBytes(text)).toThrow(UsageError)
  })

  test('has no other length', () => {
    for (const length of [0, 1, 5, 8, 15, 32]) expect(addressText(new Uint8Array(length))).toBeUndefined()
  })
})
