import { NotAllowed, UsageError } from '@cordon/core/errors'
import { firstBrokenEntry } from '@cordon/server/audit'
import { dumpStore, restoreStore, type Store } from '@cordon/server/store'
import {
  beginTotp,
  changeOwnPassword,
  changeUser,
  createFirstRunLink,
  createUser,
  createUserLink,
  findUser,
  finishTotp,
  listUsers,
  passwordStrength,
  proveSecondFactor,
  readLink,
  readUser,
  removeUser,
  signIn,
  useFirstRunLink,
  useLink,
  useSession,
} from '@cordon/server/users'
import { TOTP, URI } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { asker, audited, firstAdministrator, minute, origin, password, person, policy, start } from './support.ts'

let place: TemporaryState
let store: Store
/** A second manager on the same database. */
let other: Store

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  other = await place.open()
})

afterAll(async () => {
  await other[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const hour = 60 * minute

describe('the first run', () => {
  it('keeps no secret in the store, and a new start of one manager ends its old link only', async () => {
    const old = await createFirstRunLink(store, policy, { manager: 'm1', now: start })
    const others = await createFirstRunLink(other, policy, { manager: 'm2', now: start })
    const anew = await createFirstRunLink(store, policy, { manager: 'm1', now: start })
    expect(old?.secret).toMatch(/^[\w-]{43}$/)
    const rows = JSON.stringify(await store.db.selectFrom('user_links').selectAll().execute())
    for (const link of [old, others, anew]) expect(rows).not.toContain(link?.secret)
    expect(await readLink(store, old?.secret ?? '', start)).toBeUndefined()
    expect(await readLink(store, others?.secret ?? '', start)).toMatchObject({ kind: 'first-run', name: undefined })
    expect(await readLink(store, anew?.secret ?? '', start + 24 * hour - 1)).toBeDefined()
    expect(await readLink(store, anew?.secret ?? '', start + 24 * hour)).toBeUndefined()
  })

  it.each([
    ['a link that was never made', 'x'.repeat(43), password, /the link was used/],
    ['what is no link', "'; drop table users", password, /the link was used/],
  ])('refuses %s', async (_, secret, text, expected) => {
    await expect(useFirstRunLink(store, policy, { secret, name: 'anna', password: text }, origin())).rejects.toThrow(
      expected,
    )
  })

  it('refuses a weak password and keeps the link', async () => {
    const link = await createFirstRunLink(store, policy, { manager: 'm1', now: start })
    const secret = link?.secret ?? ''
    await expect(
      useFirstRunLink(store, policy, { secret, name: 'anna', password: 'password1234' }, origin()),
    ).rejects.toThrow(/easy to guess/)
    await expect(useFirstRunLink(store, policy, { secret, name: 'a\u202enna', password }, origin())).rejects.toThrow(
      /printable/,
    )
    expect(await readLink(store, secret, start)).toBeDefined()
  })

  it('makes one administrator of two who use links at two managers at once', async () => {
    const links = [
      await createFirstRunLink(store, policy, { manager: 'm1', now: start }),
      await createFirstRunLink(other, policy, { manager: 'm2', now: start }),
    ]
    const tries = await Promise.allSettled(
      [store, other, store, other].map(async (at, i) => {
        const secret = links[i % 2]?.secret ?? ''
        return await useFirstRunLink(at, policy, { secret, name: `anna${i}`, password }, origin())
      }),
    )
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const each of tries) if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(NotAllowed)
    const users = await store.db.selectFrom('users').selectAll().execute()
    expect(users).toHaveLength(1)
    expect(users[0]).toMatchObject({ roles: ['administrator'], password_hash: expect.stringContaining('$argon2id$') })
    expect(await store.db.selectFrom('user_links').selectAll().execute()).toEqual([])
    expect(await createFirstRunLink(store, policy, { manager: 'm1', now: start })).toBeUndefined()
    expect(await audited(store, 1)).toMatchObject([
      { actor_kind: 'user', actor: users[0]?.name, action: 'users.first', outcome: 'done' },
    ])
    const events = await store.db.selectFrom('events').select(['kind', 'subject']).execute()
    expect(events).toEqual([{ kind: 'users.first', subject: users[0]?.name }])
    await store.db.deleteFrom('users').execute()
  })
})

describe('a user', () => {
  beforeAll(async () => {
    await firstAdministrator(store)
  })

  it('is invited with a link that sets a password once, which no other person types', async () => {
    const { user, link } = await createUser(
      store,
      policy,
      { name: 'Bernd Groß', roles: ['engineer', 'observer'] },
      asker(),
    )
    expect(user).toMatchObject({ name: 'Bernd Groß', roles: ['observer', 'engineer'], hasPassword: false })
    await expect(signIn(store, policy, { name: 'bernd groß', password }, origin())).rejects.toThrow(NotAllowed)
    expect(await readLink(store, link.secret, start)).toMatchObject({ kind: 'invitation', name: 'Bernd Groß' })
    const both = await Promise.allSettled(
      [store, other].map((at) => useLink(at, policy, { secret: link.secret, password }, origin())),
    )
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const session = await signIn(store, policy, { name: 'BERND groß', password }, origin())
    expect(session.session.state).toBe('full')
    expect(await findUser(store, 'bernd GROß')).toMatchObject({ id: user.id, hasPassword: true })
  })

  it.each([
    ['taken in other letters', 'ANNA', ['observer'], NotAllowed, /already/],
    ['empty', ' ', ['observer'], UsageError, /printable/],
    ['too long', 'x'.repeat(65), ['observer'], UsageError, /1 to 64/],
    ['of another role', 'carla', ['root'], UsageError, /no role is called "root"/],
    ['with a line break', 'carla\nx', ['observer'], UsageError, /printable/],
    ['with what cannot be seen', 'car\u200bla', ['observer'], UsageError, /printable/],
  ] as const)('is not made with a name that is %s', async (_, name, roles, kind, expected) => {
    const made = createUser(store, policy, { name, roles }, asker())
    await expect(made).rejects.toThrow(kind)
    await expect(made).rejects.toThrow(expected)
  })

  it('gets a reset link for an hour, which ends sessions and later the old password', async () => {
    const user = await person(store, 'dora', ['operator'])
    const { secret } = await signIn(store, policy, { name: 'dora', password }, origin())
    const first = await createUserLink(store, policy, user.id, asker())
    const link = await createUserLink(store, policy, user.id, asker())
    expect(link.expiresAt.getTime()).toBe(start + hour)
    expect(await readLink(store, first.secret, start)).toBeUndefined()
    expect(await useSession(store, policy, secret, start)).toBeUndefined()
    await signIn(store, policy, { name: 'dora', password }, origin())
    const anew = 'seventeen green bicycles sing'
    await expect(useLink(store, policy, { secret: link.secret, password: anew }, origin(start + hour))).rejects.toThrow(
      /ran out/,
    )
    await expect(useLink(store, policy, { secret: link.secret, password: 'dora dora dora' }, origin())).rejects.toThrow(
      /easy to guess/,
    )
    await useLink(store, policy, { secret: link.secret, password: anew }, origin())
    await expect(signIn(store, policy, { name: 'dora', password }, origin())).rejects.toThrow(NotAllowed)
    await signIn(store, policy, { name: 'dora', password: anew }, origin())
  })

  it('changes the own password with the old one, and the other sessions end', async () => {
    await person(store, 'emil', ['operator'])
    const here = await signIn(store, policy, { name: 'emil', password }, origin())
    const there = await signIn(store, policy, { name: 'emil', password }, origin())
    const anew = 'umbrella factories never snore'
    const change = (current: string, next: string) =>
      changeOwnPassword(store, policy, here, { current, password: next }, asker('emil'))
    await expect(change('wrong one entirely', anew)).rejects.toThrow(/password is wrong/)
    await expect(change(password, password)).rejects.toThrow(/the old one/)
    await change(password, anew)
    expect(await useSession(store, policy, here.secret, start)).toBeDefined()
    expect(await useSession(store, policy, there.secret, start)).toBeUndefined()
    await signIn(store, policy, { name: 'emil', password: anew }, origin())
  })

  it('that is disabled is out at once and gets in again when enabled', async () => {
    const user = await person(store, 'frida', ['engineer'])
    const { secret } = await signIn(store, policy, { name: 'frida', password }, origin())
    await changeUser(store, user.id, { disabled: true }, asker())
    expect(await useSession(other, policy, secret, start)).toBeUndefined()
    await expect(signIn(store, policy, { name: 'frida', password }, origin())).rejects.toThrow(NotAllowed)
    await expect(createUserLink(store, policy, user.id, asker())).rejects.toThrow(/is disabled/)
    await changeUser(store, user.id, { disabled: false, roles: ['auditor'] }, asker())
    expect((await signIn(store, policy, { name: 'frida', password }, origin())).user.roles).toEqual(['auditor'])
    expect(await audited(store, 2)).toMatchObject([
      { action: 'users.change', detail: { disabled: false, roles: ['auditor'], rolesBefore: ['engineer'] } },
      { action: 'sessions.begin', actor: 'frida' },
    ])
  })

  it('has new roles in sessions that are open', async () => {
    const user = await person(store, 'gerd', ['engineer'])
    const { secret } = await signIn(store, policy, { name: 'gerd', password }, origin())
    await changeUser(store, user.id, { roles: ['observer'], displayName: 'Gerd G.' }, asker())
    const use = await useSession(other, policy, secret, start)
    expect(use?.user).toMatchObject({ roles: ['observer'], displayName: 'Gerd G.' })
  })

  it('is listed with what administrators need to know', async () => {
    const { user } = await createUser(store, policy, { name: 'hanna', roles: ['observer'] }, asker())
    const [listed] = await listUsers(store, policy, { now: start, id: user.id })
    expect(listed).toMatchObject({ name: 'hanna', factors: [], sessions: 0, provider: null, lockedUntil: null })
    expect(listed?.linkUntil?.getTime()).toBe(start + 24 * hour)
    const names = (await listUsers(store, policy, { now: start })).map(({ name }) => name)
    expect(names).toEqual(names.toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)))
  })

  it('is not changed where there is none', async () => {
    for (const id of ['x', "' or 1=1", '00000000-0000-4000-8000-000000000000']) {
      await expect(changeUser(store, id, {}, asker())).rejects.toThrow(/no such user/)
      expect(await readUser(store, id)).toBeUndefined()
    }
  })
})

