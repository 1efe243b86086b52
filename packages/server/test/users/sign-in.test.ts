import { NotAllowed } from '@cordon/core/errors'
import type { Store } from '@cordon/server/store'
import {
  changeUser,
  createToken,
  createUser,
  csrfToken,
  defaultUserPolicy,
  endSession,
  endSessions,
  forgetExpired,
  isCsrfToken,
  isUsable,
  listSessions,
  listTokens,
  listUsers,
  removeUser,
  revokeToken,
  signIn,
  signInRefusal,
  signOut,
  unlockUser,
  useSession,
  useToken,
} from '@cordon/server/users'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nextAttemptAt } from '../../src/users/attempts.ts'
import { TemporaryState } from '../store/support.ts'
import { asker, audited, firstAdministrator, minute, origin, password, person, policy, start } from './support.ts'

let place: TemporaryState
let store: Store
let other: Store

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  other = await place.open()
  await firstAdministrator(store)
})

afterAll(async () => {
  await other[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const wrong = 'nothing that anybody chose'
const attempt = async (name: string, given: string, now = start, address = '192.0.2.10', at = store) =>
  await signIn(at, policy, { name, password: given }, origin(now, address)).then(
    () => 'accepted',
    (error: unknown) => (error instanceof NotAllowed ? error.message : String(error)),
  )

describe('a failed sign-in', () => {
  it('has one answer, and one hash is compared, whatever is wrong', async () => {
    const locked = await person(store, 'locked', ['observer'])
    const disabled = await person(store, 'disabled', ['observer'])
    await createUser(store, policy, { name: 'invited', roles: ['observer'] }, asker())
    await changeUser(store, disabled.id, { disabled: true }, asker())
    for (let i = 0; i < 5; i++) await attempt(locked.name, wrong, start, '192.0.2.9')
    const answers = [
      await attempt('anna', wrong),
      await attempt('nobody', password),
      await attempt('locked', password),
      await attempt('disabled', password),
      await attempt('invited', password),
      await attempt('a\0b', password),
      await attempt('x'.repeat(100_000), password),
      await attempt('anna', 'y'.repeat(100_000)),
    ]
    expect(new Set(answers)).toEqual(new Set([signInRefusal]))
    const failed = await store.db
      .selectFrom('audit')
      .select(['subject', 'detail', 'actor_kind', 'address'])
      .where('outcome', '=', 'refused')
      .orderBy('id', 'desc')
      .limit(8)
      .execute()
    expect(failed.map(({ detail }) => (detail as { reason: string }).reason).reverse()).toEqual([
      'wrong password',
      'unknown name',
      'locked, or without a password',
      'disabled',
      'locked, or without a password',
      'unknown name',
      'unknown name',
      'wrong password',
    ])
    for (const row of failed) expect(row).toMatchObject({ actor_kind: 'anonymous', address: '192.0.2.10' })
    expect(JSON.stringify(failed)).not.toContain('yyy')
    expect(Math.max(...failed.map(({ subject }) => subject.length))).toBeLessThanOrEqual(64)
  })

  it('of an unknown name is recorded ten times in an hour for one address, by all managers together', async () => {
    const count = async () => {
      const rows = await store.db.selectFrom('audit').select('detail').where('address', '=', '198.51.100.7').execute()
      return rows.map(({ detail }) => detail)
    }
    for (let i = 0; i < 14; i++)
      await attempt(`stranger${i}`, wrong, start, '198.51.100.7', i % 2 === 0 ? store : other)
    const recorded = await count()
    expect(recorded).toHaveLength(10)
    expect(recorded.at(-1)).toMatchObject({ further: 'not recorded within this hour' })
    // A real attempt is recorded all the same.
    await attempt('anna', wrong, start, '198.51.100.7')
    expect(await count()).toHaveLength(11)
    await store.db.updateTable('users').set({ failures: 0, failed_at: null }).execute()
  })
})

describe('lock-out', () => {
  it('grows from 30 seconds to 15 minutes', () => {
    const waits = Array.from(
      { length: 13 },
      (_, failures) => nextAttemptAt({ failures, failedAt: new Date(0) }, policy) / 1000,
    )
    expect(waits).toEqual([0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900])
    expect(nextAttemptAt({ failures: 1e9, failedAt: new Date(0) }, policy)).toBe(15 * minute)
  })

  it('begins with the fifth failure, counts no attempt during a wait, and ends with a right one', async () => {
    const { id } = await person(store, 'karla', ['operator'])
    const failures = async () =>
      (await store.db.selectFrom('users').select('failures').where('id', '=', id).executeTakeFirstOrThrow()).failures
    for (let i = 0; i < 4; i++) await attempt('karla', wrong)
    expect(await attempt('karla', password)).toBe('accepted')
    expect(await failures()).toBe(0)
    for (let i = 0; i < 5; i++) await attempt('karla', wrong)
    const [listed] = await listUsers(store, policy, { now: start, id })
    expect(listed?.lockedUntil?.getTime()).toBe(start + 30_000)
    for (let i = 0; i < 3; i++) expect(await attempt('karla', password, start + 29_999)).toBe(signInRefusal)
    expect(await failures()).toBe(5)
    expect(await attempt('karla', wrong, start + 30_000)).toBe(signInRefusal)
    expect(await failures()).toBe(6)
    expect(await attempt('karla', password, start + 30_000 + 59_999)).toBe(signInRefusal)
    expect(await attempt('karla', password, start + 30_000 + 60_000)).toBe('accepted')
    expect(await failures()).toBe(0)
  })

  it('gives guesses at once at two managers no more tries than one after the other', async () => {
    const { id } = await person(store, 'lars', ['operator'])
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => attempt('lars', wrong, start, '192.0.2.10', i % 2 === 0 ? store : other)),
    )
    const { failures } = await store.db
      .selectFrom('users')
      .select('failures')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    expect(failures).toBe(5)
  })

  it('of a stranger ends no session and no token, and an administrator ends it', async () => {
    const user = await person(store, 'mia', ['operator'])
    const { secret } = await signIn(store, policy, { name: 'mia', password }, origin())
    const { secret: token } = await createToken(store, policy, user, { name: 'backup' }, asker('mia'))
    for (let i = 0; i < 6; i++) await attempt('mia', wrong)
    expect(await useSession(store, policy, secret, start)).toBeDefined()
    expect(await useToken(store, token, start)).toBeDefined()
    await unlockUser(store, user.id, asker())
    expect(await attempt('mia', password)).toBe('accepted')
  })
})

describe('a session', () => {
  it('is kept as a hash, with where it came from, bounded', async () => {
    await person(store, 'nora', ['operator'])
    const agent = `Mozilla/5.0 ${'x'.repeat(5000)}\u0000\n`
    const begun = await signIn(store, policy, { name: 'nora', password }, { ...origin(), userAgent: agent })
    expect(begun.secret).toMatch(/^[\w-]{43}$/)
    const rows = await store.db.selectFrom('user_sessions').selectAll().where('id', '=', begun.session.id).execute()
    expect(rows).toHaveLength(1)
    expect(rows[0]?.hash).toHaveLength(32)
    expect(rows[0]?.user_agent).toHaveLength(200)
    expect(JSON.stringify(rows)).not.toContain(begun.secret)
    expect(await useSession(other, policy, begun.secret, start)).toMatchObject({
      actor: { kind: 'user', name: 'nora' },
      session: { state: 'full', method: 'password', address: '192.0.2.10' },
    })
  })

  it.each(['', 'x', 'x'.repeat(43), `${'x'.repeat(42)}'`, 'x'.repeat(10_000)])(
    'is none for "%.20s"',
    async (secret) => {
      expect(await useSession(store, policy, secret, start)).toBeUndefined()
    },
  )

  it('ends after its idle time, and after its whole time in any case', async () => {
    await person(store, 'olaf', ['operator'])
    const idle = await signIn(store, policy, { name: 'olaf', password }, origin())
    expect(await useSession(store, policy, idle.secret, start + 30 * minute)).toBeUndefined()
    const busy = await signIn(store, policy, { name: 'olaf', password }, origin())
    let now = start
    for (; now < start + 12 * 60 * minute; now += 20 * minute)
      expect(await useSession(store, policy, busy.secret, now)).toBeDefined()
    const last = await useSession(store, policy, busy.secret, start + 12 * 60 * minute - 1)
    expect(last?.session.endsAt.getTime()).toBe(start + 12 * 60 * minute)
    expect(await useSession(store, policy, busy.secret, start + 12 * 60 * minute)).toBeUndefined()
  })

  it('is written at most once a minute', async () => {
    await person(store, 'paul', ['operator'])
    const { secret } = await signIn(store, policy, { name: 'paul', password }, origin())
    const seen = async (after: number) =>
      (await useSession(store, policy, secret, start + after))?.session.seenAt.getTime()
    expect(await seen(59_999)).toBe(start)
    expect(await seen(60_000)).toBe(start + 60_000)
    expect(await seen(100_000)).toBe(start + 60_000)
  })

  it('can be listed and ended, one or all, by its owner only or an administrator', async () => {
    const user = await person(store, 'rosa', ['operator'])
    await endSessions(store, asker(), user)
    const sessions = []
    for (let i = 0; i < 3; i++)
      sessions.push(await signIn(store, policy, { name: 'rosa', password }, origin(start + i)))
    const [first, second, third] = sessions
    const listed = await listSessions(store, policy, { userId: user.id, now: start + 5 })
    expect(listed.map(({ id }) => id)).toEqual([third, second, first].map((each) => each?.session.id))
    const id = first?.session.id ?? ''
    await expect(endSession(store, asker('nora'), id, (await nora()).id)).rejects.toThrow(/no such session/)
    await endSession(store, asker('rosa'), id, user.id)
    await expect(endSession(store, asker('rosa'), id, user.id)).rejects.toThrow(/no such session/)
    if (second !== undefined) await signOut(store, second, origin())
    expect(await useSession(store, policy, second?.secret ?? '', start)).toBeUndefined()
    expect(await endSessions(store, asker(), user)).toBe(1)
    expect(await audited(store, 3)).toMatchObject([
      { action: 'sessions.end', actor: 'rosa', subject: 'rosa' },
      { action: 'sessions.sign-out', actor: 'rosa' },
      { action: 'sessions.end-all', actor: 'anna', detail: { ended: 1 } },
    ])
  })

  it('gives way to newer ones beyond 32', async () => {
    const user = await person(store, 'svea', ['operator'])
    const { secret } = await signIn(store, policy, { name: 'svea', password }, origin())
    const row = await store.db
      .selectFrom('user_sessions')
      .selectAll()
      .where('user_id', '=', user.id)
      .executeTakeFirstOrThrow()
    const rows = Array.from({ length: 40 }, (_, i) => ({
      ...row,
      id: undefined,
      hash: Buffer.from(`${i}`),
      seen_at: new Date(start - i),
    }))
    await store.db
      .insertInto('user_sessions')
      .values(rows.map(({ id: _, ...rest }) => rest))
      .execute()
    const newest = await signIn(store, policy, { name: 'svea', password }, origin(start + 1))
    expect(await listSessions(store, policy, { userId: user.id, now: start })).toHaveLength(32)
    for (const each of [secret, newest.secret]) expect(await useSession(store, policy, each, start + 1)).toBeDefined()
  })

  it('has a CSRF token of its own', async () => {
    const begun = await signIn(store, policy, { name: 'nora', password }, origin())
    const another = await signIn(store, policy, { name: 'nora', password }, origin())
    expect(begun.csrf).toBe(csrfToken(begun.secret))
    expect(isCsrfToken(begun.secret, begun.csrf)).toBe(true)
    for (const token of ['', another.csrf, `${begun.csrf}x`, 'ü'.repeat(43)])
      expect(isCsrfToken(begun.secret, token)).toBe(false)
  })

  it('that ran out is forgotten', async () => {
    await forgetExpired(store, policy, start + 24 * 60 * minute)
    expect(await store.db.selectFrom('user_sessions').selectAll().execute()).toEqual([])
  })
})

const nora = async () =>
  (await listUsers(store, policy, { now: start })).find(({ name }) => name === 'nora') ?? { id: '' }

describe('an API token', () => {
  const day = 24 * 60 * minute

  it('is shown once and kept as a hash', async () => {
    const user = await person(store, 'tina', ['engineer', 'operator'])
    const { token, secret } = await createToken(store, policy, user, { name: 'nightly drift' }, asker('tina'))
    expect(secret).toMatch(/^cordon_[\w-]{43}$/)
    expect(token).toMatchObject({ prefix: secret.slice(0, 13), owner: 'tina', roles: ['operator', 'engineer'] })
    expect(token.expiresAt.getTime()).toBe(start + 90 * day)
    const all = JSON.stringify([
      await store.db.selectFrom('user_tokens').selectAll().execute(),
      await store.db.selectFrom('audit').select('detail').execute(),
    ])
    expect(all).not.toContain(secret.slice(13))
    expect(await useToken(other, secret, start)).toMatchObject({
      actor: { kind: 'token', name: 'nightly drift of tina' },
      roles: ['operator', 'engineer'],
    })
  })

  it('has at every use only roles that its owner has', async () => {
    const user = await person(store, 'udo', ['engineer', 'operator'])
    const { secret } = await createToken(store, policy, user, { name: 't', roles: ['engineer'] }, asker('udo'))
    await expect(
      createToken(store, policy, user, { name: 't', roles: ['administrator'] }, asker('udo')),
    ).rejects.toThrow(/udo is no administrator/)
    expect((await useToken(store, secret, start))?.roles).toEqual(['engineer'])
    await changeUser(store, user.id, { roles: ['operator', 'administrator'] }, asker())
    expect((await useToken(store, secret, start))?.roles).toEqual([])
    await changeUser(store, user.id, { disabled: true }, asker())
    expect(await useToken(store, secret, start)).toBeUndefined()
    await changeUser(store, user.id, { disabled: false }, asker())
    expect(await useToken(store, secret, start)).toBeDefined()
    await removeUser(store, user.id, asker())
    expect(await useToken(store, secret, start)).toBeUndefined()
  })

  it('ends with its time, or when it is revoked', async () => {
    const user = await person(store, 'vera', ['operator'])
    const { secret } = await createToken(store, policy, user, { name: 'short', lifetimeMs: day }, asker('vera'))
    expect(await useToken(store, secret, start + day - 1)).toBeDefined()
    expect(await useToken(store, secret, start + day)).toBeUndefined()
    const { token, secret: long } = await createToken(
      store,
      policy,
      user,
      { name: 'long', lifetimeMs: 730 * day },
      asker('vera'),
    )
    await expect(revokeToken(store, asker(), token.id, (await nora()).id)).rejects.toThrow(/no such token/)
    await revokeToken(store, asker('vera'), token.id, user.id)
    await expect(revokeToken(store, asker(), token.id)).rejects.toThrow(/no such token/)
    expect(await useToken(other, long, start)).toBeUndefined()
    expect((await listTokens(store, user.id)).map(({ name, revokedAt }) => [name, revokedAt?.getTime()])).toEqual(
      expect.arrayContaining([
        ['long', start],
        ['short', undefined],
      ]),
    )
  })

  it.each([0, -1, Number.NaN, 730 * day + 1])('has no lifetime of %d', async (lifetimeMs) => {
    const user = await nora()
    await expect(createToken(store, policy, user, { name: 't', lifetimeMs }, asker('nora'))).rejects.toThrow(
      /at most 730 days/,
    )
  })

  it.each(['', 'cordon_', 'x', `cordon_${'x'.repeat(43)}`, `Cordon_${'x'.repeat(43)}`, `cordon_${'x'.repeat(9999)}`])(
    'is none for "%.20s"',
    async (token) => {
      expect(await useToken(store, token, start)).toBeUndefined()
    },
  )

  it('is written at most once a minute', async () => {
    const user = await person(store, 'willi', ['operator'])
    const { secret } = await createToken(store, policy, user, { name: 't' }, asker('willi'))
    const used = async () => (await listTokens(store, user.id))[0]?.usedAt?.getTime()
    for (const [after, expected] of [
      [0, start],
      [59_000, start],
      [61_000, start + 61_000],
    ] as const) {
      await useToken(store, secret, start + after)
      expect(await used()).toBe(expected)
    }
  })

  it('is one of a hundred of its owner at most', async () => {
    const user = await person(store, 'xenia', ['operator'])
    await createToken(store, policy, user, { name: 't' }, asker('xenia'))
    const row = await store.db
      .selectFrom('user_tokens')
      .selectAll()
      .where('user_id', '=', user.id)
      .executeTakeFirstOrThrow()
    const { id: _, ...rest } = row
    await store.db
      .insertInto('user_tokens')
      .values(Array.from({ length: 99 }, (__, i) => ({ ...rest, hash: Buffer.from(`x${i}`) })))
      .execute()
    await expect(createToken(store, policy, user, { name: 't' }, asker('xenia'))).rejects.toThrow(/100 tokens already/)
  })
})

describe('isUsable', () => {
  it('asks for nothing but whether the user is disabled', () => {
    expect(isUsable({ disabledAt: null }, 5)).toEqual({ verdict: 'usable' })
    expect(isUsable({ disabledAt: new Date(5) }, 5)).toEqual({ verdict: 'refused', reason: 'disabled' })
  })
})

describe('the defaults', () => {
  it('are what the guide says', () => {
    expect(defaultUserPolicy).toMatchObject({
      idleTimeoutMs: 1_800_000,
      sessionLifetimeMs: 43_200_000,
      secondFactor: [],
    })
  })
})
