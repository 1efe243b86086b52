import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, it } from 'vitest'
import { unitCrypto } from '../src/lazy-key.ts'

describe('a stored key of a virtual unit', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const)(
    'of kind %s is the same key once it is used',
    async (kind) => {
      const made = await nodeCrypto.generateKey(kind)
      const pkcs8 = made.export() ?? new Uint8Array(0)
      const stored = unitCrypto.importKey(pkcs8)
      expect(stored.export()).toEqual(pkcs8)
      expect(stored.kind).toBe(kind)
      expect(stored.publicKey).toEqual(made.publicKey)
      const data = Uint8Array.of(1, 2, 3)
      const algorithm = {
        'ecdsa-p256': '1.2.840.10045.4.3.2',
        'ecdsa-p384': '1.2.840.10045.4.3.3',
        'rsa-2048': '1.2.840.113549.1.1.11',
      }[kind]
      expect(nodeCrypto.verify(made.publicKey, algorithm, data, await stored.sign(data))).toBe(true)
    },
  )

  it('is not read before it is needed', () => {
    const broken = unitCrypto.importKey(Uint8Array.of(1, 2, 3))
    expect(broken.export()).toEqual(Uint8Array.of(1, 2, 3))
    expect(() => broken.publicKey).toThrow('private key')
  })

  it('does not give its bytes away to be changed', () => {
    const stored = unitCrypto.importKey(Uint8Array.of(1, 2, 3))
    stored.export()?.fill(0)
    expect(stored.export()).toEqual(Uint8Array.of(1, 2, 3))
  })
})
