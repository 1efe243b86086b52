import { type KeyKind, keyKinds, type PrivateKey } from '@cordon/core/crypto'
import { MalformedMessage, NotTrusted, UsageError } from '@cordon/core/errors'
import {
  clientContents,
  deviceContents,
  issuingContents,
  makeCertificate,
  rootContents,
  signVendorCertificate,
  vendorContents,
} from '@cordon/core/authority'
import { buildRevocationList, type Certificate, checkPublicKey, keyIdentifier, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'

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

test.each(keyKinds)(
  'a signature with %s leaves the event loop to others, unless it is the quick kind',
  async (kind) => {
    const key = await nodeCrypto.generateKey(kind)
    let isDone = false
    const signing = key.sign(new Uint8Array(600)).then(() => {
      isDone = true
    })
    // What comes from the thread pool can only arrive in a later turn of the loop.
    for (let i = 0; i < 100; i++) await Promise.resolve()
    expect(isDone).toBe(kind === 'ecdsa-p256')
    await signing
  },
)

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

describe('a chain', () => {
  const now = Date.UTC(2026, 5, 1)
  const day = 86_400_000
  const subject = { organization: 'Example Works' }
  let root: { key: PrivateKey; certificate: Certificate }
  let issuing: { key: PrivateKey; certificate: Certificate }
  let stranger: { key: PrivateKey; certificate: Certificate }
  let device: Certificate
  let client: Certificate

  async function makeRoot(plant: string) {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const contents = rootContents(nodeCrypto, { plant, subject, publicKey: key.publicKey, now })
    return {
      key,
      certificate: await makeCertificate(nodeCrypto, contents, key, { profile: 'root', issuer: undefined, now }),
    }
  }

  beforeAll(async () => {
    root = await makeRoot('cpwe')
    stranger = await makeRoot('cpwe')
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const contents = issuingContents(nodeCrypto, {
      plant: 'cpwe',
      zone: 'green',
      subject,
      issuer: root.certificate,
      publicKey: key.publicKey,
      now,
    })
    issuing = {
      key,
      certificate: await makeCertificate(nodeCrypto, contents, root.key, {
        profile: 'issuing',
        issuer: root.certificate,
        now,
      }),
    }
    const wish = {
      subject,
      issuer: issuing.certificate,
      zone: 'green',
      name: 'x',
      addresses: ['127.0.0.1'],
      now,
      validityMs: 10 * day,
    }
    const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
    const by = { issuer: issuing.certificate, now }
    device = await makeCertificate(nodeCrypto, deviceContents(nodeCrypto, { ...wish, publicKey }), issuing.key, {
      profile: 'device',
      ...by,
    })
    client = await makeCertificate(nodeCrypto, clientContents(nodeCrypto, { ...wish, publicKey }), issuing.key, {
      profile: 'client',
      ...by,
    })
  })

  async function listOf(serials: readonly string[], signer = issuing) {
    const contents = {
      issuer: issuing.certificate.subject,
      issuerKey: keyIdentifier(nodeCrypto, issuing.certificate.publicKey),
      number: 1,
      thisUpdate: now - day,
      nextUpdate: now + day,
      entries: serials.map((serial) => ({ serial, revokedAt: now })),
    }
    return await buildRevocationList(contents, signer.key)
  }

  test('ends at the root, or at the issuing CA alone', () => {
    expect(
      nodeCrypto.verifyChain({
        leaf: device.der,
        intermediates: [issuing.certificate.der],
        anchors: [root.certificate.der],
      }),
    ).toEqual({
      ok: true,
      chain: [device.der, issuing.certificate.der, root.certificate.der],
    })
    expect(nodeCrypto.verifyChain({ leaf: device.der, anchors: [issuing.certificate.der] })).toMatchObject({ ok: true })
  })

  test('to a root of the same name and another key is none', () => {
    const request = { leaf: device.der, intermediates: [issuing.certificate.der], anchors: [stranger.certificate.der] }
    expect(nodeCrypto.verifyChain(request)).toMatchObject({ ok: false })
    expect(nodeCrypto.verifyChain({ leaf: device.der, anchors: [] })).toMatchObject({
      ok: false,
      code: 'unknown-authority',
    })
  })

  test('is judged by date only when a date is given', () => {
    const request = { leaf: device.der, anchors: [issuing.certificate.der] }
    expect(nodeCrypto.verifyChain({ ...request, at: now })).toMatchObject({ ok: true })
    expect(nodeCrypto.verifyChain({ ...request, at: now + 11 * day })).toMatchObject({
      ok: false,
      code: 'expired',
      depth: 0,
    })
    expect(nodeCrypto.verifyChain({ ...request, at: now - 3 * day })).toMatchObject({
      ok: false,
      code: 'not-yet-valid',
    })
  })

  test('of a revoked certificate is refused, and of a missing list when lists are required', async () => {
    const request = { leaf: device.der, anchors: [issuing.certificate.der] }
    expect(nodeCrypto.verifyChain({ ...request, revocationLists: [await listOf([device.serial])] })).toMatchObject({
      ok: false,
      code: 'revoked',
    })
    expect(nodeCrypto.verifyChain({ ...request, revocationLists: [await listOf([client.serial])] })).toMatchObject({
      ok: true,
    })
    expect(nodeCrypto.verifyChain({ ...request, revocation: 'required' })).toMatchObject({
      ok: false,
      code: 'no-revocation-list',
    })
    expect(
      nodeCrypto.verifyChain({ ...request, revocationLists: [await listOf([])], revocation: 'required' }),
    ).toMatchObject({ ok: true })
    expect(
      nodeCrypto.verifyChain({ ...request, revocationLists: [await listOf([device.serial])], revocation: 'off' }),
    ).toMatchObject({ ok: true })
  })

  test('of a list that someone else signed is not believed', async () => {
    const request = {
      leaf: device.der,
      anchors: [issuing.certificate.der],
      revocationLists: [await listOf([], stranger)],
    }
    expect(nodeCrypto.verifyChain({ ...request, revocation: 'required' })).toMatchObject({ ok: false })
  })

  test('serves the purpose its certificate is for', () => {
    const anchors = [issuing.certificate.der]
    expect(nodeCrypto.verifyChain({ leaf: client.der, anchors, purpose: 'client' })).toMatchObject({ ok: true })
    expect(nodeCrypto.verifyChain({ leaf: client.der, anchors, purpose: 'server' })).toMatchObject({
      ok: false,
      code: 'wrong-purpose',
    })
    expect(nodeCrypto.verifyChain({ leaf: device.der, anchors, purpose: 'server' })).toMatchObject({ ok: true })
  })

  test('of a self-signed certificate is believed only when it is trusted itself', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const leaf = await signVendorCertificate(
      vendorContents(nodeCrypto, { subject: parseName('CN=self'), publicKey: key.publicKey, now }),
      key,
    )
    expect(nodeCrypto.verifyChain({ leaf, anchors: [root.certificate.der] })).toMatchObject({ ok: false })
    expect(nodeCrypto.verifyChain({ leaf, anchors: [], trusted: [leaf] })).toMatchObject({ ok: true })
  })

  test('of garbage is malformed', () => {
    expect(() => nodeCrypto.verifyChain({ leaf: Uint8Array.of(1), anchors: [root.certificate.der] })).toThrow(
      MalformedMessage,
    )
    expect(() =>
      nodeCrypto.verifyChain({
        leaf: device.der,
        anchors: [root.certificate.der],
        revocationLists: [Uint8Array.of(1)],
      }),
    ).toThrow(MalformedMessage)
  })
})
