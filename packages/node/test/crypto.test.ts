import { type KeyKind, keyKinds } from '@cordon/core/crypto'
import { MalformedMessage, NotTrusted, UsageError } from '@cordon/core/errors'
import { checkPublicKey } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const data = new TextEncoder().encode('what is signed')
const oids: Readonly<Record<KeyKind, readonly [string, string]>> = {
  'ecdsa-p256': ['1.2.840.10045.4.3.2', 'sha256'],
  'ecdsa-p384': ['1.2.840.10045.4.3.3', 'sha384'],
  'ecdsa-p521': ['1.2.840.10045.4.3.4', 'sha512'],
  'rsa-2048': ['1.2.840.113549.1.1.11', 'sha256'],
  'rsa-3072': ['1.2.840.113549.1.1.11', 'sha256'],
  'rsa-4096': ['1.2.840.113549.1.1.11', 'sha256'],
}

describe.each(keyKinds.filter((kind) => kind !== 'rsa-4096'))('a key of kind %s', (kind) => {
  const [oid, hash] = oids[kind]

  test('signs what its public half verifies, here and on the platform', async () => {
    const key = await nodeCrypto.generateKey(kind)
    const signature = await key.sign(data)
    expect(checkPublicKey(key.publicKey).algorithm).toBe(kind)
    expect(nodeCrypto.verify(key.publicKey, oid, data, signature)).toBe(true)
    expect(
      verify(hash, data, createPublicKey({ key: Buffer.from(key.publicKey), format: 'der', type: 'spki' }), signature),
    ).toBe(true)
    expect(nodeCrypto.verify(key.publicKey, oid, new Uint8Array([...data, 0]), signature)).toBe(false)
  })

  test('survives export and import', async () => {
    const key = await nodeCrypto.generateKey(kind)
    const again = nodeCrypto.importKey(key.export() ?? new Uint8Array())
    expect(again.kind).toBe(kind)
    expect(again.publicKey).toEqual(key.publicKey)
    expect(nodeCrypto.verify(key.publicKey, oid, data, await again.sign(data))).toBe(true)
  })
})

describe('a signature', () => {
  test('under an algorithm off the list, or of another family, is none', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const signature = await key.sign(data)
    for (const oid of ['1.2.840.10045.4.1', '1.2.840.113549.1.1.11', '1.3.101.112', '', 'nonsense']) {
      expect(nodeCrypto.verify(key.publicKey, oid, data, signature), oid).toBe(false)
    }
  })

  test('by any bytes, under any key bytes, is none and throws nothing', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (signature, publicKey) => {
        expect(nodeCrypto.verify(key.publicKey, oids['ecdsa-p256'][0], data, signature)).toBe(false)
        expect(nodeCrypto.verify(publicKey, oids['ecdsa-p256'][0], data, signature)).toBe(false)
      }),
    )
  })

  test('under a point that is not on its curve is none', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const off = key.publicKey.slice()
    off[off.length - 1] = (off.at(-1) ?? 0) ^ 1
    expect(nodeCrypto.verify(off, oids['ecdsa-p256'][0], data, await key.sign(data))).toBe(false)
  })
})

describe('a key is not imported', () => {
  const pkcs8 = { format: 'der', type: 'pkcs8' } as const

  test.each([
    ['of RSA 1024', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export(pkcs8), /1024 bits/],
    ['of an Edwards curve', () => generateKeyPairSync('ed25519').privateKey.export(pkcs8), /Ed25519/],
    [
      'with explicit curve parameters',
      () => generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey.export(pkcs8),
      /explicit/,
    ],
    [
      'of RSA 2560, which nobody here makes',
      () => generateKeyPairSync('rsa', { modulusLength: 2560 }).privateKey.export(pkcs8),
      /rsa-2560/,
    ],
    ['of garbage', () => Buffer.from('garbage'), /PKCS#8/],
  ])('%s', (_, make, reason) => {
    expect(() => nodeCrypto.importKey(new Uint8Array(make()))).toThrow(MalformedMessage)
    expect(() => nodeCrypto.importKey(new Uint8Array(make()))).toThrow(reason)
  })

  test('and the error does not repeat it', () => {
    const secret = 'a-very-secret-value'
    try {
      nodeCrypto.importKey(new TextEncoder().encode(secret))
      expect.unreachable()
    } catch (error) {
      expect(JSON.stringify([String(error), error])).not.toContain(secret)
      expect(error).not.toHaveProperty('cause')
    }
  })
})

describe('a sealed secret', () => {
  const key = nodeCrypto.random(32)
  const place = new TextEncoder().encode('psk cell3')

  test('opens in its place and is never the same twice', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 40 }), (secret, associated) => {
        const sealed = nodeCrypto.seal(key, secret, associated)
        expect(nodeCrypto.open(key, sealed, associated)).toEqual(secret)
        expect(nodeCrypto.seal(key, secret, associated)).not.toEqual(sealed)
        expect(sealed).toHaveLength(secret.length + 29)
      }),
    )
  })

  test('opens nowhere else, under no other key, and not after any change', () => {
    const sealed = nodeCrypto.seal(key, data, place)
    expect(() => nodeCrypto.open(key, sealed, new TextEncoder().encode('psk cell4'))).toThrow(NotTrusted)
    expect(() => nodeCrypto.open(nodeCrypto.random(32), sealed, place)).toThrow(NotTrusted)
    for (let at = 1; at < sealed.length; at++) {
      const changed = sealed.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => nodeCrypto.open(key, changed, place), `byte ${at}`).toThrow(NotTrusted)
    }
  })

  test('of another version, cut short, or under a short key is refused', () => {
    const sealed = nodeCrypto.seal(key, data, place)
    expect(() => nodeCrypto.open(key, Uint8Array.of(2, ...sealed.subarray(1)), place)).toThrow(/version 1, got 2/)
    expect(() => nodeCrypto.open(key, sealed.subarray(0, 28), place)).toThrow(MalformedMessage)
    expect(() => nodeCrypto.seal(new Uint8Array(16), data, place)).toThrow(UsageError)
  })
})

test('comparison tells equal from unequal, lengths included', () => {
  expect(nodeCrypto.equal(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true)
  expect(nodeCrypto.equal(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false)
  expect(nodeCrypto.equal(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false)
  expect(nodeCrypto.equal(new Uint8Array(), new Uint8Array())).toBe(true)
})

test.each([
  ['SHA-1', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  ['SHA-256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['SHA-384', 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'],
  [
    'SHA-512',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
] as const)('%s of "abc" is what FIPS 180-4 says', (algorithm, digest) => {
  expect(Buffer.from(nodeCrypto.digest(algorithm, new TextEncoder().encode('abc'))).toString('hex')).toBe(digest)
})
