import { handlers, missingHandlers, openLog, RequestProblem } from '@cordon/server/api'
import { MalformedMessage, NotAllowed, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { csrf, openSample, operations, requestFor, sampleHandlers } from './support.ts'
import { sample } from './sample.ts'

const administrator = { cookie: '__Host-cordon=session:administrator:1', 'x-csrf-token': csrf }
const local = { host: 'localhost' }

type Sample = Awaited<ReturnType<typeof openSample>>

describe('what leaves', () => {
  let extra: Sample
  beforeAll(async () => {
    extra = await openSample({ handlers: sampleHandlers('undeclared') })
  })
  afterAll(async () => await extra.api[Symbol.asyncDispose]())

  it.each(operations.filter(([, { response }]) => response !== undefined))(
    '%s answers what the contract declares and nothing else',
    async (_name, route) => {
      const request = requestFor(route)
      const answer = await extra.api.fastify.inject({ ...request, headers: { ...request.headers, ...administrator } })
      expect(answer.statusCode).toBe(route.status)
      if (route.response === undefined) throw new Error('filtered above')
      expect(answer.json()).toEqual(sample(route.response, { full: true }))
    },
  )

  it('fails rather than answer less than the contract declares', async () => {
    const { api, sink } = await openSample({
      handlers: { 'jobs.read': async () => ({ id: '1' }) as never },
    })
    const answer = await api.fastify.inject({ url: '/api/v1/jobs/1', headers: { ...local, ...administrator } })
    expect(answer.statusCode).toBe(500)
    expect(answer.json()).toEqual({ code: 'internal', message: expect.any(String), request: expect.any(String) })
    expect(sink.entries).toEqual([])
    await api[Symbol.asyncDispose]()
  })
})

describe('failures', () => {
  const cases: readonly [string, Error, number, string][] = [
    ['malformed', new MalformedMessage('truncated', 'line 3: ends early'), 400, 'truncated'],
    ['missing', new UsageError('missing', 'there is no such plant'), 404, 'missing'],
    ['bad value', new UsageError('bad-value', 'expected a zone'), 422, 'bad-value'],
    ['not open', new UsageError('not-open', 'the job ended'), 409, 'not-open'],
    ['not allowed', new NotAllowed('refused', 'the last administrator'), 409, 'refused'],
    ['role', new NotAllowed('role', 'needs a role'), 403, 'role'],
    ['not trusted', new NotTrusted('expired', 'the certificate ended'), 422, 'expired'],
    ['peer', new PeerError('alert', 'the device closed'), 502, 'alert'],
    ['network', new TransportError('timeout', 'the device does not answer'), 502, 'timeout'],
    ['own', new RequestProblem(410, { code: 'gone', message: 'the link was used' }), 410, 'gone'],
    ['store', new TransportError('closed', 'the store: Connection terminated; …'), 503, 'store-away'],
    ['store', new TransportError('unreachable', 'the database does not answer: refused; check'), 503, 'store-away'],
    ['store', Object.assign(new Error('shutting down'), { severity: 'FATAL', code: '57P01' }), 503, 'store-away'],
    ['bug', new TypeError('secret of the inside'), 500, 'internal'],
    ['query', Object.assign(new Error('duplicate key: secret'), { severity: 'ERROR', code: '23505' }), 500, 'internal'],
  ]

  it.each(cases)('answers %s: %s', async (_what, error, status, code) => {
    const lines: string[] = []
    const { api } = await openSample({
      log: openLog({ to: { write: (line) => void lines.push(line) } }),
      handlers: {
        'settings.read': async () => {
          throw error
        },
      },
    })
    const answer = await api.fastify.inject({ url: '/api/v1/settings', headers: { ...local, ...administrator } })
    await api[Symbol.asyncDispose]()
    const body = answer.json<{ code: string; message: string; request: string }>()
    expect([answer.statusCode, body.code]).toEqual([status, code])
    expect(body.request).toBe(answer.headers['x-request-id'])
    if (status >= 500 && status !== 502) {
      expect(answer.body).not.toContain(error.message)
      // The log knows what the answer does not tell, under the same id.
      expect(lines.find((line) => line.includes(body.request) && line.includes('"err"'))).toContain(error.message)
    }
    expect(answer.headers['retry-after']).toBe(status === 503 ? '5' : undefined)
  })

  it('says of an operation without a handler that it is not there yet', async () => {
    const { api } = await openSample({ handlers: {} })
    expect(api.missing).toHaveLength(operations.length)
    const answer = await api.fastify.inject({ url: '/api/v1/settings', headers: { ...local, ...administrator } })
    expect([answer.statusCode, answer.json()]).toMatchObject([501, { code: 'not-there-yet' }])
    await api[Symbol.asyncDispose]()
  })

  it('counts as missing what has no handler', () => {
    expect(missingHandlers(sampleHandlers())).toEqual([])
    expect(missingHandlers(handlers)).toEqual([])
  })
})

describe('bad input', () => {
  let app: Sample
  beforeAll(async () => {
    app = await openSample()
  })
  afterAll(async () => await app.api[Symbol.asyncDispose]())
  let address = 0
  const post = async (url: string, payload: string, headers: Record<string, string> = {}) => {
    address += 1
    return await app.api.fastify.inject({
      method: 'POST',
      url: `/api/v1${url}`,
      payload,
      headers: { ...local, ...administrator, 'content-type': 'application/json', ...headers },
      remoteAddress: `10.1.0.${address}`,
    })
  }

  it.each([
    [
      'an unknown member',
      '{"name":"a","roles":["observer"],"admin":true}',
      400,
      'body has "admin", which is not known here',
    ],
    ['a missing member', '{"name":"a"}', 400, 'body lacks "roles"'],
    ['a wrong type', '{"name":7,"roles":["observer"]}', 400, 'body/name must be string'],
    ['a number as text', '{"name":"a","roles":"observer"}', 400, 'body/roles must be array'],
    ['an unknown word', '{"name":"a","roles":["root"]}', 400, 'body/roles/0 must be one of observer, operator'],
    [
      'too long a text',
      `{"name":"${'a'.repeat(129)}","roles":["observer"]}`,
      400,
      'body/name must have at most 128 characters',
    ],
    ['no JSON', '{"name":', 400, 'the body is no JSON'],
    [
      'a prototype',
      '{"name":"a","roles":["observer"],"__proto__":{"x":1}}',
      400,
      'the body is no JSON, or has members',
    ],
    [
      'a constructor',
      '{"name":"a","roles":["observer"],"constructor":{"prototype":{"x":1}}}',
      400,
      'the body is no JSON, or',
    ],
    ['nothing', '', 400, 'the body is empty'],
    ['a deep value', `{"name":${'['.repeat(20_000)}${']'.repeat(20_000)},"roles":[]}`, 400, 'body/name must be string'],
    ['a large body', `{"name":"${'a'.repeat(70_000)}"}`, 413, 'the body is larger'],
  ])('refuses %s', async (_what, payload, status, message) => {
    const answer = await post('/users', payload)
    expect([answer.statusCode, answer.json<{ message: string }>().message]).toEqual([
      status,
      expect.stringContaining(message),
    ])
  })

  it('refuses a body that is no JSON by its type, and one where none is expected', async () => {
    expect((await post('/users', 'name=a', { 'content-type': 'application/x-www-form-urlencoded' })).statusCode).toBe(
      415,
    )
    expect((await post('/jobs/1/cancel', '{"force":true}')).json()).toMatchObject({
      message: 'the request has a body, expected none',
    })
    expect((await post('/jobs/1/cancel', '{}')).statusCode).toBe(202)
  })

  it.each([
    ['limit=0', 'query/limit must be at least 1'],
    ['limit=201', 'query/limit must be at most 200'],
    ['limit=1e2', 'query/limit must be integer'],
    ['limit=', 'query/limit must be integer'],
    ['limit=1&limit=2', 'query/limit must be integer'],
    ['after=-1', 'query/after must be at least 0'],
    ['after=99999999999999999999', 'query/after must be integer'],
    ['__proto__=1', 'query has "__proto__", which is not known here'],
    ['other=1', 'query has "other", which is not known here'],
  ])('refuses the query %s', async (query, message) => {
    const answer = await app.api.fastify.inject({
      url: `/api/v1/events/history?${query}`,
      headers: { ...local, ...administrator },
    })
    expect([answer.statusCode, answer.json<{ message: string }>().message]).toEqual([400, message])
  })

  it('gives handlers a query with its types and defaults', async () => {
    let seen: unknown
    const { api } = await openSample({
      handlers: {
        'events.history': async ({ query }) => {
          seen = query
          return { items: [] }
        },
      },
    })
    await api.fastify.inject({
      url: '/api/v1/events/history?after=7&plant=12',
      headers: { ...local, ...administrator },
    })
    await api[Symbol.asyncDispose]()
    expect(seen).toEqual({ after: 7, plant: '12', limit: 50 })
  })

  it.each(['evil.example', 'manager.example.evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:8443'])(
    'refuses the foreign host name "%s"',
    async (host) => {
      const answer = await app.api.fastify.inject({ url: '/api/v1/welcome', headers: { host } })
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([421, 'foreign-host'])
    },
  )

  it.each(['localhost:8443', '127.0.0.1:8443', '[::1]:8443', '192.0.2.7', 'Manager.Example:8443'])(
    'answers to the host name %s',
    async (host) => {
      const { api } = await openSample({ hosts: ['manager.example'] })
      const answer = await api.fastify.inject({ url: '/api/v1/welcome', headers: { host } })
      await api[Symbol.asyncDispose]()
      expect(answer.statusCode).toBe(200)
    },
  )
})

describe('rates', () => {
  it('are counted per caller, and per address for what is public', async () => {
    const { api } = await openSample()
    const request = async (secret: string, remoteAddress: string) => {
      const answer = await api.fastify.inject({
        method: 'POST',
        url: '/api/v1/account/recovery',
        payload: { password: 'x' },
        remoteAddress,
        headers: { ...local, cookie: `__Host-cordon=${secret}`, 'x-csrf-token': csrf },
      })
      return answer.statusCode
    }
    const statuses: number[] = []
    for (let n = 0; n < 6; n++) statuses.push(await request('session:observer:1', `10.0.0.${n}`))
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
    expect(await request('session:observer:2', '10.0.0.1')).toBe(200)

    const signIn = async (remoteAddress: string) =>
      await api.fastify.inject({
        method: 'POST',
        url: '/api/v1/session',
        payload: { name: 'a', password: 'b' },
        remoteAddress,
        headers: local,
      })
    for (let n = 0; n < 20; n++) expect((await signIn('10.0.0.9')).statusCode).toBe(200)
    const refused = await signIn('10.0.0.9')
    expect([refused.statusCode, refused.json()]).toMatchObject([429, { code: 'too-many' }])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await signIn('10.0.0.10')).statusCode).toBe(200)
    await api[Symbol.asyncDispose]()
  })

  it('hold for who guesses without signing in', async () => {
    const { api } = await openSample()
    const statuses = new Map<number, number>()
    for (let n = 0; n < 605; n++) {
      const { statusCode } = await api.fastify.inject({ url: '/api/v1/settings', headers: local })
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
    }
    await api[Symbol.asyncDispose]()
    expect(Object.fromEntries(statuses)).toEqual({ 401: 600, 429: 5 })
  })
})

