import { createHash } from 'node:crypto'
import { vendorSubject } from '@cordon/core/authority'
import { decodeRequestWishes, wishedKey } from '@cordon/core/enrollment'
import {
  decodeCertificate,
  type Extension,
  formatName,
  keyPurposes,
  parseName,
  subjectAlternativeName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import type { StoreAuthority } from '@cordon/server/authority'
import type { EnrollmentOptions } from '@cordon/server/enrollment'
import { jsonText, type Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basicConstraints, extendedKeyUsage, keyUsage } from '../../../core/src/x509/extensions.ts'
import { issue } from '../../../core/test/enrollment/world.ts'
import { TemporaryState } from '../store/support.ts'
import {
  type Bench,
  files,
  granted,
  initialize,
  makeWorld,
  openBench,
  plant,
  plantText,
  rulesText,
  start,
  Unit,
  type World,
} from './support.ts'

let place: TemporaryState
let store: Store
let world: World
let bench: Bench
let now = start

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  world = await makeWorld()
  await initialize(store, () => now)
  bench = await openBench(store, world, () => now)
})

afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

async function ask(unit: Unit, label: string | undefined, more: Parameters<Unit['request']>[1] = {}) {
  return await bench.service.enroll(await unit.request(label, more))
}

const keyOf = (unit: Unit) => createHash('sha256').update(unit.key.publicKey).digest('hex')

async function rowOf(unit: Unit, label = '') {
  const rows = store.db.selectFrom('enrollments').selectAll().where('label', '=', label)
  return await rows.where('key', '=', keyOf(unit)).executeTakeFirst()
}

async function certificatesOf(unit: Unit) {
  const rows = store.db.selectFrom('certificates').selectAll()
  return await rows.where('key_hash', '=', Buffer.from(keyOf(unit), 'hex')).execute()
}

async function say(unit: Unit, label: string, kind: 'approve' | 'deny' | 'withdraw', by: string) {
  const row = await rowOf(unit, label)
  if (row === undefined) throw new Error('there is no such row')
  const detail = kind === 'approve' ? jsonText({ subject: row.subject, device: row.device }) : null
  await store.db
    .insertInto('enrollment_words')
    .values({ enrollment: row.id, kind, by, reason: 'looked', detail })
    .execute()
}

async function noticesOf(unit: Unit, label = '') {
  const row = await rowOf(unit, label)
  const rows = await store.db
    .selectFrom('notifications')
    .select('kind')
    .where('subject', '=', `enrollment ${row?.id}`)
    .orderBy('id')
    .execute()
  return rows.map(({ kind }) => kind)
}

/** A service of its own beside the other, over the same store. */
async function beside(change: Partial<EnrollmentOptions>): Promise<Bench> {
  return await openBench(store, world, () => now, change)
}

