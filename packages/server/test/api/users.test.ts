import { type Api, handlers, openApi } from '@cordon/server/api'
import type { Store } from '@cordon/server/store'
import { createFirstRunLink, defaultUserPolicy } from '@cordon/server/users'
import { TOTP, URI } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { identitiesOf } from '../../src/api/identities.ts'
import { TemporaryState } from '../store/support.ts'
import { SoftKey } from '../users/soft-key.ts'

const password = 'tramway quietly harvests 7 lanterns'
const host = 'localhost:8443'

let place: TemporaryState
let store: Store
let api: Api

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  api = await openApi({
    // What these routes need of it.
    services: { store } as Parameters<typeof openApi>[0]['services'],
    handlers,
    authenticate: identitiesOf(store),
    version: '0.0.0',
  })
})

afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
/** Body of an answer, as the test expects it. */
type Body = Record<string, unknown> & { readonly items: readonly Record<string, unknown>[] }

/** A browser: keeps cookies, sends the CSRF token. Each comes from an address of its own, for the rates. */
class Browser {
  static #count = 0
  readonly #address = `127.64.9.${++Browser.#count}`
  readonly cookies = new Map<string, string>()
  csrf = ''

  async ask(method: Method, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const response = await api.fastify.inject({
      method,
      url: path.startsWith('/api') ? path : `/api/v1${path}`,
      remoteAddress: this.#address,
      headers: {
        host,
        ...(this.cookies.size === 0 ? {} : { cookie: [...this.cookies].map(([n, v]) => `${n}=${v}`).join('; ') }),
        ...(this.csrf === '' ? {} : { 'x-csrf-token': this.csrf }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    })
    for (const { name, value, maxAge, expires } of response.cookies) {
      if (value === '' || maxAge === 0 || (expires !== undefined && expires.getTime() === 0)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    const json: Body = response.body === '' ? { items: [] } : response.json()
    if (typeof json['csrf'] === 'string') this.csrf = json['csrf']
    return { status: response.statusCode, json, headers: response.headers, cookies: response.cookies }
  }

  async signIn(name: string) {
    return await this.ask('POST', '/session', { name, password })
  }
}

const anna = new Browser()

/** A person who was invited by anna and signed in. */
async function invited(name: string, roles: readonly string[]): Promise<{ browser: Browser; id: string }> {
  const { json, status } = await anna.ask('POST', '/users', { name, roles })
  expect(status).toBe(201)
  const { url } = json['invitation'] as { url: string }
  const browser = new Browser()
  const used = await browser.ask('POST', '/invitation', { token: new URL(url).hash.slice(1), password })
  expect(used.status).toBe(201)
  return { browser, id: (json['user'] as { id: string }).id }
}

describe('the first run', () => {
  it('makes an administrator by the link, and is over then', async () => {
    const link = await createFirstRunLink(store, defaultUserPolicy, { manager: 'm1', now: Date.now() })
    const token = link?.secret ?? ''
    expect((await anna.ask('GET', '/welcome')).json).toEqual({
      product: 'Cordon',
      notice: '',
      firstRun: true,
      providers: [],
    })
    expect((await anna.ask('POST', '/first-run', { token: 'x'.repeat(43), name: 'anna', password })).status).toBe(410)
    expect((await anna.ask('POST', '/first-run', { token, name: 'anna', password: 'password1234' })).status).toBe(422)
    const made = await anna.ask('POST', '/first-run', { token, name: 'anna', display: 'Anna A.', password })
    expect(made.status).toBe(201)
    expect(made.json).toMatchObject({
      state: 'signed-in',
      user: { name: 'anna', display: 'Anna A.' },
      roles: ['administrator'],
    })
    expect(made.cookies).toEqual([
      expect.objectContaining({ name: '__Host-cordon', httpOnly: true, secure: true, sameSite: 'Strict', path: '/' }),
    ])
    expect(JSON.stringify(made.json)).not.toContain(made.cookies[0]?.value)
    expect((await new Browser().ask('POST', '/first-run', { token, name: 'eve', password })).status).toBe(410)
    expect((await anna.ask('GET', '/welcome')).json).toMatchObject({ firstRun: false })
  })
})

describe('signing in', () => {
  it('answers 401 alike for a wrong password and for nobody', async () => {
    const browser = new Browser()
    const wrong = await browser.ask('POST', '/session', { name: 'anna', password: 'x' })
    const nobody = await browser.ask('POST', '/session', { name: 'nobody', password: 'x' })
    const { request: _, ...one } = wrong.json
    const { request: __, ...two } = nobody.json
    expect([wrong.status, nobody.status]).toEqual([401, 401])
    expect(one).toEqual(two)
    expect(wrong.cookies).toEqual([])
  })

  it('gives a session that needs its CSRF token for changes, and ends with signing out', async () => {
    const browser = new Browser()
    expect((await browser.signIn('anna')).status).toBe(200)
    const read = await browser.ask('GET', '/session')
    expect(read.json).toMatchObject({
      state: 'signed-in',
      factors: [],
      permissions: expect.arrayContaining(['user.write']),
    })
    const csrf = browser.csrf
    for (const wrong of ['', 'x', anna.csrf]) {
      browser.csrf = wrong
      expect((await browser.ask('POST', '/tokens', { name: 't' })).status).toBe(403)
    }
    browser.csrf = csrf
    const kept = new Map(browser.cookies)
    expect((await browser.ask('DELETE', '/session')).status).toBe(204)
    expect(browser.cookies.size).toBe(0)
    for (const [name, value] of kept) browser.cookies.set(name, value)
    expect((await browser.ask('GET', '/session')).status).toBe(401)
  })
})

describe('users', () => {
  it('are invited, listed, changed, reset, unlocked and disabled', async () => {
    const { json: created } = await anna.ask('POST', '/users', { name: 'Bernd', roles: ['operator'] })
    const { id } = created['user'] as { id: string }
    expect(created['user']).toMatchObject({
      state: 'invited',
      display: 'Bernd',
      factors: [],
      sessions: 0,
      provider: null,
    })
    const { url } = created['invitation'] as { url: string }
    expect(url).toMatch(/^http:\/\/localhost:8443\/invitation#[\w-]{43}$/)
    const browser = new Browser()
    const token = new URL(url).hash.slice(1)
    expect((await browser.ask('POST', '/invitation', { token, password })).status).toBe(201)
    expect((await new Browser().ask('POST', '/invitation', { token, password })).status).toBe(410)
    expect((await anna.ask('POST', '/users', { name: 'bernd', roles: ['operator'] })).status).toBe(409)
    expect((await anna.ask('POST', '/users', { name: 'x\u0000', roles: ['operator'] })).status).toBe(422)
    expect((await anna.ask('GET', '/users')).json.items.map(({ name, state }) => [name, state])).toEqual([
      ['anna', 'active'],
      ['Bernd', 'active'],
    ])
    const changed = await anna.ask('PATCH', `/users/${id}`, { roles: ['engineer'], display: 'B.' })
    expect(changed.json).toMatchObject({ roles: ['engineer'], display: 'B.', sessions: 1 })
    for (let i = 0; i < 5; i++) await new Browser().ask('POST', '/session', { name: 'bernd', password: 'wrong' })
    expect((await anna.ask('GET', `/users/${id}`)).json).toMatchObject({
      state: 'locked',
      lockedUntil: expect.any(String),
    })
    expect((await new Browser().signIn('bernd')).status).toBe(401)
    expect((await anna.ask('POST', `/users/${id}/unlock`)).status).toBe(204)
    expect((await new Browser().signIn('bernd')).status).toBe(200)
    const reset = await anna.ask('POST', `/users/${id}/reset`)
    expect(reset.status).toBe(201)
    expect((await browser.ask('GET', '/session')).status).toBe(401)
    expect((await anna.ask('PATCH', `/users/${id}`, { disabled: true })).json).toMatchObject({ state: 'disabled' })
    expect((await new Browser().signIn('bernd')).status).toBe(401)
    expect((await anna.ask('GET', '/users/nobody')).status).toBe(404)
    expect((await anna.ask('PATCH', '/users/nobody', {})).status).toBe(404)
  })

  it('read and change others only with the right to', async () => {
    const { browser, id } = await invited('carla', ['engineer'])
    for (const [method, path, body] of [
      ['GET', '/users', undefined],
      ['POST', '/users', { name: 'x', roles: ['observer'] }],
      ['PATCH', `/users/${id}`, { roles: ['administrator'] }],
      ['POST', `/users/${id}/reset`, undefined],
      ['DELETE', `/users/${id}/factors`, undefined],
      ['GET', '/identity-providers', undefined],
      ['GET', '/tokens?all=true', undefined],
    ] as const) {
      expect((await browser.ask(method, path, body)).status).toBe(403)
    }
    expect((await browser.ask('GET', '/roles')).json.items).toHaveLength(7)
  })
})

describe('the second factor', () => {
  it('is set up, asked for and removed in the browser', async () => {
    const { browser, id } = await invited('dina', ['engineer'])
    const setup = await browser.ask('POST', '/account/totp')
    const totp = URI.parse(String(setup.json['uri']))
    if (!(totp instanceof TOTP)) throw new Error('expected TOTP')
    expect(totp.issuer).toBe('Cordon localhost')
    expect((await browser.ask('POST', '/account/totp/confirm', { code: '000000' })).status).toBe(403)
    const before = browser.cookies.get('__Host-cordon')
    const confirmed = await browser.ask('POST', '/account/totp/confirm', { code: totp.generate() })
    expect(confirmed.json['codes']).toHaveLength(10)
    expect(browser.cookies.get('__Host-cordon')).not.toBe(before)
    await browser.ask('GET', '/session')
    expect((await browser.ask('GET', '/account/factors')).json).toMatchObject({
      totp: { since: expect.any(String) },
      recovery: 10,
    })
    const half = new Browser()
    expect((await half.signIn('dina')).json).toMatchObject({
      state: 'second-factor',
      factors: ['totp', 'recovery'],
      permissions: [],
    })
    expect((await half.ask('GET', '/account/sessions')).status).toBe(403)
    expect((await half.ask('POST', '/session/totp', { code: '000000' })).status).toBe(403)
    const [code] = confirmed.json['codes'] as string[]
    expect((await half.ask('POST', '/session/recovery', { code })).json).toMatchObject({ state: 'signed-in' })
    const sessions = await half.ask('GET', '/account/sessions')
    expect(sessions.json.items.map(({ current, secondFactorAt }) => [current, typeof secondFactorAt])).toEqual(
      expect.arrayContaining([
        [true, 'string'],
        [false, 'string'],
      ]),
    )
    const other = sessions.json.items.find(({ current }) => current === false)
    expect((await half.ask('DELETE', `/account/sessions/${other?.['id']}`)).status).toBe(204)
    expect((await half.ask('DELETE', '/account/totp', { password: 'wrong' })).status).toBe(403)
    expect((await half.ask('DELETE', '/account/totp', { password })).status).toBe(204)
    expect((await anna.ask('DELETE', `/users/${id}/factors`)).status).toBe(204)
    expect((await half.ask('GET', '/session')).status).toBe(401)
    expect((await new Browser().ask('POST', '/session/totp', { code: '123456' })).status).toBe(401)
  })

  it('is a security key of the name in the address bar', async () => {
    const { browser } = await invited('edda', ['engineer'])
    const site = { host: 'localhost', origin: 'http://localhost:8443' }
    const key = new SoftKey()
    const { json } = await browser.ask('POST', '/account/webauthn/options')
    const response = key.register(json['options'] as { challenge: string }, site)
    const added = await browser.ask('POST', '/account/webauthn', { name: 'blue one', response })
    expect(added.json['codes']).toHaveLength(10)
    const half = new Browser()
    expect((await half.signIn('edda')).json).toMatchObject({ factors: ['webauthn', 'recovery'] })
    const asked = await half.ask('POST', '/session/webauthn/options')
    const answer = key.authenticate(asked.json['options'] as { challenge: string }, site)
    expect((await half.ask('POST', '/session/webauthn', { response: {} })).status).toBe(403)
    expect((await half.ask('POST', '/session/webauthn', { response: answer })).status).toBe(403)
    const again = await half.ask('POST', '/session/webauthn/options')
    const proof = key.authenticate(again.json['options'] as { challenge: string }, site)
    expect((await half.ask('POST', '/session/webauthn', { response: proof })).json).toMatchObject({
      state: 'signed-in',
    })
  })
})

describe('one’s own password', () => {
  it('is changed with the old one', async () => {
    const { browser } = await invited('frida', ['observer'])
    const next = 'umbrella factories never snore'
    expect((await browser.ask('POST', '/account/password', { current: 'wrong', next })).status).toBe(403)
    expect((await browser.ask('POST', '/account/password', { current: password, next: 'frida1234567' })).status).toBe(
      422,
    )
    expect((await browser.ask('POST', '/account/password', { current: password, next })).status).toBe(204)
    expect((await browser.ask('GET', '/session')).status).toBe(200)
    expect((await new Browser().signIn('frida')).status).toBe(401)
  })
})

describe('API tokens', () => {
  it('are made in a browser, shown once, used as bearers, and revoked', async () => {
    const { browser } = await invited('gerd', ['operator', 'observer'])
    const made = await browser.ask('POST', '/tokens', { name: 'nightly', roles: ['observer'], days: 7 })
    expect(made.status).toBe(201)
    const secret = String(made.json['secret'])
    const { id } = made.json['token'] as { id: string }
    expect((await browser.ask('POST', '/tokens', { name: 't', roles: ['administrator'] })).status).toBe(403)
    const program = async (method: Method, path: string, body?: unknown) =>
      await new Browser().ask(method, path, body, { authorization: `Bearer ${secret}` })
    const me = await program('GET', '/session')
    expect(me.json).toMatchObject({ state: 'signed-in', user: { name: 'gerd' }, roles: ['observer'], csrf: '' })
    expect((await program('GET', '/tokens')).json.items).toMatchObject([
      { name: 'nightly', owner: 'gerd', revokedAt: null },
    ])
    expect(JSON.stringify((await program('GET', '/tokens')).json)).not.toContain(secret)
    for (const [method, path, body] of [
      ['POST', '/tokens', { name: 't' }],
      ['GET', '/account/factors', undefined],
      ['POST', '/account/password', { current: password, next: password }],
    ] as const)
      expect((await program(method, path, body)).status).toBe(403)
    const { browser: stranger } = await invited('hugo', ['operator'])
    expect((await stranger.ask('DELETE', `/tokens/${id}`)).status).toBe(404)
    expect((await anna.ask('GET', '/tokens?all=true')).json.items).toHaveLength(1)
    expect((await anna.ask('DELETE', `/tokens/${id}`)).status).toBe(204)
    expect((await program('GET', '/session')).status).toBe(401)
  })
})

describe('identity providers', () => {
  const body = {
    name: 'Plant login',
    issuer: 'http://127.0.0.1:9',
    clientId: 'cordon',
    clientSecret: 'a secret of the client',
    rolePath: 'realm_access.roles',
    roleMap: { engineers: ['engineer'] },
    enabled: true,
    creates: true,
  }

  it('are kept without showing the secret, tested, and failed sign-ins lead back to the page', async () => {
    const made = await anna.ask('POST', '/identity-providers', body)
    expect(made.status).toBe(201)
    const id = String(made.json['id'])
    const { clientSecret: _, ...shown } = body
    expect(made.json).toEqual({ id, ...shown, hasSecret: true })
    expect((await anna.ask('POST', '/identity-providers', { ...body, issuer: 'http://login.example' })).status).toBe(
      422,
    )
    expect((await anna.ask('PUT', `/identity-providers/${id}`, { ...shown, creates: false })).json).toMatchObject({
      creates: false,
      hasSecret: true,
    })
    expect((await anna.ask('POST', `/identity-providers/${id}/test`)).json).toMatchObject({
      reachable: false,
      attempts: [],
    })
    expect((await anna.ask('GET', '/welcome')).json['providers']).toEqual([{ id, name: 'Plant login' }])
    const away = await new Browser().ask('GET', `/oidc/${id}/start?to=/plants`)
    expect([away.status, away.headers.location]).toEqual([302, '/sign-in?failed=1'])
    const back = await new Browser().ask('GET', '/oidc/callback?code=x&state=y')
    expect([back.status, back.headers.location]).toEqual([302, '/sign-in?failed=1'])
    expect((await anna.ask('DELETE', `/identity-providers/${id}`)).status).toBe(204)
    expect((await anna.ask('DELETE', `/identity-providers/${id}`)).status).toBe(404)
  })
})
