import { NotAllowed } from '@cordon/core/errors'
import type { Store } from '@cordon/server/store'
import {
  beginKey,
  beginTotp,
  changeUser,
  finishKey,
  finishTotp,
  type KeySite,
  keyAuthenticationOptions,
  listUsers,
  type OpenedSession,
  proveSecondFactor,
  readFactors,
  removeFactor,
  removeFactors,
  renewRecoveryCodes,
  signIn,
  type UserPolicy,
  useSession,
} from '@cordon/server/users'
import { TOTP, URI } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { SoftKey } from './soft-key.ts'
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

const strict: UserPolicy = { ...policy, secondFactor: 'everybody' }
const open = (name: string, now = start, by: UserPolicy = policy) => signIn(store, by, { name, password }, origin(now))
const site: KeySite = { host: 'manager.example', origin: 'https://manager.example:8443' }

function totpOf(uri: string): TOTP {
  const totp = URI.parse(uri)
  if (!(totp instanceof TOTP)) throw new Error('expected TOTP')
  return totp
}

/** A user with an app. */
async function withApp(name: string): Promise<{ totp: TOTP; codes: readonly string[]; session: OpenedSession }> {
  await person(store, name, ['engineer'])
  const session = await open(name)
  const totp = totpOf((await beginTotp(store, session, 'Cordon plant 7')).uri)
  const { opened, recoveryCodes } = await finishTotp(
    store,
    policy,
    session,
    totp.generate({ timestamp: start }),
    asker(name),
  )
  if (opened === undefined) throw new Error('no session')
  return { totp, codes: recoveryCodes, session: opened }
}

const show = async (use: OpenedSession, code: string, now: number, at = store) =>
  await proveSecondFactor(at, policy, use, { kind: 'totp', code }, origin(now)).then(
    (opened) => opened.session.state as string,
    (error: unknown) => (error instanceof NotAllowed ? 'refused' : String(error)),
  )

