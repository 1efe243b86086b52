import { vendorFacts } from '@cordon/core/authority'
import {
  createDefaultCredentials,
  createVendorPki,
  restoreCredentials,
  restoreVendorPki,
  storeCredentials,
  storeVendorPki,
} from '@cordon/core/device'
import { decodeCertificate, formatName, isSelfSigned } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, it } from 'vitest'
import { moment, testIdentity } from './fixture.ts'

describe('default credentials', () => {
  it('from a maker chain to its root and name vendor and serial number', async () => {
    const vendor = await createVendorPki(nodeCrypto, { vendorName: 'Example Automation', country: 'US', now: moment })
    const { key, chain } = await createDefaultCredentials(nodeCrypto, { identity: testIdentity, vendor, now: moment })
    const [leaf = new Uint8Array(0), issuer = new Uint8Array(0)] = chain
    const verdict = nodeCrypto.verifyChain({ leaf, intermediates: [issuer], anchors: [vendor.root] })
    expect(verdict.ok).toBe(true)
    const certificate = decodeCertificate(leaf)
    expect(vendorFacts(certificate)).toMatchObject({ vendorId: 1, serialNumber: 0x00e17387 })
    expect(certificate.publicKey).toEqual(key.publicKey)
  })

  it('can be signed with ecdsa-with-SHA512 and named as in the field', async () => {
    const vendor = await createVendorPki(nodeCrypto, { vendorName: 'V', issuerKey: 'ecdsa-p521', now: moment })
    const request = { identity: testIdentity, vendor, now: moment, commonName: '{name} ({serial})' }
    const { chain } = await createDefaultCredentials(nodeCrypto, request)
    const certificate = decodeCertificate(chain[0] ?? new Uint8Array(0))
    expect(certificate.signatureAlgorithm).toBe('1.2.840.10045.4.3.4')
    expect(formatName(certificate.subject)).toContain('CN=1756-L85E/B (00e17387)')
  })

  it('without a maker are self-signed', async () => {
    const { chain } = await createDefaultCredentials(nodeCrypto, {
      identity: testIdentity,
      now: moment,
      vendorName: 'Shed',
    })
    expect(chain).toHaveLength(1)
    const certificate = decodeCertificate(chain[0] ?? new Uint8Array(0))
    expect(isSelfSigned(nodeCrypto, certificate)).toBe(true)
    expect(formatName(certificate.subject)).toContain('O=Shed')
  })

  it('and makers come back from storage as they were', async () => {
    const vendor = await createVendorPki(nodeCrypto, { vendorName: 'V', now: moment })
    const again = restoreVendorPki(nodeCrypto, JSON.parse(JSON.stringify(storeVendorPki(vendor))))
    expect(again.root).toEqual(vendor.root)
    const credentials = await createDefaultCredentials(nodeCrypto, {
      identity: testIdentity,
      vendor: again,
      now: moment,
    })
    const restored = restoreCredentials(nodeCrypto, JSON.parse(JSON.stringify(storeCredentials(credentials))))
    expect(restored.chain).toEqual(credentials.chain)
    expect(restored.key.publicKey).toEqual(credentials.key.publicKey)
  })
})
