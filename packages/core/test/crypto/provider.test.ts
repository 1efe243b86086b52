import { isKeyName, keyKinds } from '@cordon/core/crypto'
import { describe, expect, test } from 'vitest'

describe('key names', () => {
  test('name files on every system', () => {
    for (const name of ['Green_EN4TR', 'a', 'x.y-z', 'A'.repeat(128)]) expect(isKeyName(name), name).toBe(true)
  })

  test('that could leave their directory or hide in it are refused', () => {
    for (const name of ['', '.', '..', '.hidden', 'a/b', 'a\\b', 'a b', 'ä', 'A'.repeat(129), 'a\0', 'a\n']) {
      expect(isKeyName(name), JSON.stringify(name)).toBe(false)
    }
  })
})

test('the default kind of key comes first', () => {
  expect(keyKinds[0]).toBe('ecdsa-p256')
  expect(new Set(keyKinds).size).toBe(6)
})
