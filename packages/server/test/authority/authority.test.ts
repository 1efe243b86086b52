import {
  type Authority,
  type AuthorityPlan,
  backdateMs,
  defaultValidityMs,
  revocationListValidityMs,
} from '@cordon/core/authority'
import type { Crypto, PrivateKey } from '@cordon/core/crypto'
import { MalformedMessage, NotAllowed, NotTrusted, UsageError } from '@cordon/core/errors'
import {
  buildRequest,
  decodeCertificate,
  decodeRevocationList,
  encodePem,
  formatName,
  isListOf,
  nameValue,
  parseName,
  subjectAlternativeName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { openAuthority, restoreAuthority } from '@cordon/server/authority'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basicConstraints, extendedKeyUsage, keyUsage } from '../../../core/src/x509/extensions.ts'
import { hasOpenssl, OpensslDirectory } from '../../../core/test/x509/openssl.ts'
import { isBuilt, Program, TemporaryState } from '../store/support.ts'

const day = 86_400_000
const plan: AuthorityPlan = {
  name: 'cpwe',
  key: 'ecdsa-p256',
  subject: { organization: 'Example Works', locality: 'Mayfield Heights', country: 'US' },
  zones: ['green', 'blue'],
}

async function request(
  key?: PrivateKey,
  subject = 'CN=whatever the device says',
): Promise<{ key: PrivateKey; csr: Uint8Array }> {
  const used = key ?? (await nodeCrypto.generateKey('ecdsa-p256'))
  return { key: used, csr: await buildRequest(used, { subject: parseName(subject) }) }
}

let place: TemporaryState
let store: Store
let authority: Authority
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

describe('an authority', () => {
  test('has a root and an issuing CA per zone, and one for operations', async () => {
    const records = await authority.list()
    expect(records.slice(0, 4).map(({ profile, name }) => [profile, name])).toEqual(
      expect.arrayContaining([
        ['root', 'cpwe'],
        ['issuing', 'green'],
        ['issuing', 'blue'],
        ['issuing', 'operations'],
      ]),
    )
    const root = await authority.root()
    for (const zone of ['green', 'blue', 'operations']) {
      const [anchor] = await authority.anchors(zone)
      expect(nodeCrypto.verifyChain({ leaf: anchor ?? new Uint8Array(), anchors: [root] })).toMatchObject({ ok: true })
    }
  })

  test('initialized again is the same, and takes new zones', async () => {
    const [before] = await authority.anchors('green')
    const root = await authority.root()
    await Promise.all([authority.initialize(plan), authority.initialize({ ...plan, zones: ['green', 'red'] })])
    expect((await authority.anchors('green'))[0]).toEqual(before)
    expect(await authority.root()).toEqual(root)
    expect(await authority.anchors('red')).toHaveLength(1)
  })

  test('belongs to one plant', async () => {
    await expect(authority.initialize({ ...plan, name: 'other' })).rejects.toThrow(/authority of plant "cpwe"/)
  })

  test('takes no zone name that could not be a row or a common name', async () => {
    for (const zone of ['', 'a b', '../x', 'x'.repeat(33)]) {
      await expect(authority.initialize({ ...plan, zones: [zone] }), zone).rejects.toThrow(UsageError)
    }
  })

  test('knows no zone that was not made', async () => {
    await expect(authority.anchors('nowhere')).rejects.toMatchObject({ code: 'missing' })
    const { csr } = await request()
    await expect(
      authority.issueDevice({ zone: 'nowhere', device: 'x', csr, addresses: ['127.0.0.1'] }),
    ).rejects.toMatchObject({ code: 'missing' })
  })

  test('that was never made says so', async () => {
    await using other = new TemporaryState()
    await using empty = await other.open()
    const none = openAuthority(empty)
    await expect(none.root()).rejects.toThrow(/cordon ca init/)
    await expect(none.issueClient({ zone: 'green', name: 'x' })).rejects.toMatchObject({ code: 'missing' })
    expect(await none.list()).toEqual([])
  })

  test('keeps its keys sealed', async () => {
    const rows = await store.db.selectFrom('authorities').select(['id', 'sealed']).execute()
    expect(rows.length).toBeGreaterThanOrEqual(4)
    for (const { id, sealed } of rows) {
      if (sealed === null) throw new Error(`${id} has no sealed key`)
      expect(() => nodeCrypto.importKey(new Uint8Array(sealed))).toThrow(MalformedMessage)
      expect(() => store.secrets.open({ table: 'authorities', id: 'another' }, sealed)).toThrow(NotTrusted)
      expect(nodeCrypto.importKey(store.secrets.open({ table: 'authorities', id }, sealed)).kind).toBe('ecdsa-p256')
    }
  })
})

