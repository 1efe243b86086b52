import { readFileSync } from 'node:fs'
import type { AuthorityPlan, IssuedCertificate } from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import { NotAllowed } from '@cordon/core/errors'
import {
  buildRequest,
  decodeCertificate,
  decodeRevocationList,
  encodeCertsOnly,
  encodePem,
  fingerprint,
  formatName,
  isListOf,
  keyPurposes,
  parseName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import {
  estCredential,
  openAuthority,
  recordCertificates,
  restoreAuthority,
  type StoreAuthority,
} from '@cordon/server/authority'
import { managerCredential } from '@cordon/server/deploy'
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
    const issued = await authority.issueDevice({
      ...(await request()),
      zone: 'green',
      device: 'x',
      addresses: ['127.0.0.9'],
    })
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

  test('takes a prepared generation back, and the next one is another', async () => {
    const before = await authority.anchors('red')
    await expect(authority.rollover({ zone: 'red', step: 'abandon' })).rejects.toMatchObject({ code: 'missing' })
    await authority.rollover({ zone: 'red', step: 'prepare' })
    const [abandoned] = await authority.anchors('red')
    const { generations } = await authority.rollover({ zone: 'red', step: 'abandon' })
    expect(states(generations)).toEqual({ 'zone-red-1': 'active', 'zone-red-2': 'retired' })
    expect(await authority.anchors('red')).toEqual(before)
    expect(await authority.caCertificates()).not.toContainEqual(abandoned)
    const again = await authority.rollover({ zone: 'red', step: 'prepare' })
    expect(states(again.generations)).toMatchObject({ 'zone-red-3': 'next' })
    expect(await authority.anchors('red')).not.toContainEqual(abandoned)
    await authority.rollover({ zone: 'red', step: 'abandon' })
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
      directory.run('verify', '-x509_strict', '-attime', at, '-CAfile', root, '-untrusted', untrusted, leaf)
    const server = { name: 'est', addresses: ['127.0.0.2'], dnsNames: [] }
    const at = String(Math.floor(now / 1000))

    const oldRoot = pem('old-root.pem', await authority.root())
    const before = await device('Red_1', 'red', await authority.anchors('red'))
    const anchors = await authority.anchors('red')
    const oldLeaf = pem('old-leaf.pem', before.certificate)
    await authority.rollover({ zone: undefined, step: 'prepare' })
    const prepared = await authority.caCertificates()
    expect(prepared).toContainEqual(await authority.root())
    // Taken back, it leaves nothing behind; then once more.
    await authority.rollover({ zone: undefined, step: 'abandon' })
    expect(await authority.caCertificates()).not.toEqual(prepared)
    for (const step of ['prepare', 'activate'] as const) await authority.rollover({ zone: undefined, step })
    expect(states(await authority.generations())).toMatchObject({
      'root-1': 'retiring',
      'root-2': 'retired',
      'root-3': 'active',
    })

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
      expect(directory.attempt('verify', '-attime', at, '-CAfile', oldRoot, '-untrusted', left, leaf).status).not.toBe(
        0,
      )
    }
    expect((await estCredential(store, authority, server, now)).chain).toHaveLength(2)
  })
})

describe('an inventory of what ends', () => {
  test('says what renews each thing', async () => {
    const all = await authority.expiring(30 * 365 * day)
    const of = (name: string) => all.filter((one) => one.name === name)
    expect(of('Red_1')).toMatchObject([{ profile: 'device', renewal: 'push', remedy: 'cordon ca renew Red_1' }])
    expect(of('est')).toMatchObject([{ profile: 'server', renewal: 'automatic' }])
    expect(of('kit 7')).toMatchObject([{ profile: 'provisioning', renewal: 'nothing' }])
    expect(of('root-1')).toEqual([])
    expect(of('root-3')).toMatchObject([{ kind: 'authority', remedy: 'cordon ca rollover --root --prepare' }])
    const provisioning = all.filter(({ kind, zone }) => kind === 'authority' && zone?.startsWith('.provisioning'))
    expect(provisioning.map(({ zone }) => zone).sort()).toEqual(['.provisioning', '.provisioning.cards'])
    expect(provisioning).toMatchObject([{ renewal: 'nothing' }, { renewal: 'nothing' }])
    expect(of('zone-green-2').map(({ kind, renewal }) => [kind, renewal])).toEqual([
      ['list', 'push'],
      ['authority', 'rollover'],
    ])
    expect(all.map(({ notAfter }) => notAfter)).toEqual([...all].map(({ notAfter }) => notAfter).sort((a, b) => a - b))
  })

  test('leaves out what ends later, what was replaced and what is made anew for every use', async () => {
    await authority.issueClient({ zone: 'red', name: 'probe', validityMs: 3_600_000 })
    await authority.issueClient({ zone: 'red', name: 'panel', validityMs: 20 * day })
    const soon = await authority.expiring(31 * day)
    expect(soon.map(({ name }) => name)).not.toContain('probe')
    expect(soon.map(({ name }) => name)).not.toContain('Red_1')
    expect(soon.filter(({ name }) => name === 'panel')).toMatchObject([
      { renewal: 'nothing', remedy: 'cordon ca issue --client panel' },
    ])
    await authority.issueClient({ zone: 'red', name: 'panel' })
    expect((await authority.expiring(31 * day)).map(({ name }) => name)).not.toContain('panel')
  })
})