describe('refusals', () => {
  it('are in the audit, bounded per address, with who asked and why', async () => {
    const { api, sink } = await openSample()
    const ask = async (headers: Record<string, string>, remoteAddress: string) =>
      await api.fastify.inject({ url: '/api/v1/settings', headers: { ...local, ...headers }, remoteAddress })
    for (let n = 0; n < 30; n++) await ask({ authorization: 'Bearer cordon_guess' }, '10.0.0.1')
    await ask({ cookie: '__Host-cordon=session:observer:1' }, '10.0.0.2')
    await ask({}, '10.0.0.3')
    await api.settled()
    await api[Symbol.asyncDispose]()
    expect(sink.entries.filter(({ address }) => address === '10.0.0.1')).toHaveLength(10)
    expect(sink.entries.filter(({ address }) => address === '10.0.0.3')).toEqual([])
    const [entry] = sink.entries.filter(({ address }) => address === '10.0.0.2')
    expect(entry).toMatchObject({ actor: 'observer', actor_kind: 'user', action: 'settings.read', outcome: 'refused' })
    expect(JSON.stringify(sink.entries)).not.toContain('guess')
  })
})

describe('the log', () => {
  it('has one line for each request, and nothing of its secrets', async () => {
    const lines: string[] = []
    const { api } = await openSample({ log: openLog({ to: { write: (line) => void lines.push(line) } }) })
    const answer = await api.fastify.inject({
      method: 'POST',
      url: '/api/v1/account/password',
      headers: { ...local, ...administrator, 'user-agent': 'agent' },
      payload: { current: 'old horse battery', next: 'new horse battery' },
    })
    await api[Symbol.asyncDispose]()
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/Z$/),
        request: answer.headers['x-request-id'],
        address: '127.0.0.1',
        caller: 'administrator',
        method: 'POST',
        route: 'account.password',
        status: 204,
        ms: expect.any(Number),
        msg: 'request',
      },
    ])
    expect(lines.join()).not.toMatch(/horse|session:|csrf/)
  })

  it('is a line for people where that is wanted', () => {
    const lines: string[] = []
    const log = openLog({ format: 'pretty', to: { write: (line) => void lines.push(line) } })
    log.info({ route: 'plants.list', status: 200 }, 'request')
    log.warn({ headers: { cookie: 'secret' }, request: { headers: { authorization: 'secret' } } }, 'odd')
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}request route=plants\.list status=200\n$/)
    expect(lines[1]).not.toContain('secret')
  })
})

