import {
  hasAdministrators,
  listPeople,
  makePassword,
  type PasswordHasher,
  revokePerson,
  setPerson,
  verifyAccount,
  verifyAdministrator,
} from '@cordon/server/enrollment'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadPasswordHasher } from '../../src/users/passwords.ts'
import { TemporaryState } from '../store/support.ts'

let place: TemporaryState
let store: Store
const password = 'correct horse battery'
const address = '192.0.2.5'

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

/** A hasher that counts, and holds every answer back until it is let go. */
function countingHasher() {
  const seen = { compared: 0, atOnce: 0, most: 0, hashes: [] as string[] }
  const hasher: PasswordHasher = {
    hash: async (text) => `hash of ${text}`,
    verify: async (hash, text) => {
      seen.compared++
      seen.hashes.push(hash)
      seen.most = Math.max(seen.most, ++seen.atOnce)
      await new Promise((resolve) => setImmediate(resolve))
      seen.atOnce--
      return hash === `hash of ${text}`
    },
  }
  return { seen, hasher }
}

const put = async (name: string, hash: string) =>
  await store.db
    .insertInto('enrollment_people')
    .values({ kind: 'account', name, hash })
    .onConflict((conflict) => conflict.columns(['kind', 'name']).doUpdateSet({ hash }))
    .execute()

describe('a password', () => {
  it('is kept as argon2id with the stated cost, never itself', async () => {
    expect(await setPerson(store, 'account', 'line3', password, 'anna')).toBe(true)
    const { hash } = await store.db
      .selectFrom('enrollment_people')
      .select('hash')
      .where('name', '=', 'line3')
      .executeTakeFirstOrThrow()
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    const check = verifyAccount(store)
    expect(await check({ name: 'line3', password }, address)).toBe('accepted')
    expect(await check({ name: 'line3', password: 'correct horse batterY' }, address)).toBe('refused')
    expect(await check({ name: 'nobody', password }, address)).toBe('refused')
    expect(await check({ name: 'a\0b', password }, address)).toBe('refused')
    expect(await setPerson(store, 'account', 'line3', 'another long one', 'anna')).toBe(false)
    expect(await check({ name: 'line3', password }, address)).toBe('refused')
  })

  it('is the same however its letters are composed', async () => {
    await setPerson(store, 'account', 'accents', 'caf\u00e9 caf\u00e9 caf\u00e9', 'anna')
    expect(await verifyAccount(store)({ name: 'accents', password: 'cafe\u0301 cafe\u0301 cafe\u0301' }, address)).toBe(
      'accepted',
    )
  })

  it.each([
    ['short', 'eleven-sign', /11 characters, expected at least 12/],
    ['long', 'x'.repeat(600), /longer than 512 bytes/],
    ['same_as_name', 'same_as_NAME', /is the name/],
    ['3line', password, /a letter, then letters/],
  ])('is refused for %s', async (name, text, expected) => {
    await expect(setPerson(store, 'account', name, text, 'anna')).rejects.toThrow(expected)
  })

  it('that is made is long, and never the same twice', () => {
    const made = Array.from({ length: 50 }, makePassword)
    for (const each of made) expect(each).toMatch(/^[a-hj-km-np-z2-9]{6}(-[a-hj-km-np-z2-9]{6}){3}$/)
    expect(new Set(made).size).toBe(50)
  })

  it('says so where the library has no binary', async () => {
    const fails = loadPasswordHasher(() => Promise.reject(new Error('Cannot find native binding')))
    await expect(fails).rejects.toMatchObject({
      code: 'not-supported',
      message: expect.stringMatching(/@node-rs\/argon2/),
    })
  })
})

describe('people', () => {
  it('are listed and revoked for good', async () => {
    await setPerson(store, 'account', 'gone', password, 'anna')
    await revokePerson(store, 'account', 'gone', { by: 'anna', reason: 'work is done' })
    expect(await listPeople(store, 'account')).toContainEqual(
      expect.objectContaining({ name: 'gone', granted: 0, revokedAt: expect.any(Date) }),
    )
    await expect(setPerson(store, 'account', 'gone', password, 'anna')).rejects.toThrow(/revoked for good/)
    await expect(revokePerson(store, 'account', 'gone', { by: 'a', reason: 'b' })).rejects.toThrow(
      /no account gone in force/,
    )
    expect(
      await store.db.selectFrom('revoked_credentials').select(['credential', 'by', 'reason']).execute(),
    ).toContainEqual({ credential: 'gone', by: 'anna', reason: 'work is done' })
  })

  it('who approve are never all gone, also when two revoke each other at once', async () => {
    expect(await hasAdministrators(store)).toBe(false)
    await setPerson(store, 'administrator', 'anna', password, 'root')
    await setPerson(store, 'administrator', 'bert', password, 'anna')
    const both = await Promise.allSettled([
      revokePerson(store, 'administrator', 'anna', { by: 'bert', reason: 'x' }),
      revokePerson(store, 'administrator', 'bert', { by: 'anna', reason: 'x' }),
    ])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await hasAdministrators(store)).toBe(true)
    const [left, gone] = both[0]?.status === 'fulfilled' ? ['bert', 'anna'] : ['anna', 'bert']
    expect(await verifyAdministrator(store, left, password)).toBe(true)
    expect(await verifyAdministrator(store, gone, password)).toBe(false)
    expect(await verifyAdministrator(store, left, 'not the password')).toBe(false)
  })
})