/** What EST does: signs, and records the certificate with the enrollment in one transaction. */
async function enroll(into: Store, by: StoreAuthority, name: string, key: PrivateKey) {
  const { csr } = await request(key)
  const signed = await by.signDevice({ zone: 'green', device: name, addresses: ['127.0.0.9'], csr })
  await into.db.transaction().execute(async (tx) => {
    if (signed.record !== undefined) await recordCertificates(tx, [signed.record])
    await tx
      .insertInto('enrollments')
      .values({
        plant: 'cpwe',
        label: '',
        key: fingerprint(nodeCrypto, key.publicKey),
        operation: 'simpleenroll',
        requester: 'nobody',
        address: '127.0.0.9',
        subject: 'CN=x',
        request: csr,
        facts: jsonText({}),
        evaluation: jsonText({}),
        state: 'granted',
        reason: 'global grant',
        device: name,
        zone: 'green',
        issuer_id: signed.issuerId,
        serial: signed.serial,
      })
      .onConflict((row) => row.columns(['label', 'key']).doUpdateSet({ serial: signed.serial }))
      .execute()
  })
  return signed
}

describe.skipIf(!hasOpenssl)('the restore drill', () => {
  test('ends with a device that the restored authority enrolled', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const earlier = await enroll(store, authority, 'Pulled_1', key)
    expect((await authority.expiring(30 * 365 * day)).filter(({ name }) => name === 'Pulled_1')).toMatchObject([
      { renewal: 'pull' },
    ])
    // Once a deployment has met it, it waits for the manager.
    await store.db
      .insertInto('devices')
      .values({
        plant: 'cpwe',
        name: 'Pulled_1',
        address: '127.0.0.9',
        certificate_fingerprint: fingerprint(nodeCrypto, earlier.certificate),
      })
      .execute()
    expect((await authority.expiring(30 * 365 * day)).filter(({ name }) => name === 'Pulled_1')).toMatchObject([
      { renewal: 'push', remedy: 'cordon ca renew Pulled_1' },
    ])
    await store.db.deleteFrom('devices').where('name', '=', 'Pulled_1').execute()
    const server = { name: 'est', addresses: ['127.0.0.2'], dnsNames: [] }
    const kept = await estCredential(store, authority, server, now)
    const backup = await authority.backup('the passphrase of a test')

    await using elsewhere = new TemporaryState()
    await using its = await elsewhere.open()
    const summary = await restoreAuthority(its, backup, 'the passphrase of a test')
    expect([...summary.zones].sort()).toEqual(['blue', 'green', 'operations', 'red'])
    expect(summary.hardware).toEqual([])
    const restored = openAuthority(its, { now: () => now })
    expect(await restored.generations()).toEqual(await authority.generations())
    // The same key gets the same certificate, a new one a new certificate, and the count goes on.
    const again = await enroll(its, restored, 'Pulled_1', key)
    expect([again.serial, again.record]).toEqual([earlier.serial, undefined])
    const fresh = await enroll(its, restored, 'Pulled_2', await nodeCrypto.generateKey('ecdsa-p256'))
    const ids = await its.db.selectFrom('enrollments').select(['id', 'device']).orderBy('id').execute()
    expect(ids.map(({ device: name }) => name)).toEqual(['Pulled_1', 'Pulled_2'])
    expect((await estCredential(its, restored, server, now)).serial).toBe(kept.serial)
    using directory = new OpensslDirectory()
    directory.write('root.pem', encodePem('CERTIFICATE', await authority.root()))
    directory.write('chain.pem', fresh.chain.map((der) => encodePem('CERTIFICATE', der)).join(''))
    directory.write('leaf.pem', encodePem('CERTIFICATE', fresh.certificate))
    const [list = new Uint8Array()] = await restored.renewLists('green')
    directory.write('list.pem', encodePem('X509 CRL', list))
    const args = [
      '-x509_strict',
      '-crl_check',
      '-CRLfile',
      'list.pem',
      '-CAfile',
      'root.pem',
      '-untrusted',
      'chain.pem',
    ]
    const at = String(Math.floor(now / 1000))
    expect(directory.run('verify', ...args, '-attime', at, 'leaf.pem')).toContain('OK')
  })

  test('takes a backup that an earlier schema made', async () => {
    const backup = readFileSync(new URL('backup-0001.cordon', import.meta.url))
    await using elsewhere = new TemporaryState()
    await using its = await elsewhere.open()
    const summary = await restoreAuthority(its, new Uint8Array(backup), 'the passphrase of a test')
    expect(summary).toMatchObject({ schema: '0001-first', zones: ['green', 'operations'] })
    const at = Date.UTC(2026, 5, 1, 13)
    const restored = openAuthority(its, { now: () => at })
    const [held] = (await restored.list()).filter(({ name }) => name === 'Manager')
    const manager = { name: 'cpwe', zone: 'operations', manager: 'Manager', addresses: [] }
    expect((await managerCredential(its, restored, manager, at)).serial).toBe(held?.serial)
    await restored.rollover({ zone: 'green', step: 'prepare' })
    await enroll(its, restored, 'Pulled_1', await nodeCrypto.generateKey('ecdsa-p256'))
    expect(await restored.crls('green')).toHaveLength(1)
  })
})