describe('an app with codes', () => {
  it('is set up with a first code, under a URI that apps read, and sealed in the store', async () => {
    await person(store, 'bea', ['engineer'])
    const session = await open('bea')
    const setup = await beginTotp(store, session, 'Cordon')
    const totp = totpOf(setup.uri)
    expect(totp).toMatchObject({ issuer: 'Cordon', label: 'bea', algorithm: 'SHA1', digits: 6, period: 30 })
    expect(totp.secret.bytes).toHaveLength(20)
    expect(totp.secret.base32).toBe(setup.secret)
    await expect(finishTotp(store, policy, session, '000000', asker('bea'))).rejects.toThrow(/code is wrong/)
    expect((await open('bea')).session.state).toBe('full')
    const { opened, recoveryCodes } = await finishTotp(
      store,
      policy,
      session,
      totp.generate({ timestamp: start }),
      asker('bea'),
    )
    expect(recoveryCodes).toHaveLength(10)
    for (const code of recoveryCodes) expect(code).toMatch(/^(?:[a-hj-km-np-z2-9]{4}-){3}[a-hj-km-np-z2-9]{4}$/)
    // The cookie of before is worth nothing now.
    expect(await useSession(store, policy, session.secret, start)).toBeUndefined()
    expect(await useSession(store, policy, opened?.secret ?? '', start)).toMatchObject({ session: { state: 'full' } })
    const row = await store.db.selectFrom('user_totp').select('sealed').executeTakeFirstOrThrow()
    expect(Buffer.from(row.sealed).includes(Buffer.from(totp.secret.bytes))).toBe(false)
    await expect(finishTotp(store, policy, session, '000000', asker('bea'))).rejects.toThrow(/no app is being set up/)
  })

  it('leaves a session that permits nothing until a code is shown, and gives the full one a new secret', async () => {
    const { totp } = await withApp('cleo')
    const now = start + 10 * minute
    const half = await open('cleo', now)
    expect(half.session.state).toBe('second-factor')
    await expect(beginTotp(store, half, 'Cordon')).rejects.toThrow(/show the second factor first/)
    await expect(beginKey(store, half, site, now)).rejects.toThrow(/show the second factor first/)
    const code = totp.generate({ timestamp: now })
    const spaced = `${code.slice(0, 3)} ${code.slice(3)}`
    const full = await proveSecondFactor(store, policy, half, { kind: 'totp', code: spaced }, origin(now))
    expect(full.session).toMatchObject({ state: 'full', factorAt: new Date(now) })
    expect(full.secret).not.toBe(half.secret)
    expect(await useSession(store, policy, half.secret, now)).toBeUndefined()
    expect(await useSession(store, policy, full.secret, now)).toBeDefined()
    await expect(proveSecondFactor(store, policy, full, { kind: 'totp', code }, origin(now))).rejects.toThrow(
      /no second factor/,
    )
    expect(await audited(store, 1)).toMatchObject([
      { action: 'sessions.factor', actor: 'cleo', detail: { factor: 'totp' } },
    ])
  })

  it('has codes that are used once, by whichever of two managers is asked first', async () => {
    const { totp } = await withApp('dina')
    // The code of the set-up is used too.
    expect(await show(await open('dina'), totp.generate({ timestamp: start }), start)).toBe('refused')
    const now = start + 5 * minute
    const code = totp.generate({ timestamp: now })
    const sessions = await Promise.all([1, 2, 3, 4].map(() => open('dina', now)))
    const answers = await Promise.all(sessions.map((use, i) => show(use, code, now, i % 2 === 0 ? store : other)))
    expect(answers.toSorted()).toEqual(['full', 'refused', 'refused', 'refused'])
    expect(await show(await open('dina', now), code, now)).toBe('refused')
    // An earlier step than the last that was used is used too.
    expect(await show(await open('dina', now), totp.generate({ timestamp: now - 30_000 }), now)).toBe('refused')
    expect(await show(await open('dina', now), totp.generate({ timestamp: now + 30_000 }), now)).toBe('full')
  })

  it('is believed one step before and after, no more', async () => {
    const { totp } = await withApp('edda')
    const now = start + 60 * minute
    expect(await show(await open('edda', now), totp.generate({ timestamp: now - 60_000 }), now)).toBe('refused')
    expect(await show(await open('edda', now), totp.generate({ timestamp: now + 60_000 }), now)).toBe('refused')
    expect(await show(await open('edda', now), totp.generate({ timestamp: now - 30_000 }), now)).toBe('full')
  })

  it.each(['', '12345', '1234567', 'abcdef', '１２３４５６', '1'.repeat(10_000)])(
    'takes no code like "%.12s"',
    async (code) => {
      const name = `form${code.length}${code.codePointAt(0) ?? 0}`
      await withApp(name)
      expect(await show(await open(name, start + minute), code, start + minute)).toBe('refused')
    },
  )

  it('counts wrong codes as attempts, which a right password does not take back', async () => {
    const { totp } = await withApp('frank')
    const now = start + 60 * minute
    for (let i = 0; i < 5; i++) expect(await show(await open('frank', now), '000000', now)).toBe('refused')
    await expect(open('frank', now)).rejects.toThrow(NotAllowed)
    const later = now + 30_000
    const half = await open('frank', later)
    expect(await show(half, '000000', later)).toBe('refused')
    // Locked again: a right code is not looked at.
    expect(await show(half, totp.generate({ timestamp: later }), later)).toBe('refused')
    const free = later + minute
    expect(await show(await open('frank', free), totp.generate({ timestamp: free }), free)).toBe('full')
    const { failures } = await store.db
      .selectFrom('users')
      .select('failures')
      .where('name', '=', 'frank')
      .executeTakeFirstOrThrow()
    expect(failures).toBe(0)
  })

  it('is replaced by another one only when that has shown a code', async () => {
    const { totp, session } = await withApp('gina')
    const anew = totpOf((await beginTotp(store, session, 'Cordon')).uri)
    const now = start + 5 * minute
    expect(await show(await open('gina', now), anew.generate({ timestamp: now }), now)).toBe('refused')
    const use = await useSession(store, policy, session.secret, now)
    if (use === undefined) throw new Error('no session')
    const { recoveryCodes } = await finishTotp(
      store,
      policy,
      use,
      anew.generate({ timestamp: now }),
      asker('gina', now),
    )
    expect(recoveryCodes).toEqual([])
    const later = now + 5 * minute
    expect(await show(await open('gina', later), totp.generate({ timestamp: later }), later)).toBe('refused')
    expect(await show(await open('gina', later), anew.generate({ timestamp: later }), later)).toBe('full')
  })
})