describe('the last administrator', () => {
  it('can be neither disabled, demoted nor removed, and two do not remove each other', async () => {
    const anna = await findUser(store, 'anna')
    const id = anna?.id ?? ''
    for (const change of [{ disabled: true }, { roles: ['observer'] }])
      await expect(changeUser(store, id, change, asker())).rejects.toThrow(/last administrator/)
    await expect(removeUser(store, id, asker())).rejects.toThrow(/last administrator/)
    // One who never set a password is no second one.
    const { user } = await createUser(store, policy, { name: 'ines', roles: ['administrator'] }, asker())
    await expect(removeUser(store, id, asker())).rejects.toThrow(/last administrator/)
    await removeUser(store, user.id, asker())
    const jan = await person(store, 'jan', ['administrator'])
    const both = await Promise.allSettled([removeUser(store, id, asker()), removeUser(other, jan.id, asker())])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })
})

describe('a password', () => {
  it.each([
    ['Administrator1', ['x']],
    ['qwertzuiop123', ['x']],
    ['kowalski1978', ['jan.kowalski']],
  ])('"%s" is easy to guess', async (text, names) => {
    expect((await passwordStrength(text, names)).accepted).toBe(false)
  })

  it('of any length is scored in bounded work', async () => {
    expect((await passwordStrength('ab1!'.repeat(100_000), ['x'])).score).toBeLessThanOrEqual(4)
    const { link } = await createUser(store, policy, { name: 'karl', roles: ['observer'] }, asker('jan'))
    await expect(
      useLink(store, policy, { secret: link.secret, password: 'aB3 '.repeat(70) }, origin()),
    ).rejects.toThrow(/longer/)
  })
})

