import type { SimulatedVendor } from '@cordon/core/policy'
import { vendorFacts } from '@cordon/core/authority'
import { decodeCertificate, decodePem } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openVendorPki, selfSignedCredentials, vendorRootsFile } from '../src/vendor-pki.ts'
import { freshDirectory, removeDirectories, sealingKey } from './small-plant.ts'

afterEach(removeDirectories)

const now = Date.now()
const maker: SimulatedVendor = {
  name: 'rockwell',
  vendor: 1,
  organization: 'Rockwell Automation, Inc.',
  country: 'US',
  signature: 'ecdsa-sha512',
  commonName: '{name} ({serial})',
  trusted: true,
}
const identity = {
  vendorId: 1,
  deviceType: 14,
  productCode: 168,
  majorRevision: 33,
  minorRevision: 11,
  serialNumber: 0x00e17387,
  productName: '1756-L85E/B',
}

const commonName = (der: Uint8Array | undefined): string =>
  decodeCertificate(der ?? new Uint8Array(0))
    .subject.parts.flat()
    .at(-1)?.value ?? ''

describe('a simulated maker', () => {
  it('signs devices as its like does in the field: an intermediate, the hash asked for, name and serial number', async () => {
    const pki = await openVendorPki(await freshDirectory(), [maker], sealingKey, now)
    const { chain, key } = await pki.issue('rockwell', identity)
    const [leaf, intermediate] = chain.map((der) => decodeCertificate(der))
    expect(chain).toHaveLength(2)
    expect(commonName(chain[0])).toBe('1756-L85E/B (00e17387)')
    expect(leaf?.signatureAlgorithm).toBe('1.2.840.10045.4.3.4')
    expect(leaf === undefined ? undefined : vendorFacts(leaf)).toMatchObject({ vendorId: 1, serialNumber: 0x00e17387 })
    expect(Buffer.from(leaf?.publicKey ?? []).equals(Buffer.from(key.publicKey))).toBe(true)
    expect(intermediate?.extensions.basicConstraints).toEqual({ ca: true, pathLength: 0 })
    const verdict = nodeCrypto.verifyChain({
      leaf: chain[0] ?? new Uint8Array(0),
      intermediates: chain.slice(1),
      anchors: pki.roots,
      at: now,
    })
    expect(verdict.ok).toBe(true)
  })

  it.each([
    ['ecdsa-sha256', '1.2.840.10045.4.3.2'],
    ['ecdsa-sha384', '1.2.840.10045.4.3.3'],
  ] as const)('signs with %s where the simulation says so', async (signature, oid) => {
    const pki = await openVendorPki(
      await freshDirectory(),
      [{ ...maker, signature, commonName: '{serial}-{name}' }],
      sealingKey,
      now,
    )
    const { chain } = await pki.issue('rockwell', identity)
    expect(decodeCertificate(chain[0] ?? new Uint8Array(0)).signatureAlgorithm).toBe(oid)
    expect(commonName(chain[0])).toBe('00e17387-1756-L85E/B')
  })

  it('is the same one the next time, its roots readable by all, its key by nobody', async () => {
    const directory = await freshDirectory()
    const first = await openVendorPki(directory, [maker], sealingKey, now)
    const second = await openVendorPki(
      directory,
      [maker, { ...maker, name: 'other', organization: 'Other' }],
      sealingKey,
      now + 1e9,
    )
    expect(second.roots[0]).toEqual(first.roots[0])
    const roots = decodePem(await readFile(vendorRootsFile(directory), 'utf8'))
    expect(roots.map(({ bytes }) => bytes)).toEqual(second.roots)
    expect((await stat(vendorRootsFile(directory))).mode & 0o777).toBe(0o644)
    expect((await stat(join(directory, 'vendor-rockwell.json'))).mode & 0o777).toBe(0o600)
    await expect(openVendorPki(directory, [maker], new Uint8Array(32), now)).rejects.toMatchObject({
      name: 'NotTrusted',
    })
  })

  it('names the file that holds no authority, and the vendor that does not exist', async () => {
    const directory = await freshDirectory()
    const pki = await openVendorPki(directory, [maker], sealingKey, now)
    await expect(pki.issue('nobody', identity)).rejects.toThrow('nobody')
    await writeFile(join(directory, 'vendor-rockwell.json'), '{"version":9}')
    await expect(openVendorPki(directory, [maker], sealingKey, now)).rejects.toThrow('vendor-rockwell.json')
  })
})

describe('a unit without a maker’s authority', () => {
  it('vouches for itself', async () => {
    const { chain } = await selfSignedCredentials(identity, now)
    const certificate = decodeCertificate(chain[0] ?? new Uint8Array(0))
    expect(chain).toHaveLength(1)
    expect(certificate.issuer.der).toEqual(certificate.subject.der)
  })
})