describe('a recovery code', () => {
  it('stands in for the factor once, in any case and grouping, and is kept as a hash', async () => {
    const { codes, session } = await withApp('hugo')
    const now = start + minute
    const recover = async (code: string) =>
      await proveSecondFactor(store, policy, await open('hugo', now), { kind: 'recovery', code }, origin(now)).then(
        ({ session: { state } }) => state as string,
        () => 'refused',
      )
    const [first = '', second = '', third = ''] = codes
    const sessions = await Promise.all([open('hugo', now), open('hugo', now)])
    const both = await Promise.allSettled(
      sessions.map((use, i) =>
        proveSecondFactor([store, other][i] ?? store, policy, use, { kind: 'recovery', code: first }, origin(now)),
      ),
    )
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await recover(second.toUpperCase().replaceAll('-', ' '))).toBe('full')
    expect(await recover(second)).toBe('refused')
    expect(await recover('')).toBe('refused')
    expect((await readFactors(store, session.user.id)).recoveryCodes).toBe(8)
    const rows = await store.db.selectFrom('user_recovery_codes').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain(third.replaceAll('-', ''))
    await expect(renewRecoveryCodes(store, policy, session, 'not the password', asker('hugo', now))).rejects.toThrow(
      /password is wrong/,
    )
    const anew = await renewRecoveryCodes(store, policy, session, password, asker('hugo', now))
    expect(await recover(third)).toBe('refused')
    expect(await recover(anew[0] ?? '')).toBe('full')
  })

  it('is not made without a factor', async () => {
    await person(store, 'ida', ['engineer'])
    await expect(renewRecoveryCodes(store, policy, await open('ida'), password, asker('ida'))).rejects.toThrow(
      /set one up first/,
    )
  })
})

describe('where a second factor is required', () => {
  it('a user without one must set one up before anything else', async () => {
    await person(store, 'jette', ['engineer'])
    const must = await open('jette', start, strict)
    expect(must.session.state).toBe('must-enrol')
    const totp = totpOf((await beginTotp(store, must, 'Cordon')).uri)
    const { opened } = await finishTotp(store, strict, must, totp.generate({ timestamp: start }), asker('jette'))
    expect(opened?.session.state).toBe('full')
    expect((await useSession(store, strict, opened?.secret ?? '', start))?.session.state).toBe('full')
    await expect(
      removeFactor(store, strict, opened ?? must, { kind: 'totp' }, password, asker('jette')),
    ).rejects.toThrow(/is required here/)
    await removeFactor(store, policy, opened ?? must, { kind: 'totp' }, password, asker('jette'))
    expect(await readFactors(store, must.user.id)).toEqual({ totpSince: null, keys: [], recoveryCodes: 0 })
  })

  it('a policy or role that requires one holds for sessions that are open', async () => {
    const user = await person(store, 'kim', ['engineer'])
    const { secret } = await open('kim')
    const state = async (by: UserPolicy) => (await useSession(store, by, secret, start))?.session.state
    const ofDeployers: UserPolicy = { ...policy, secondFactor: ['deployer'] }
    expect([await state(policy), await state(strict), await state(ofDeployers)]).toEqual(['full', 'must-enrol', 'full'])
    await changeUser(store, user.id, { roles: ['deployer'] }, asker())
    expect(await state(ofDeployers)).toBe('must-enrol')
  })

  it('an administrator takes the factors of one who lost them, and the sessions with them', async () => {
    const { session } = await withApp('leo')
    expect((await listUsers(store, policy, { now: start, id: session.user.id }))[0]?.factors).toEqual(['totp'])
    await removeFactors(store, session.user.id, asker())
    expect(await useSession(store, policy, session.secret, start)).toBeUndefined()
    expect((await open('leo')).session.state).toBe('full')
    expect((await open('leo', start, strict)).session.state).toBe('must-enrol')
  })
})