describe('a backup', () => {
  it('keeps users and their factors, sealed anew, and brings back no session and no link', async () => {
    const user = await person(store, 'lena', ['operator'])
    const session = await signIn(store, policy, { name: 'lena', password }, origin())
    const setup = await beginTotp(store, session, 'Cordon')
    const totp = URI.parse(setup.uri)
    if (!(totp instanceof TOTP)) throw new Error('expected TOTP')
    await finishTotp(store, policy, session, totp.generate({ timestamp: start }), asker('lena'))
    await createUser(store, policy, { name: 'mara', roles: ['observer'] }, asker())
    const backup = await dumpStore(store, 'a passphrase of mine')
    await using elsewhere = new TemporaryState()
    await using restored = await elsewhere.open()
    await restoreStore(restored, backup, 'a passphrase of mine')
    for (const table of ['user_sessions', 'user_links', 'user_challenges', 'sign_in_attempts'] as const)
      expect(await restored.db.selectFrom(table).selectAll().execute()).toEqual([])
    expect(await readUser(restored, user.id)).toMatchObject({ name: 'lena' })
    const again = await signIn(restored, policy, { name: 'lena', password }, origin(start + hour))
    expect(again.session.state).toBe('second-factor')
    const code = totp.generate({ timestamp: start + hour })
    const full = await proveSecondFactor(restored, policy, again, { kind: 'totp', code }, origin(start + hour))
    expect(full.session.state).toBe('full')
    expect(await firstBrokenEntry(restored.db)).toBeUndefined()
  })
})
