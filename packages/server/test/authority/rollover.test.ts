import type { AuthorityPlan, IssuedCertificate } from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import { NotAllowed } from '@cordon/core/errors'
import {
  buildRequest,
  decodeCertificate,
  decodeRevocationList,
  encodePem,
  fingerprint,
  formatName,
  isListOf,
  keyPurposes,
  parseName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { estCredential, openAuthority, type StoreAuthority } from '@cordon/server/authority'
import { jsonText, type Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasOpenssl, OpensslDirectory } from '../../../core/test/x509/openssl.ts'
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
let now = Date.UTC(2026, 5, 1, 12)

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

/** A device with a certificate, and on record as a deployment leaves it. */
async function device(name: string, zone: string, anchors: readonly Uint8Array[], configured = true) {
  const { csr } = await request()
  const issued = await authority.issueDevice({ zone, device: name, addresses: ['127.0.0.9'], csr })
  const observed = jsonText({ configured, keys: [], anchors: anchors.map((der) => fingerprint(nodeCrypto, der)) })
  const held = fingerprint(nodeCrypto, issued.certificate)
  await store.db
    .insertInto('devices')
    .values({ plant: 'cpwe', name, address: '127.0.0.9', zone, observed, certificate_fingerprint: held })
    .onConflict((row) => row.columns(['plant', 'name']).doUpdateSet({ observed, certificate_fingerprint: held }))
    .execute()
  return issued
}

const states = (generations: readonly { readonly id: string; readonly state: string }[]) =>
  Object.fromEntries(generations.map(({ id, state }) => [id, state]))

describe('an issuing CA', () => {
  let old: IssuedCertificate

  test('is followed by a generation that is trusted before it signs', async () => {
    old = await device('Green_1', 'green', await authority.anchors('green'))
    const look = await authority.rollover({ zone: 'green', step: 'prepare', dryRun: true })
    expect([look.isDone, states(look.generations)]).toEqual([false, { 'zone-green-1': 'active' }])
    const { generations } = await authority.rollover({ zone: 'green', step: 'prepare' })
    expect(states(generations)).toEqual({ 'zone-green-1': 'active', 'zone-green-2': 'next' })
    const anchors = await authority.anchors('green')
    expect(anchors).toHaveLength(2)
    const names = anchors.map((der) => formatName(decodeCertificate(der).subject))
    expect(names).toEqual([
      expect.stringContaining('CN=cpwe green issuing 2'),
      expect.stringContaining('CN=cpwe green issuing,'),
    ])
    const issued = await authority.issueDevice({ ...(await request()), zone: 'green', device: 'x', addresses: ['127.0.0.9'] })
    expect(issued.chain[0]).toEqual(anchors[1])
    await expect(authority.rollover({ zone: 'green', step: 'prepare' })).rejects.toThrow(/--activate/)
  })

  test('does not sign before every device that trusts the zone holds it', async () => {
    const [, before = new Uint8Array()] = await authority.anchors('green')
    const blue = await authority.anchors('blue')
    await device('Blue_1', 'blue', [...blue, before])
    await device('Blue_2', 'blue', blue)
    await device('Fresh', 'green', [], false)
    const refused = authority.rollover({ zone: 'green', step: 'activate' })
    await expect(refused).rejects.toThrow(/Blue_1 does not hold the new anchor yet.*cordon apply.*Green_1/)
    await expect(authority.rollover({ zone: 'green', step: 'activate' })).rejects.not.toThrow(/Blue_2|Fresh/)
    const look = await authority.rollover({ zone: 'green', step: 'activate', dryRun: true })
    expect(look.obstacles).toHaveLength(2)
    await expect(authority.rollover({ zone: 'green', step: 'retire' })).rejects.toMatchObject({ code: 'missing' })
  })

  test('is seen to be active at once by a process that signed with the one before', async () => {
    await using second = await place.open()
    const other = openAuthority(second, { now: () => now })
    const [next, before] = await authority.anchors('green')
    const ask = async () =>
      await other.issueDevice({ ...(await request()), zone: 'green', device: 'y', addresses: ['127.0.0.9'] })
    expect((await ask()).chain[0]).toEqual(before)
    const both = await authority.anchors('green')
    await device('Green_1', 'green', both)
    await device('Blue_1', 'blue', [...(await authority.anchors('blue')), ...both])
    const { obstacles, generations } = await authority.rollover({ zone: 'green', step: 'activate' })
    expect(obstacles).toEqual([])
    expect(states(generations)).toEqual({ 'zone-green-1': 'retiring', 'zone-green-2': 'active' })
    expect((await ask()).chain[0]).toEqual(next)
    // What the one before signed is still good.
    const anchors = await other.anchors('green')
    expect(nodeCrypto.verifyChain({ leaf: old.certificate, anchors })).toMatchObject({ ok: true })
    const record = (await other.list()).find(({ serial }) => serial === old.serial)
    expect(record).toMatchObject({ issuerState: 'retiring', status: 'valid' })
  })

  test('goes on making lists while it is being retired, and so does the new one', async () => {
    const issued = await device('Green_1', 'green', await authority.anchors('green'))
    await authority.revoke(old.serial, 'superseded')
    const first = await authority.crls('green')
    expect(first).toHaveLength(1)
    const revocation = await authority.revoke('Green_1', 'keyCompromise')
    expect([revocation, ...revocation.further].flatMap(({ serials }) => serials)).toContain(issued.serial)
    const lists = await authority.crls('green')
    expect(lists).toHaveLength(2)
    const anchors = await authority.anchors('green')
    for (const [at, list] of lists.entries()) {
      const anchor = decodeCertificate(anchors[at] ?? new Uint8Array())
      expect(isListOf(nodeCrypto, decodeRevocationList(list), anchor)).toBe(true)
    }
    for (const leaf of [old.certificate, issued.certificate])
      expect(nodeCrypto.verifyChain({ leaf, anchors, revocationLists: lists })).toMatchObject({ code: 'revoked' })
    now += 20 * day
    const renewed = await authority.crls('green')
    const numbers = (all: readonly Uint8Array[]) => all.map((der) => decodeRevocationList(der).extensions.crlNumber)
    expect(numbers(renewed).map(Number)).toEqual(numbers(lists).map((number) => Number(number) + 1))
    expect(await authority.crls('green')).toEqual(renewed)
    const anew = await authority.renewLists('green')
    expect(numbers(anew).map(Number)).toEqual(numbers(renewed).map((number) => Number(number) + 1))
  })

  test('is retired when nobody uses its certificates any more', async () => {
    const refused = authority.rollover({ zone: 'green', step: 'retire' })
    await expect(refused).rejects.toThrow(/device x uses [0-9a-f]{32} until 2031-.*cordon ca renew x/)
    await authority.revoke('x', 'superseded')
    for (const name of ['Fresh', 'kit 8']) await authority.revoke(name, 'superseded')
    const { generations } = await authority.rollover({ zone: 'green', step: 'retire' })
    expect(states(generations)).toEqual({ 'zone-green-1': 'retired', 'zone-green-2': 'active' })
    expect(await authority.anchors('green')).toHaveLength(1)
    expect(await authority.crls('green')).toHaveLength(1)
  })

  test('may be retired by force, and what is cut off is named', async () => {
    await device('Blue_1', 'blue', await authority.anchors('blue'))
    await authority.rollover({ zone: 'blue', step: 'prepare' })
    const { obstacles } = await authority.rollover({ zone: 'blue', step: 'activate', force: true })
    expect(obstacles).toEqual([expect.stringMatching(/^Blue_1 /), expect.stringMatching(/^Blue_2 /)])
    const report = await authority.rollover({ zone: 'blue', step: 'retire', force: true })
    expect(report.obstacles).toHaveLength(2)
  })

  test('of no zone cannot be rolled over', async () => {
    for (const zone of ['nowhere', '.provisioning']) {
      await expect(authority.rollover({ zone, step: 'prepare' }), zone).rejects.toMatchObject({ code: 'missing' })
    }
  })
})

describe.skipIf(!hasOpenssl)('a root', () => {
  test('is rolled over without anybody noticing, whichever generation they trust', async () => {
    using directory = new OpensslDirectory()
    const pem = (name: string, ...ders: readonly Uint8Array[]) =>
      directory.write(name, ders.map((der) => encodePem('CERTIFICATE', der)).join(''))
    const verify = (root: string, leaf: string, untrusted: string) =>
      directory.run('verify', '-x509_strict', '-CAfile', root, '-untrusted', untrusted, leaf)
    const server = { name: 'est', addresses: ['127.0.0.2'], dnsNames: [] }

    const oldRoot = pem('old-root.pem', await authority.root())
    const before = await device('Red_1', 'red', await authority.anchors('red'))
    const anchors = await authority.anchors('red')
    const oldLeaf = pem('old-leaf.pem', before.certificate)
    await authority.rollover({ zone: undefined, step: 'prepare' })
    const prepared = await authority.caCertificates()
    expect(prepared).toContainEqual(await authority.root())
    const { generations } = await authority.rollover({ zone: undefined, step: 'activate' })
    expect(states(generations)).toEqual({ 'root-1': 'retiring', 'root-2': 'active' })

    const root = await authority.root()
    const newRoot = pem('new-root.pem', root)
    const published = pem('published.pem', ...(await authority.caCertificates()))
    const after = await device('Red_2', 'red', anchors)
    expect(after.chain[1]).toEqual(root)
    const newLeaf = pem('new-leaf.pem', after.certificate)
    for (const anchor of [oldRoot, newRoot]) {
      for (const leaf of [oldLeaf, newLeaf]) expect(verify(anchor, leaf, published), anchor).toContain('OK')
    }
    // With nothing but what each server sends along.
    const est = await estCredential(store, authority, server, now)
    const [leaf = new Uint8Array(), ...sent] = est.chain
    expect(sent).toHaveLength(2)
    pem('est.pem', leaf)
    pem('sent.pem', ...sent)
    for (const anchor of [oldRoot, newRoot]) expect(verify(anchor, 'est.pem', 'sent.pem')).toContain('OK')

    // Devices hold the same anchor as before, and it certifies what is issued now.
    expect(await authority.anchors('red')).toEqual(anchors)
    for (const one of [before, after])
      expect(nodeCrypto.verifyChain({ leaf: one.certificate, anchors })).toMatchObject({ ok: true })

    await authority.rollover({ zone: undefined, step: 'retire' })
    expect(await authority.anchors('red')).not.toEqual(anchors)
    const left = pem('left.pem', ...(await authority.caCertificates()))
    for (const leaf of [oldLeaf, newLeaf]) {
      expect(verify(newRoot, leaf, left)).toContain('OK')
      expect(directory.attempt('verify', '-CAfile', oldRoot, '-untrusted', left, leaf).status).not.toBe(0)
    }
    expect((await estCredential(store, authority, server, now)).chain).toHaveLength(2)
  })
})