describe('a security key', () => {
  const add = async (use: OpenedSession, key: SoftKey, name = 'key', at = site) => {
    const options = await beginKey(store, use, at, start)
    return await finishKey(
      store,
      policy,
      use,
      { name, response: key.register(options, at), site: at },
      asker(use.user.name),
    )
  }
  const ready = async (name: string) => {
    await person(store, name, ['engineer'])
    const key = new SoftKey()
    const { opened, recoveryCodes } = await add(await open(name), key, 'blue one')
    if (opened === undefined) throw new Error('no session')
    return { key, session: opened, recoveryCodes }
  }
  const prove = async (use: OpenedSession, response: unknown, at = site) =>
    await proveSecondFactor(store, policy, use, { kind: 'webauthn', response, site: at }, origin()).then(
      ({ session }) => session.state as string,
      (error: unknown) => (error instanceof NotAllowed ? 'refused' : String(error)),
    )

  it('is registered for the name that the manager was opened by, and proves the factor', async () => {
    const { key, session, recoveryCodes } = await ready('mona')
    expect(recoveryCodes).toHaveLength(10)
    const { keys } = await readFactors(store, session.user.id)
    expect(keys).toMatchObject([{ name: 'blue one', host: 'manager.example', usedAt: null }])
    const half = await open('mona')
    expect(half.session.state).toBe('second-factor')
    const options = await keyAuthenticationOptions(store, half, site, start)
    expect(options).toMatchObject({ rpId: 'manager.example', userVerification: 'preferred' })
    expect(options.allowCredentials?.map(({ id }) => id)).toEqual([key.id])
    const response = key.authenticate(options, site)
    expect(await prove(half, response)).toBe('full')
    // The same answer again, in a session of its own, finds its challenge gone.
    expect(await prove(await open('mona'), response)).toBe('refused')
    expect((await readFactors(store, session.user.id)).keys[0]?.usedAt).toEqual(new Date(start))
  })

  it('is refused with a challenge, origin, host or key that is not the right one', async () => {
    const { key } = await ready('nils')
    const evil = { host: 'evil.example', origin: 'https://evil.example' }
    const half = await open('nils')
    const options = async () => await keyAuthenticationOptions(store, half, site, start)
    const answers = [
      await prove(half, key.authenticate(await options(), evil)),
      await prove(half, key.authenticate({ ...(await options()), challenge: 'AAAA' }, site)),
      await prove(half, new SoftKey().authenticate(await options(), site)),
      await prove(half, { ...key.authenticate(await options(), site), id: new SoftKey().id }),
    ]
    expect(answers).toEqual(['refused', 'refused', 'refused', 'refused'])
  })

  it.each([
    ['nothing', undefined],
    ['a text', 'x'],
    ['an empty object', {}],
    ['another shape', { id: 'x', rawId: 'x', response: { clientDataJSON: '!!', authenticatorData: 5 } }],
    ['a huge object', { id: 'x'.repeat(100_000) }],
  ])('is not taken from %s', async (what, response) => {
    const name = `hostile ${what}`
    await ready(name)
    const half = await open(name)
    await keyAuthenticationOptions(store, half, site, start)
    expect(await prove(half, response)).toBe('refused')
    await person(store, `${name} new`, ['engineer'])
    const use = await open(`${name} new`)
    await beginKey(store, use, site, start)
    await expect(finishKey(store, policy, use, { name: 'k', response, site }, asker())).rejects.toThrow(NotAllowed)
  })

  it('whose counter went back is a copy and refused', async () => {
    const { key } = await ready('otto')
    const half = async () => {
      const use = await open('otto')
      return { use, options: await keyAuthenticationOptions(store, use, site, start) }
    }
    const first = await half()
    expect(await prove(first.use, key.authenticate(first.options, site))).toBe('full')
    key.counter -= 1
    const second = await half()
    expect(await prove(second.use, key.authenticate(second.options, site))).toBe('refused')
  })

  it('has a challenge for one session, for five minutes', async () => {
    const { key } = await ready('pia')
    const one = await open('pia')
    const two = await open('pia')
    const options = await keyAuthenticationOptions(store, one, site, start)
    expect(await prove(two, key.authenticate(options, site))).toBe('refused')
    const late = await keyAuthenticationOptions(store, two, site, start - 5 * minute)
    expect(await prove(two, key.authenticate(late, site))).toBe('refused')
  })

  it('can be one of several, each registered once, up to ten', async () => {
    const { key, session } = await ready('quinn')
    let use = session
    const options = await beginKey(store, use, site, start)
    expect(options.excludeCredentials?.map(({ id }) => id)).toEqual([key.id])
    await expect(add(use, key)).rejects.toThrow(/registered already/)
    for (let i = 1; i < 10; i++) use = (await add(use, new SoftKey(), `key ${i}`)).opened ?? use
    await expect(add(use, new SoftKey())).rejects.toThrow(/10 keys already/)
    const { keys } = await readFactors(store, use.user.id)
    const [{ id } = { id: '' }] = keys
    await expect(removeFactor(store, policy, use, { kind: 'webauthn', id: 'x' }, password, asker())).rejects.toThrow(
      /no such factor/,
    )
    await removeFactor(store, policy, use, { kind: 'webauthn', id }, password, asker('quinn'))
    expect((await readFactors(store, use.user.id)).keys).toHaveLength(9)
  })

  it('is not asked for at an address, nor at a name that it was not registered for', async () => {
    const { session } = await ready('rita')
    for (const host of ['192.0.2.1', '[::1]', ''])
      await expect(beginKey(store, session, { host, origin: `https://${host}` }, start)).rejects.toThrow(/host name/)
    const half = await open('rita')
    const elsewhere = { host: 'other.example', origin: 'https://other.example' }
    await expect(keyAuthenticationOptions(store, half, elsewhere, start)).rejects.toThrow(
      /no security key is registered/,
    )
  })
})