describe('a device certificate', () => {
  test('is built from policy; of the request only the key is used', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const csr = await buildRequest(key, {
      subject: parseName('CN=I am the root,O=Evil'),
      extensions: [
        basicConstraints(true),
        keyUsage(['keyCertSign', 'cRLSign']),
        extendedKeyUsage(['2.5.29.37.0']),
        subjectAlternativeName(['10.0.0.1'], ['evil.example']),
      ],
    })
    const issued = await authority.issueDevice({
      zone: 'green',
      device: 'Green_EN4TR',
      csr,
      addresses: ['127.17.83.31'],
      dnsNames: ['green.example'],
    })
    const certificate = decodeCertificate(issued.certificate)
    expect(formatName(certificate.subject)).toBe('CN=Green_EN4TR,OU=green,O=Example Works,L=Mayfield Heights,C=US')
    expect(certificate.publicKey).toEqual(key.publicKey)
    expect(certificate.extensions).toMatchObject({
      basicConstraints: { ca: false },
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
      subjectAlternativeNames: [{ value: '127.17.83.31' }, { value: 'green.example' }],
    })
    expect(issued).toMatchObject({ serial: certificate.serial, notAfter: now + defaultValidityMs.device })
    expect(certificate.notBefore).toBe(now - backdateMs)
    expect(issued.chain).toEqual([...(await authority.anchors('green')), await authority.root()])
  })

  test('chains to its zone, to the root, and to no other zone', async () => {
    const { csr } = await request()
    const { certificate: leaf } = await authority.issueDevice({
      zone: 'green',
      device: 'A',
      csr,
      addresses: ['127.0.0.2'],
    })
    const [green, blue, root] = [
      await authority.anchors('green'),
      await authority.anchors('blue'),
      await authority.root(),
    ]
    for (const purpose of ['server', 'client'] as const) {
      expect(nodeCrypto.verifyChain({ leaf, anchors: green, purpose })).toMatchObject({ ok: true })
      expect(nodeCrypto.verifyChain({ leaf, anchors: blue, purpose })).toMatchObject({
        ok: false,
        code: 'unknown-authority',
      })
      expect(nodeCrypto.verifyChain({ leaf, anchors: [root], intermediates: green, at: now, purpose })).toMatchObject({
        ok: true,
      })
    }
  })

  test('for the same key, name and addresses is the same one', async () => {
    const { csr, key } = await request()
    const wish = { zone: 'green', device: 'B', csr, addresses: ['127.0.0.3', '127.0.0.4'] }
    const [first, second] = await Promise.all([authority.issueDevice(wish), authority.issueDevice(wish)])
    expect(second).toEqual(first)
    const again = await request(key, 'CN=another request by the same key')
    expect(await authority.issueDevice({ ...wish, csr: again.csr, addresses: ['127.0.0.4', '127.0.0.3'] })).toEqual(
      first,
    )
    expect(await openAuthority(store, { now: () => now }).issueDevice(wish)).toEqual(first)
    expect((await authority.issueDevice({ ...wish, addresses: ['127.0.0.5'] })).serial).not.toBe(first.serial)
    expect((await authority.issueDevice({ ...wish, zone: 'blue' })).serial).not.toBe(first.serial)
  })

  test('is made anew when two thirds of its life are over', async () => {
    const { csr } = await request()
    const wish = { zone: 'green', device: 'renewed', csr, addresses: ['127.0.0.6'], validityMs: 30 * day }
    const first = await authority.issueDevice(wish)
    const start = now
    try {
      now = start + 19 * day
      expect((await authority.issueDevice(wish)).serial).toBe(first.serial)
      now = start + 21 * day
      const renewed = await authority.issueDevice(wish)
      expect(renewed.serial).not.toBe(first.serial)
      expect(renewed.notAfter).toBe(now + 30 * day)
    } finally {
      now = start
    }
  })

  test('is refused for a request that does not prove its key', async () => {
    const [a, b] = [await request(), await request()]
    const forged = a.csr.slice()
    // The other request's key in this one's place: both have the same length.
    const at = Buffer.from(forged).indexOf(Buffer.from(a.key.publicKey))
    forged.set(b.key.publicKey, at)
    await expect(
      authority.issueDevice({ zone: 'green', device: 'x', csr: forged, addresses: ['127.0.0.7'] }),
    ).rejects.toMatchObject({
      name: 'NotTrusted',
      code: 'bad-signature',
    })
    await expect(
      authority.issueDevice({ zone: 'green', device: 'x', csr: Uint8Array.of(1, 2, 3), addresses: ['127.0.0.7'] }),
    ).rejects.toThrow(MalformedMessage)
  })

  test('is refused for a key that another device holds', async () => {
    const { csr } = await request()
    await authority.issueDevice({ zone: 'green', device: 'owner', csr, addresses: ['127.0.0.8'] })
    await expect(
      authority.issueDevice({ zone: 'green', device: 'thief', csr, addresses: ['127.0.0.9'] }),
    ).rejects.toThrow(/belongs to "owner"/)
  })

  test('is refused without an address', async () => {
    const { csr } = await request()
    await expect(authority.issueDevice({ zone: 'green', device: 'x', csr, addresses: [] })).rejects.toThrow(UsageError)
  })

  test('is in the list with all that an auditor asks', async () => {
    const { csr } = await request()
    const issued = await authority.issueDevice({ zone: 'blue', device: 'listed', csr, addresses: ['127.0.0.10'] })
    const record = (await authority.list()).find(({ serial }) => serial === issued.serial)
    expect(record).toMatchObject({
      zone: 'blue',
      profile: 'device',
      name: 'listed',
      status: 'valid',
      notAfter: issued.notAfter,
      certificate: issued.certificate,
    })
    expect(record?.issuer).toContain('CN=cpwe blue issuing')
    expect(record?.fingerprint).toMatch(/^[0-9a-f]{64}$/)
  })

  test('is issued 64 at a time, all different', async () => {
    const csrs = await Promise.all(Array.from({ length: 64 }, () => request()))
    const issued = await Promise.all(
      csrs.map(({ csr }, i) =>
        authority.issueDevice({ zone: 'blue', device: `many-${i}`, csr, addresses: [`127.1.0.${i}`] }),
      ),
    )
    expect(new Set(issued.map(({ serial }) => serial)).size).toBe(64)
    expect(issued.map(({ certificate }) => nameValue(decodeCertificate(certificate).subject, 'CN'))).toEqual(
      csrs.map((_, i) => `many-${i}`),
    )
  })
})

