import { cipherSuites, suiteMeaning } from '@cordon/core/security'
import { describe, expect, test } from 'vitest'

describe('a suite in words', () => {
  test('says what each part of its name means', () => {
    expect(suiteMeaning(0xc023)).toBe(
      'AES-128 in CBC mode with SHA-256: encrypted and authenticated; keys agreed by ephemeral elliptic-curve Diffie-Hellman, peers proven by ECDSA certificates',
    )
    expect(suiteMeaning(0xc006)).toMatch(/^no encryption, integrity by SHA-1: authenticated, and readable by everybody/)
  })

  test('leaves no name of a part as it is, for any suite', () => {
    for (const { id, encrypts } of cipherSuites) {
      expect(suiteMeaning(id)).not.toMatch(/_|undefined|NULL/)
      expect(suiteMeaning(id).includes('encrypted and authenticated')).toBe(encrypts)
    }
  })

  test('has none for a suite that CIP Security does not name', () => {
    expect(suiteMeaning(0x1301)).toBe('suite 0x1301, which CIP Security does not name')
  })
})
