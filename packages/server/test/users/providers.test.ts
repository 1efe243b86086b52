import { NotAllowed, PeerError, UsageError } from '@cordon/core/errors'
import type { Store } from '@cordon/server/store'
import {
  changeProvider,
  changeUser,
  createProvider,
  createToken,
  finishProviderSignIn,
  findUser,
  linkIdentity,
  listProviders,
  type ProviderEntry,
  removeProvider,
  startProviderSignIn,
  testProvider,
  type UserPolicy,
  useSession,
  useToken,
} from '@cordon/server/users'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { asker, audited, firstAdministrator, minute, origin, policy, start } from './support.ts'

const redirectUri = 'https://manager.example:8443/api/v1/oidc/callback'
const roleMap = { 'plant-engineers': ['engineer'], 'plant-admins': ['engineer', 'administrator'] }
const inRealm = (...roles: string[]) => ({ realm_access: { roles } })

/** Whom the provider knows. */
const accounts = {
  'id-1': {
    claims: {
      preferred_username: 'ella',
      name: 'Ella E.',
      email: 'ella@example.com',
      ...inRealm('plant-engineers', 'vpn'),
    },
  },
  'id-2': { claims: { preferred_username: 'anna', ...inRealm('plant-admins') } },
  'id-3': { claims: { preferred_username: 'finn', ...inRealm('vpn', 'con\u202estructor') } },
  'id-4': { claims: { preferred_username: 'gabi', ...inRealm('plant-engineers') }, amr: ['pwd', 'mfa'] },
  'id-5': { claims: { preferred_username: 'hilde', ...inRealm('plant-engineers') }, amr: ['pwd'] },
  'id-6': { claims: { preferred_username: 'ivo' } },
  // The same address as another person's: never what a user is found by.
  'id-7': { claims: { preferred_username: 'ella2', email: 'ella@example.com', ...inRealm('plant-engineers') } },
}
const secret = 'a-client-secret-of-40-characters-in-all!'
const clients = [
  { client_id: 'confidential', client_secret: secret, redirect_uris: [redirectUri] },
  { client_id: 'public', token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] },
]

let place: TemporaryState
let store: Store
let other: Store
let issuer: string
/** Another that puts everything into the ID token. */
let fullIssuer: string
const children: ChildProcess[] = []

async function startProvider(idTokenClaims: boolean): Promise<string> {
  const file = fileURLToPath(new URL('./identity-provider.mjs', import.meta.url))
  const child = spawn(process.execPath, [file, JSON.stringify({ accounts, clients, idTokenClaims })], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(child)
  // Notes of the library may come first.
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith('http://')) return line
  throw new Error('the provider ended early')
}

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  other = await place.open()
  await firstAdministrator(store)
  issuer = await startProvider(false)
  fullIssuer = await startProvider(true)
})

afterAll(async () => {
  for (const child of children) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  }
  await other[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const entry = (change: Partial<ProviderEntry> = {}): ProviderEntry => ({
  name: 'Plant login',
  issuer,
  clientId: 'confidential',
  clientSecret: secret,
  roleClaim: 'realm_access.roles',
  roleMap,
  enabled: true,
  allowCreation: true,
  ...change,
})

/** A browser: follows the provider's redirects with its cookies, until it is sent back. */
async function browse(url: string, who: string): Promise<string> {
  const cookies = new Map<string, string>()
  let next = new URL(url)
  next.searchParams.set('login_hint', who)
  for (let hops = 0; hops < 10; hops++) {
    const response = await fetch(next, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    })
    await response.arrayBuffer()
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null) throw new Error(`the provider answered ${response.status} at ${next.pathname}`)
    next = new URL(location, next)
    if (next.href.startsWith(redirectUri)) return next.search.slice(1)
  }
  throw new Error('too many redirects')
}

async function signInAs(
  providerId: string,
  who: string,
  { by = policy, now = start, at = store }: { by?: UserPolicy; now?: number; at?: Store } = {},
) {
  const { url, browserSecret } = await startProviderSignIn(store, providerId, redirectUri, now)
  return await finishProviderSignIn(at, by, { query: await browse(url, who), browserSecret }, origin(now))
}

const results = async (providerId: string) => (await testProvider(store, providerId, start)).results

