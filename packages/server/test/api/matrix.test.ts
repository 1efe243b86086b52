import { permits, roleNames } from '@cordon/server/users'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { csrf, openSample, operations, requestFor } from './support.ts'

type Sample = Awaited<ReturnType<typeof openSample>>

/** Each is another user, as each request comes from another address: rates are tested elsewhere. */
let users = 0
const cookie = (secret: string) => {
  users += 1
  return { cookie: `__Host-cordon=${secret}:${users}` }
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const guard = { 'x-csrf-token': csrf }
/** Operations that begin a sign-in, for which no session counts. */
const beginning = ['session.start', 'firstRun.use', 'invitation.use']
const half = {
  'second-factor': ['session.read', 'session.end'],
  'must-enroll': [
    'session.read',
    'session.end',
    'account.factors',
    'account.totpBegin',
    'account.totpConfirm',
    'account.webauthnOptions',
    'account.webauthnAdd',
  ],
} as const

describe('every operation, for everybody', () => {
  let sample: Sample
  beforeAll(async () => {
    sample = await openSample()
  })
  afterAll(async () => {
    await sample.api[Symbol.asyncDispose]()
  })

  let address = 0
  const asked = async (name: string, headers: Record<string, string>) => {
    const route = operations.find(([operation]) => operation === name)?.[1]
    if (route === undefined) throw new Error(`no operation ${name}`)
    address += 1
    const request = requestFor(route)
    const answer = await sample.api.fastify.inject({
      ...request,
      headers: { ...request.headers, ...headers },
      remoteAddress: `10.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`,
    })
    const isJson = String(answer.headers['content-type']).startsWith('application/json')
    return { status: answer.statusCode, code: isJson ? String(answer.json<{ code?: string }>().code) : '' }
  }

  describe.each(operations)('%s', (name, { access, method, status, sessionOnly = false }) => {
    const isChange = method !== 'GET'
    const allowed = { status, code: expect.any(String) }

    it('answers each role as it permits', async () => {
      for (const role of roleNames) {
        const may = access === 'public' || access === 'signed-in' || permits([role], access)
        const session = await asked(name, { ...cookie(`session:${role}`), ...guard })
        expect(session, role).toEqual(may ? allowed : { status: 403, code: 'not-allowed' })
        const token = await asked(name, bearer(`cordon_${role}`))
        const byToken = sessionOnly ? { status: 403, code: 'session-only' } : { status: 403, code: 'not-allowed' }
        expect(token, role).toEqual(may && !sessionOnly ? allowed : byToken)
      }
    })

    it('answers who is not signed in only where it is public', async () => {
      const expected = access === 'public' ? allowed : { status: 401, code: 'not-signed-in' }
      expect(await asked(name, {})).toEqual(expected)
      expect(await asked(name, cookie('ended'))).toEqual(expected)
      expect(await asked(name, bearer('cordon_unknown'))).toEqual({ status: 401, code: 'not-signed-in' })
      expect(await asked(name, bearer('other'))).toEqual({ status: 401, code: 'not-signed-in' })
    })

    it('answers a session whose sign-in is not complete as far as it may', async () => {
      for (const state of ['second-factor', 'must-enroll'] as const) {
        const may = access === 'public' || (half[state] as readonly string[]).includes(name)
        const answer = await asked(name, { ...cookie(`half:${state}`), ...guard })
        expect(answer, state).toEqual(may ? allowed : { status: 403, code: state })
      }
    })

    it('takes a change by a session only with its token, from the same origin', async () => {
      const session = () => cookie('session:administrator')
      const isGuarded = isChange && !beginning.includes(name)
      const refused = { status: 403, code: 'csrf' }
      expect(await asked(name, session())).toEqual(isGuarded ? refused : allowed)
      expect(await asked(name, { ...session(), 'x-csrf-token': 'wrong' })).toEqual(isGuarded ? refused : allowed)
      const foreign = { ...session(), ...guard, origin: 'https://elsewhere.example' }
      expect(await asked(name, foreign)).toEqual(isChange ? refused : allowed)
    })

    it('takes a change from no page of another origin, whoever asks', async () => {
      const answer = await asked(name, { 'sec-fetch-site': 'cross-site' })
      const anonymous = access === 'public' ? allowed : { status: 401, code: 'not-signed-in' }
      expect(answer).toEqual(isChange && access === 'public' ? { status: 403, code: 'csrf' } : anonymous)
    })

    it('takes no two credentials at once', async () => {
      const both = { ...cookie('session:administrator'), ...bearer('cordon_administrator'), ...guard }
      expect(await asked(name, both)).toEqual(
        beginning.includes(name) ? allowed : { status: 400, code: 'two-credentials' },
      )
    })
  })
})