/** The authority, with something in its way. */
function authorityWith(change: Partial<StoreAuthority>): StoreAuthority {
  return new Proxy(bench.authority, {
    get: (target, name) => {
      const own: unknown = Reflect.get(change, name) ?? Reflect.get(target, name, target)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}

const basic = (name: string, password = 'right') => ({ basic: { name, password } })
let last = 0x1000
const fresh = () => ++last

describe('a vendor certificate', () => {
  test('earns the certificate of the device that the plant file expects', async () => {
    const unit = await Unit.of(world.vendor, 0x101, '127.70.1.1')
    const certificate = granted(await ask(unit, undefined, { subject: 'CN=I am the root,O=Evil' }))
    expect(formatName(certificate.subject)).toContain('CN=Expected,OU=green')
    expect(certificate.extensions.subjectAlternativeNames).toEqual([{ kind: 'ip', value: '127.70.1.1' }])
    expect(await rowOf(unit)).toMatchObject({ state: 'granted', device: 'Expected', requester: 'vendor example' })
    expect(await noticesOf(unit)).toEqual(['enrollment-granted'])
    const words = await store.db.selectFrom('enrollment_words').selectAll().execute()
    expect(words.map(({ kind, by }) => [kind, by])).toEqual([
      ['asked', 'policy'],
      ['issue', 'policy'],
    ])
  })

  test('finds its device wherever it asks from, and names the address of the plant file', async () => {
    const unit = await Unit.of(world.vendor, 0x102, '127.70.9.9')
    const certificate = granted(await ask(unit, undefined))
    expect(certificate.extensions.subjectAlternativeNames).toEqual([{ kind: 'ip', value: '127.70.1.2' }])
  })

  test('of a stranger earns nothing, and leaves no certificate', async () => {
    const unit = await Unit.of(world.stranger, 0x103, '127.70.1.11')
    expect(await ask(unit, undefined)).toMatchObject({ kind: 'denied' })
    expect(await rowOf(unit)).toMatchObject({ state: 'denied', serial: null })
    expect(await certificatesOf(unit)).toEqual([])
    expect(await noticesOf(unit)).toEqual(['enrollment-denied'])
    await ask(unit, undefined)
    expect(await noticesOf(unit)).toHaveLength(1)
  })

  const wishes: [string, Extension[]][] = [
    ['a CA', [basicConstraints(true)]],
    ['keyCertSign', [keyUsage(['keyCertSign', 'digitalSignature'])]],
    ['anyExtendedKeyUsage', [extendedKeyUsage([keyPurposes.any])]],
    ['cmcRA', [extendedKeyUsage([keyPurposes.clientAuth, keyPurposes.cmcRA])]],
  ]
  test.each(wishes)('never makes %s, whatever the request wishes', async (_, extensions) => {
    const unit = await Unit.of(world.vendor, fresh(), '127.70.8.1')
    const { extensions: given } = granted(await ask(unit, undefined, { extensions }))
    expect(given.basicConstraints).toMatchObject({ ca: false })
    expect(given.keyUsage).toEqual(['digitalSignature'])
    expect(given.extendedKeyUsage).toEqual([keyPurposes.serverAuth, keyPurposes.clientAuth])
  })

  test('at the address of another device is refused', async () => {
    const unit = await Unit.of(world.vendor, 0x101, '127.70.1.2')
    expect(await ask(unit, undefined)).toMatchObject({ kind: 'denied' })
    expect((await rowOf(unit))?.reason).toMatch(
      /its unit is Expected by the plant file, its address .* is that of Moved/,
    )
  })

  test('of another unit than the plant file expects waits for a change of the file', async () => {
    const unit = await Unit.of(world.vendor, 0x777, '127.70.1.1')
    expect(await ask(unit, undefined)).toMatchObject({ kind: 'pending', retryAfterS: 10 })
    expect((await rowOf(unit))?.reason).toMatch(/expects serial 257 for Expected, found 1911 .* change the plant file/)
    expect(await certificatesOf(unit)).toEqual([])
  })

  test('makes no certificate for a device without CIP Security', async () => {
    const unit = await Unit.of(world.vendor, fresh(), '127.70.1.3')
    expect(await ask(unit, undefined)).toMatchObject({ kind: 'denied' })
  })

  test('earns none at once with a request that names another unit: that is an alarm', async () => {
    const unit = await Unit.of(world.vendor, fresh(), '127.70.1.11')
    const answer = await ask(unit, undefined, { subject: 'CN=x,serialNumber=0001-00000999' })
    expect(answer).toMatchObject({ kind: 'denied' })
    expect(await noticesOf(unit)).toEqual(['enrollment-alarm'])
    expect(await certificatesOf(unit)).toEqual([])
  })

  test('with a request of another connection is refused whatever the rules say', async () => {
    const unit = await Unit.of(world.vendor, fresh(), '127.70.1.11')
    const linking = { state: 'wrong', reason: 'of another connection' } as const
    expect(await ask(unit, undefined, { linking })).toMatchObject({ kind: 'denied' })
    expect((await rowOf(unit))?.reason).toBe('linking: of another connection')
    const seen = await store.db.selectFrom('enrollment_sightings').selectAll().where('key', '=', keyOf(unit)).execute()
    expect(seen).toEqual([])
  })
})

describe('the same request', () => {
  test('gets the same certificate, and 50 at once get one', async () => {
    const unit = await Unit.of(world.vendor, fresh(), '127.70.7.1')
    const request = await unit.request(undefined)
    const answers = await Promise.all(Array.from({ length: 50 }, () => bench.service.enroll(request)))
    const serials = new Set(answers.map((answer) => granted(answer).serial))
    expect(serials.size).toBe(1)
    expect(granted(await bench.service.enroll(request)).serial).toBe([...serials][0])
    expect(await certificatesOf(unit)).toHaveLength(1)
  })

  test('to two processes at once gets one certificate, with the chain that leads to it', async () => {
    await using other = await beside({})
    const units = await Promise.all(Array.from({ length: 8 }, () => Unit.of(world.vendor, fresh(), '127.70.7.2')))
    for (const unit of units) {
      const request = await unit.request(undefined)
      const answers = await Promise.all([bench, other, bench, other].map(({ service }) => service.enroll(request)))
      expect(new Set(answers.map((answer) => granted(answer).serial)).size).toBe(1)
      for (const answer of answers) {
        if (answer.kind !== 'granted') continue
        const [issuing, root] = answer.chain
        const anchors = issuing === undefined ? [] : [issuing]
        expect(nodeCrypto.verifyChain({ leaf: answer.certificate, anchors }).ok).toBe(true)
        expect(root).toEqual(await bench.authority.root())
      }
      expect(await certificatesOf(unit)).toHaveLength(1)
    }
  })

  test('gets another certificate when a third of the life is left', async () => {
    const unit = await Unit.of(world.vendor, fresh(), '127.70.7.3')
    const first = granted(await ask(unit, undefined))
    const before = now
    try {
      now += 0.8 * 365 * 86_400_000
      expect(granted(await ask(unit, undefined)).serial).not.toBe(first.serial)
    } finally {
      now = before
    }
  })
})

describe('an administrator', () => {
  test('is told once, and what is approved is issued in that name', async () => {
    const unit = await Unit.make('127.70.1.12')
    for (let count = 0; count < 3; count++) expect(await ask(unit, 'admin')).toMatchObject({ kind: 'pending' })
    expect(await noticesOf(unit, 'admin')).toEqual(['enrollment-pending'])
    expect((await rowOf(unit, 'admin'))?.expires_at?.getTime()).toBe(now + 7 * 86_400_000)
    await say(unit, 'admin', 'approve', 'alice')
    expect(formatName(granted(await ask(unit, 'admin')).subject)).toContain('CN=Spare_2')
    const row = await rowOf(unit, 'admin')
    const words = await store.db
      .selectFrom('enrollment_words')
      .selectAll()
      .where('enrollment', '=', row?.id ?? 0)
      .orderBy('id')
      .execute()
    expect(words.map(({ kind, by }) => `${kind} ${by}`)).toEqual(['asked policy', 'approve alice', 'issue alice'])
    expect(words.at(-1)?.detail).toMatchObject({ serial: row?.serial, evaluation: { verdict: 'grant' } })
  })

  test('of two has to be joined by another', async () => {
    const unit = await Unit.make('127.70.1.13')
    await ask(unit, 'two')
    await say(unit, 'two', 'approve', 'alice')
    await say(unit, 'two', 'approve', 'alice')
    expect(await ask(unit, 'two')).toMatchObject({ kind: 'pending' })
    await say(unit, 'two', 'approve', 'bob')
    granted(await ask(unit, 'two'))
  })

  test('who denies is heard under every label, until it is taken back', async () => {
    const unit = await Unit.make('127.70.1.14')
    await ask(unit, 'admin')
    await say(unit, 'admin', 'deny', 'alice')
    expect(await ask(unit, 'admin')).toMatchObject({ kind: 'denied' })
    expect(await ask(unit, 'lab')).toMatchObject({ kind: 'denied' })
    await say(unit, 'admin', 'withdraw', 'alice')
    granted(await ask(unit, 'lab'))
  })

  test('who approved in vain is asked again after the wait is over', async () => {
    const unit = await Unit.make('127.70.1.15')
    await ask(unit, 'two')
    await say(unit, 'two', 'approve', 'alice')
    const before = now
    try {
      now += 8 * 86_400_000
      expect(await ask(unit, 'two')).toMatchObject({ kind: 'pending', retryAfterS: 10 })
      await say(unit, 'two', 'approve', 'bob')
      expect(await ask(unit, 'two')).toMatchObject({ kind: 'pending' })
    } finally {
      now = before
    }
    expect(await noticesOf(unit, 'two')).toEqual(['enrollment-pending', 'enrollment-pending'])
  })

  test('who speaks while the certificate is made is heard', async () => {
    const unit = await Unit.make('127.70.1.11')
    await ask(unit, 'admin')
    await say(unit, 'admin', 'approve', 'alice')
    await using other = await beside({
      authority: authorityWith({
        signDevice: async (request) => {
          const signed = await bench.authority.signDevice(request)
          await say(unit, 'admin', 'deny', 'bob')
          return signed
        },
      }),
    })
    expect(await other.service.enroll(await unit.request('admin'))).toMatchObject({ kind: 'denied' })
    expect(await rowOf(unit, 'admin')).toMatchObject({ state: 'denied', reason: 'bob denied it: looked' })
    expect(await certificatesOf(unit)).toEqual([])
  })
})

describe('an inventory', () => {
  test.each([
    ['list', 'proven', true],
    ['list', 'observed', false],
    ['list', 'claimed', false],
    ['seen', 'observed', true],
    ['seen', 'claimed', false],
    ['claimed', 'claimed', true],
  ] as const)('of label %s takes a number that is %s: %s', async (label, assurance, isGranted) => {
    const serialNumber = fresh()
    const entry = { unit: { vendorId: 1, serialNumber }, mac: undefined, note: '' }
    let asked = 0
    await using own = await beside({
      files: files(
        world,
        `${rulesText}`.replace('lab: operations,', 'lab: operations, list: green, seen: green, claimed: green,'),
        [entry],
      ),
      observe: async () => {
        asked++
        return assurance === 'observed' ? { unit: entry.unit, mac: undefined, identity: undefined } : undefined
      },
    })
    const address = `127.70.6.${serialNumber % 250}`
    const unit = assurance === 'proven' ? await Unit.of(world.vendor, serialNumber, address) : await Unit.make(address)
    const subject = assurance === 'claimed' ? `serialNumber=0001-${serialNumber.toString(16).padStart(8, '0')}` : 'CN=x'
    const answer = await own.service.enroll(await unit.request(label, { subject }))
    expect(answer.kind).toBe(isGranted ? 'granted' : 'denied')
    expect(asked).toBe(label === 'list' ? 0 : 1)
    expect(await certificatesOf(unit)).toHaveLength(isGranted ? 1 : 0)
  })
})

describe('a user name and password', () => {
  test('are asked for, and count as often as the file says', async () => {
    const units = await Promise.all(Array.from({ length: 5 }, () => Unit.make('127.70.5.1')))
    const [first] = units
    if (first === undefined) throw new Error('no unit')
    expect(await ask(first, 'crew')).toMatchObject({ kind: 'authenticate' })
    expect(await rowOf(first, 'crew')).toBeUndefined()
    expect(await ask(first, 'crew', basic('crew', 'wrong'))).toMatchObject({ kind: 'authenticate' })
    expect(await rowOf(first, 'crew')).toMatchObject({ state: 'denied', reason: 'wrong password for account crew' })
    await using other = await beside({})
    const answers = await Promise.all(
      units.map(async (unit, index) =>
        (index % 2 === 0 ? bench : other).service.enroll(
          await unit.request('crew', { ...basic('crew'), subject: `CN=PC ${index}` }),
        ),
      ),
    )
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['denied', 'denied', 'denied', 'granted', 'granted'])
    const uses = await store.db.selectFrom('credential_uses').selectAll().where('credential', '=', 'crew').execute()
    expect(uses).toHaveLength(2)
    for (const [index, unit] of units.entries()) {
      expect(await certificatesOf(unit)).toHaveLength(answers[index]?.kind === 'granted' ? 1 : 0)
    }
    expect(JSON.stringify(await store.db.selectFrom('enrollments').selectAll().execute())).not.toContain('"right"')
  })

  test('that are not looked at now are asked for later', async () => {
    await using own = await beside({ verifyAccount: async () => 'later' })
    const unit = await Unit.make('127.70.5.2')
    expect(await own.service.enroll(await unit.request('crew', basic('crew')))).toMatchObject({ kind: 'tooMany' })
  })
})

describe('a provisioning certificate', () => {
  const card = async () => {
    const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
    return await issue(world.cards, publicKey)
  }

  test('counts for one key, whoever is first, and for that key again', async () => {
    await using other = await beside({})
    const shown = await card()
    const units = await Promise.all(['127.70.1.16', '127.70.1.17'].map((address) => Unit.make(address, shown)))
    const answers = await Promise.all(
      units.map(async (unit, index) => (index === 0 ? bench : other).service.enroll(await unit.request('cards'))),
    )
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['denied', 'granted'])
    const winner = units[answers[0]?.kind === 'granted' ? 0 : 1]
    if (winner === undefined) throw new Error('nobody')
    granted(await ask(winner, 'cards'))
    for (const unit of units) expect(await certificatesOf(unit)).toHaveLength(unit === winner ? 1 : 0)
  })

  test('that was revoked counts no more, and what was issued through it is not renewed', async () => {
    const shown = await card()
    const unit = await Unit.make('127.70.1.18', shown)
    const certificate = granted(await ask(unit, 'cards'))
    const credential = createHash('sha256').update(shown.der).digest('hex')
    await store.db
      .insertInto('revoked_credentials')
      .values({ kind: 'provisioning', credential, by: 'alice', reason: 'lost' })
      .execute()
    const again = await Unit.make('127.70.1.18', shown)
    expect(await ask(again, 'cards')).toMatchObject({ kind: 'denied' })
    const renewer = unit.with({ shown: certificate })
    const subject = certificate.subject
    const extensions = certificate.extensions.all.filter(({ type }) => type === '2.5.29.17')
    expect(await ask(renewer, 'cards', { operation: 'simplereenroll', subject, extensions })).toMatchObject({
      kind: 'denied',
    })
  })
})

describe('a global grant', () => {
  test('is announced, is an event once, and ends', async () => {
    expect(bench.service.status().banner).toMatch(/EVERYBODY .* until 2026-06-02T00:00:00/)
    for (const name of ['CN=first', 'CN=second'])
      granted(await ask(await Unit.make('127.70.4.1'), 'lab', { subject: name }))
    const events = await store.db.selectFrom('events').selectAll().where('kind', '=', 'global-grant').execute()
    expect(events).toHaveLength(1)
    const before = now
    try {
      now += 86_400_000
      expect(bench.service.status().banner).toBeUndefined()
      expect(await ask(await Unit.make('127.70.4.1'), 'lab')).toMatchObject({ kind: 'denied' })
    } finally {
      now = before
    }
  })
})

describe('a requester that the plant file does not list', () => {
  test('is named by its proven unit, by the name it wishes for made safe, or by its key', async () => {
    const proven = await Unit.of(world.vendor, 0xe17388, '127.70.3.1')
    expect(formatName(granted(await ask(proven, undefined)).subject)).toContain('CN=V0001-00E17388')
    const [named, nameless] = await Promise.all([Unit.make('127.70.3.2'), Unit.make('127.70.3.3')])
    const certificate = granted(await ask(named, 'lab', { subject: 'CN=../PC 7: drop' }))
    expect(formatName(certificate.subject)).toContain('CN=PC-7-drop,OU=operations')
    expect(certificate.extensions.subjectAlternativeNames).toEqual([{ kind: 'ip', value: '127.70.3.2' }])
    const text = formatName(granted(await ask(nameless, 'lab', { subject: 'OU=x' })).subject)
    expect(text).toContain(`CN=key-${keyOf(nameless).slice(0, 8)}`)
  })

  test('gets no name of a device, and none that another holds', async () => {
    const thief = await Unit.make('127.70.3.4')
    for (const subject of ['CN=Expected', 'CN=EXPECTED']) {
      expect(await ask(thief, 'lab', { subject })).toMatchObject({ kind: 'denied' })
    }
    granted(await ask(await Unit.make('127.70.3.5'), 'lab', { subject: 'CN=engineer' }))
    expect(await ask(thief, 'lab', { subject: 'CN=engineer' })).toMatchObject({ kind: 'denied' })
    expect((await rowOf(thief, 'lab'))?.reason).toMatch(/another key holds certificate/)
    const rivals = await Promise.all(['127.70.3.6', '127.70.3.7'].map((address) => Unit.make(address)))
    await using other = await beside({})
    const answers = await Promise.all(
      rivals.map(async (unit, index) =>
        (index === 0 ? bench : other).service.enroll(await unit.request('lab', { subject: 'CN=rival' })),
      ),
    )
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['denied', 'granted'])
  })

  test('gets nothing under a label that is for devices of the plant', async () => {
    const unit = await Unit.make('127.70.3.8')
    expect(await ask(unit, 'admin')).toMatchObject({ kind: 'denied' })
    expect((await rowOf(unit, 'admin'))?.reason).toMatch(/lists no device at 127.70.3.8 .*unlisted/)
  })
})