describe('signing in through a provider', () => {
  let id: string
  beforeAll(async () => {
    ;({ id } = await createProvider(store, entry(), asker()))
  })

  it('sends the browser with PKCE, state and nonce, and keeps the rest', async () => {
    const { url, browserSecret } = await startProviderSignIn(store, id, redirectUri, start)
    const query = Object.fromEntries(new URL(url).searchParams)
    expect(query).toMatchObject({
      response_type: 'code',
      client_id: 'confidential',
      redirect_uri: redirectUri,
      scope: 'openid profile email',
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    })
    const row = JSON.stringify(await store.db.selectFrom('sign_in_attempts').selectAll().execute())
    for (const each of [query['state'], browserSecret]) expect(row).not.toContain(each)
    expect(url).not.toContain(secret)
  })

  it('makes a user at the first time, by issuer and sub, with the roles of the claims', async () => {
    const begun = await signInAs(id, 'id-1')
    expect(begun.user).toMatchObject({
      name: 'ella',
      displayName: 'Ella E.',
      roles: ['engineer'],
      providerId: id,
      hasPassword: false,
    })
    expect(begun.session).toMatchObject({ state: 'full', method: 'provider' })
    expect(await audited(store, 1)).toMatchObject([
      {
        action: 'sessions.begin',
        actor: 'ella',
        detail: { provider: 'Plant login', sub: 'id-1', roles: ['engineer'] },
      },
    ])
    // Back at another manager than the one that sent the browser.
    const again = await signInAs(id, 'id-1', { at: other })
    expect(again.user.id).toBe(begun.user.id)
    const stranger = await signInAs(id, 'id-7')
    expect(stranger.user).toMatchObject({ name: 'ella2' })
    const [latest] = await results(id)
    expect(latest).toMatchObject({ outcome: 'signed-in', sub: 'id-7', roles: ['engineer'] })
    expect(latest?.explanation).toBe(
      'claim "realm_access.roles" is "plant-engineers"; "plant-engineers" gives engineer',
    )
  })

  it('evaluates the roles at each time, and takes them away with the last one', async () => {
    const { user, secret: session } = await signInAs(id, 'id-1')
    const { secret: token } = await createToken(store, policy, user, { name: 't' }, asker('ella'))
    await changeProvider(store, id, entry({ roleMap: { vpn: ['observer'] } }), asker())
    expect((await signInAs(id, 'id-1')).user.roles).toEqual(['observer'])
    expect((await useSession(store, policy, session, start))?.user.roles).toEqual(['observer'])
    expect((await useToken(store, token, start))?.roles).toEqual([])
    await changeProvider(store, id, entry({ roleMap: { somebody: ['observer'] } }), asker())
    await expect(signInAs(id, 'id-1')).rejects.toThrow(NotAllowed)
    expect((await useSession(store, policy, session, start))?.user.roles).toEqual([])
    expect((await results(id))[0]).toMatchObject({ outcome: 'refused', sub: 'id-1' })
    expect((await results(id))[0]?.explanation).toContain('none of it is in the map of roles, which has "somebody"')
    await changeProvider(store, id, entry(), asker())
    await expect(changeUser(store, user.id, { roles: ['administrator'] }, asker())).rejects.toThrow(
      /come from an identity provider/,
    )
  })

  it.each([
    ['whose name is taken', 'id-2', /there is a user anna already/],
    ['without a role in the map', 'id-3', /no role for the identity id-3: claim "realm_access.roles" is "vpn"/],
    ['without the claim', 'id-6', /there is no claim "realm_access.roles"/],
    ['whom the provider refuses', 'id-x', /no such person|access_denied/],
  ])('refuses one %s, and tells administrators why, the browser not', async (_, who, expected) => {
    await expect(signInAs(id, who)).rejects.toThrow(/^signing in through the identity provider did not succeed/)
    const [latest] = await results(id)
    expect(latest).toMatchObject({ outcome: 'refused', roles: [] })
    expect(latest?.explanation).toMatch(expected)
    expect(latest?.explanation).not.toMatch(/\u202e/)
  })

  it('finds a user of this manager that an administrator linked, who keeps the roles given here', async () => {
    const anna = await findUser(store, 'anna')
    await linkIdentity(store, anna?.id ?? '', { providerId: id, sub: 'id-2' }, asker())
    const begun = await signInAs(id, 'id-2')
    expect(begun.user).toMatchObject({ id: anna?.id, roles: ['administrator'], providerId: null })
    await expect(linkIdentity(store, anna?.id ?? '', { providerId: id, sub: 'id-1' }, asker())).rejects.toThrow(
      /linked already/,
    )
  })

  it('counts a way back once, in the browser that began, for ten minutes', async () => {
    const { url, browserSecret } = await startProviderSignIn(store, id, redirectUri, start)
    const query = await browse(url, 'id-1')
    const finish = async (given: { query: string; browserSecret: string }, now = start) =>
      await finishProviderSignIn(store, policy, given, origin(now)).then(
        () => 'accepted',
        () => 'refused',
      )
    expect(await finish({ query, browserSecret: 'x'.repeat(43) })).toBe('refused')
    expect(await finish({ query, browserSecret: '' })).toBe('refused')
    expect(await finish({ query: `${query}&state=x`, browserSecret })).toBe('refused')
    expect(await finish({ query: 'x'.repeat(100_000), browserSecret })).toBe('refused')
    expect(await finish({ query, browserSecret }, start + 10 * minute)).toBe('refused')
    const both = await Promise.all([finish({ query, browserSecret }), finish({ query, browserSecret })])
    expect(both.toSorted()).toEqual(['accepted', 'refused'])
    expect(await finish({ query, browserSecret })).toBe('refused')
  })

  it('refuses a code of another sign-in, and one that was made up', async () => {
    const one = await startProviderSignIn(store, id, redirectUri, start)
    const two = await startProviderSignIn(store, id, redirectUri, start)
    const code = new URLSearchParams(await browse(one.url, 'id-1')).get('code') ?? ''
    const state = new URL(two.url).searchParams.get('state') ?? ''
    const mixed = new URLSearchParams({ code, state, iss: issuer }).toString()
    await expect(
      finishProviderSignIn(store, policy, { query: mixed, browserSecret: two.browserSecret }, origin()),
    ).rejects.toThrow(NotAllowed)
    expect((await results(id))[0]?.explanation).toMatch(/invalid_grant|server responded with an error/)
    const three = await startProviderSignIn(store, id, redirectUri, start)
    const other = new URLSearchParams({
      code,
      state: new URL(three.url).searchParams.get('state') ?? '',
      iss: 'https://evil.example',
    }).toString()
    await expect(
      finishProviderSignIn(store, policy, { query: other, browserSecret: three.browserSecret }, origin()),
    ).rejects.toThrow(NotAllowed)
    expect((await results(id))[0]?.explanation).toMatch(/issuer|"iss"/i)
  })

  it('is refused to a disabled user, and to everybody where it is not in use', async () => {
    const { user, secret: session } = await signInAs(id, 'id-1')
    await changeUser(store, user.id, { disabled: true }, asker())
    await expect(signInAs(id, 'id-1')).rejects.toThrow(NotAllowed)
    expect((await results(id))[0]?.explanation).toBe('the user ella is disabled')
    await changeUser(store, user.id, { disabled: false }, asker())
    const under = await startProviderSignIn(store, id, redirectUri, start)
    const query = await browse(under.url, 'id-1')
    await changeProvider(store, id, entry({ enabled: false }), asker())
    await expect(startProviderSignIn(store, id, redirectUri, start)).rejects.toThrow(UsageError)
    await expect(
      finishProviderSignIn(store, policy, { query, browserSecret: under.browserSecret }, origin()),
    ).rejects.toThrow(NotAllowed)
    expect(await useSession(store, policy, session, start)).toBeUndefined()
    await changeProvider(store, id, entry({ allowCreation: false }), asker())
    await expect(signInAs(id, 'id-5')).rejects.toThrow(NotAllowed)
    expect((await results(id))[0]?.explanation).toMatch(/does not make any/)
  })

  it('keeps the last fifty results', async () => {
    const row = {
      at: new Date(start),
      sub: 's',
      outcome: 'refused' as const,
      roles: [],
      explanation: '',
      provider_id: id,
    }
    await store.db
      .insertInto('identity_provider_results')
      .values(Array.from({ length: 80 }, () => row))
      .execute()
    await signInAs(id, 'id-1')
    expect(await results(id)).toHaveLength(50)
    expect((await results(id))[0]).toMatchObject({ outcome: 'signed-in' })
  })

  it('is over for its users when it is removed', async () => {
    const { user, secret: session } = await signInAs(id, 'id-1')
    const { secret: token } = await createToken(store, policy, user, { name: 't' }, asker('ella'))
    await removeProvider(store, id, asker())
    expect(await useSession(store, policy, session, start)).toBeUndefined()
    expect(await useToken(store, token, start)).toBeUndefined()
    expect(await findUser(store, 'ella')).toMatchObject({ disabledAt: new Date(start), providerId: null })
    expect(await store.db.selectFrom('user_identities').selectAll().execute()).toEqual([])
    await expect(removeProvider(store, id, asker())).rejects.toThrow(/no such identity provider/)
  })
})

