import type { AuthorityPlan } from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import { NotAllowed } from '@cordon/core/errors'
import { buildRequest, decodeCertificate, keyPurposes, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { estCredential, openAuthority, type StoreAuthority } from '@cordon/server/authority'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'

const day = 86_400_000
const plan: AuthorityPlan = {
  name: 'cpwe',
  key: 'ecdsa-p256',
  subject: { organization: 'Example Works', country: 'US' },
  zones: ['green', 'blue', 'red'],
}

let place: TemporaryState
let store: Store
let authority: StoreAuthority
/** The authority's clock, which tests may turn. */
const now = Date.UTC(2026, 5, 1, 12)

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  authority = openAuthority(store, { now: () => now })
  await authority.initialize(plan)
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

async function request(key?: PrivateKey): Promise<{ key: PrivateKey; csr: Uint8Array }> {
  const used = key ?? (await nodeCrypto.generateKey('ecdsa-p256'))
  return { key: used, csr: await buildRequest(used, { subject: parseName('CN=x') }) }
}

describe('an EST server', () => {
  const server = { name: 'est', addresses: ['127.0.0.1'], dnsNames: ['cordon.example'] }

  test('gets a certificate that lets it answer for the authority, and be nothing else', async () => {
    const issued = await authority.issueServer(server)
    const { extensions, subject } = decodeCertificate(issued.certificate)
    expect(extensions.extendedKeyUsage).toEqual([keyPurposes.serverAuth, keyPurposes.cmcRA])
    expect(extensions.subjectAlternativeNames).toEqual([
      { kind: 'ip', value: '127.0.0.1' },
      { kind: 'dns', value: 'cordon.example' },
    ])
    expect(subject.parts.length).toBeGreaterThan(1)
    const anchors = await authority.anchors('operations')
    const leaf = issued.certificate
    expect(nodeCrypto.verifyChain({ leaf, anchors, purpose: 'server' })).toMatchObject({ ok: true })
    expect(nodeCrypto.verifyChain({ leaf, anchors, purpose: 'client' })).toMatchObject({ ok: false })
  })

  test('needs a name that a client can check', async () => {
    await expect(authority.issueServer({ name: 'est', addresses: [] })).rejects.toMatchObject({ code: 'bad-value' })
  })

  test('keeps its credential until half of its life, or until its names change', async () => {
    const first = await estCredential(store, authority, server, now)
    expect((await estCredential(store, authority, server, now + day)).serial).toBe(first.serial)
    expect(first.chain).toHaveLength(2)
    const moved = await estCredential(store, authority, { ...server, addresses: ['127.0.0.2'] }, now)
    expect(moved.serial).not.toBe(first.serial)
    const later = await estCredential(store, authority, { ...server, addresses: ['127.0.0.2'] }, now + 200 * day)
    expect(later.serial).not.toBe(moved.serial)
    await authority.revoke(later.serial, 'superseded')
    const next = await estCredential(store, authority, { ...server, addresses: ['127.0.0.2'] }, now)
    expect(next.serial).not.toBe(later.serial)
    const [leaf] = next.chain
    expect(decodeCertificate(leaf ?? new Uint8Array()).publicKey).toEqual(next.key.publicKey)
  })
})

describe('a provisioning certificate', () => {
  test('lets its holder be a client, and no device has a path to it', async () => {
    const anchor = await authority.provisioningAnchor()
    const issued = await authority.issueProvisioning({ name: 'kit 7', validityMs: 30 * day })
    const leaf = issued.certificate
    const certificate = decodeCertificate(leaf)
    expect(certificate.extensions.extendedKeyUsage).toEqual([keyPurposes.clientAuth])
    expect(certificate.extensions.subjectAlternativeNames).toBeUndefined()
    expect(certificate.notAfter).toBe(now + 30 * day)
    expect(issued.chain).toEqual([anchor])
    expect(nodeCrypto.verifyChain({ leaf, anchors: [anchor], purpose: 'client' })).toMatchObject({ ok: true })
    const trusted = [...(await authority.caCertificates())]
    for (const zone of ['green', 'operations']) trusted.push(...(await authority.anchors(zone)))
    expect(nodeCrypto.verifyChain({ leaf, anchors: trusted, intermediates: issued.chain })).toMatchObject({ ok: false })
    expect(trusted).not.toContainEqual(anchor)
    await expect(authority.anchors('.provisioning')).rejects.toMatchObject({ code: 'missing' })
  })

  test('may come from one of several provisioning CAs', async () => {
    const [cards, kits] = await Promise.all([authority.provisioningAnchor('cards'), authority.provisioningAnchor()])
    const issued = await authority.issueProvisioning({ authority: 'cards', name: 'card 1' })
    expect(nodeCrypto.verifyChain({ leaf: issued.certificate, anchors: [cards] })).toMatchObject({ ok: true })
    expect(nodeCrypto.verifyChain({ leaf: issued.certificate, anchors: [kits] })).toMatchObject({ ok: false })
    expect(await authority.provisioningAnchor('cards')).toEqual(cards)
    await expect(authority.provisioningAnchor('../x')).rejects.toMatchObject({ code: 'bad-value' })
  })

  test('has a key that can never be a device key, nor the other way round', async () => {
    const { key, csr } = await request()
    const issued = await authority.issueProvisioning({ name: 'kit 8', csr })
    expect((await authority.issueProvisioning({ name: 'kit 8', csr })).serial).toBe(issued.serial)
    const device = { zone: 'green', device: 'kit 8', addresses: ['127.0.0.8'], csr: (await request(key)).csr }
    await expect(authority.issueDevice(device)).rejects.toThrow(/provisioning certificate of "kit 8"/)
    const other = await request()
    await authority.issueDevice({ ...device, csr: other.csr })
    await expect(authority.issueProvisioning({ name: 'kit 8', csr: other.csr })).rejects.toThrow(NotAllowed)
  })

  test('is revoked like any other, on the list of its own CA', async () => {
    const issued = await authority.issueProvisioning({ name: 'kit 9' })
    const revocation = await authority.revoke(issued.serial, 'keyCompromise')
    expect(revocation.zone).toBe('.provisioning')
    const anchor = await authority.provisioningAnchor()
    const judged = nodeCrypto.verifyChain({
      leaf: issued.certificate,
      anchors: [anchor],
      revocationLists: [revocation.crl],
    })
    expect(judged).toMatchObject({ ok: false, code: 'revoked' })
  })
})
