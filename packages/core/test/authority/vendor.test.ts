import {
  cordonVendorTemplate,
  rockwellVendorTemplate,
  signVendorCertificate,
  vendorAuthorityContents,
  vendorContents,
  vendorFacts,
  vendorSubject,
  vendorTemplates,
} from '@cordon/core/authority'
import { UsageError } from '@cordon/core/errors'
import { decodeCertificate, formatName, isSelfSigned, isSignedBy, type Name, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const now = Date.UTC(2026, 5, 1)

async function certificate(subject: Name) {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  return decodeCertificate(
    await signVendorCertificate(vendorContents(nodeCrypto, { subject, publicKey: key.publicKey, now }), key),
  )
}

describe('a vendor certificate', () => {
  test('says who made the device and which one it is, in both known places', async () => {
    const subject = vendorSubject({
      vendorId: 1,
      serialNumber: 0x00e17387,
      product: '1756-L85E/B',
      vendorName: 'Rockwell Automation, Inc.',
      country: 'US',
    })
    expect(formatName(subject)).toBe(
      'CN=1756-L85E/B (00e17387),serialNumber=0001-00E17387,O=Rockwell Automation\\, Inc.,C=US',
    )
    const shown = await certificate(subject)
    expect(vendorFacts(shown, [cordonVendorTemplate])).toEqual({ vendorId: 1, serialNumber: 0x00e17387 })
    expect(vendorFacts(shown, [rockwellVendorTemplate])).toEqual({
      vendorId: 1,
      serialNumber: 0x00e17387,
      product: '1756-L85E/B',
    })
  })

  test('reads back whatever was written', async () => {
    const facts = fc.record({ vendorId: fc.nat(0xffff), serialNumber: fc.nat(0xffff_ffff) })
    const shown = await certificate(parseName('CN=x'))
    fc.assert(
      fc.property(facts, (wanted) => {
        const subject = vendorSubject({ ...wanted, vendorName: 'Example' })
        expect(vendorFacts({ ...shown, subject }, vendorTemplates)).toEqual(wanted)
      }),
    )
  })

  test.each([
    'CN=1756-L85E/B',
    'CN=x (00e1738)',
    'CN=x (00e17387) trailing',
    'serialNumber=0001-00E1738',
    'serialNumber=1-00E17387',
    'serialNumber=0001-00E17387+serialNumber=0002-00E17387,CN=x',
    'CN=a (00000001),CN=b (00000002)',
    'O=no facts at all',
  ])('without facts, or with two of them, says nothing: %s', async (text) => {
    expect(vendorFacts(await certificate(parseName(text)))).toBeUndefined()
  })

  test('is not made for numbers out of range', () => {
    for (const bad of [
      { vendorId: 0x1_0000, serialNumber: 1 },
      { vendorId: -1, serialNumber: 1 },
      { vendorId: 1, serialNumber: 2 ** 32 },
      { vendorId: 1.5, serialNumber: 1 },
    ]) {
      expect(() => vendorSubject({ ...bad, vendorName: 'x' }), JSON.stringify(bad)).toThrow(UsageError)
    }
  })
})

describe('a vendor PKI', () => {
  test('has a root, a manufacturing CA and ecdsa-with-SHA512, as seen in the field', async () => {
    const [rootKey, factoryKey, deviceKey] = [
      await nodeCrypto.generateKey('ecdsa-p521'),
      await nodeCrypto.generateKey('ecdsa-p521'),
      await nodeCrypto.generateKey('ecdsa-p256'),
    ]
    const vendor = { vendorName: 'Example Controls' }
    const root = decodeCertificate(
      await signVendorCertificate(
        vendorAuthorityContents(nodeCrypto, { ...vendor, commonName: 'Root', publicKey: rootKey.publicKey, now }),
        rootKey,
      ),
    )
    const factory = decodeCertificate(
      await signVendorCertificate(
        vendorAuthorityContents(nodeCrypto, {
          ...vendor,
          commonName: 'Manufacturing',
          publicKey: factoryKey.publicKey,
          now,
          issuer: root,
        }),
        rootKey,
      ),
    )
    const subject = vendorSubject({ ...vendor, vendorId: 1, serialNumber: 7 })
    const leaf = decodeCertificate(
      await signVendorCertificate(
        vendorContents(nodeCrypto, { subject, publicKey: deviceKey.publicKey, now, issuer: factory }),
        factoryKey,
      ),
    )
    expect(leaf.signatureAlgorithm).toBe('1.2.840.10045.4.3.4')
    expect(isSignedBy(nodeCrypto, leaf, factory.publicKey)).toBe(true)
    expect(isSignedBy(nodeCrypto, factory, root.publicKey)).toBe(true)
    expect(factory.extensions.basicConstraints).toEqual({ ca: true, pathLength: 0 })
    expect(isSelfSigned(nodeCrypto, root)).toBe(true)
    expect(isSelfSigned(nodeCrypto, leaf)).toBe(false)
    const chain = { leaf: leaf.der, intermediates: [factory.der], anchors: [root.der] }
    expect(nodeCrypto.verifyChain({ ...chain, purpose: 'server' })).toMatchObject({ ok: true })
    expect(nodeCrypto.verifyChain({ ...chain, anchors: [(await certificate(subject)).der] })).toMatchObject({
      ok: false,
      code: 'unknown-authority',
    })
  })

  test('may be missing: then the device signs itself', async () => {
    expect(
      isSelfSigned(nodeCrypto, await certificate(vendorSubject({ vendorName: 'x', vendorId: 1, serialNumber: 1 }))),
    ).toBe(true)
  })
})