test.skipIf(!hasOpenssl)('OpenSSL accepts every certificate, list and certs-only message', async () => {
  using directory = new OpensslDirectory()
  const pem = (label: 'CERTIFICATE' | 'X509 CRL', ders: readonly Uint8Array[]) =>
    ders.map((der) => encodePem(label, der)).join('')
  const records = await authority.list()
  const of = (profile: string) => records.filter((record) => record.profile === profile)
  const certificates = (some: typeof records) => some.map(({ certificate }) => certificate)
  expect(new Set(records.map(({ profile }) => profile))).toEqual(
    new Set(['root', 'issuing', 'cross', 'device', 'client', 'server', 'provisioning']),
  )
  directory.write('roots.pem', pem('CERTIFICATE', certificates(of('root'))))
  directory.write('between.pem', pem('CERTIFICATE', [...certificates(of('issuing')), ...certificates(of('cross'))]))
  const at = String(Math.floor(now / 1000))
  const trust = ['-CAfile', 'roots.pem', '-untrusted', 'between.pem', '-attime', at, '-x509_strict']
  const names = records.map(({ certificate, serial }) =>
    directory.write(`${serial}.pem`, encodePem('CERTIFICATE', certificate)),
  )
  const verified = directory.run('verify', ...trust, ...names)
  expect(verified.match(/: OK/g)).toHaveLength(records.length)
  const lists = await store.db.selectFrom('revocation_lists').select('der').execute()
  expect(lists.length).toBeGreaterThan(3)
  directory.write('all.pem', pem('CERTIFICATE', [...certificates(of('root')), ...certificates(of('issuing'))]))
  for (const { der } of lists) {
    directory.write('list.pem', encodePem('X509 CRL', new Uint8Array(der)))
    const said = directory.attempt('crl', '-in', 'list.pem', '-noout', '-CAfile', 'all.pem')
    expect(said.stderr).toContain('verify OK')
  }
  const all = await authority.caCertificates()
  directory.write('message.der', encodeCertsOnly(all))
  const printed = directory.run('pkcs7', '-inform', 'DER', '-in', 'message.der', '-print_certs', '-noout')
  expect(printed.match(/subject=/g)).toHaveLength(all.length)
})
