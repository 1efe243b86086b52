import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addressKey } from '../enrollment/address-key.ts'
import { type Authenticate, type Identity, sessionCookie, tokenPrefix } from './authenticate.ts'
import { admission, callerOf, isChange, isForeign, withoutSession } from './caller.ts'
import type { Route } from './contract/route.ts'
import type { Caller } from './handler.ts'
import { RequestProblem } from './problem.ts'
import type { Refusal, Refusals } from './refusals.ts'

/** Who asks, found before anything else of a request is looked at. */
interface Asked {
  readonly caller: Caller
  readonly identity: Identity | undefined
}

const place = 'asked'

/** What guards the operations of an application. */
export interface GuardOptions {
  readonly authenticate: Authenticate
  readonly refusals: Refusals
  /** Milliseconds of a clock that does not go back. */
  readonly monotonic: () => number
}

/** Makes requests of an application know who asks. To be called once, on its outermost scope. */
export function rememberCallers(app: FastifyInstance): void {
  app.decorateRequest(place, null)
}

function askedOf(request: FastifyRequest): Asked {
  return request.getDecorator<Asked | null>(place) ?? { caller: callerOf(undefined), identity: undefined }
}

/** Who asks. */
export function callerOfRequest(request: FastifyRequest): Caller {
  return askedOf(request).caller
}

/** Who a rate counts for: the user, the token, or the address of who is not known or must not be. */
export function rateKey(request: FastifyRequest, route: Pick<Route, 'access'>): string {
  const { caller } = askedOf(request)
  if (route.access === 'public' || caller.user === undefined) return `address ${addressKey(request.ip)}`
  return caller.token === undefined ? `user ${caller.user.id}` : `token ${caller.token}`
}

/**
 * The two steps before an operation: who asks (`identify`, before rates are counted), and whether that one may
 * (`admit`, before a body is read).
 */
export function guard({ authenticate, refusals, monotonic }: GuardOptions) {
  const refused = (request: FastifyRequest, action: string, caller: Caller, reason: Refusal['reason']) => {
    const { actor } = caller
    refusals.record({ actor, action, reason, address: request.ip, request: request.id }, monotonic())
  }

  const identify = (name: string) => async (request: FastifyRequest) => {
    const secret = withoutSession.includes(name) ? undefined : request.cookies[sessionCookie]
    const token = bearerOf(request)
    if (token !== undefined && secret !== undefined) {
      throw new RequestProblem(400, {
        code: 'two-credentials',
        message: 'the request has a session cookie and an API token, expected one of them',
      })
    }
    if (token !== undefined) {
      const identity = token.startsWith(tokenPrefix) ? await authenticate.token(token) : undefined
      if (identity === undefined) {
        refused(request, name, callerOf(undefined), 'bad-token')
        throw unknown('the API token is not known, ran out or was revoked')
      }
      request.setDecorator<Asked>(place, { caller: callerOf(identity), identity })
    } else if (secret !== undefined) {
      const identity = await authenticate.session(secret)
      request.setDecorator<Asked>(place, { caller: callerOf(identity), identity })
    }
  }

  const admit = (name: string, route: Route) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { caller, identity } = askedOf(request)
    const decided = admission(name, route, caller)
    if (decided.verdict === 'refused' && decided.reason === 'anonymous') {
      reply.header('www-authenticate', 'Bearer realm="cordon"')
      throw unknown('sign in, or send an API token')
    }
    if (isChange(route.method) && caller.token === undefined) guardChange(name, request, caller, identity)
    if (decided.verdict === 'admitted') return
    refused(request, name, caller, decided.reason === 'anonymous' ? 'bad-token' : decided.reason)
    throw refusal(route, decided.reason, caller)
  }

  const guardChange = (name: string, request: FastifyRequest, caller: Caller, identity: Identity | undefined) => {
    const text = request.headers['x-csrf-token']
    const isGuarded =
      identity === undefined || (typeof text === 'string' && text.length <= 256 && identity.isCsrfToken(text))
    if (!isForeign(request) && isGuarded) return
    refused(request, name, caller, 'csrf')
    throw new RequestProblem(403, {
      code: 'csrf',
      message: 'a change by a session must come from the manager’s own pages, with the session’s x-csrf-token',
      remedy: 'load the page again',
    })
  }

  return { identify, admit }
}

function bearerOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined
  const [, token] = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization) ?? []
  if (token === undefined) throw unknown('expected "Authorization: Bearer cordon_…"')
  return token
}

function unknown(message: string): RequestProblem {
  return new RequestProblem(401, { code: 'not-signed-in', message })
}

function refusal(
  { access }: Route,
  reason: 'anonymous' | 'state' | 'session-only' | 'permission',
  caller: Caller,
): RequestProblem {
  if (reason === 'state') {
    const isHalf = caller.state === 'second-factor'
    return new RequestProblem(403, {
      code: caller.state,
      message: isHalf ? 'show the second factor first' : 'set up a second factor first',
    })
  }
  if (reason === 'session-only') {
    return new RequestProblem(403, {
      code: 'session-only',
      message: 'this is about a person’s own credentials: sign in with a browser, API tokens may not',
    })
  }
  return new RequestProblem(403, {
    code: 'not-allowed',
    message: `this needs the permission ${access}`,
    remedy: 'ask an administrator for a role that has it',
  })
}