describe('one key at two places', () => {
  test('raises an alarm at both, until one of them is declared harmless', async () => {
    const unit = await Unit.make('127.70.2.1')
    granted(await ask(unit, 'lab', { subject: 'CN=copied' }))
    const copy = unit.with({ address: '127.70.2.2' })
    expect(await ask(copy, 'lab', { subject: 'CN=copied' })).toMatchObject({ kind: 'denied' })
    expect(await ask(unit, 'lab', { subject: 'CN=copied' })).toMatchObject({ kind: 'denied' })
    expect(await rowOf(unit, 'lab')).toMatchObject({ state: 'granted' })
    expect((await noticesOf(unit, 'lab')).filter((kind) => kind === 'enrollment-alarm').length).toBeGreaterThan(0)
    const sightings = store.db.updateTable('enrollment_sightings').set({ cleared_by: 'alice' })
    await sightings.where('key', '=', keyOf(unit)).where('address', '=', '127.70.2.2').execute()
    granted(await ask(unit, 'lab', { subject: 'CN=copied' }))
    expect(await ask(copy, 'lab', { subject: 'CN=copied' })).toMatchObject({ kind: 'denied' })
    expect(await certificatesOf(unit)).toHaveLength(1)
  })
})

describe('a renewal', () => {
  const enrolled = async (address: string, label = 'lab', name = 'renews') => {
    const unit = await Unit.make(address)
    const certificate = granted(await ask(unit, label, { subject: `CN=${name}` }))
    const extensions = certificate.extensions.all.filter(({ type }) => type === '2.5.29.17')
    const wish = { operation: 'simplereenroll', subject: certificate.subject, extensions } as const
    return { unit: unit.with({ shown: certificate }), certificate, wish }
  }

  test('keeps the identity, with the same key or a new one, without asking the rules', async () => {
    const { unit, certificate, wish } = await enrolled('127.70.1.19')
    const other = (await Unit.make('127.70.1.19')).with({ shown: certificate })
    const before = now
    try {
      now += 0.7 * 365 * 86_400_000
      const same = granted(await ask(unit, 'lab', wish))
      expect(same.serial).not.toBe(certificate.serial)
      const renewed = granted(await ask(other, 'lab', wish))
      expect(formatName(renewed.subject)).toBe(formatName(certificate.subject))
      expect(await certificatesOf(unit)).toMatchObject([{ status: 'valid' }, { status: 'valid' }])
    } finally {
      now = before
    }
  })

  test('under another name is refused with what differs', async () => {
    const { unit, wish } = await enrolled('127.70.2.12', 'lab', 'renews2')
    const answer = await ask(unit, 'lab', { ...wish, subject: 'CN=other' })
    expect(answer).toMatchObject({ kind: 'malformed', reason: expect.stringContaining('expected CN=renews2') })
    expect(await ask(unit, 'lab', { ...wish, extensions: [] })).toMatchObject({ kind: 'malformed' })
  })

  test('of a revoked certificate is refused, also as a first enrollment', async () => {
    const { unit, certificate, wish } = await enrolled('127.70.2.13', 'lab', 'renews3')
    await bench.authority.revoke(certificate.serial, 'keyCompromise')
    expect(await ask(unit, 'lab', wish)).toMatchObject({ kind: 'denied' })
    expect(await ask(unit, 'lab')).toMatchObject({ kind: 'denied' })
    const fresh = (await Unit.make('127.70.2.13')).with({ shown: certificate })
    expect(await ask(fresh, 'lab')).toMatchObject({ kind: 'denied' })
    expect(await certificatesOf(fresh)).toEqual([])
  })

  test('of an expired certificate goes back to the rules', async () => {
    const { unit, wish } = await enrolled('127.70.2.14', 'lab', 'renews4')
    const before = now
    try {
      now += 2 * 365 * 86_400_000
      expect(await ask(unit, 'lab', wish)).toMatchObject({ kind: 'denied' })
      expect((await rowOf(unit, 'lab'))?.reason).toMatch(/the global grant ended/)
    } finally {
      now = before
    }
  })

  test('with a stolen certificate for another is no way in: the certificate must be ours and recorded', async () => {
    const stranger = await Unit.of(world.stranger, fresh(), '127.70.1.11')
    expect(await ask(stranger, undefined, { operation: 'simplereenroll' })).toMatchObject({ kind: 'denied' })
  })

  test('makes nobody a device that the plant file lists since: that goes back to the rules', async () => {
    const { unit, wish } = await enrolled('127.70.2.17', 'lab', 'Listed_later')
    const devices = `${plantText}  Listed_later: { address: 127.70.1.30, zone: green }\n`
    await using later = await beside({ plant: plant(devices) })
    const other = (await Unit.make('127.70.2.17')).with(unit.shown === undefined ? {} : { shown: unit.shown.leaf })
    expect(await later.service.enroll(await other.request('lab', wish))).toMatchObject({ kind: 'denied' })
    expect(await certificatesOf(other)).toEqual([])
  })

  test('from another address is a copied key', async () => {
    const { unit, wish } = await enrolled('127.70.2.15', 'lab', 'renews5')
    const thief = (await Unit.make('127.70.2.16')).with({
      shown: unit.shown?.leaf ?? (await issue(world.vendor, unit.key.publicKey)),
    })
    expect(await ask(thief, 'lab', wish)).toMatchObject({ kind: 'denied' })
    expect(await noticesOf(thief, 'lab')).toEqual(['enrollment-alarm'])
  })
})

