import {
  claimedUnits,
  isAssured,
  judgeVendorCertificate,
  keyFingerprint,
  provenUnits,
  requestFacts,
  type Vendor,
} from '@cordon/core/enrollment'
import { cordonVendorTemplate } from '@cordon/core/authority'
import { buildRevocationList, buildRequest, decodeRequest, keyIdentifier, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { derEncode } from '../../src/x509/der.ts'
import { type Authority, authority, issue, now, vendorCertificate, world } from './world.ts'

let vendors: readonly [Vendor, Vendor]
let first: { root: Authority; issuing: Authority }
let second: Authority

const vendor = (name: string, anchor: Authority, more: Partial<Vendor> = {}): Vendor => ({
  name,
  anchors: [anchor.certificate.der],
  template: cordonVendorTemplate,
  revocationLists: [],
  revocation: 'ifPresent',
  checkDates: false,
  ...more,
})

beforeAll(async () => {
  first = await world()
  second = await authority('second')
  vendors = [
    vendor('first', first.root),
    vendor('second', second, { template: { ...cordonVendorTemplate, vendorId: 2 } }),
  ]
})

const judge = (leaf: Awaited<ReturnType<typeof vendorCertificate>>, given: readonly Vendor[] = vendors, at = now) =>
  judgeVendorCertificate(nodeCrypto, { leaf, intermediates: [first.issuing.certificate.der] }, given, at)

describe('a vendor certificate', () => {
  test('proves the unit it names, by the anchors of its vendor', async () => {
    const judgement = judge(await vendorCertificate(first.issuing, 1, 7))
    expect(judgement).toMatchObject({ verdict: 'trusted', vendor: 'first', unit: { vendorId: 1, serialNumber: 7 } })
    expect(provenUnits(judgement)).toEqual([
      { value: { vendorId: 1, serialNumber: 7 }, assurance: 'proven', source: 'certificate of first' },
    ])
    expect(judge(await vendorCertificate(second, 2, 7))).toMatchObject({ verdict: 'trusted', vendor: 'second' })
  })

  test('of nobody known proves nothing', async () => {
    const judgement = judge(await vendorCertificate(await authority('stranger'), 1, 7))
    expect(judgement.verdict).toBe('unknown')
    expect(provenUnits(judgement)).toEqual([])
    expect(judge(await vendorCertificate(first.issuing, 1, 7), []).verdict).toBe('unknown')
  })

  test('that names the units of another vendor is refused', async () => {
    expect(judge(await vendorCertificate(second, 1, 7))).toMatchObject({
      verdict: 'refused',
      reason: 'names vendor 1; second is vendor 2',
    })
  })

  test('that names no unit is refused', async () => {
    const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
    expect(judge(await issue(first.issuing, publicKey)).verdict).toBe('refused')
  })

  test('that is revoked is so whatever other vendors say', async () => {
    const leaf = await vendorCertificate(first.issuing, 1, 7)
    const { key, certificate } = first.issuing
    const list = await buildRevocationList(
      {
        issuer: certificate.subject,
        issuerKey: keyIdentifier(nodeCrypto, certificate.publicKey),
        number: 1,
        thisUpdate: now,
        nextUpdate: now + 86_400_000,
        entries: [{ serial: leaf.serial, revokedAt: now }],
      },
      key,
    )
    expect(judge(leaf, [vendor('first', first.root, { revocationLists: [list] }), vendors[1]])).toMatchObject({
      verdict: 'revoked',
      vendor: 'first',
    })
    expect(judge(leaf, [vendor('first', first.root, { revocation: 'required' })]).verdict).toBe('refused')
  })

  test('that has expired counts only where dates are not judged', async () => {
    const leaf = await vendorCertificate(first.issuing, 1, 7)
    const later = leaf.notAfter + 1000
    expect(judge(leaf, vendors, later).verdict).toBe('trusted')
    expect(judge(leaf, [vendor('first', first.root, { checkDates: true })], later).verdict).toBe('refused')
  })

  test('may hold the unit in an extension', async () => {
    const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
    const type = '1.3.6.1.4.1.99999.1'
    const text = Uint8Array.from('0001-0000002A', (c) => c.charCodeAt(0))
    const { name, pattern } = cordonVendorTemplate
    const inExtension = [vendor('first', first.root, { template: { name, pattern, extension: type } })]
    const read = async (value: Uint8Array) =>
      judge(await issue(first.issuing, publicKey, { extensions: [{ type, critical: false, value }] }), inExtension)
    for (const tag of [0x0c, 0x13, 0x16])
      expect(await read(derEncode(tag, text))).toMatchObject({ unit: { vendorId: 1, serialNumber: 42 } })
    // Not a text: its bytes in hex fit no pattern of this template.
    expect((await read(Uint8Array.of(1, 2, 3))).verdict).toBe('refused')
  })

  test('that nobody signed but itself claims', async () => {
    const leaf = await vendorCertificate(first.issuing, 1, 7)
    expect(claimedUnits(leaf)).toEqual([
      { value: { vendorId: 1, serialNumber: 7 }, assurance: 'claimed', source: 'self-signed certificate' },
    ])
  })
})

test('a request claims its unit and its MAC address', async () => {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const request = decodeRequest(await buildRequest(key, { subject: parseName('CN=x,serialNumber=0001-00E17388') }))
  const mac = Uint8Array.of(0, 0x1d, 0x9c, 1, 2, 3)
  const attributes = new Map([['1.3.6.1.1.1.1.22', [derEncode(0x04, mac), derEncode(0x16, Uint8Array.of(0x78))]]])
  expect(requestFacts(nodeCrypto, { ...request, attributes })).toEqual({
    key: keyFingerprint(nodeCrypto, key.publicKey),
    subject: {
      text: 'CN=x,serialNumber=0001-00E17388',
      attributes: [
        { type: '2.5.4.5', value: '0001-00E17388' },
        { type: '2.5.4.3', value: 'x' },
      ],
    },
    units: [{ value: { vendorId: 1, serialNumber: 0x00e1_7388 }, assurance: 'claimed', source: 'request' }],
    macs: [{ value: '00:1d:9c:01:02:03', assurance: 'claimed', source: 'request' }],
  })
})

test('proven is better than observed, and observed than claimed', () => {
  const all = ['claimed', 'observed', 'proven'] as const
  for (const [i, have] of all.entries())
    for (const [k, need] of all.entries()) expect(isAssured(have, need)).toBe(i >= k)
})