describe('a public client with everything in the ID token', () => {
  it('signs in by PKCE alone; a second factor of the provider counts where its amr says so', async () => {
    const { id, hasSecret } = await createProvider(
      store,
      entry({ name: 'Full', issuer: fullIssuer, clientId: 'public', clientSecret: undefined }),
      asker(),
    )
    expect(hasSecret).toBe(false)
    const strict: UserPolicy = { ...policy, secondFactor: 'everybody' }
    const proven = await signInAs(id, 'id-4', { by: strict })
    expect(proven.session).toMatchObject({ state: 'full', factorAt: new Date(start) })
    expect((await useSession(store, strict, proven.secret, start))?.session.state).toBe('full')
    expect((await signInAs(id, 'id-5', { by: strict })).session.state).toBe('must-enrol')
  })
})

describe('a provider', () => {
  it('has its secret sealed, which no list and no record shows', async () => {
    const made = await createProvider(store, entry({ name: 'Sealed' }), asker())
    const all = JSON.stringify([
      await listProviders(store),
      await store.db.selectFrom('identity_providers').selectAll().execute(),
      await store.db.selectFrom('audit').select('detail').execute(),
      await store.db.selectFrom('events').select('detail').execute(),
    ])
    expect(all).not.toContain(secret)
    expect(made).toMatchObject({ hasSecret: true, scopes: ['openid', 'profile', 'email'], roleMap })
    // Kept when it is not given again, but not sent to another issuer.
    expect(
      await changeProvider(store, made.id, entry({ name: 'Sealed', clientSecret: undefined }), asker()),
    ).toMatchObject({ hasSecret: true })
    await expect(
      changeProvider(
        store,
        made.id,
        entry({ name: 'Sealed', issuer: 'https://evil.example', clientSecret: undefined }),
        asker(),
      ),
    ).rejects.toThrow(/given again/)
  })

  it.each([
    ['http to another machine', { issuer: 'http://login.example' }, /https/],
    ['no URL', { issuer: 'login.example' }, /URL of an issuer/],
    ['a password in the URL', { issuer: 'https://a:b@login.example' }, /URL of an issuer/],
    ['another scheme', { issuer: 'file:///etc/passwd' }, /https/],
    ['a taken name', { name: 'SEALED' }, /already/],
    ['an unknown role', { roleMap: { x: ['root'] } }, /no role is called "root"/],
    ['no claim', { roleClaim: '' }, /path of a claim/],
    ['a client id with a line break', { clientId: 'a\nb' }, /client id/],
    ['a scope with a space', { scopes: ['a b'] }, /scopes/],
  ])('is not made with %s', async (_, change, expected) => {
    await expect(createProvider(store, entry({ name: 'New', ...change }), asker())).rejects.toThrow(expected)
  })

  it('is tested by discovery: what answers, and why not', async () => {
    const { id } = await createProvider(store, entry({ name: 'Tested' }), asker())
    expect(await testProvider(store, id, start)).toMatchObject({
      reachable: true,
      explanation: `issuer ${issuer}, PKCE with S256`,
    })
    const server = createServer((request, response) => {
      if (request.url?.startsWith('/huge') === true) {
        response.setHeader('content-type', 'application/json')
        response.end(`{"issuer":"${'x'.repeat(2 * 1024 * 1024)}"}`)
      } else if (request.url?.startsWith('/other') === true) {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ issuer: 'https://other.example' }))
      } else {
        response.statusCode = 302
        response.setHeader('location', 'http://127.0.0.1/x')
        response.end()
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // Where listen was given a port.
    const { port } = server.address() as AddressInfo
    const found: string[] = []
    for (const path of ['huge', 'other', 'redirect']) {
      const { id: bad } = await createProvider(
        store,
        entry({ name: path, issuer: `http://127.0.0.1:${port}/${path}` }),
        asker(),
      )
      const test = await testProvider(store, bad, start)
      expect(test.reachable).toBe(false)
      found.push(test.explanation)
      await expect(startProviderSignIn(store, bad, redirectUri, start)).rejects.toThrow(PeerError)
    }
    server.close()
    server.closeAllConnections()
    expect(found).toEqual([
      expect.stringMatching(/more than 1048576 bytes/),
      expect.stringMatching(/did not answer discovery/),
      expect.stringMatching(/did not answer discovery/),
    ])
    const { id: gone } = await createProvider(
      store,
      entry({ name: 'gone', issuer: `http://127.0.0.1:${port}` }),
      asker(),
    )
    expect(await testProvider(store, gone, start)).toMatchObject({
      reachable: false,
      explanation: expect.stringMatching(/ECONNREFUSED/),
    })
  })
})