describe('a client certificate', () => {
  test('without a request comes with a key that fits and is not kept', async () => {
    const issued = await authority.issueClient({ zone: 'operations', name: 'manager', addresses: ['127.18.2.75'] })
    const certificate = decodeCertificate(issued.certificate)
    expect(issued.key?.publicKey).toEqual(certificate.publicKey)
    expect(certificate.extensions.extendedKeyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    const pkcs8 = Buffer.from(issued.key?.export() ?? new Uint8Array())
    expect(pkcs8.length).toBeGreaterThan(100)
    const backup = await store.db
      .selectFrom('certificates')
      .selectAll()
      .where('serial', '=', issued.serial)
      .executeTakeFirstOrThrow()
    expect(JSON.stringify(backup)).not.toContain(pkcs8.toString('base64').slice(60, 100))
  })

  test('for a probe lives for minutes, and never serves', async () => {
    const { certificate: leaf, notAfter } = await authority.issueClient({
      zone: 'green',
      name: 'probe',
      validityMs: 5 * 60_000,
    })
    expect(notAfter).toBe(now + 5 * 60_000)
    const anchors = await authority.anchors('green')
    expect(nodeCrypto.verifyChain({ leaf, anchors, at: now, purpose: 'client' })).toMatchObject({ ok: true })
    expect(nodeCrypto.verifyChain({ leaf, anchors, at: now, purpose: 'server' })).toMatchObject({
      ok: false,
      code: 'wrong-purpose',
    })
    expect(nodeCrypto.verifyChain({ leaf, anchors, at: now + 6 * 60_000 })).toMatchObject({
      ok: false,
      code: 'expired',
    })
  })

  test('may be asked for with a request of its own', async () => {
    const { csr, key } = await request()
    const issued = await authority.issueClient({ zone: 'operations', name: 'workstation', csr })
    expect(issued.key).toBeUndefined()
    expect(decodeCertificate(issued.certificate).publicKey).toEqual(key.publicKey)
  })
})

describe('revocation', () => {
  test('makes a list that names the certificate, with a number that grows', async () => {
    const { csr } = await request()
    const { certificate: leaf, serial } = await authority.issueDevice({
      zone: 'red',
      device: 'revoked-1',
      csr,
      addresses: ['127.2.0.1'],
    })
    expect(await authority.crl('red')).toBeUndefined()
    const first = await authority.revoke(serial, 'keyCompromise')
    expect(first).toMatchObject({ zone: 'red', number: 1, serials: [serial], further: [] })
    const list = decodeRevocationList(first.crl)
    const anchors = await authority.anchors('red')
    expect(isListOf(nodeCrypto, list, decodeCertificate(anchors[0] ?? new Uint8Array()))).toBe(true)
    expect(list.entries).toEqual([{ serial, revokedAt: now, reason: 'keyCompromise' }])
    expect(list.extensions.crlNumber).toBe(1)
    expect(await authority.crl('red')).toEqual(first.crl)
    expect(nodeCrypto.verifyChain({ leaf, anchors, revocationLists: [first.crl] })).toMatchObject({
      ok: false,
      code: 'revoked',
    })

    const other = await request()
    const second = await authority.issueDevice({
      zone: 'red',
      device: 'revoked-2',
      csr: other.csr,
      addresses: ['127.2.0.2'],
    })
    const next = await authority.revoke('revoked-2', 'superseded')
    expect(next).toMatchObject({ number: 2, serials: [second.serial] })
    expect(decodeRevocationList(next.crl).entries.map((entry) => entry.serial)).toEqual([serial, second.serial])
    expect((await authority.list()).find((record) => record.serial === serial)).toMatchObject({
      status: 'revoked',
      reason: 'keyCompromise',
      revokedAt: now,
    })
  })

  test('done twice changes nothing', async () => {
    const { csr } = await request()
    const { serial } = await authority.issueDevice({ zone: 'red', device: 'twice', csr, addresses: ['127.2.0.3'] })
    const first = await authority.revoke(serial, 'superseded')
    expect(await authority.revoke(serial.toUpperCase(), 'keyCompromise')).toEqual({ ...first, serials: [] })
  })

  test('of a device takes all its certificates, in every zone', async () => {
    const [a, b] = [await request(), await request()]
    await authority.issueDevice({ zone: 'green', device: 'moved', csr: a.csr, addresses: ['127.2.0.4'] })
    await authority.issueDevice({ zone: 'blue', device: 'moved', csr: b.csr, addresses: ['127.2.0.4'] })
    const { zone, further } = await authority.revoke('moved', 'cessationOfOperation')
    expect([zone, ...further.map((each) => each.zone)].sort()).toEqual(['blue', 'green'])
    expect((await authority.list()).filter(({ name, status }) => name === 'moved' && status === 'valid')).toEqual([])
  })

  test('at the same time for many gives every list a number of its own', async () => {
    const issued = await Promise.all(
      Array.from({ length: 8 }, async (_, i) =>
        authority.issueDevice({
          zone: 'blue',
          device: `crowd-${i}`,
          csr: (await request()).csr,
          addresses: [`127.3.0.${i}`],
        }),
      ),
    )
    const lists = await Promise.all(issued.map(({ serial }) => authority.revoke(serial, 'superseded')))
    expect(new Set(lists.map(({ number }) => number)).size).toBe(8)
    const newest = lists.reduce((a, b) => (a.number > b.number ? a : b))
    const named = decodeRevocationList(newest.crl).entries.map(({ serial }) => serial)
    expect(named).toEqual(expect.arrayContaining(issued.map(({ serial }) => serial)))
  })

  test('as compromised closes the key for good; as superseded it does not', async () => {
    const [bad, old] = [await request(), await request()]
    const wish = (csr: Uint8Array, device: string) => ({ zone: 'green', device, csr, addresses: ['127.2.0.5'] })
    await authority.issueDevice(wish(bad.csr, 'bad-key'))
    await authority.revoke('bad-key', 'keyCompromise')
    await expect(authority.issueDevice(wish(bad.csr, 'bad-key'))).rejects.toThrow(NotAllowed)
    const { serial } = await authority.issueDevice(wish(old.csr, 'old-key'))
    await authority.revoke('old-key', 'superseded')
    expect((await authority.issueDevice(wish(old.csr, 'old-key'))).serial).not.toBe(serial)
  })

  test('of what was never issued, or of a CA, is refused', async () => {
    await expect(authority.revoke('nobody', 'superseded')).rejects.toMatchObject({
      name: 'UsageError',
      code: 'missing',
    })
    const root = decodeCertificate(await authority.root())
    await expect(authority.revoke(root.serial, 'superseded')).rejects.toMatchObject({ name: 'NotAllowed' })
    await expect(authority.revoke('green', 'superseded')).rejects.toMatchObject({ name: 'NotAllowed' })
  })

  test('lists are renewed in the second half of their life, and drop what expired long ago', async () => {
    const start = now
    try {
      const { csr } = await request()
      const { serial } = await authority.issueDevice({
        zone: 'operations',
        device: 'short',
        csr,
        addresses: ['127.2.0.6'],
        validityMs: 10 * day,
      })
      const { crl, number } = await authority.revoke(serial, 'superseded')
      now = start + revocationListValidityMs / 2 - day
      expect(await authority.crl('operations')).toEqual(crl)
      now = start + revocationListValidityMs / 2 + day
      const renewed = decodeRevocationList((await authority.crl('operations')) ?? new Uint8Array())
      expect(renewed.extensions.crlNumber).toBe(number + 1)
      expect(renewed.entries.map((entry) => entry.serial)).toContain(serial)
      now = start + 10 * day + revocationListValidityMs + day
      const later = decodeRevocationList((await authority.crl('operations')) ?? new Uint8Array())
      expect(later.entries.map((entry) => entry.serial)).not.toContain(serial)
      expect(later.nextUpdate).toBe(now + revocationListValidityMs)
    } finally {
      now = start
    }
  })
})

test.skipIf(!hasOpenssl)('OpenSSL believes what the authority issued, until it is revoked', async () => {
  using directory = new OpensslDirectory()
  const { csr } = await request()
  const { certificate, serial } = await authority.issueDevice({
    zone: 'green',
    device: 'judged',
    csr,
    addresses: ['127.4.0.1'],
  })
  const [issuing] = await authority.anchors('green')
  directory.write('root.pem', encodePem('CERTIFICATE', await authority.root()))
  directory.write('issuing.pem', encodePem('CERTIFICATE', issuing ?? new Uint8Array()))
  directory.write('leaf.pem', encodePem('CERTIFICATE', certificate))
  const verify = (...more: string[]) =>
    directory.attempt(
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-attime',
      String(now / 1000),
      '-CAfile',
      'root.pem',
      '-untrusted',
      'issuing.pem',
      ...more,
      'leaf.pem',
    )
  expect(verify()).toMatchObject({ status: 0 })
  const { crl } = await authority.revoke(serial, 'keyCompromise')
  directory.write('crl.pem', encodePem('X509 CRL', crl))
  expect(verify('-crl_check', '-CRLfile', 'crl.pem').stderr).toMatch(/certificate revoked/)
})

test.each(['ecdsa-p384', 'rsa-3072'] as const)('an authority may have keys of kind %s', async (kind) => {
  await using other = new TemporaryState()
  await using its = await other.open()
  const made = openAuthority(its, { now: () => now })
  await made.initialize({ ...plan, key: kind, zones: ['green'] })
  const { csr } = await request()
  const { certificate: leaf } = await made.issueDevice({ zone: 'green', device: 'x', csr, addresses: ['127.0.0.1'] })
  expect(nodeCrypto.verifyChain({ leaf, anchors: await made.anchors('green'), at: now })).toMatchObject({ ok: true })
  const { crl } = await made.revoke('x', 'superseded')
  expect(nodeCrypto.verifyChain({ leaf, anchors: await made.anchors('green'), revocationLists: [crl] })).toMatchObject({
    ok: false,
    code: 'revoked',
  })
})

describe('a backup', () => {
  const passphrase = 'a long enough passphrase'

  test('restored into an empty state goes on as the same authority', async () => {
    const backup = await authority.backup(passphrase)
    const { number } = await authority.revoke(
      (await authority.issueClient({ zone: 'green', name: 'counting' })).serial,
      'superseded',
    )
    await using other = new TemporaryState()
    await using its = await other.open()
    const summary = await restoreAuthority(its, backup, passphrase)
    expect([...summary.zones].sort()).toEqual(['blue', 'green', 'operations', 'red'])
    const restored = openAuthority(its, { now: () => now })
    const { csr } = await request()
    const { certificate: leaf } = await restored.issueDevice({
      zone: 'green',
      device: 'after',
      csr,
      addresses: ['127.5.0.1'],
    })
    expect(
      nodeCrypto.verifyChain({
        leaf,
        intermediates: await authority.anchors('green'),
        anchors: [await authority.root()],
      }),
    ).toMatchObject({ ok: true })
    // The numbers go on where the backup was made, one before the revocation above.
    expect((await restored.revoke('after', 'superseded')).number).toBe(number)
    expect(await restored.crl('red')).toEqual(await authority.crl('red'))
  })

  test('whose keys do not fit their certificates is not believed', async () => {
    await using other = new TemporaryState()
    await using its = await other.open()
    const made = openAuthority(its)
    await made.initialize({ ...plan, zones: [] })
    const stranger = (await nodeCrypto.generateKey('ecdsa-p256')).export() ?? new Uint8Array()
    const sealed = its.secrets.seal({ table: 'authorities', id: 'root-1' }, stranger)
    await its.db.updateTable('authorities').set({ sealed }).where('id', '=', 'root-1').execute()
    const backup = await made.backup(passphrase)
    await using third = new TemporaryState()
    await using target = await third.open()
    await expect(restoreAuthority(target, backup, passphrase)).rejects.toMatchObject({ code: 'wrong-identity' })
  })
})

test('nothing is released whose record could not be kept', async () => {
  await using other = new TemporaryState()
  await using its = await other.open()
  const made = openAuthority(its)
  await made.initialize(plan)
  const { csr } = await request()
  await its.db.schema.alterTable('certificates').renameTo('gone').execute()
  await expect(made.issueDevice({ zone: 'green', device: 'x', csr, addresses: ['127.0.0.1'] })).rejects.toThrow(
    /certificates/,
  )
  await its.db.schema.alterTable('gone').renameTo('certificates').execute()
  expect((await made.list()).filter(({ profile }) => profile === 'device')).toEqual([])
  expect(await made.issueDevice({ zone: 'green', device: 'x', csr, addresses: ['127.0.0.1'] })).toHaveProperty('serial')
})

test('a certificate that the lint refuses is not signed', async () => {
  // A crypto that gives the same serial number bytes for all cannot fool the lint, but a short one is found.
  const weak: Crypto = { ...nodeCrypto, random: (length) => nodeCrypto.random(Math.min(length, 4)) }
  const { csr } = await request()
  await expect(
    openAuthority(store, { crypto: weak, now: () => now }).issueDevice({
      zone: 'green',
      device: 'weak',
      csr,
      addresses: ['127.0.0.1'],
    }),
  ).rejects.toThrow(/less than 16 bytes/)
  expect((await authority.list()).some(({ name }) => name === 'weak')).toBe(false)
})

test.skipIf(!isBuilt)(
  'every certificate that was released survives kill -9 of the issuer and the database',
  async () => {
    await using other = new TemporaryState(true)
    const options = JSON.stringify({ state: other.state, clusters: other.clusters })
    const source = `
    import { buildRequest, parseName } from '@cordon/core/x509'
    import { nodeCrypto } from '@cordon/node/crypto'
    import { openAuthority } from '@cordon/server/authority'
    import { openStore } from '@cordon/server/store'
    const store = await openStore(${options})
    const authority = openAuthority(store)
    await authority.initialize(${JSON.stringify(plan)})
    console.log('pid ' + (await store.status()).pid)
    const worker = async (w) => {
      for (let i = 0; ; i++) {
        const key = await nodeCrypto.generateKey('ecdsa-p256')
        const csr = await buildRequest(key, { subject: parseName('CN=x') })
        const { serial } = await authority.issueDevice({ zone: 'green', device: 'd' + process.pid + w + '-' + i, csr, addresses: ['127.0.0.1'] })
        console.log(serial)
      }
    }
    await Promise.all(['a', 'b', 'c', 'd'].map(worker))`
    const released: string[] = []
    for (let round = 0; round < 3; round++) {
      using program = new Program(source)
      const pid = Number((await program.line()).slice(4))
      await program.line(15 + round * 10)
      if (round !== 1) process.kill(pid, 'SIGKILL')
      await program.kill()
      released.push(...program.lines.slice(1))
    }
    await using its = await other.open()
    const known = new Set((await openAuthority(its).list()).map(({ serial }) => serial))
    expect(released.length).toBeGreaterThanOrEqual(70)
    expect(released.filter((serial) => !known.has(serial))).toEqual([])
  },
)