describe('a new unit', () => {
  const identity = { deviceType: 12, productCode: 166, major: 3, minor: 1, productName: 'EN4TR' }
  const met = { ...identity, vendorId: 1, serialNumber: 0x5000 }
  const address = '127.70.1.4'

  async function deployed(): Promise<void> {
    await store.db
      .insertInto('devices')
      .values({
        plant: 'pull',
        name: 'Open',
        address,
        zone: 'blue',
        identity: jsonText(met),
        serial: 0x5000,
        vendor_fingerprint: null,
        pinned_at: null,
        certificate_fingerprint: null,
        observed: jsonText({ configured: true, keys: [] }),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  test('that does not match waits, whatever the rules say, and the queue says why', async () => {
    await deployed()
    const old = await Unit.of(world.vendor, 0x5000, address)
    granted(await ask(old, undefined))
    await using own = await beside({
      observe: async () => ({ unit: undefined, mac: undefined, identity: { ...identity, productCode: 7 } }),
    })
    const unit = await Unit.of(world.vendor, 0x5001, address)
    expect(await own.service.enroll(await unit.request(undefined))).toMatchObject({ kind: 'pending' })
    const row = await rowOf(unit)
    expect(row?.reason).toMatch(/would replace vendor 1 serial 0x00005000 as Open.*product code 7, expected 166/)
    expect(row?.replacement).toMatchObject({ device: 'Open', matches: false })
    expect(await certificatesOf(unit)).toEqual([])
    expect(await certificatesOf(old)).toMatchObject([{ status: 'valid' }])
  })

  test('that matches takes the role: the old certificate is revoked, a deployment accepts it', async () => {
    await deployed()
    const old = await Unit.of(world.vendor, 0x5000, address)
    granted(await ask(old, undefined))
    await using own = await beside({ observe: async () => ({ unit: undefined, mac: undefined, identity }) })
    const unit = await Unit.of(world.vendor, 0x5002, address)
    granted(await own.service.enroll(await unit.request(undefined)))
    expect(await rowOf(unit)).toMatchObject({ state: 'granted', replacement: { device: 'Open', matches: true } })
    expect(await noticesOf(unit)).toEqual(['enrollment-granted', 'enrollment-replaced'])
    expect(await certificatesOf(old)).toMatchObject([{ status: 'revoked' }])
    expect(await certificatesOf(unit)).toMatchObject([{ status: 'valid' }])
    expect(await store.db.selectFrom('devices').selectAll().where('name', '=', 'Open').execute()).toEqual([])
    expect(await ask(old, undefined)).not.toMatchObject({ kind: 'granted' })
  })

  test('that an administrator approves takes it too', async () => {
    const unit = await Unit.of(world.vendor, 0x5003, address)
    expect(await ask(unit, undefined)).toMatchObject({ kind: 'pending' })
    await say(unit, '', 'approve', 'alice')
    granted(await ask(unit, undefined))
    const row = await rowOf(unit)
    const words = await store.db
      .selectFrom('enrollment_words')
      .selectAll()
      .where('enrollment', '=', row?.id ?? 0)
      .execute()
    expect(words.map(({ kind, by }) => `${kind} ${by}`)).toContain('replace alice')
  })

  test('that is the old one with a new key replaces nobody', async () => {
    const unit = await Unit.of(world.vendor, 0x5003, address)
    granted(await ask(unit, undefined))
    expect(await rowOf(unit)).toMatchObject({ replacement: null })
  })

  test('that only copies the number of the old one does not pass for it', async () => {
    const subject = vendorSubject({ vendorId: 1, serialNumber: 0x7001, vendorName: 'Example' })
    const [old, copy] = await Promise.all([Unit.make('127.70.1.22'), Unit.make('127.70.1.22')])
    const former = granted(await ask(old, 'lab', { subject }))
    expect(await ask(copy, 'lab', { subject })).toMatchObject({ kind: 'pending' })
    expect(await certificatesOf(copy)).toEqual([])
    expect(await certificatesOf(old)).toMatchObject([{ serial: former.serial, status: 'valid' }])
  })

  test('whose former is not revoked yet leaves it no renewal', async () => {
    const former = await Unit.of(world.vendor, 0x6001, '127.70.1.20')
    const certificate = granted(await ask(former, undefined))
    const authority = authorityWith({ revoke: () => Promise.reject(new Error('the signer is away')) })
    const observe = async () => ({ unit: undefined, mac: undefined, identity })
    await using failing = await openBench(store, world, () => now, { authority, observe })
    const unit = await Unit.of(world.vendor, 0x6002, '127.70.1.20')
    await failing.service.enroll(await unit.request(undefined))
    await say(unit, '', 'approve', 'alice')
    granted(await failing.service.enroll(await unit.request(undefined)))
    expect(await certificatesOf(former)).toMatchObject([{ status: 'valid' }])
    const extensions = certificate.extensions.all.filter(({ type }) => type === '2.5.29.17')
    const wish = { operation: 'simplereenroll', subject: certificate.subject, extensions } as const
    const next = (await Unit.make('127.70.1.13')).with({ shown: certificate })
    expect(await failing.service.enroll(await next.request(undefined, wish))).toMatchObject({ kind: 'denied' })
    expect(await certificatesOf(next)).toEqual([])
  })

  test('whose former is not revoked yet is remembered by the next process', async () => {
    const failing = await openBench(store, world, () => now, {
      observe: async () => ({ unit: undefined, mac: undefined, identity }),
      authority: authorityWith({ revoke: () => Promise.reject(new Error('the store is gone')) }),
    })
    const before = (
      await store.db
        .selectFrom('certificates')
        .select('serial')
        .where('name', '=', 'Open')
        .where('status', '=', 'valid')
        .execute()
    ).map(({ serial }) => serial)
    const unit = await Unit.of(world.vendor, 0x5004, address)
    await failing.service.enroll(await unit.request(undefined))
    await say(unit, '', 'approve', 'alice')
    granted(await failing.service.enroll(await unit.request(undefined)))
    await failing[Symbol.asyncDispose]()
    const statuses = async () =>
      (await store.db.selectFrom('certificates').select('status').where('serial', 'in', before).execute()).map(
        ({ status }) => status,
      )
    expect(new Set(await statuses())).toEqual(new Set(['valid']))
    await using next = await beside({})
    expect(next.service.status().problems).toEqual([])
    expect(new Set(await statuses())).toEqual(new Set(['revoked']))
  })
})

describe('an enrollment service', () => {
  test('has the labels of its file, and says who signs and what to ask for', async () => {
    expect([undefined, 'admin', 'nowhere'].map((label) => bench.service.hasLabel(label))).toEqual([true, true, false])
    const published = (await bench.service.authorities(undefined)).map((der) => decodeCertificate(der))
    expect(published.map(({ extensions }) => extensions.basicConstraints?.ca)).toEqual([true, true, true, true])
    // A device believes whoever is among them: never the CA of provisioning certificates.
    const provisioning = await bench.authority.provisioningAnchor()
    await using later = await beside({})
    const named = await later.service.authorities(undefined)
    expect(named.map((der) => nodeCrypto.equal(der, provisioning))).toEqual([false, false, false, false])
    const wishes = await bench.service.attributes('admin')
    expect(wishes && wishedKey(decodeRequestWishes(wishes))).toBe('ecdsa-p256')
    expect(await bench.service.attributes('nowhere')).toBeUndefined()
    expect(await ask(await Unit.make('127.70.2.20'), 'nowhere')).toMatchObject({ kind: 'denied' })
  })

  test('makes keys only where that is switched on, and a new one each time', async () => {
    const unit = await Unit.make('127.70.2.21')
    const wish = { operation: 'serverkeygen', subject: 'CN=keyless' } as const
    expect(await ask(unit, 'lab', wish)).toMatchObject({ kind: 'denied' })
    await using own = await beside({ serverKeyGeneration: true })
    const answers = [
      await own.service.enroll(await unit.request('lab', wish)),
      await own.service.enroll(await unit.request('lab', wish)),
    ]
    const certificates = answers.map(granted)
    for (const [index, answer] of answers.entries()) {
      const key = answer.kind === 'granted' ? answer.key : undefined
      expect(key && nodeCrypto.importKey(key).publicKey).toEqual(certificates[index]?.publicKey)
    }
    const rows = await store.db
      .selectFrom('certificates')
      .select('status')
      .where('name', '=', 'keyless')
      .orderBy('created_at')
      .execute()
    expect(rows.map(({ status }) => status)).toEqual(['revoked', 'valid'])
  })

  test('answers one that asks too often that it is to wait', async () => {
    await using own = await beside({ perMinute: 3 })
    const unit = await Unit.make('127.70.2.22')
    const kinds: string[] = []
    for (let count = 0; count < 5; count++) kinds.push((await own.service.enroll(await unit.request('admin'))).kind)
    expect(kinds.slice(3)).toEqual(['tooMany', 'tooMany'])
  })

  test('keeps few records of a stranger, whatever it calls itself, and takes nobody else for it', async () => {
    await using own = await beside({ perMinute: 5 })
    const strangers = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
        return await Unit.make(
          '127.70.4.9',
          await issue(world.stranger, publicKey, { subject: parseName(`CN=s${index}`) }),
        )
      }),
    )
    const kinds: string[] = []
    for (const unit of strangers) kinds.push((await own.service.enroll(await unit.request('admin'))).kind)
    expect(kinds).toEqual([...Array.from({ length: 5 }, () => 'denied'), 'tooMany', 'tooMany', 'tooMany'])
    const rows = store.db.selectFrom('enrollments').select('id').where('address', '=', '127.70.4.9')
    expect(await rows.execute()).toHaveLength(5)
    const waits = await Unit.make('127.70.1.21')
    expect(await own.service.enroll(await waits.request('admin'))).toMatchObject({ kind: 'pending' })
  })

  test('refuses a request that is too long to be kept', async () => {
    const unit = await Unit.make('127.70.4.10')
    const extensions = [
      subjectAlternativeName(
        [],
        Array.from({ length: 250 }, (_, index) => `n${index}.${'x'.repeat(60)}.x${index}${'x'.repeat(20)}`),
      ),
    ]
    expect(await ask(unit, 'lab', { extensions })).toMatchObject({ kind: 'malformed' })
    expect(await rowOf(unit, 'lab')).toBeUndefined()
  })

  test('refuses rules for a zone that the plant has not', async () => {
    await expect(beside({ files: files(world, rulesText.replace('lab: operations', 'lab: nowhere')) })).rejects.toThrow(
      /unlisted.lab: expected one of green, blue, operations, got nowhere/,
    )
  })

  test('is unavailable when its store is gone, and issues nothing', async () => {
    const lost = await place.open()
    const own = await openBench(lost, world, () => now)
    await lost[Symbol.asyncDispose]()
    const unit = await Unit.of(world.vendor, fresh(), '127.70.2.23')
    expect(await own.service.enroll(await unit.request(undefined))).toMatchObject({ kind: 'unavailable' })
    expect(await certificatesOf(unit)).toEqual([])
    await own[Symbol.asyncDispose]()
  })
})
