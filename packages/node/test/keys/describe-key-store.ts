import type { KeyStore } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, test } from 'vitest'

/** What every implementation of {@link KeyStore} must do. `make` gives a fresh, empty one for each test. */
export function describeKeyStore(name: string, make: () => KeyStore): void {
  describe(`a key store ${name}`, () => {
    test('is empty at first', async () => {
      const store = make()
      expect(await store.names()).toEqual([])
      expect(await store.get('a')).toBeUndefined()
      expect(await store.delete('a')).toBe(false)
    })

    test('gives back a key that signs like the one put in', async () => {
      const store = make()
      const key = await nodeCrypto.generateKey('ecdsa-p256')
      await store.put('Green_EN4TR', key)
      const found = await store.get('Green_EN4TR')
      const data = Uint8Array.of(1, 2, 3)
      const signature = (await found?.sign(data)) ?? new Uint8Array()
      expect(nodeCrypto.verify(key.publicKey, '1.2.840.10045.4.3.2', data, signature)).toBe(true)
    })

    test('makes a key where it is kept, under a free name only', async () => {
      const store = make()
      const made = await store.generate('unit', 'ecdsa-p384')
      expect(made.kind).toBe('ecdsa-p384')
      const found = await store.get('unit')
      expect(found?.publicKey).toEqual(made.publicKey)
      expect(await store.names()).toEqual(['unit'])
      const data = Uint8Array.of(4, 5)
      const signature = (await found?.sign(data)) ?? new Uint8Array()
      expect(nodeCrypto.verify(made.publicKey, '1.2.840.10045.4.3.3', data, signature)).toBe(true)
      await expect(store.generate('unit', 'ecdsa-p256')).rejects.toMatchObject({ code: 'bad-value' })
      expect((await store.get('unit'))?.publicKey).toEqual(made.publicKey)
      expect(await store.delete('unit')).toBe(true)
      await store.generate('unit', 'ecdsa-p256')
      expect((await store.get('unit'))?.kind).toBe('ecdsa-p256')
    })

    test('replaces, lists in order, and forgets', async () => {
      const store = make()
      const [a, b] = [await nodeCrypto.generateKey('ecdsa-p256'), await nodeCrypto.generateKey('ecdsa-p256')]
      await store.put('b', a)
      await store.put('a', a)
      await store.put('b', b)
      expect(await store.names()).toEqual(['a', 'b'])
      expect((await store.get('b'))?.publicKey).toEqual(b.publicKey)
      expect(await store.delete('b')).toBe(true)
      expect(await store.names()).toEqual(['a'])
      expect(await store.get('b')).toBeUndefined()
    })

    test.each(['', '../a', 'a/b', '.a', 'a\0b'])('refuses the name %j everywhere', async (bad) => {
      const store = make()
      await expect(store.put(bad, await nodeCrypto.generateKey('ecdsa-p256'))).rejects.toThrow(UsageError)
      await expect(store.generate(bad, 'ecdsa-p256')).rejects.toThrow(UsageError)
      await expect(store.get(bad)).rejects.toThrow(UsageError)
      await expect(store.delete(bad)).rejects.toThrow(UsageError)
    })
  })
}