describe('headers and pages', () => {
  const web = mkdtempSync(join(tmpdir(), 'cordon-web-'))
  let app: Sample
  beforeAll(async () => {
    mkdirSync(join(web, 'assets'))
    writeFileSync(join(web, 'index.html'), '<script nonce="__CSP_NONCE__" src="/assets/a-1.js"></script>')
    writeFileSync(join(web, 'assets/a-1.js'), 'export {}')
    writeFileSync(join(web, '.hidden'), 'secret')
    app = await openSample({ web })
  })
  afterAll(async () => {
    await app.api[Symbol.asyncDispose]()
    rmSync(web, { recursive: true })
  })
  const get = async (url: string, headers: Record<string, string> = local) =>
    await app.api.fastify.inject({ url, headers })

  it('answers every address of a view with the page, under a policy with a number used once', async () => {
    const pages = await Promise.all(
      ['/', '/index.html', '/plants/cpwe/devices/EN4TR.1', '/first-run'].map((url) => get(url)),
    )
    const nonces = pages.map((page) => {
      expect(page.statusCode).toBe(200)
      const [, nonce = ''] = /nonce="([^"]+)"/.exec(page.body) ?? []
      expect(String(page.headers['content-security-policy'])).toContain(`style-src 'self' 'nonce-${nonce}'`)
      return nonce
    })
    expect(new Set(nonces).size).toBe(4)
  })

  it('serves files with how long they may be kept', async () => {
    const asset = await get('/assets/a-1.js')
    expect([asset.statusCode, asset.headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable'])
    for (const missing of ['/assets/gone.js', '/api/v1/none', '/api', '/assets/..%2f..%2fsecret', '/metrics/x']) {
      const answer = await get(missing)
      expect([missing, answer.statusCode]).toEqual([missing, 404])
    }
    expect((await get('/.hidden')).body).not.toContain('secret')
    expect((await app.api.fastify.inject({ method: 'POST', url: '/plants', headers: local })).statusCode).toBe(404)
  })

  it('carries what browsers need to know on every answer', async () => {
    for (const url of ['/', '/api/v1/welcome', '/api/v1/none', '/healthz']) {
      const { headers } = await get(url, { host: 'localhost' })
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'permissions-policy': expect.stringContaining('camera=()'),
        'content-security-policy': expect.stringMatching(/default-src 'self'.*frame-ancestors 'none'/),
      })
      expect(headers['content-security-policy']).not.toContain('unsafe')
    }
    expect((await get('/api/v1/welcome')).headers['cache-control']).toBe('no-store')
  })

  it('asks browsers to insist on HTTPS where that can hold', async () => {
    const { api } = await openSample({ proxies: ['127.0.0.1'], hosts: ['manager.example'] })
    const header = async (host: string) =>
      (await api.fastify.inject({ url: '/healthz', headers: { host, 'x-forwarded-proto': 'https' } })).headers[
        'strict-transport-security'
      ]
    expect(await header('manager.example')).toBe('max-age=31536000')
    expect(await header('localhost')).toBeUndefined()
    await api[Symbol.asyncDispose]()
  })

  it('tells what it serves, and figures to who may read settings', async () => {
    expect((await get('/openapi.json')).json()).toMatchObject({ openapi: '3.1.0', info: { version: '0.0.0' } })
    expect((await get('/metrics')).statusCode).toBe(401)
    expect((await get('/metrics', { ...local, authorization: 'Bearer cordon_observer' })).statusCode).toBe(403)
    await get('/api/v1/welcome')
    const figures = await get('/metrics', { ...local, authorization: 'Bearer cordon_auditor' })
    expect(figures.body).toMatch(/cordon_http_requests_total\{operation="welcome\.read",status="200"\} \d/)
    // The store of this test is none.
    expect(figures.body).toContain('cordon_store_up 0')
  })
})
