import type { FastifyRequest } from 'fastify'
import { permits } from '../users/roles.ts'
import type { Identity, SignInState } from './authenticate.ts'
import type { Route } from './contract/route.ts'
import type { Caller } from './handler.ts'

const anonymous: Caller = {
  actor: { kind: 'anonymous', name: 'anonymous' },
  user: undefined,
  roles: [],
  state: 'anonymous',
  session: undefined,
  token: undefined,
  may: () => false,
}

/** Somebody as handlers see them. Nothing is permitted before the sign-in is complete. */
export function callerOf(identity: Identity | undefined): Caller {
  if (identity === undefined) return anonymous
  const { actor, user, roles, state, session, token } = identity
  return {
    actor,
    user,
    roles,
    state,
    session,
    token,
    may: (permission) => state === 'signed-in' && permits(roles, permission),
  }
}

/** Operations besides the public ones that a session may use before its sign-in is complete. */
const beforeCompletion: Readonly<Record<Exclude<SignInState, 'signed-in'>, readonly string[]>> = {
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
}

/**
 * Operations that begin a sign-in and so use no session: an old cookie beside them means nothing, and the page that asks
 * for a password has no token of its session.
 */
export const withoutSession: readonly string[] = ['session.start', 'firstRun.use', 'invitation.use']

/** Whether a caller may use an operation, and if not, why. */
export type Admission =
  | { readonly verdict: 'admitted' }
  | { readonly verdict: 'refused'; readonly reason: 'anonymous' | 'state' | 'session-only' | 'permission' }

/** Decides about one operation. */
export function admission(name: string, route: Route, caller: Caller): Admission {
  const { access } = route
  if (access === 'public') return { verdict: 'admitted' }
  if (caller.state === 'anonymous') return { verdict: 'refused', reason: 'anonymous' }
  if (caller.state !== 'signed-in' && !beforeCompletion[caller.state].includes(name)) {
    return { verdict: 'refused', reason: 'state' }
  }
  if (route.sessionOnly === true && caller.session === undefined) return { verdict: 'refused', reason: 'session-only' }
  if (access !== 'signed-in' && !caller.may(access)) return { verdict: 'refused', reason: 'permission' }
  return { verdict: 'admitted' }
}

/** Whether a request is one that changes something. */
export function isChange(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

/**
 * Whether a browser says that a request comes from a page of another origin. Browsers send one of these headers with
 * every change; programs send neither, and carry no cookie that could be abused.
 */
export function isForeign({ headers, host }: Pick<FastifyRequest, 'headers' | 'host'>): boolean {
  const { origin, 'sec-fetch-site': site } = headers
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  if (origin === undefined) return false
  try {
    return new URL(origin).host !== host
  } catch {
    return true
  }
}