describe('verifying accounts', () => {
  it('hashes one password once for a whole plant, and no longer once it is revoked', async () => {
    const { seen, hasher } = countingHasher()
    await put('plant', 'hash of secret')
    const check = verifyAccount(store, { hasher })
    const asked = Array.from({ length: 500 }, (_, i) =>
      check({ name: 'plant', password: 'secret' }, `192.0.2.${i % 250}`),
    )
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['accepted']))
    expect(seen.compared).toBe(1)
    await put('plant', 'hash of new secret')
    expect(await check({ name: 'plant', password: 'secret' }, address)).toBe('refused')
    expect(await check({ name: 'plant', password: 'new secret' }, address)).toBe('accepted')
    await revokePerson(store, 'account', 'plant', { by: 'anna', reason: 'x' })
    expect(await check({ name: 'plant', password: 'new secret' }, address)).toBe('refused')
    // Revoked, it costs what an unknown name costs: one comparison, with a hash that is nobody's.
    expect(seen.compared).toBe(4)
    expect(seen.hashes[3]).not.toContain('secret')
  })

  it('forgets what was right after a minute', async () => {
    const { seen, hasher } = countingHasher()
    let now = 0
    await put('minute', 'hash of secret')
    const check = verifyAccount(store, { hasher, now: () => now })
    for (const at of [0, 59_000, 60_000]) {
      now = at
      expect(await check({ name: 'minute', password: 'secret' }, address)).toBe('accepted')
    }
    expect(seen.compared).toBe(2)
  })

  it('hashes so many at once and lets so many wait', async () => {
    const { seen, hasher } = countingHasher()
    const check = verifyAccount(store, { hasher, atOnce: 2, waiting: 10 })
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => check({ name: 'nobody', password: `guess ${i}` }, `198.51.100.${i}`)),
    )
    expect(seen.most).toBe(2)
    expect(answers.filter((answer) => answer === 'later').length).toBeGreaterThan(0)
    expect(answers.filter((answer) => answer === 'refused').length).toBeGreaterThanOrEqual(12)
  })

  it('makes who guesses wait, for minutes and not for ever', async () => {
    const { seen, hasher } = countingHasher()
    let now = 0
    await put('guessed', 'hash of secret')
    const check = verifyAccount(store, { hasher, now: () => now })
    for (let i = 0; i < 5; i++) expect(await check({ name: 'guessed', password: `${i}` }, address)).toBe('refused')
    expect(await check({ name: 'guessed', password: 'secret' }, address)).toBe('later')
    expect(await check({ name: 'other', password: 'secret' }, address)).toBe('later')
    expect(await check({ name: 'guessed', password: 'secret' }, '192.0.2.6')).toBe('accepted')
    for (let i = 0; i < 20; i++) {
      now += 301_000
      expect(await check({ name: 'guessed', password: 'wrong' }, address)).toBe('refused')
    }
    now += 301_000
    expect(await check({ name: 'guessed', password: 'secret' }, address)).toBe('accepted')
    expect(seen.compared).toBe(27)
  })

  it('rations an account that strangers guess, and holds up nobody who is known', async () => {
    const { hasher } = countingHasher()
    let now = 0
    await put('attacked', 'hash of secret')
    const check = verifyAccount(store, { hasher, now: () => now })
    const honest = async (from: string) => await check({ name: 'attacked', password: 'secret' }, from)
    expect(await honest('192.0.2.7')).toBe('accepted')
    for (let i = 0; i < 60; i++) await check({ name: 'attacked', password: `${i}` }, `198.51.100.${i}`)
    expect(await honest('192.0.2.7')).toBe('accepted')
    expect(await honest('192.0.2.8')).toBe('later')
    now += 1000
    expect(await honest('192.0.2.8')).toBe('accepted')
    expect(await honest('192.0.2.8')).toBe('accepted')
  })
})
